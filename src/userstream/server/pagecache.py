"""A cache of pages: what many readers of an account's log share, however each page is read."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeAlias

from userstream.core.publishing import Appended

PAGE: Final = 256
"""Events of a page, a fixed row of ``seq``."""
EVENT_BYTES: Final = 1_000
"""What a decoded event takes besides its bytes."""

Page: TypeAlias = Sequence[Appended]
Load: TypeAlias = Callable[[str, int], "asyncio.Future[tuple[Page, int]]"]
"""Begins to read an account's page from a ``seq`` on, or more of it; gives what it read, and its
size in memory, about."""


class _Kept(NamedTuple):
    """A page, or its later part."""

    begin: int
    """The ``seq`` from which on it has all that is retained."""
    page: Page
    size: int

    def has(self, seq: int) -> bool:
        """Whether what is read from a ``seq`` on begins in it."""
        return self.begin <= seq <= self.page[-1].seq


class _Reading(NamedTuple):
    """A page that is being read, from a ``seq`` on."""

    begin: int
    done: asyncio.Future[tuple[Page, int]]


class PageCache:
    """Reads each page once for all who ask meanwhile, and keeps some.

    What a page has never changes. Most readers were away for moments, so it is read from where the
    first one goes on; once another one wants what lies before, all of it. One that has grown since
    is read again by who needs the rest.
    """

    def __init__(self, load: Load, cache_bytes: int) -> None:
        self._load = load
        self._most = cache_bytes
        self._size = 0
        self._kept: OrderedDict[tuple[str, int], _Kept] = OrderedDict()
        self._under_way: dict[tuple[str, int], _Reading] = {}

    def close(self) -> None:
        """Reads no more."""
        for reading in list(self._under_way.values()):
            reading.done.cancel()

    async def read(self, account: str, from_seq: int) -> Page:
        """The events of a page from a ``seq`` on, as far as they are stored.

        Raises:
            StoreError: they cannot be read.
        """
        place = (account, from_seq // PAGE)
        kept = self._kept.get(place)
        if kept is not None and kept.has(from_seq):
            self._kept.move_to_end(place)
            events = kept.page
        else:
            events = await self._fetch(place, from_seq)
        return [event for event in events if event.seq >= from_seq]

    async def _fetch(self, place: tuple[str, int], from_seq: int) -> Page:
        """Who asks for a page that is being read waits for the same reading."""
        reading = self._under_way.get(place)
        if reading is not None and reading.begin <= from_seq:
            page, _ = await asyncio.shield(reading.done)
            if page and page[-1].seq >= from_seq:
                return page
            # It began before what is asked for was stored. One that began since did not.
            reading = self._under_way.get(place)
        if reading is None or reading.begin > from_seq:
            reading = self._begin(place, from_seq)
        return (await asyncio.shield(reading.done))[0]

    def _begin(self, place: tuple[str, int], from_seq: int) -> _Reading:
        account, number = place
        known = self._kept.get(place), self._under_way.get(place)
        later = any(it is not None and it.begin > from_seq for it in known)
        begin = max(number * PAGE, 1) if later else from_seq
        reading = self._under_way[place] = _Reading(begin, self._load(account, begin))
        reading.done.add_done_callback(lambda _: self._loaded(place, reading))
        return reading

    def _loaded(self, place: tuple[str, int], reading: _Reading) -> None:
        if self._under_way.get(place) is reading:
            del self._under_way[place]
        if reading.done.cancelled() or reading.done.exception() is not None:
            return
        page, size = reading.done.result()
        if not page:
            return
        before = self._kept.pop(place, None)
        self._size -= 0 if before is None else before.size
        kept = _joined(before, _Kept(min(reading.begin, page[0].seq), page, size))
        if kept.size > self._most:
            return
        self._kept[place] = kept
        self._size += kept.size
        while self._size > self._most:
            _, gone = self._kept.popitem(last=False)
            self._size -= gone.size


def _joined(before: _Kept | None, read: _Kept) -> _Kept:
    """What is kept of a page once more of it was read, or the same once more."""
    if before is None:
        return read
    if before.page[-1].seq + 1 == read.page[0].seq:
        return _Kept(before.begin, [*before.page, *read.page], before.size + read.size)
    within = before.has(read.begin) and before.has(read.page[-1].seq)
    return before if within else read
