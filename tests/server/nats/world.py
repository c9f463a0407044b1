"""A log that a writer fills, a node that follows it, and what befalls both, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from tests.server.bus.places import numbered
from tests.server.nats.simulated import Nats, Pipe
from tests.server.nats.simulated_streams import Stream
from tests.server.nats.virtual import VirtualLoop, run_virtually
from userstream.core.limits import Limits
from userstream.core.picture import EMPTY
from userstream.core.publishing import Appended, Head
from userstream.core.track import judge
from userstream.errors import StoreError
from userstream.server.clock import Clock
from userstream.server.nats.bus import NatsBus
from userstream.server.nats.jetstream import JetStream
from userstream.server.nats.layout import HeadRecord, Layout, Tick, write_event
from userstream.server.records import encode
from userstream.venue import WHOLE, Cursor

LAYOUT = Layout("us", 1, "e")
NAMES = ["a", "b", "c"]


class Watched:
    """One who follows an account: what it was told, and what it was shown."""

    def __init__(self, account: str, least: int) -> None:
        self.account = account
        self.least = least
        """Events that were committed before it asked, as the first one."""
        self.told: list[StoreError | None] = []
        self.head = 0
        self.over = False
        self.ready = asyncio.Event()


class World:
    """A log that a writer fills, and a node that follows it."""

    def __init__(self, nats: Nats, bus: NatsBus, pipe: Any) -> None:
        self.nats = nats
        self.bus = bus
        self.pipe: Any = pipe
        self.events = nats.streams[LAYOUT.events(0)]
        self.heads = nats.streams[LAYOUT.heads(0)]
        self.seqs = dict.fromkeys(NAMES, 0)
        self.settled: dict[str, int] = dict.fromkeys(NAMES, 0)
        self.watching: list[Watched] = []
        self.resuming: list[asyncio.Task[None]] = []
        self.wrong = False
        self.gaps: list[str] = []
        bus.subscribe(self._shown)
        bus.on_gap(self._gap)

    async def ticking(self) -> None:
        while True:
            self.tick()
            await asyncio.sleep(1)

    def tick(self) -> None:
        self.add(LAYOUT.tick_subject(0), encode(Tick(1, "w", 0)), heard=True)

    def add(self, subject: str, data: bytes, *, heard: bool) -> None:
        """Stores a message, and hands it on unless nodes are parted."""
        before = self.events.leader.last_of(subject)
        message = self.events.add(subject, data)
        if heard and self.events.parted_at is None:
            self.nats.republish(self.events, message, before.place if before else 0)

    def publish(self, account: str, count: int, heard: bool) -> None:
        for _ in range(count):
            self.seqs[account] += 1
            n = self.seqs[account]
            event = Appended(account, "e", n, 1, numbered(n, account), None)
            self.add(LAYOUT.event_subject(account), write_event(event), heard=heard)

    def settle(self, account: str) -> None:
        """Its head is written, as far as it is now."""
        place, n = self.events.leader.last, self.seqs[account]
        if n:
            record = HeadRecord(Head(n, "s", {"s": n}), EMPTY, place)
            self.heads.add(LAYOUT.head_subject(account), encode(record))
        self.settled[account] = place

    async def purge(self) -> None:
        """What all heads hold goes once it is old: every node that can hear was told by then."""
        held = [self.settled[name] for name, n in self.seqs.items() if n]
        await asyncio.sleep(12)
        self.events.purge(1 + min(held, default=0))

    def oldest(self, account: str) -> int:
        messages = self.events.leader.messages.values()
        retained = sum(m.subject == LAYOUT.event_subject(account) for m in messages)
        return self.seqs[account] + 1 - retained

    # ── readers ─────────────────────────────────────────────────────────────────────────────────

    def follow(self, account: str) -> None:
        fresh = account not in self.bus._follower._followed
        one = Watched(account, self.seqs[account] if fresh else 0)
        self.watching.append(one)

        def then(error: StoreError | None) -> None:
            self.wrong = self.wrong or bool(one.told) or one.over
            one.told.append(error)
            one.ready.set()
            if error is None:
                one.head = self.bus.head(account)
                right = one.least <= one.head <= self.seqs[account]
                self.wrong = self.wrong or not right
            else:
                one.over = True

        self.bus.follow(account, then)

    def unfollow(self, account: str) -> None:
        for one in self.watching:
            if one.account == account and one.told and not one.over:
                one.over = True
                self.bus.unfollow(account)
                return

    def leave(self, account: str) -> None:
        """The only one who waits for the beginning does so no more: it is never told."""
        waiting = [one for one in self.watching if one.account == account and not one.over]
        if len(waiting) == 1 and not waiting[0].told:
            waiting[0].over = True
            waiting[0].ready.set()
            self.bus.unfollow(account)

    async def anew(
        self, account: str, count: int, lags: list[int], wait_s: float, heard: bool
    ) -> None:
        """Nobody follows an account any more, then somebody does, while its events come."""
        for _ in self.watching:
            self.unfollow(account)
        self.publish(account, count, heard=True)
        self.events.lags = [min(lag, len(self.events.ops)) for lag in lags]
        self.follow(account)
        for _ in range(2):
            await asyncio.sleep(wait_s)
            self.publish(account, 1, heard)

    def _shown(self, events: Sequence[Appended]) -> None:
        for event in events:
            for one in self.watching:
                if one.account == event.account and one.told and not one.over:
                    self.wrong = self.wrong or event.seq != one.head + 1
                    one.head = event.seq

    def _gap(self, account: str) -> None:
        """Retention was faster than the log was told: whoever was shown it all ends."""
        self.gaps.append(account)
        for one in self.watching:
            if one.account == account and one.told and not one.over:
                self.wrong = self.wrong or one.head + 1 >= self.oldest(account)
                one.over = True
                asyncio.get_running_loop().call_soon(self.bus.unfollow, account)

    def resume(self, account: str, back: int) -> None:
        if any(one.account == account and one.told == [None] for one in self.watching):
            self.resuming.append(asyncio.ensure_future(self._resume(account, back)))

    async def judged(self, account: str, cursor: Cursor) -> str | None:
        """What is said of a cursor, as it is said to streams."""
        self.follow(account)
        await self.watching[-1].ready.wait()
        if cursor.seq > self.bus.head(account):
            await self.bus.settled(account, cursor.seq)
        oldest = await self.bus.oldest(account)
        return judge(cursor, "e", self.bus.head(account), oldest)

    async def _resume(self, account: str, back: int) -> None:
        """A cursor that the log gave out comes back."""
        cursor = Cursor("e", max(self.seqs[account] - back, 0), WHOLE)
        try:
            reason = await self.judged(account, cursor)
            head = self.bus.head(account)
            events = await self.bus.read(account, cursor.seq + 1)
        except StoreError:
            return
        retained = cursor.seq + 1 >= self.oldest(account)
        assert not (reason and retained), (reason, cursor.seq, head)
        if events and retained:
            assert events[0].seq == cursor.seq + 1
        if cursor.seq < head and retained:
            assert events

    async def step(self, what: str, *args: Any) -> None:
        """One thing that happens."""
        if what == "wait":
            await asyncio.sleep(args[0])
        elif what == "lag":
            stream = self.events if args[0] == "events" else self.heads
            stream.lags = [min(lag, len(stream.ops)) for lag in args[1]]
        elif what == "fail":
            self.nats.failing = args[0]
        elif what == "cut":
            pipe: Pipe = self.pipe()
            pipe.cut(arrives=True)
        elif what in ("purge", "anew"):
            await getattr(self, what)(*args)
        else:
            getattr(self, what)(*args)

    async def heal(self) -> None:
        """No more faults: everybody was told, and was shown all."""
        self.nats.failing = 0
        self.events.lags, self.heads.lags = [], []
        await asyncio.sleep(30)
        assert not self.wrong
        for one in self.watching:
            assert one.told or one.over
            if not one.over:
                assert one.head == self.seqs[one.account]
                assert self.bus._follower._followed[one.account].task is None
        for task in self.resuming:
            assert task.done()
            task.result()


async def opened(loop: VirtualLoop, limits: Limits) -> World:
    """A NATS, and a node that follows."""
    streams = [
        Stream(LAYOUT.events(0), "us.in.0."),
        Stream(LAYOUT.heads(0), "us.head.0.", one_a_subject=True),
    ]
    nats = Nats(loop, streams)
    link, pipe = await nats.link()
    bus = NatsBus(JetStream(link), LAYOUT, "w", Clock(), limits, writes=False)
    bus._follower.start()
    return World(nats, bus, pipe)


def in_world(
    test: Callable[[World], Coroutine[Any, Any, None]], limits: Limits | None = None
) -> None:
    """Runs a test in a world whose shard has a writer."""

    async def main(loop: VirtualLoop) -> None:
        world = await opened(loop, limits or Limits())
        ticking = asyncio.ensure_future(world.ticking())
        await asyncio.sleep(0.01)
        await test(world)
        ticking.cancel()

    run_virtually(main)
