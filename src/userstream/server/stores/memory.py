"""A store that is gone when its process is."""

from __future__ import annotations

import threading
from bisect import bisect_left
from itertools import islice
from typing import TYPE_CHECKING

from userstream.errors import InvalidSettings, StoreUnavailable
from userstream.server.store import Survives

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from userstream.server.store import Batch


class MemoryStore:
    """Keeps everything in a dictionary; a commit costs one ``dict.update``.

    A scan sorts all keys when anything was committed since the last one, and yields what was
    there when it was called. A key that a batch both puts and deletes is deleted.
    """

    def __init__(self) -> None:
        self._values: dict[bytes, bytes] = {}
        self._order: list[bytes] | None = None
        self._closed = False
        self._turn = threading.Lock()

    @property
    def survives(self) -> Survives:
        """Nothing, ever."""
        return Survives.NOTHING

    def get(self, key: bytes) -> bytes | None:
        """The value of a key, or ``None``.

        Raises:
            StoreUnavailable: after ``close``.
        """
        with self._turn:
            self._refuse_if_closed()
            return self._values.get(key)

    def scan(self, start: bytes, stop: bytes, limit: int) -> Iterator[tuple[bytes, bytes]]:
        """Up to ``limit`` entries with ``start <= key < stop``, in the order of their keys.

        Raises:
            StoreUnavailable: after ``close``.
        """
        with self._turn:
            self._refuse_if_closed()
            if self._order is None:
                self._order = sorted(self._values)
            order, values = self._order, self._values
            keys = order[bisect_left(order, start) : bisect_left(order, stop)]
            return iter([(key, values[key]) for key in islice(keys, max(limit, 0))])

    def commit(self, batch: Batch) -> None:
        """Makes a batch visible.

        Raises:
            StoreUnavailable: after ``close``.
        """
        with self._turn:
            self._refuse_if_closed()
            self._order = None
            values = self._values
            values.update(batch.puts)
            for key in batch.deletes:
                values.pop(key, None)

    def checkpoint(self, folder: Path) -> None:
        """Refuses: nothing here is meant to last.

        Raises:
            InvalidSettings: always.
        """
        raise InvalidSettings(f"a server in memory keeps nothing to copy to {folder}")

    def close(self) -> None:
        """Forgets everything."""
        with self._turn:
            self._closed = True
            self._values = {}
            self._order = None

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise StoreUnavailable("the store in memory is closed")
