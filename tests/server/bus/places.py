"""Where a bus can be: in memory, in a folder, on NATS. Each opens it, breaks it and heals it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from unittest import mock

from tests.server.nats.servers import Nodes
from tests.server.running import until
from tests.venues.orders import order
from userstream.client.publisher import line
from userstream.core.limits import Limits
from userstream.core.publishing import Appended, Refused
from userstream.errors import StoreError, StoreUnavailable
from userstream.events import Event
from userstream.server.bus import Bus, Outcome
from userstream.server.clock import Clock
from userstream.server.committer import Committer
from userstream.server.folder import open_folder
from userstream.server.localbus import LocalBus
from userstream.server.nats.address import NatsSettings, read_address
from userstream.server.nats.bus import NatsBus

_names = itertools.count()
LIMITS = Limits(append_wait_s=0.5, retention_check_s=0.05)


class Opened:
    """An open bus, and all that its subscriber was given."""

    def __init__(self, bus: Bus, clock: Clock) -> None:
        self.bus = bus
        self.clock = clock
        self.seen: defaultdict[str, list[Appended]] = defaultdict(list)
        bus.subscribe(self._see)

    def _see(self, events: Sequence[Appended]) -> None:
        for event in events:
            self.seen[event.account].append(event)
            assert event.seq == self.bus.head(event.account) or len(events) > 1

    async def follow(self, *accounts: str) -> None:
        """Follows accounts, and waits until they are."""
        for account in accounts:
            followed: asyncio.Future[StoreError | None] = asyncio.get_running_loop().create_future()
            self.bus.follow(account, followed.set_result)
            error = await followed
            assert error is None, error

    async def send(self, *lines: bytes) -> list[Outcome]:
        """One publishing request, and what becomes of its lines."""
        ticket = self.bus.append(self.bus.submission(), lines)
        async with asyncio.timeout(40):
            await ticket.committed()
        return ticket.outcomes

    async def publish(
        self, numbers: Sequence[int], account: str = "alice", source: str = "core"
    ) -> list[Outcome]:
        """Orders with these numbers of a source."""
        return await self.send(*(numbered(n, account, source) for n in numbers))

    async def accepted(self, n: int, within_s: float = 40) -> list[Outcome]:
        """What becomes of an order of alice, sent until the bus can store it again."""
        async with asyncio.timeout(within_s):
            while True:
                outcomes = await self.publish([n])
                refused = outcomes[0]
                if not (isinstance(refused, Refused) and refused.code == "unavailable"):
                    return outcomes
                await asyncio.sleep(0.05)

    async def given(self, account: str, seq: int) -> list[Appended]:
        """What subscribers were given of an account, once it is as far as that."""
        seen = self.seen[account]
        await until(lambda: seen and seen[-1].seq >= seq, 20)
        return seen


def numbered(
    n: int, account: str = "alice", source: str = "core", event: Event | None = None,
    **more: bool | int,
) -> bytes:  # fmt: skip
    """The line of an order whose id is its number."""
    event = event or order(order_id=str(n))
    return line(account, event, source=source, n=n, **more)  # type: ignore[arg-type]


class Memory:
    """Memory of this process."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._committer: Committer | None = None

    @contextlib.asynccontextmanager
    async def open(self, limits: Limits = LIMITS) -> AsyncIterator[Opened]:
        """The bus, as it was left."""
        folder = open_folder(self._path, synced=False)
        committer = Committer(folder.store)
        self._store = folder.store
        clock = Clock()
        bus = LocalBus(folder.store, committer, folder.run.epoch, clock, limits)
        bus.start()
        try:
            yield Opened(bus, clock)
        finally:
            await bus.close()
            await committer.close()
            folder.close()

    @contextlib.asynccontextmanager
    async def broken(self) -> AsyncIterator[None]:
        """Commits fail."""
        with mock.patch.object(type(self._store), "commit", side_effect=StoreUnavailable("full")):
            yield

    async def settled(self, opened: Opened) -> None:
        """Retention comes by itself; this lets it."""
        await asyncio.sleep(LIMITS.retention_check_s)


class InFolder(Memory):
    """A folder of this machine."""


class OnNats:
    """Streams of a NATS, under a prefix of their own."""

    def __init__(self, nodes: Nodes) -> None:
        self.nodes = nodes
        self.clock = Clock()
        self.settings = NatsSettings(
            prefix=f"t{next(_names)}-{secrets.token_hex(3)}",
            shards=2,
            replicas=nodes.replicas,
            max_bytes=16_000_000,
        )

    async def bus(
        self, limits: Limits = LIMITS, owner: str = "me", *, writes: bool = True
    ) -> NatsBus:
        """A bus of its own connection."""
        address = read_address(self.nodes.url, self.settings)
        entropy = secrets.token_bytes(32)
        return await NatsBus.open(
            address, self.settings, owner, self.clock, limits, entropy, writes=writes
        )

    @contextlib.asynccontextmanager
    async def open(
        self, limits: Limits = LIMITS, owner: str = "me", *, writes: bool = True
    ) -> AsyncIterator[Opened]:
        """The bus, as it was left; one that ``writes`` is given shards of others."""
        bus = await self.bus(limits, owner, writes=writes)
        try:
            yield Opened(bus, self.clock)
        finally:
            await bus.close()

    def writer(self, opened: Opened) -> NatsBus:
        """The bus that writes the shards."""
        assert isinstance(opened.bus, NatsBus)
        return opened.bus

    @contextlib.asynccontextmanager
    async def broken(self) -> AsyncIterator[None]:
        """There is no quorum."""
        stopped = self.nodes.nodes[: len(self.nodes.nodes) // 2 + 1]
        for node in stopped:
            await asyncio.to_thread(node.kill)
        try:
            yield
        finally:
            await asyncio.to_thread(self.nodes.start)

    async def settled(self, opened: Opened) -> None:
        """Heads are written, and the streams purged of what is too old."""
        bus = self.writer(opened)
        await until(lambda: not bus._appends._heads._scans)
        await bus._appends._heads.settle(0)
        for shard in bus._appends.shards:
            await bus._retention.sweep(shard)


class Beside(OnNats):
    """A process that writes no shard, beside another that writes all."""

    @contextlib.asynccontextmanager
    async def open(
        self, limits: Limits = LIMITS, owner: str = "me", *, writes: bool = True
    ) -> AsyncIterator[Opened]:
        """Both buses, as they were left; all is done at the one that does not write."""
        self._writer = await self.bus(limits, owner, writes=writes)
        try:
            bus = await self.bus(limits, "beside", writes=False)
            try:
                yield Opened(bus, self.clock)
            finally:
                await bus.close()
        finally:
            await self._writer.close()

    def writer(self, opened: Opened) -> NatsBus:
        """The other one."""
        return self._writer


Place = Memory | OnNats
