"""Writers of a shard against all that a network and a NATS can do to them."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.server.nats.simulated import Nats, Pipe
from tests.server.nats.simulated_streams import Stream
from tests.server.nats.virtual import VirtualLoop, run_virtually
from userstream.errors import StoreError
from userstream.server.nats.jetstream import JetStream
from userstream.server.nats.layout import Layout
from userstream.server.nats.shard import Shard

TICK = "us.in.0._.tick"
SUBJECT = b"us.in.0.alice"
WHO = st.sampled_from([*"wwwwp012"])
"""The writer of the moment, the one before, or some process."""
DELAYS = st.sampled_from([0.001, 0.05, 0.4, 3.0, 5.3, 5.3])
PUT = st.tuples(st.just("put"), WHO, st.sampled_from([1, 2, 3, 120, 250, 1_100]))
WAIT = st.tuples(st.just("wait"), st.sampled_from([0.0005, 0.0015, 0.002, 0.3, 1.1, 6.0, 6.0]))
FAULTS = st.one_of(
    st.tuples(st.just("cut"), WHO, st.booleans()),
    st.tuples(st.just("zombie"), WHO, st.sampled_from([7, 700]), st.sampled_from([0.3, 5.2, 5.4])),
    st.tuples(st.just("zombie"), WHO, st.sampled_from([7, 700]), st.sampled_from([0.3, 5.2, 5.4])),
    st.tuples(st.just("slow"), WHO, DELAYS),
    st.tuples(st.just("deaf"), WHO, DELAYS),
    st.tuples(st.just("lose"), WHO, st.integers(1, 4)),
    st.tuples(st.just("drop"), st.sampled_from([1, 2, 40])),
    st.tuples(st.just("refuse"), st.sampled_from([1, 2, 40])),
    st.tuples(st.just("behind"), st.sampled_from([0, 1, 5, 50])),
    st.tuples(st.just("age"), st.booleans()),
    st.tuples(st.just("close"), WHO),
    st.tuples(st.just("give"), WHO, WHO),
    st.tuples(st.just("give"), WHO, WHO),
)
STEPS = st.lists(st.one_of(PUT, WAIT, FAULTS), min_size=10, max_size=30)


class Put(NamedTuple):
    """What one writer appended in one of its terms."""

    writer: int
    term: int
    number: int

    @property
    def payload(self) -> bytes:
        return json.dumps(list(self)).encode()


class Writers:
    """Three processes that want the same shard."""

    def __init__(self, nats: Nats, layout: Layout) -> None:
        self.nats = nats
        self.layout = layout
        self.stream = nats.streams[layout.events(0)]
        self.shards: list[Shard] = []
        self.pipes: list[Callable[[], Pipe]] = []
        self.puts: dict[Put, list[int]] = {}
        """What was told of each: its place, or 0."""
        self.count = itertools.count()
        self.names = itertools.count()
        self.last = [0, 0]
        self.closing: list[asyncio.Future[None]] = []

    async def open(self) -> None:
        for n in range(3):
            link, pipe = await self.nats.link(f"n{n}")
            self.pipes.append(pipe)
            self.shards.append(self._shard(JetStream(link)))
            self.shards[-1].start()

    def _shard(self, js: JetStream) -> Shard:
        owner = f"w{next(self.names)}"
        return Shard(0, self.layout, js, owner, 4.0, lambda *_: None, lambda _: None)

    def put(self, writer: int, count: int) -> None:
        shard = self.shards[writer]
        if not shard.mine:
            return
        for _ in range(count):
            put = Put(writer, shard.term, next(self.count))
            told = self.puts[put] = []

            def done(error: StoreError | None, place: int, told: list[int] = told) -> None:
                told.append(0 if error is not None else place)

            shard.put(SUBJECT, put.payload, done)

    async def replace(self, writer: int) -> None:
        """A process stops, and another one begins in its place."""
        old = self.shards[writer]
        closing = asyncio.ensure_future(old.close())
        await asyncio.sleep(0)
        self.put(writer, 5)  # by somebody who was not told yet
        self.shards[writer] = self._shard(old._js)
        self.shards[writer].start()
        self.closing.append(closing)

    async def give(self, writer: int, to: int) -> None:
        """A process gives the shard to another one, and goes on to want it."""
        shard = self.shards[writer]
        if shard.calm:
            self.closing.append(asyncio.ensure_future(shard.give(self.shards[to]._lease._owner)))
            await asyncio.sleep(0)
            self.put(writer, 5)

    def who(self, name: str) -> int:
        """Which process that is."""
        now = [n for n, shard in enumerate(self.shards) if shard.mine]
        if now and now[-1] != self.last[-1]:
            self.last = [self.last[-1], now[-1]]
        return {"w": self.last[-1], "p": self.last[0]}.get(name, int(name, 36) % 3)

    async def step(self, what: str, *args: Any) -> None:
        """One thing that happens."""
        nats, stream = self.nats, self.stream
        if what == "put":
            self.put(self.who(args[0]), args[1])
        elif what == "wait":
            await asyncio.sleep(args[0])
        elif what == "close":
            await self.replace(self.who(args[0]))
        elif what == "give":
            await self.give(self.who(args[0]), self.who(args[1]))
        elif what == "drop":
            nats.dropped = args[0]
        elif what == "refuse":
            nats.refused = args[0]
        elif what == "behind":
            stream.behind = min(args[0], len(stream.ops))
        elif what == "zombie":
            await self._replace_unheard(self.who(args[0]), *args[1:])
        elif what == "age":
            self._age(everything=args[0])
        else:
            self._break(self.pipes[self.who(args[0])](), what, args[1])

    async def _replace_unheard(self, writer: int, count: int, late_s: float) -> None:
        """It is cut off for so long that another one writes; what it sent before comes late."""
        pipe, loop = self.pipes[writer](), asyncio.get_running_loop()
        pipe.up_delay_s = late_s
        self.put(writer, count)
        await asyncio.sleep(0.01)
        self.nats.dark_s[f"n{writer}"] = loop.time() + late_s + 1
        pipe.cut(arrives=True)
        await asyncio.sleep(late_s + 1)

    def _break(self, pipe: Pipe, what: str, how: Any) -> None:
        if what == "cut":
            pipe.cut(arrives=how)
        elif what == "slow":
            pipe.up_delay_s = how
        elif what == "deaf":
            pipe.down_delay_s = how
        elif what == "lose":
            pipe.lost_answers = how

    def _age(self, *, everything: bool) -> None:
        floor = max((s.floor for s in self.shards), default=0)
        self.stream.purge(1 + (self.stream.leader.last if everything else floor))

    async def heal(self) -> None:
        """No more faults: somebody writes, and all that was put is told."""
        self.nats.dropped = self.nats.refused = self.stream.behind = 0
        self.nats.dark_s.clear()
        for pipe in self.nats.pipes:
            pipe.up_delay_s = pipe.down_delay_s = 0.001
            pipe.lost_answers = 0
        await asyncio.sleep(30)
        assert [s.mine for s in self.shards].count(True) == 1
        for writer in range(3):
            self.put(writer, 3)
        await asyncio.sleep(2)
        assert [places[0] > 0 for places in list(self.puts.values())[-3:]] == [True] * 3
        await asyncio.gather(*(shard.close() for shard in self.shards))
        for left in await asyncio.gather(*self.closing, return_exceptions=True):
            assert left is None or isinstance(left, StoreError)

    def check(self) -> None:
        """What must hold of all that ever was stored and told."""
        stored = {message.place: message for message in self.stream.stored}
        times = Counter(m.data for m in stored.values() if m.subject != TICK)
        assert max(times.values()) == 1
        for put, told in self.puts.items():
            assert len(told) == 1, (put, told)
            assert not told[0] or stored[told[0]].data == put.payload, (put, told)
        term, last = 0, -1
        for message in stored.values():
            if message.subject == TICK:
                tick = json.loads(message.data)["term"]
                assert tick >= term, message
                term, last = tick, last if tick == term else -1
            else:
                put = Put(*json.loads(message.data))
                assert put.term == term, message  # nothing of one who was replaced
                assert put.number > last, message
                last = put.number


GIVEN_TWICE = [("put", "w", 3), ("give", "w", "1"), ("give", "w", "2"), ("wait", 6.0)]
UNHEARD = [("put", "w", 3), ("wait", 0.3), ("zombie", "w", 700, 5.4), ("wait", 6.0)]
PURGED = [("put", "w", 3), ("age", True), ("zombie", "w", 7, 0.3), ("wait", 6.0)]


@pytest.mark.parametrize("batches_from", [1, 2], ids=["batches", "runs"])
@settings(max_examples=30, deadline=None)
@example(steps=GIVEN_TWICE)
@example(steps=UNHEARD)
@example(steps=PURGED)
@given(steps=STEPS)
def test_what_is_acknowledged_lies_there_once_in_its_order(
    batches_from: int, steps: list[tuple[Any, ...]]
) -> None:
    layout = Layout("us", 1, "e", batches=True, copies=2 if batches_from == 1 else 1)

    async def main(loop: VirtualLoop) -> None:
        nats = Nats(loop, [Stream(layout.events(0), "us.in.0.")])
        writers = Writers(nats, layout)
        await writers.open()
        await asyncio.sleep(1.5)
        for step in steps:
            await writers.step(*step)
        await writers.heal()
        writers.check()

    run_virtually(main)
