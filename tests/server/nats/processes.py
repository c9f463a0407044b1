"""Processes that write, and publish to each other, on a simulated NATS in virtual time."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any, NamedTuple

from tests.server.nats.simulated import Nats, Pipe
from tests.server.nats.simulated_streams import Stream
from tests.server.nats.virtual import VirtualLoop
from tests.venues.orders import order
from userstream.client.publisher import line
from userstream.core.limits import Limits
from userstream.core.publishing import Duplicate, Refused
from userstream.core.submission import Submission
from userstream.server.bus import Ticket
from userstream.server.clock import Clock
from userstream.server.nats.appends import Appends
from userstream.server.nats.jetstream import JetStream
from userstream.server.nats.layout import Layout, read_event

LAYOUT = Layout("us", 4, "e", batches=True)
NAMES = [f"a{n}" for n in range(6)]


class Line(NamedTuple):
    """A line of an account; all those of an account are of one request."""

    account: str
    number: int


class Process:
    """A process that writes, and its two publishing requests."""

    def __init__(self, appends: Appends, pipe: Callable[[], Pipe]) -> None:
        self.appends = appends
        self.pipe = pipe
        self.requests: dict[int, Submission] = {}
        self.tickets: list[Ticket] = []
        self.leaves = False


class World:
    """Processes, and what was published and told."""

    def __init__(self, nats: Nats) -> None:
        self.nats = nats
        self.processes: list[Process] = []
        self.names = itertools.count()
        self.ids = itertools.count(1)
        self.lines: dict[str, Line] = {}
        self.counts: Counter[str] = Counter()
        self.told: list[tuple[str, Ticket, int]] = []
        self.sources: dict[Submission, str] = {}
        self.tasks: list[asyncio.Future[Any]] = []
        self.lag_s = 0.001
        """The longest that a message may take."""

    async def begin(self) -> Process:
        name = f"p{next(self.names)}"
        link, pipe = await self.nats.link(name)
        limits = Limits(append_wait_s=4.0)
        appends = Appends(JetStream(link), LAYOUT, name, Clock(), limits)
        await appends.start()
        return Process(appends, pipe)

    def publish(self, who: int, which: int, accounts: list[str]) -> None:
        process = self.processes[who]
        if which not in process.requests:
            process.requests[which] = process.appends.submission()
        submission = process.requests[which]
        source = self.sources.setdefault(submission, f"s{len(self.sources)}")
        ids, lines = [], []
        for account in (f"{account}{source}" for account in accounts):
            name = str(next(self.ids))
            self.lines[name] = Line(account, self.counts[account])
            self.counts[account] += 1
            ids.append(name)
            lines.append(line(account, order(order_id=name), source=source, n=self.counts[account]))
        ticket = process.appends.append(submission, lines)
        process.tickets.append(ticket)
        self.told += [(name, ticket, i) for i, name in enumerate(ids)]

    async def flow(self, who: int, count: int) -> None:
        """Lines one behind the other, all of one request, while other things happen."""
        process = self.processes[who]
        process.requests.pop(0, None)
        keep = process.requests.setdefault(0, process.appends.submission())
        for n in range(count):
            if process is not self.processes[who] or process.requests.get(0) is not keep:
                return
            self.publish(who, 0, [NAMES[n % 3]])
            await asyncio.sleep(0.0007)

    async def step(self, what: str, *args: Any) -> None:
        """One thing that happens."""
        if what == "wait":
            await asyncio.sleep(args[0])
        elif what == "publish":
            self.publish(*args)
        elif what == "flow":
            self.tasks.append(asyncio.ensure_future(self.flow(*args)))
        elif what == "drop":
            self.nats.dropped = args[0]
        elif what in ("die", "stop", "leave"):
            await self._end(what, *args)
        else:
            pipe = self.processes[args[0]].pipe()
            self.lag_s = max([self.lag_s, *args[1:]])
            if what == "late":
                pipe.put_delay_s = args[1]
            elif what == "slow":
                pipe.up_delay_s = args[1]
            elif what == "deaf":
                pipe.down_delay_s = args[1]
            else:
                pipe.cut(arrives=True)

    async def _end(self, what: str, who: int, after_s: float = 0.3) -> None:
        old = self.processes[who]
        if old.leaves:
            return
        old.leaves = True
        if what == "leave":
            self.tasks.append(asyncio.ensure_future(self._leave(who, after_s)))
            return
        if what == "die":
            pipe = old.pipe()
            await old.appends._js.link.close()
            pipe.closed = True
        else:
            await old.appends.retire()  # meanwhile, and for a while more, it is published through
            await asyncio.sleep(after_s)
        self.processes[who] = await self.begin()
        self.tasks.append(asyncio.ensure_future(old.appends.close()))

    async def _leave(self, who: int, after_s: float) -> None:
        """A process stops as it should: it answers all publishers before it closes."""
        old = self.processes[who]
        await old.appends.retire()
        await asyncio.sleep(after_s)
        self.processes[who] = await self.begin()
        for ticket in old.tickets:
            await ticket.committed()
        # What comes late to it finds it; and so does what is on its way to its last heir.
        old.pipe().put_delay_s = 0.0
        await asyncio.sleep(4 * self.lag_s)
        await old.appends.close()

    async def heal(self) -> None:
        """No more faults: all was told in time, and the shards are even."""
        self.nats.dropped = 0
        for pipe in self.nats.pipes:
            pipe.up_delay_s = pipe.down_delay_s = 0.001
            pipe.put_delay_s = 0.0
        await asyncio.sleep(40)
        for _, ticket, _ in self.told:
            assert ticket._committed is None
        written = sorted(process.appends.written for process in self.processes)
        assert written == [1, 1, 2], written
        for who in range(3):
            self.publish(who, 7, NAMES)
        await asyncio.sleep(1)
        for name, ticket, i in self.told[-18:]:
            assert not isinstance(ticket.outcomes[i], Refused), (name, ticket.outcomes[i])
        for task in self.tasks:
            assert task.done()
            task.result()
        for process in self.processes:
            await process.appends.close()

    def check(self) -> None:
        """What must hold of all that was stored and told."""
        stored: list[str] = []
        for shard in range(LAYOUT.shards):
            for message in self.nats.streams[LAYOUT.events(shard)].stored:
                account = message.subject.rpartition(".")[2]
                if account != "tick":
                    stored.append(
                        str(json.loads(read_event(account, message.data).line)["event"]["order_id"])
                    )
        twice = {name: n for name, n in Counter(stored).items() if n > 1}
        assert not twice, (twice, [self.lines[name] for name in twice])
        for name, ticket, i in self.told:
            # No line was published twice, and what was taken is not offered again.
            assert not isinstance(ticket.outcomes[i], Duplicate), (name, ticket.outcomes[i])
            assert isinstance(ticket.outcomes[i], Refused) or name in stored, name
        kept: defaultdict[str, list[int]] = defaultdict(list)
        for name in stored:
            of = self.lines[name]
            kept[of.account].append(of.number)
        for numbers in kept.values():
            assert numbers == list(range(len(numbers))), numbers


async def world_of(loop: VirtualLoop, processes: int) -> World:
    """So many processes, one of which began first."""
    streams = [Stream(LAYOUT.events(n), f"us.in.{n}.") for n in range(LAYOUT.shards)]
    streams += [
        Stream(LAYOUT.heads(n), f"us.head.{n}.", one_a_subject=True) for n in range(LAYOUT.shards)
    ]
    world = World(Nats(loop, [*streams, Stream(LAYOUT.bucket, "$KV.")]))
    for _ in range(processes):
        world.processes.append(await world.begin())
    return world
