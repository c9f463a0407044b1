"""What is too old is dropped from a large log, page by page, while live events go on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from tests.reliability.server.exchange import Exchange
from tests.reliability.server.follower import Follower, following
from tests.reliability.server.home import VENUES
from tests.reliability.server.manykeys import ROOM
from tests.reliability.server.pairs import compared, p99
from tests.reliability.server.proof import NONE, settled
from tests.server.running import TOKEN, Running, running, until
from tests.venues.orders import order
from userstream.client.publisher import line
from userstream.server.localbus import LocalBus
from userstream.server.pagecache import PAGE

OLD, LIVE = 30, 20
"""Accounts with a long log, and accounts with a bot."""
PAIRS = 10
PAGES = 3
"""Of each account of the old ones that go in one run."""
RATE, RUN_S = 300, 0.8
QUEUE = 1 << 20
"""Bytes that may wait for their commit meanwhile; publishers wait at 32 times as much."""


class Log:
    """A server's log, which drops pages when it is told to."""

    def __init__(self, server: Running) -> None:
        bus = server.service.bus
        assert isinstance(bus, LocalBus)
        self.bus = bus
        self.deepest = 0
        self.dropped = 0
        self._limits = bus._limits

    async def fill(self) -> None:
        """Old events, all in the store."""
        events = (PAIRS * PAGES + 2) * PAGE
        for account in range(OLD):
            lines = [
                line(f"old{account}", order(order_id=str(n)), source="me", n=n)
                for n in range(1, events + 1)
            ]
            for at in range(0, events, 2_000):
                ticket = self.bus.append(self.bus.submission(), lines[at : at + 2_000])
                await ticket.committed()
        self._each = self.bus._retention.window("old0").bytes
        self._left = self._each

    async def drop(self) -> None:
        """So many pages of each old account are more than is kept from now on."""
        retention = self.bus._retention
        self._left -= self._each * PAGES // (PAIRS * PAGES + 2)
        retention._limits = msgspec.structs.replace(
            self._limits, retained_bytes_per_account=self._left
        )
        accounts = [f"old{n}" for n in range(OLD)]
        before = sum(retention.window(a).oldest for a in accounts)
        retention._over.update(accounts)
        await retention.sweep()
        self.dropped += sum(retention.window(a).oldest for a in accounts) - before

    async def watch(self) -> None:
        """Looks at the queue of commits until it is cancelled."""
        while True:
            self.deepest = max(self.deepest, self.bus.pending_bytes)
            await asyncio.sleep(0.001)


async def p99_of_live(exchange: Exchange, followers: list[Follower]) -> float:
    """The 99th percentile from publishing to arrival, over a run."""
    marks = [len(f.log) for f in followers]
    steps = 20
    for _ in range(steps):
        await exchange.publish(round(RATE * RUN_S / steps))
        await asyncio.sleep(RUN_S / steps)
    await until(lambda: all(len(f.log) >= len(exchange.acked[f.account]) for f in followers), 30)
    return p99([
        at_s - exchange.sent_s[number]
        for follower, mark in zip(followers, marks, strict=True)
        for number, at_s in zip(follower.log[mark:], follower.arrived_s[mark:], strict=True)
    ])  # fmt: skip


@pytest.mark.parametrize("durability", ["power-cut", "process-kill"])
async def test_dropping_old_pages_of_a_large_log_does_not_stall_live_events(
    tmp_path: Path, durability: str
) -> None:
    names = tuple(f"a{n}" for n in range(LIVE))
    limits = msgspec.structs.replace(ROOM, retention_check_s=1e6)
    bus = f"file:{tmp_path / 'data'}"
    async with running(limits=limits, accounts=names, bus=bus, durability=durability) as server:
        log = Log(server)
        await log.fill()
        exchange = Exchange(server.service.urls["admin"], TOKEN, names)
        followers = []
        for n, account in enumerate(names):
            venue = VENUES[n % len(VENUES)]
            key = await server.key(venue, f"{account}key")
            followers.append(following(server, account, venue, key))
        await until(lambda: all(f.live for f in followers), within_s=30)
        runs = 0

        async def plain() -> float:
            return await p99_of_live(exchange, followers)

        async def dropping() -> float:
            nonlocal runs
            runs += 1
            work = asyncio.create_task(log.drop())
            watching = asyncio.create_task(log.watch())
            late_s = await plain()
            watching.cancel()
            await work
            return late_s

        risen = await compared(plain, dropping, sure_of=3, least=5, most=PAIRS)
        counts = await settled(exchange.acked, followers, 60)
        for follower in followers:
            await follower.stop()
        await exchange.close()
    assert counts == NONE, counts
    assert log.dropped >= runs * OLD * (PAGES - 1) * PAGE
    assert log.deepest <= QUEUE, f"{log.deepest} bytes waited for their commit"
    assert risen.middle < 3, f"p99 of live events rose {risen}"
