"""Floods of resumes: bounded, read once for all who ask for the same, and nobody else's trouble."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

from tests.server.cutting import Rig, rig
from tests.server.running import Running, metric, running, take
from tests.server.wishing import asked, mark_of
from tests.venues.orders import order
from userstream.client.publisher import line
from userstream.core.limits import Limits
from userstream.core.publishing import Appended
from userstream.server.pagecache import PAGE
from userstream.server.pages import Pages
from userstream.venue import WHOLE, Cursor
from userstream.venues import load

MEXC = load("mexc")
DEALS = frozenset(c for c in MEXC.channels if "deals" in c)
"""A channel on which orders without fills give no frames."""


class Reads:
    """Counts who reads the log of a rig, and how many do at the same time."""

    def __init__(self, rigged: Rig) -> None:
        self.by = Counter[str]()
        self.now = self.most = 0
        self._read = rigged.bus.read
        rigged.bus.read = self.read  # type: ignore[method-assign]

    async def read(self, account: str, from_seq: int) -> Sequence[Appended]:
        self.by[account] += 1
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            for _ in range(5):
                await asyncio.sleep(0)
            return await self._read(account, from_seq)
        finally:
            self.now -= 1


async def test_only_so_many_replays_read_at_once() -> None:
    limits = Limits(replays_at_once=2, memory_events_per_account=2_000)
    async with rig(limits=limits) as rigged:
        accounts = [f"a{n}" for n in range(12)]
        for account in accounts:
            await rigged.publish([order(order_id=str(n)) for n in range(600)], account)
        reads = Reads(rigged)
        streams = [
            rigged.stream(load("bhex"), a, resume=Cursor(rigged.epoch(a), 0, WHOLE))
            for a in accounts
        ]
        for stream in streams:
            await stream.settled()
            assert len(stream.frames) == 600
        assert reads.most == 2


async def test_many_resumes_that_show_nothing_do_not_hold_another_account_up() -> None:
    limits = Limits(replays_at_once=1, memory_events_per_account=5_000)
    async with rig(limits=limits) as rigged:
        await rigged.publish([order(order_id=str(n)) for n in range(2_000)])
        await rigged.publish([order(order_id=str(n)) for n in range(300)], "bob")
        reads = Reads(rigged)
        flood = [
            rigged.stream(MEXC, resume=Cursor(rigged.epoch(), 0, WHOLE), channels=DEALS)
            for _ in range(12)
        ]
        await asyncio.sleep(0)
        before = reads.by["alice"]
        bob = rigged.stream(load("bhex"), "bob", resume=Cursor(rigged.epoch("bob"), 0, WHOLE))
        await bob.settled()
        assert len(bob.frames) == 300
        # One turn of the flood before each of bob's, and one page takes two reads at most.
        assert reads.by["alice"] - before <= 2 * (reads.by["bob"] + 1)
        for stream in flood:
            await stream.settled()
            assert [(m.kind, m.seq, m.prev) for m in stream.said] == [("us.resumed", 2_000, 0)]
            assert stream.frames == []
        assert reads.by["alice"] >= 12 * 2_000 // PAGE
        await rigged.publish([order()])
        assert all(s.reader.track is not None and s.reader.track.passed == 2_001 for s in flood)


@contextlib.contextmanager
def loads() -> Iterator[Counter[tuple[str, int]]]:
    """How often each page is read from the store."""
    counted = Counter[tuple[str, int]]()
    load_page = Pages.load

    def counting(self: Pages, account: str, number: int) -> Any:
        counted[account, number] += 1
        return load_page(self, account, number)

    with mock.patch.object(Pages, "load", counting):
        yield counted


async def publish(server: Running, count: int, account: str = "alice") -> None:
    bus = server.service.bus
    lines = [line(account, order(order_id=str(n)), source="me", n=n) for n in range(1, count + 1)]
    await bus.append(bus.submission(), lines).committed()


async def test_a_flood_of_good_and_bad_cursors_over_sockets(tmp_path: Path) -> None:
    limits = Limits(connects_per_ip=10_000, sockets_per_key=1_000)
    bus = f"file:{tmp_path / 'data'}"
    async with running(limits=limits, bus=bus) as server, server.stream("spacedex") as live:
        total, each = 700, 25
        await publish(server, total)
        await publish(server, 3, "bob")
        await take(live, total)
        url = server.url("spacedex", await server.key("spacedex"))
        epoch, bobs = server.epoch(), server.epoch("bob")
        cursors = {
            f"{epoch}:{total - 300}:9999": "resumed",
            f"{epoch}:{total + 1}:1": "epoch",
            f"{epoch}:9999999999999999999:1": "epoch",
            f"{bobs}:2:9999": "epoch",
            "other000:1:1": "epoch",
        }

        async def resume(cursor: str, outcome: str) -> None:
            async with server.open(asked(url, f"us=1&us_resume={cursor}")) as socket:
                (said,) = await take(socket, 1)
                mark = mark_of(server, "spacedex", said)
                if outcome != "resumed":
                    assert (mark.kind, mark.reason, mark.seq) == ("us.refused", outcome, total)
                    assert b'"oldest":1,"window_ms":' in said
                    return
                frames = await take(socket, 300)
                seqs = [mark_of(server, "spacedex", f).seq for f in frames]
                assert seqs == [*range(total - 299, total + 1)]

        with loads() as counted:
            await asyncio.gather(*(resume(c, o) for c, o in cursors.items() for _ in range(each)))
        # The pages of the replay, and the one of the oldest event for all refusals together.
        assert set(counted) == {("alice", n) for n in range(total // PAGE + 1)}
        assert max(counted.values()) == 1
        for outcome, count in (("resumed", each), ("epoch", 4 * each)):
            name = "userstream_resumes_total"
            assert metric(server.service, name, venue="spacedex", outcome=outcome) == count
        await server.publisher.send([line("alice", order(), source="me", n=total + 1)])
        await take(live, 1)
