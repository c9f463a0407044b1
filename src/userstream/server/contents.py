"""What lies in a data folder, for whoever takes it elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from userstream.core.picture import EMPTY
from userstream.core.publishing import Appended, Head
from userstream.errors import StoreDamaged
from userstream.events import AccountSnapshot
from userstream.server.pagecache import PAGE
from userstream.server.pages import Pages
from userstream.server.records import (
    HEADS,
    PictureRecord,
    WindowRecord,
    decode,
    head_key,
    picture_key,
    window_key,
)
from userstream.server.store import Store

_ACCOUNTS_AT_ONCE = 10_000


class Tail(NamedTuple):
    """How far an account has come, and what is kept of it."""

    account: str
    head: Head
    picture: AccountSnapshot
    oldest: int
    """The first ``seq`` that is kept."""
    bytes: int
    """Of its events, with their keys."""

    @property
    def events(self) -> int:
        """How many events are kept."""
        return self.head.seq - self.oldest + 1


class Contents:
    """Reads a store that nobody writes meanwhile. Every call blocks."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._pages = Pages(store, 0, lines=True)

    def close(self) -> None:
        """Reads no more."""
        self._pages.close()

    def tails(self) -> Iterator[Tail]:
        """Every account that ever had an event, by name.

        Raises:
            StoreError: they cannot be read.
        """
        start, stop = HEADS
        while True:
            found = list(self._store.scan(start, stop, _ACCOUNTS_AT_ONCE))
            for key, value in found:
                yield self._tail(key.removeprefix(head_key("")).decode(), value)
            if len(found) < _ACCOUNTS_AT_ONCE:
                return
            start = found[-1][0] + b"\0"

    def events(self, tail: Tail) -> Iterator[Appended]:
        """The events of an account that are kept, in order, with their lines and pictures.

        Raises:
            StoreDamaged: one is missing.
            StoreError: they cannot be read.
        """
        expected = tail.oldest
        for number in range(tail.oldest // PAGE, tail.head.seq // PAGE + 1):
            page, _ = self._pages.load(tail.account, number)
            for event in page:
                if event.seq != expected:
                    break
                expected += 1
                yield event
        if expected != tail.head.seq + 1:
            raise StoreDamaged(f"event {expected} of an account is missing in the folder")

    def _tail(self, account: str, head: bytes) -> Tail:
        picture = self._store.get(picture_key(account))
        window = self._store.get(window_key(account))
        kept = WindowRecord() if window is None else decode(window, WindowRecord)
        return Tail(
            account,
            decode(head, Head),
            EMPTY if picture is None else decode(picture, PictureRecord).picture,
            kept.oldest,
            kept.bytes,
        )
