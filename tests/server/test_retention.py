"""Retention: a day, within bytes an account; what goes, what stays, and what is said of it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from unittest import mock

from tests.server.cutting import Rig, rig
from tests.server.running import metric, running, take, until
from tests.server.test_cuts import mixed
from tests.venues.orders import order
from userstream.client.publisher import line
from userstream.core.limits import Limits
from userstream.core.publishing import Duplicate
from userstream.errors import StoreUnavailable
from userstream.server.records import checkpoint_key, event_key, head_key, picture_key
from userstream.venue import Cursor
from userstream.venues import load

SMALL = Limits(retained_bytes_per_account=200_000, retention_check_s=0.01)
DAY_MS = 86_400_000


async def publish_many(rigged: Rig, rounds: int) -> None:
    for _ in range(rounds):
        await rigged.publish([*mixed(25)])


def stored(rigged: Rig, account: str = "alice") -> int:
    """The first event that lies in the store."""
    scanned = rigged.bus._store.scan(event_key(account, 0), event_key(account, 1 << 60), 1)
    return int.from_bytes(next(scanned)[0][-8:], "big")


async def test_bytes_of_an_account_are_bounded_and_what_is_left_is_whole(tmp_path: Path) -> None:
    venue = load("binance")
    async with rig(tmp_path / "data", SMALL) as rigged:
        uncut = rigged.stream(venue)
        await rigged.publish([*mixed(2)], "bob")
        await publish_many(rigged, 20)
        window = rigged.bus._retention.window("alice")
        await until(lambda: window.bytes <= SMALL.retained_bytes_per_account)
        await until(lambda: stored(rigged) == window.oldest)
        assert window.oldest % 256 == 0
        assert await rigged.bus.oldest("bob") == 1
        assert 0 < rigged.bus.short_windows()["alice"] < 60
        too_old = rigged.stream(venue, resume=Cursor(rigged.epoch(), window.oldest - 2, 9_999))
        await too_old.settled()
        assert too_old.said[0].reason == "too_old"
        assert b'"oldest":%d' % window.oldest in too_old.outlet.frames[0]
        cursor = Cursor(rigged.epoch(), window.oldest - 1, 9_999)
        resumed = await rigged.stream(venue, resume=cursor).settled()
        rest = [f for f in uncut.frames if uncut.mark(f).seq >= window.oldest]
        assert uncut.said_of(resumed.frames) == uncut.said_of(rest)
        oldest = window.oldest
    async with rig(tmp_path / "data", SMALL) as rigged:
        assert await rigged.bus.oldest("alice") == oldest
        assert (await rigged.bus.history("alice", 1, 1))[0].seq == oldest
        resumed = await rigged.stream(venue, resume=cursor).settled()
        assert uncut.said_of(resumed.frames) == uncut.said_of(rest)


async def test_what_is_older_than_a_day_goes_and_heads_and_pictures_stay(tmp_path: Path) -> None:
    limits = Limits(retention_check_s=0.01)
    async with rig(tmp_path / "data", limits) as rigged:
        await publish_many(rigged, 8)
        await rigged.publish([*mixed(3)], "bob")
        rigged.clock.change(advance_ms=DAY_MS // 2)
        await asyncio.sleep(0.05)
        assert await rigged.bus.oldest("alice") == 1
        rigged.clock.change(advance_ms=DAY_MS)
        head = rigged.bus.head("alice")
        await until(lambda: stored(rigged) == head // 256 * 256)
        assert await rigged.bus.oldest("alice") == stored(rigged)
        assert rigged.bus.short_windows() == {}  # it is as it was promised
        store = rigged.bus._store
        checkpoints = store.scan(checkpoint_key("alice", 0), checkpoint_key("alice", 1 << 60), 99)
        assert len(list(checkpoints)) == 1
        assert store.get(head_key("alice")) is not None
        assert store.get(picture_key("alice")) is not None
        again = rigged.bus.append(
            rigged.bus.submission(), [line("alice", order(), source="me", n=1)]
        )
        await again.committed()
        assert isinstance(again.outcomes[0], Duplicate)


async def test_a_disk_that_refuses_makes_retention_wait_and_loses_nothing(tmp_path: Path) -> None:
    async with rig(tmp_path / "data", SMALL) as rigged:
        store = rigged.bus._store
        with mock.patch.object(
            type(store), "scan", side_effect=StoreUnavailable("no"), autospec=True
        ) as scan:
            await publish_many(rigged, 12)
            await until(lambda: scan.called)
        await publish_many(rigged, 1)
        window = rigged.bus._retention.window("alice")
        await until(lambda: window.bytes <= SMALL.retained_bytes_per_account)
        assert stored(rigged) <= window.oldest


async def test_a_short_window_is_in_the_metrics(tmp_path: Path) -> None:
    limits = Limits(memory_events_per_account=3)
    async with running(limits=limits) as server, server.stream("binance") as socket:
        for n in range(5):
            await server.publish(event=order(order_id=str(n)))
        await server.publish("bob")
        await take(socket, 5)
        text = (await server.admin.get("/_metrics")).text
        assert 'userstream_window_seconds{account="alice"}' in text
        assert "bob" not in text
        assert metric(server.service, "userstream_window_seconds", account="alice") < 60


async def test_a_log_without_checkpoints_has_its_pictures_all_the_same(tmp_path: Path) -> None:
    venue = load("binance")
    async with rig(tmp_path / "data", Limits(replay_cache_bytes=1)) as rigged:
        uncut = rigged.stream(venue)
        await publish_many(rigged, 6)
        store = rigged.bus._store
        keys = [k for k, _ in store.scan(checkpoint_key("alice", 0), checkpoint_key("b", 0), 99)]
        await rigged.bus._committer.write([], keys)
        resumed = rigged.stream(venue, resume=Cursor(rigged.epoch(), 400, 9_999))
        await resumed.settled()
        rest = [f for f in uncut.frames if uncut.mark(f).seq > 400]
        assert uncut.said_of(resumed.frames) == uncut.said_of(rest)
        await rigged.bus._committer.write([], [event_key("alice", 7)])
        broken = await rigged.stream(venue, resume=Cursor(rigged.epoch(), 400, 9_999)).settled()
        assert broken.outlet.ended is not None
        assert broken.outlet.ended.label == "internal"
