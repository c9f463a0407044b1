"""A cache of pages: what many readers of an account's log share, however each page is read."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from userstream.core.publishing import Appended

PAGE: Final = 256
"""Events of a page, a fixed row of ``seq``."""
EVENT_BYTES: Final = 1_000
"""What a decoded event takes besides its bytes."""

Page: TypeAlias = Sequence[Appended]
Load: TypeAlias = Callable[[str, int], "asyncio.Future[tuple[Page, int]]"]
"""Begins to read a page of an account by its number; gives it, and its size in memory, about."""


class PageCache:
    """Reads each page once for all who ask meanwhile, and keeps some.

    What a page has never changes. One that has grown since is read again by who needs the rest.
    """

    def __init__(self, load: Load, cache_bytes: int) -> None:
        self._load = load
        self._most = cache_bytes
        self._size = 0
        self._kept: OrderedDict[tuple[str, int], tuple[Page, int]] = OrderedDict()
        self._under_way: dict[tuple[str, int], asyncio.Future[tuple[Page, int]]] = {}

    def close(self) -> None:
        """Reads no more."""
        for reading in list(self._under_way.values()):
            reading.cancel()

    async def read(self, account: str, from_seq: int) -> Page:
        """The events of a page from a ``seq`` on, as far as they are stored.

        Raises:
            StoreError: they cannot be read.
        """
        place = (account, from_seq // PAGE)
        kept = self._kept.get(place)
        if kept is not None and kept[0][-1].seq >= from_seq:
            self._kept.move_to_end(place)
            events = kept[0]
        else:
            events = await self._fetch(place, from_seq)
        return [event for event in events if event.seq >= from_seq]

    async def _fetch(self, place: tuple[str, int], from_seq: int) -> Page:
        """Who asks for a page that is being read waits for the same reading."""
        reading = self._under_way.get(place)
        if reading is not None:
            page, _ = await asyncio.shield(reading)
            if page and page[-1].seq >= from_seq:
                return page
            # It began before what is asked for was stored. One that began since did not.
            reading = self._under_way.get(place)
        if reading is None:
            reading = self._load(*place)
            self._under_way[place] = reading
            reading.add_done_callback(lambda done: self._loaded(place, done))
        return (await asyncio.shield(reading))[0]

    def _loaded(self, place: tuple[str, int], done: asyncio.Future[tuple[Page, int]]) -> None:
        del self._under_way[place]
        if done.cancelled() or done.exception() is not None:
            return
        page, size = done.result()
        _, before = self._kept.pop(place, ((), 0))
        self._size -= before
        if not page or size > self._most:
            return
        self._kept[place] = page, size
        self._size += size
        while self._size > self._most:
            _, (_, gone) = self._kept.popitem(last=False)
            self._size -= gone
