"""Pages: an account's stored log, read in pieces that many readers can share.

A page is a fixed row of ``seq``. The first account event in a page that a process writes comes
with a checkpoint, the whole picture after it: so every page can be read by itself, and the
picture at each of its account events is made from what lies in it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from userstream.core.picture import EMPTY, settle
from userstream.core.publishing import Appended
from userstream.errors import StoreDamaged
from userstream.events import AccountSnapshot, OrderUpdate
from userstream.server.pagecache import EVENT_BYTES, PAGE, Page, PageCache
from userstream.server.records import (
    PictureRecord,
    checkpoint_key,
    decode,
    decode_event,
    event_key,
    line_in,
    seq_of,
)
from userstream.server.store import Store

_PLACE_BYTES = 16  # of a balance in a picture: what did not change is shared with the one before


class Pages:
    """Reads pages off the loop's thread, and keeps some."""

    def __init__(self, store: Store, cache_bytes: int, *, lines: bool = False) -> None:
        """``lines``: events have their lines, too, as they were published."""
        self._store = store
        self._lines = lines
        self._cache = PageCache(self._begin, cache_bytes)
        self._thread = ThreadPoolExecutor(1, "userstream-replay")

    def close(self) -> None:
        """Reads no more."""
        self._thread.shutdown()

    async def read(self, account: str, from_seq: int) -> Page:
        """The events of a page from a ``seq`` on, as far as they are stored.

        Raises:
            StoreError: they cannot be read.
        """
        return await self._cache.read(account, from_seq)

    def _begin(self, account: str, begin: int) -> asyncio.Future[tuple[Page, int]]:
        loop = asyncio.get_running_loop()
        # All of it: pictures are made from the page's beginning.
        return loop.run_in_executor(self._thread, self.load, account, begin // PAGE)

    def load(self, account: str, number: int) -> tuple[Page, int]:
        """A page with its pictures, and about what it takes in memory. Blocks.

        Raises:
            StoreError: it cannot be read.
        """
        start, stop = number * PAGE, (number + 1) * PAGE
        stored = self._store.scan(
            checkpoint_key(account, start), checkpoint_key(account, stop), PAGE
        )
        checkpoints = {seq_of(key): decode(value, PictureRecord).picture for key, value in stored}
        page: list[Appended] = []
        picture: AccountSnapshot | None = None
        size = 0
        for event, length in self._events(account, start, stop):
            size += length + EVENT_BYTES
            if isinstance(event.event, OrderUpdate) or event.event is None:
                page.append(event)
                continue
            picture = (
                checkpoints.get(event.seq)
                or settle(picture or self._before(account, start), event.event)[0]
            )
            size += _PLACE_BYTES * len(picture.balances)
            page.append(_with(event, picture))
        return page, size

    def _events(self, account: str, start: int, stop: int) -> Iterator[tuple[Appended, int]]:
        for key, value in self._store.scan(
            event_key(account, start), event_key(account, stop), stop - start
        ):
            seq, record = decode_event(key, value)
            line = line_in(value) if self._lines else b""
            yield (
                Appended(account, record.epoch, seq, record.time_ms, line, record.line.event),
                len(value),
            )

    def _before(self, account: str, stop: int) -> AccountSnapshot:
        """The picture before a page without checkpoints, which was written before there were any.

        Raises:
            StoreDamaged: what it was made of is not there.
        """
        picture, found = EMPTY, 0
        for event, _ in self._events(account, 0, stop):
            found += 1
            if event.event is not None and not isinstance(event.event, OrderUpdate):
                picture = settle(picture, event.event)[0]
        if found < stop - 1:
            raise StoreDamaged(f"no picture of an account is left before its event {stop}")
        return picture


def _with(event: Appended, picture: AccountSnapshot) -> Appended:
    return Appended(
        event.account, event.epoch, event.seq, event.time_ms, event.line, event.event,
        picture=picture,
    )  # fmt: skip
