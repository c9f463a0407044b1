"""A reader that is cut anywhere, and resumes, has every frame once and in order."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.server.cutting import Rig, Stream, follows, rig
from tests.venues.orders import order
from tests.venues.strategies import events as any_events
from userstream.core.closing import End
from userstream.core.epoch import Run
from userstream.core.limits import Limits
from userstream.errors import StoreDamaged, StoreUnavailable
from userstream.events import AccountSnapshot, AccountUpdate, Balance, Event
from userstream.markets import SANDBOX_MARKETS
from userstream.server.records import RUN_KEY, encode, event_key
from userstream.server.store import Batch
from userstream.server.stores.rocks import RocksStore
from userstream.venue import WHOLE, Cursor, Venue
from userstream.venues import load, names

ARRAYS = load("bhex", {"frame": "array"}, SANDBOX_MARKETS)
TEXTS = load("mexc", {"push": "json"}, SANDBOX_MARKETS)
VENUES = [*(load(name, None, SANDBOX_MARKETS) for name in names()), ARRAYS, TEXTS]


def mixed(count: int) -> Iterator[Event]:
    """Orders, fills, balances of several assets, snapshots, and some that give no frame."""
    for n in range(count):
        balance = Balance(asset=f"A{n % 5}", free=str(n), locked="0")
        more = Balance(asset=f"B{n % 3}", free="1", locked=str(n))
        yield from (
            order(order_id=str(n)),
            order(
                order_id=str(n), status="FILLED", execution="TRADE", last_quantity="1",
                last_price="2", trade_id=str(n), cumulative_quantity="1",
            ),
            AccountUpdate(time_ms=n, balances=(balance, more)),
            AccountUpdate(time_ms=n),
        )  # fmt: skip
        if n % 4 == 3:
            yield AccountSnapshot(time_ms=n, balances=(more,))


async def every_cut(rigged: Rig, venue: Venue, uncut: Stream, **options: Any) -> None:
    """Cuts behind each frame of a stream that saw all."""
    frames = uncut.frames
    assert [f for f in frames if uncut.mark(f).prev is None] == []
    for at, frame in enumerate(frames):
        resumed = await rigged.stream(venue, resume=uncut.cursor(frame), **options).settled()
        assert resumed.said[0].kind == "us.resumed"
        assert uncut.said_of(resumed.frames) == uncut.said_of(frames[at + 1 :])
        follows(uncut, frames[: at + 1] + resumed.frames)
        resumed.close()


@pytest.mark.parametrize("venue", VENUES, ids=lambda v: f"{v.name}")
async def test_cut_anywhere_it_goes_on_with_the_next_frame(venue: Venue) -> None:
    async with rig() as rigged:
        uncut = rigged.stream(venue)
        await rigged.publish([*mixed(6)])
        await every_cut(rigged, venue, uncut)
        assert not rigged.failed


@pytest.mark.parametrize("name", ["binance", "spacedex"])
async def test_the_same_on_combined_streams(name: str) -> None:
    venue = load(name)
    async with rig() as rigged:
        uncut = rigged.stream(venue, wrapped=True)
        await rigged.publish([*mixed(4)])
        assert uncut.frames[0].startswith(b'{"stream":"key","data":{')
        await every_cut(rigged, venue, uncut, wrapped=True)


async def test_the_same_with_some_channels_only() -> None:
    venue = load("mexc")
    deals = frozenset(c for c in venue.channels if "deals" in c)
    async with rig() as rigged:
        uncut = rigged.stream(venue, channels=deals)
        await rigged.publish([*mixed(5)])
        await every_cut(rigged, venue, uncut, channels=deals)


@given(data=st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_events_any_cut_while_others_come(data: st.DataObject) -> None:
    venue = VENUES[data.draw(st.integers(0, len(VENUES) - 1))]
    before = data.draw(st.lists(any_events, min_size=1, max_size=5))
    after = data.draw(st.lists(st.lists(any_events, max_size=2), max_size=2))
    asyncio.run(_cut_and_resume(data, venue, before, after))


async def _cut_and_resume(
    data: st.DataObject, venue: Venue, before: list[Event], after: list[list[Event]]
) -> None:
    async with rig() as rigged:
        uncut = rigged.stream(venue)
        await rigged.publish(before)
        if not uncut.frames:
            return
        at = data.draw(st.integers(0, len(uncut.frames) - 1))
        seen = uncut.frames[: at + 1]
        resumed = rigged.stream(venue, resume=uncut.cursor(seen[-1]))
        for more in after:
            await rigged.publish(more)
            await asyncio.sleep(0)
        await resumed.settled()
        assert uncut.said_of(seen + resumed.frames) == uncut.said_of(uncut.frames)
        follows(uncut, seen + resumed.frames)
        assert not rigged.failed


@pytest.mark.parametrize("venue", VENUES, ids=lambda v: f"{v.name}")
async def test_from_a_folder_over_pages_while_others_are_committed(
    venue: Venue, tmp_path: Path
) -> None:
    async with rig(tmp_path / "data") as rigged:
        uncut = rigged.stream(venue)
        many = [*mixed(200)]
        for at in range(0, len(many), 100):
            await rigged.publish(many[at : at + 100])
        frames = uncut.frames
        for at in (0, 1, 2, 300, 301, 302, 303, len(frames) - 2, len(frames) - 1):
            resumed = rigged.stream(venue, resume=uncut.cursor(frames[at]))
            await rigged.publish([*mixed(3)])
            await resumed.settled()
            await rigged.publish([*mixed(3)])
            every = frames[: at + 1] + resumed.frames
            assert uncut.said_of(every) == uncut.said_of(uncut.frames)
            resumed.close()


async def test_whole_events_hold_in_every_dialect() -> None:
    async with rig() as rigged:
        streams = [rigged.stream(venue) for venue in VENUES]
        await rigged.publish([*mixed(4)])
        for one in streams:
            for frame in one.frames:
                mark = one.mark(frame)
                if mark.part < mark.parts:
                    continue
                for other in streams:
                    resumed = rigged.stream(other.venue, resume=one.cursor(frame))
                    await resumed.settled()
                    rest = [f for f in other.frames if other.mark(f).seq > mark.seq]
                    assert other.said_of(resumed.frames) == other.said_of(rest)
                    resumed.close()


async def test_a_place_in_an_event_is_asked_for_whole_by_part_0() -> None:
    async with rig() as rigged:
        uncut = rigged.stream(load("mexc"))
        await rigged.publish([*mixed(1)])
        resumed = await rigged.stream(
            load("binance"), resume=Cursor(rigged.epoch(), 2, 0, 0)
        ).settled()
        assert [resumed.mark(f).seq for f in resumed.frames] == [2, 3, 3, 4]
        assert uncut.frames


def cursors(rigged: Rig) -> list[tuple[Cursor, str | None]]:
    epoch = rigged.epoch()
    return [
        (Cursor(epoch, 10, 9_999), None),
        (Cursor(epoch, 10, 0), None),
        (Cursor(epoch, 5, 9_999), None),
        (Cursor(epoch, 6, 1), None),
        (Cursor(epoch, 11, 9_999), "epoch"),
        (Cursor(epoch, 10**18, 1), "epoch"),
        (Cursor("other000", 7, 1), "epoch"),
        (Cursor(epoch, 5, 1), "too_old"),  # whether it has a second part nobody knows
        (Cursor(epoch, 4, 9_999), "too_old"),
        (Cursor(epoch, 0, 0), "too_old"),
    ]


async def test_it_goes_on_completely_or_is_refused() -> None:
    async with rig(limits=Limits(memory_events_per_account=5)) as rigged:
        await rigged.publish([order(order_id=str(n)) for n in range(10)])
        for cursor, reason in cursors(rigged):
            stream = await rigged.stream(load("bhex"), resume=cursor).settled()
            (said,) = stream.said
            assert (said.kind, said.reason) == (
                "us.refused" if reason else "us.resumed", reason,
            )  # fmt: skip
            assert said.seq == 10
            assert b'"oldest":6' in stream.outlet.frames[0]
            assert (b'"window_ms":' in stream.outlet.frames[0]) is (reason is not None)
            first = 6 if cursor.part != 9_999 and cursor.seq == 6 else cursor.seq + 1
            skipped = cursor.part == 1 and cursor.seq == 6
            due = [] if reason else [*range(first + skipped, 11)]
            if cursor.part == 0 and cursor.seq == 10:
                due = [10]
            assert [stream.mark(f).seq for f in stream.frames] == due
            stream.close()


async def test_an_account_without_events_resumes_from_nothing() -> None:
    async with rig() as rigged:
        start = Cursor(rigged.epoch(), 0, 9_999)
        stream = await rigged.stream(load("bhex"), resume=start).settled()
        await rigged.publish([order()])
        assert stream.said[0].kind == "us.resumed"
        assert len(stream.frames) == 1


async def test_a_cursor_of_another_account_is_answered_as_one_of_a_foreign_epoch() -> None:
    async with rig() as rigged:
        await rigged.publish([order(order_id=str(n)) for n in range(3)])
        await rigged.publish([order()] * 7, "bob")
        alices, bobs = rigged.epoch(), rigged.epoch("bob")
        answers = []
        for cursor in (
            *(Cursor(bobs, seq, WHOLE) for seq in (0, 2, 3, 7, 8)),  # some are seqs of alice's too
            Cursor(rigged.bus.epoch, 2, WHOLE),  # as all accounts had it once
            Cursor("other000", 2, WHOLE),
        ):
            stream = await rigged.stream(load("binance"), "alice", resume=cursor).settled()
            (said,) = stream.said
            assert (said.kind, said.reason, said.epoch) == ("us.refused", "epoch", alices)
            assert (said.seq, stream.frames) == (3, [])
            answers.append(re.sub(rb'"window_ms":\d+', b"", stream.outlet.frames[0]))
        assert len(set(answers)) == 1
        mine = await rigged.stream(load("binance"), "alice", resume=Cursor(alices, 2, 1)).settled()
        assert [mine.mark(f).epoch for f in mine.frames] == [alices]


async def test_a_refusal_comes_also_where_nothing_can_be_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with rig() as rigged:
        await rigged.publish([order()] * 3)
        broken = mock.AsyncMock(side_effect=StoreDamaged("a page"))
        monkeypatch.setattr(rigged.bus, "read", broken)
        stream = await rigged.stream(load("bhex"), resume=Cursor("other000", 1, 1)).settled()
        (said,) = stream.said
        assert (said.kind, said.reason, said.seq) == ("us.refused", "epoch", 3)
        assert b"window_ms" not in stream.outlet.frames[0]
        assert broken.await_count == 1
        assert stream.outlet.ended is None


async def test_of_a_cursor_that_nobody_can_judge_now_nothing_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with rig() as rigged:
        await rigged.publish([order()] * 3)
        unsettled = mock.AsyncMock(side_effect=StoreUnavailable("no leader"))
        monkeypatch.setattr(rigged.bus, "settled", unsettled)
        cursor = Cursor(rigged.epoch(), 4, WHOLE)
        stream = await rigged.stream(load("bhex"), resume=cursor).settled()
        assert stream.outlet.frames == []
        assert stream.outlet.ended is End.UNAVAILABLE


async def test_after_a_refusal_it_goes_on_from_now() -> None:
    async with rig() as rigged:
        await rigged.publish([order()] * 3)
        stream = await rigged.stream(load("bhex"), resume=Cursor("other000", 1, 1)).settled()
        await rigged.publish([order()])
        (frame,) = stream.frames
        mark = stream.mark(frame)
        assert (mark.seq, mark.prev) == (4, 3)


async def test_a_slow_client_is_waited_for_and_what_retention_overtook_is_said(
    tmp_path: Path,
) -> None:
    async with rig(limits=Limits(memory_events_per_account=50)) as rigged:
        await rigged.publish([order(order_id=str(n)) for n in range(50)])
        stream = rigged.stream(load("bhex"), resume=Cursor(rigged.epoch(), 0, 9_999))
        stream.outlet.paused = True
        await asyncio.sleep(0.01)
        assert stream.frames == []
        stream.outlet.paused = False
        stream.reader.wake()
        await stream.settled()
        assert len(stream.frames) == 50
        late = rigged.stream(load("bhex"), resume=Cursor(rigged.epoch(), 0, 9_999))
        late.outlet.paused = True
        await asyncio.sleep(0.01)
        await rigged.publish([order()] * 10)
        late.outlet.paused = False
        late.reader.wake()
        await late.settled()
        assert late.outlet.ended is not None
        assert late.outlet.ended.label == "slow"
        with contextlib.suppress(asyncio.CancelledError):
            late.close()


async def test_what_is_of_an_earlier_epoch_is_not_replayed(tmp_path: Path) -> None:
    async with rig(tmp_path / "data") as rigged:
        old = rigged.epoch()
        await rigged.publish([*mixed(2)])
        head = rigged.bus.head("alice")
    crashed = Run(old, "another boot", clean=False)
    store = RocksStore(tmp_path / "data" / "log", synced=False)
    store.commit(Batch([(RUN_KEY, encode(crashed))]))
    store.close()
    async with rig(tmp_path / "data") as rigged:
        new = rigged.epoch()
        assert new != old
        for cursor, kind in (
            (Cursor(old, 3, 9_999), "us.refused"),
            (Cursor(old, head, 9_999), "us.refused"),
            (Cursor(new, 3, 9_999), "us.refused"),  # nobody ever had that one
            (Cursor(new, head, 9_999), "us.resumed"),  # from a heartbeat
        ):
            stream = await rigged.stream(load("bhex"), resume=cursor).settled()
            (said,) = stream.said
            assert (said.kind, said.epoch, said.seq) == (kind, new, head)
            assert said.reason == ("epoch" if kind == "us.refused" else None)


async def test_a_hole_in_the_log_is_never_passed_over(tmp_path: Path) -> None:
    async with rig(tmp_path / "data") as rigged:
        await rigged.publish([*mixed(4)])
        await rigged.bus._committer.write([], [event_key("alice", 5)])
        stream = await rigged.stream(
            load("bhex"), resume=Cursor(rigged.epoch(), 4, 9_999)
        ).settled()
        assert [m.kind for m in stream.said] == ["us.refused"]
        assert stream.frames == []
        stream = rigged.stream(load("bhex"), resume=Cursor(rigged.epoch(), 2, 9_999))
        await stream.settled()
        assert [stream.mark(f).seq for f in stream.frames] == [3]  # 4 gives no frame there
        assert stream.outlet.ended is not None
        assert stream.outlet.ended.label == "internal"
