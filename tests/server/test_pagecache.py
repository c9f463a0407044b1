"""The cache of pages by itself: what is read of a log that grows, by readers here and there."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.venues.orders import order
from userstream.core.publishing import Appended
from userstream.server.pagecache import PAGE, Page, PageCache

SIZE = 10
EVENT = order()


class Account:
    """A log of one account, and what is read of it."""

    def __init__(self, last: int, cache_bytes: int = 1_000_000) -> None:
        self.last = last
        self.read: list[tuple[int, int]] = []
        """From where, and how many events."""
        self.open = asyncio.Event()
        self.open.set()
        self.cache = PageCache(self._load, cache_bytes)

    def _load(self, account: str, begin: int) -> asyncio.Future[tuple[Page, int]]:
        return asyncio.get_running_loop().create_task(self._page(account, begin))

    async def _page(self, account: str, begin: int) -> tuple[Page, int]:
        stop = min(self.last + 1, (begin // PAGE + 1) * PAGE)
        page = [Appended(account, "e", seq, 0, b"", EVENT) for seq in range(begin, stop)]
        self.read.append((begin, len(page)))
        await self.open.wait()
        return page, SIZE * len(page)

    async def seqs(self, from_seq: int) -> Sequence[int]:
        return [event.seq for event in await self.cache.read("a", from_seq)]


async def test_a_page_is_read_from_where_the_first_reader_goes_on() -> None:
    it = Account(250)
    for from_seq in (240, 245, 240):
        assert await it.seqs(from_seq) == [*range(from_seq, 251)]
    assert it.read == [(240, 11)]


async def test_once_another_one_wants_what_lies_before_all_of_it_is_read() -> None:
    it = Account(400)
    for from_seq in (380, 379, 300, 256, 390):
        assert await it.seqs(from_seq) == [*range(from_seq, 401)]
    assert it.read == [(380, 21), (256, 145)]
    assert await it.seqs(7) == [*range(7, 256)]
    assert it.read[2:] == [(7, 249)]


async def test_of_a_page_that_grew_only_the_rest_is_read() -> None:
    it = Account(20)
    for last in (20, 30, 40):
        it.last = last
        at = 11
        while at <= last:
            at = (await it.seqs(at))[-1] + 1
    assert it.read == [(11, 10), (21, 10), (31, 10)]
    assert it.cache._size == SIZE * 30
    assert await it.seqs(11) == [*range(11, 41)]


async def test_who_asks_meanwhile_waits_for_the_same_reading_or_for_all_of_it() -> None:
    it = Account(100)
    it.open.clear()
    asking = [asyncio.ensure_future(it.seqs(n)) for n in (90, 95, 20, 30, 90, 10)]
    await asyncio.sleep(0.01)
    it.open.set()
    assert await asyncio.gather(*asking) == [[*range(n, 101)] for n in (90, 95, 20, 30, 90, 10)]
    assert it.read == [(90, 11), (1, 100)]
    assert it.cache._size == SIZE * 100


async def test_a_reading_that_fails_is_told_and_tried_anew() -> None:
    it = Account(10)
    good = it.cache._load

    def bad(*_: object) -> asyncio.Future[tuple[Page, int]]:
        failed: asyncio.Future[tuple[Page, int]] = asyncio.get_running_loop().create_future()
        failed.set_exception(OSError("the disk"))
        return failed

    it.cache._load = bad
    with pytest.raises(OSError, match="the disk"):
        await it.seqs(5)
    await asyncio.sleep(0)
    it.cache._load = good
    assert await it.seqs(5) == [*range(5, 11)]
    assert await it.seqs(11) == []


@given(
    st.lists(st.tuples(st.integers(1, 700), st.integers(0, 40)), max_size=40), st.integers(0, 4_000)
)
def test_whatever_is_asked_of_a_log_that_grows_is_what_is_stored(
    asks: list[tuple[int, int]], room: int
) -> None:
    async def main() -> None:
        it = Account(300, room)
        for from_seq, more in asks:
            it.last += more
            found = await it.seqs(from_seq)
            stop = min(it.last + 1, (from_seq // PAGE + 1) * PAGE)
            # What is kept may end before: whoever goes on behind it gets the rest.
            assert found == [*range(from_seq, from_seq + len(found))]
            assert bool(found) == (from_seq < stop)
            assert await it.seqs(from_seq + len(found)) or from_seq + len(found) > it.last
            kept = it.cache._kept.values()
            assert it.cache._size == sum(SIZE * len(k.page) for k in kept) <= room
            assert all(k.page[0].seq == k.begin for k in kept)

    asyncio.run(main())
