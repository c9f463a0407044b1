"""What was acknowledged is kept, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.client.fakevenue import KEY, FakeVenue
from tests.core.client.values import order
from tests.server.running import until
from userstream import Gap, OrderEvent, StateChange, StoreError, StreamOver, UserStreamError
from userstream.client.cursor import CursorFile
from userstream.core.client.plan import Proof
from userstream.errors import StoreDamaged, StoreTooNew, StoreUnavailable
from userstream.events import AccountUpdate, Balance
from userstream.venue import WHOLE, Cursor

E = "epoch000"


def saved(path: Path, venue: str = "binance") -> Proof:
    file = CursorFile(path, venue, KEY)
    try:
        return file.load()
    finally:
        file.close()


def marked(seq: int) -> str:
    (frame,) = FakeVenue.frames(str(seq))
    mark = {"epoch": E, "seq": seq, "prev": seq - 1}
    return msgspec.json.encode(msgspec.json.decode(frame) | {"us": mark}).decode()


def said(kind: str, seq: int, **fields: Any) -> str:
    return json.dumps({"e": kind, "us": {"epoch": E, "seq": seq} | fields})


def test_a_cursor_is_kept_for_each_stream(tmp_path: Path) -> None:
    path = tmp_path / "cursor"
    one, two = CursorFile(path, "binance", "a"), CursorFile(path, "mexc", "a")
    assert one.load() == two.load() == Proof()
    one.save(Proof(5, Cursor(E, 7, 1, 2)))
    one.save(Proof(None, Cursor(E, 7, 2, 2)))
    two.save(Proof(6))
    assert one.load() == Proof(5, Cursor(E, 7, 2, 2))
    assert two.load() == Proof(6)
    one.close()
    two.close()
    assert b"an-api-key" not in path.read_bytes()


def test_orders_and_holdings_are_kept_until_they_are_let_go(tmp_path: Path) -> None:
    path = tmp_path / "cursor"
    with contextlib.closing(CursorFile(path, "binance", "a")) as file:
        held = Balance(asset="BTC", free="1", locked="0.5")
        file.save(Proof(5), {("order", "7"): order("7"), ("asset", "BTC"): held})
        file.save(Proof(6), {("order", "8"): order("8"), ("order", "9"): None})
    with contextlib.closing(CursorFile(path, "mexc", "a")) as other:
        assert other.held() == []
    with contextlib.closing(CursorFile(path, "binance", "a")) as file:
        account = AccountUpdate(time_ms=0, balances=(held,))
        assert file.held() == [account, order("7"), order("8")]
        file.save(Proof(7), {("order", "7"): None, ("asset", "BTC"): None})
        assert file.held() == [order("8")]
    with sqlite3.connect(path) as db:
        db.execute("UPDATE held SET body = '{'")
    db.close()
    with contextlib.closing(CursorFile(path, "binance", "a")) as file, pytest.raises(StoreDamaged):
        file.held()


def test_a_file_of_the_first_version_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "cursor"
    with contextlib.closing(CursorFile(path, "binance", KEY)) as file:
        file.save(Proof(5))
    with sqlite3.connect(path) as db:
        db.execute("DROP TABLE held")
        db.execute("PRAGMA user_version = 1")
    db.close()
    assert saved(path) == Proof(5)


def test_files_that_cannot_be_are_told(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable):
        CursorFile(tmp_path / "no" / "folder", "binance", "a")
    damaged = tmp_path / "damaged"
    damaged.write_bytes(b"no database at all" * 100)
    with pytest.raises(StoreDamaged):
        CursorFile(damaged, "binance", "a")
    new = tmp_path / "new"
    with sqlite3.connect(new) as db:
        db.execute("PRAGMA user_version = 9")
    db.close()
    with pytest.raises(StoreTooNew):
        CursorFile(new, "binance", "a")
    file = CursorFile(tmp_path / "gone", "binance", "a")
    file.close()
    for read in (file.load, file.held):
        with pytest.raises(StoreError):
            read()
    with pytest.raises(StreamOver):
        file.save(Proof(1))


async def test_a_disk_that_refuses_is_told_and_the_event_is_not_done(tmp_path: Path) -> None:
    path = tmp_path / "c"
    with FakeVenue() as venue:
        with pytest.raises(StoreUnavailable):  # noqa: PT012
            async with venue.stream(extension=True, cursor=path, states=False) as stream:
                await until(lambda: venue.sockets)
                venue.send(marked(7))
                await anext(stream)
                with sqlite3.connect(path) as db:
                    db.execute("DROP TABLE cursor")
                db.close()
        await until(lambda: venue.closes == [1000])
        assert stream.state == "stopped"


async def test_the_next_run_resumes_behind_what_was_acknowledged(tmp_path: Path) -> None:
    options: dict[str, Any] = {"extension": True, "cursor": tmp_path / "c", "states": False}
    with FakeVenue() as venue:
        async with venue.stream(**options) as stream:
            await until(lambda: venue.sockets)
            venue.send(said("us.heartbeat", 6))
            for seq in (7, 8, 9):
                venue.send(marked(seq))
            for _ in range(2):
                await anext(stream)
            assert saved(tmp_path / "c").cursor == Cursor(E, 7, 1, 1)
        # The block was left without an exception, so the second is handled too.
        assert saved(tmp_path / "c").cursor == Cursor(E, 8, 1, 1)
        async with venue.stream(**options) as stream:
            await until(lambda: len(venue.sockets) == 2)
            assert venue.paths[-1].endswith(f"us=1&us_heartbeat=10&us_resume={E}:8:{WHOLE}")
            venue.send(said("us.resumed", 9))
            venue.send(marked(9))
            event = await anext(stream)
            assert isinstance(event, OrderEvent)
            assert (event.order_id, event.origin) == ("9", "replay")
            await stream.live(5)


async def test_events_are_acknowledged_one_by_one_where_that_is_asked(tmp_path: Path) -> None:
    options: dict[str, Any] = {"extension": True, "cursor": tmp_path / "c", "states": False}
    with FakeVenue() as venue:
        async with venue.stream(acknowledge="manual", **options) as stream:
            await until(lambda: venue.sockets)
            for seq in (7, 8, 9):
                venue.send(marked(seq))
            events = [await anext(stream) for _ in range(3)]
            one, two, _ = [e for e in events if isinstance(e, OrderEvent)]
            await two.ack()
            assert saved(tmp_path / "c").cursor is None
            await one.ack()
            assert saved(tmp_path / "c").cursor == Cursor(E, 8, 1, 1)
        assert saved(tmp_path / "c").cursor == Cursor(E, 8, 1, 1)
        with pytest.raises(UserStreamError):
            await events[2].ack()  # type: ignore[union-attr]


async def test_an_exception_in_the_handler_acknowledges_nothing(tmp_path: Path) -> None:
    with FakeVenue() as venue, pytest.raises(ZeroDivisionError):  # noqa: PT012
        async with venue.stream(extension=True, cursor=tmp_path / "c", states=False) as stream:
            await until(lambda: venue.sockets)
            venue.send(marked(7))
            await anext(stream)
            raise ZeroDivisionError
    assert saved(tmp_path / "c").cursor is None


async def test_without_replay_the_last_proven_moment_is_kept(tmp_path: Path) -> None:
    with FakeVenue() as venue:
        async with venue.stream(cursor=tmp_path / "c") as stream:
            await stream.live(5)
            assert isinstance(await anext(stream), StateChange)
            venue.order()
            assert isinstance(await anext(stream), OrderEvent)
        since = saved(tmp_path / "c").since_ms
        assert since is not None
        async with venue.stream(cursor=tmp_path / "c", states=False) as stream:
            gap = await anext(stream)
            assert isinstance(gap, Gap)
            assert (gap.from_ms, gap.to_ms, gap.why) == (since, None, "start")
            # What comes while something is missing does not hide the hole from the next run.
            venue.order()
            assert isinstance(await anext(stream), OrderEvent)
        assert saved(tmp_path / "c").since_ms == since


async def test_an_idle_stream_proves_itself_too(tmp_path: Path) -> None:
    with FakeVenue() as venue:
        async with venue.stream(cursor=tmp_path / "c", states=False) as stream:
            waiting = asyncio.create_task(stream.__anext__())
            await until(lambda: saved(tmp_path / "c").since_ms is not None)
            waiting.cancel()


async def test_the_next_run_knows_what_was_open(tmp_path: Path) -> None:
    options: dict[str, Any] = {"extension": True, "cursor": tmp_path / "c", "states": False}
    with FakeVenue() as venue:
        async with venue.stream(**options) as stream:
            await until(lambda: venue.sockets)
            venue.send(marked(7), marked(8))
            assert [(await anext(stream)).order_id for _ in range(2)] == ["7", "8"]  # type: ignore[union-attr]
        async with venue.stream(**options) as stream:
            assert sorted(stream.orders) == ["7", "8"]
            await until(lambda: len(venue.sockets) == 2)
            venue.send(said("us.resumed", 9, prev=9), marked(9))
            assert [(await anext(stream)).order_id] == ["9"]  # type: ignore[union-attr]
            assert sorted(stream.orders) == ["7", "8", "9"]
