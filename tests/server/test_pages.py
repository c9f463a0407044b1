"""What is read of the log for replays: once for many, kept within bounds, and never too old."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from tests.server.cutting import Rig, rig
from tests.server.running import until
from tests.server.test_cuts import mixed
from tests.venues.orders import order
from userstream.core.limits import Limits
from userstream.venue import WHOLE, Cursor
from userstream.venues import load


class Reads:
    """Counts the pages that are read, and holds them up on request."""

    def __init__(self, rigged: Rig) -> None:
        self.count = 0
        self.begun = 0
        self._open = threading.Event()
        self._open.set()
        self._load = rigged.bus._pages.load
        rigged.bus._pages.load = self._counted  # type: ignore[method-assign]

    def _counted(self, account: str, number: int) -> Any:
        self.count += 1
        page = self._load(account, number)
        self.begun += 1
        assert self._open.wait(10)
        return page

    def hold(self) -> None:
        self._open.clear()

    def release(self) -> None:
        self._open.set()


async def test_a_herd_reads_each_page_once(tmp_path: Path) -> None:
    venue = load("binance")
    async with rig(tmp_path / "data") as rigged:
        uncut = rigged.stream(venue)
        await rigged.publish([*mixed(200)])
        reads = Reads(rigged)
        herd = [rigged.stream(venue, resume=uncut.cursor(uncut.frames[0])) for _ in range(20)]
        for stream in herd:
            await stream.settled()
            assert stream.frames == uncut.frames[1:]
        assert reads.count == 4


async def test_a_page_that_grows_is_read_again_by_who_needs_more_of_it(tmp_path: Path) -> None:
    venue = load("bhex")
    async with rig(tmp_path / "data") as rigged:
        reads = Reads(rigged)
        start = Cursor(rigged.epoch(), 0, WHOLE)
        for count in range(1, 4):
            await rigged.publish([order()])
            for _ in range(5):
                stream = await rigged.stream(venue, resume=start).settled()
                assert len(stream.frames) == count
                stream.close()
        assert reads.count == 3
        pages = rigged.bus._pages
        assert pages._cache._size == sum(kept.size for kept in pages._cache._kept.values())


async def test_a_reading_that_began_before_an_event_was_stored_refuses_nobody(
    tmp_path: Path,
) -> None:
    venue = load("bhex")
    async with rig(tmp_path / "data") as rigged:
        await rigged.publish([order()])
        reads = Reads(rigged)
        reads.hold()
        epoch = rigged.epoch()
        early = rigged.stream(venue, resume=Cursor(epoch, 0, WHOLE))
        await until(lambda: reads.begun)
        await rigged.publish([order()])
        late = rigged.stream(venue, resume=Cursor(epoch, 1, WHOLE))
        await until(lambda: late.reader._task is not None)
        reads.release()
        for stream, due in ((early, [1, 2]), (late, [2])):
            await stream.settled()
            assert [m.kind for m in stream.said] == ["us.resumed"]
            assert [stream.mark(frame).seq for frame in stream.frames] == due


async def test_pages_are_kept_within_their_bytes(tmp_path: Path) -> None:
    async with rig(tmp_path / "data", Limits(replay_cache_bytes=1_000_000)) as rigged:
        uncut = rigged.stream(load("spacedex"))
        await rigged.publish([*mixed(500)])
        for _ in range(2):
            resumed = rigged.stream(load("spacedex"), resume=Cursor(rigged.epoch(), 0, 9_999))
            await resumed.settled()
            assert uncut.said_of(resumed.frames) == uncut.said_of(uncut.frames)
        pages = rigged.bus._pages._cache
        assert 0 < sum(kept.size for kept in pages._kept.values()) == pages._size <= 1_000_000
        assert len(pages._kept) < 2_125 // 256
