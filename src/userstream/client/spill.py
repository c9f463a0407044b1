"""Spill: events that a slow program has not taken yet, on disk instead of in memory."""

from __future__ import annotations

import pickle
import tempfile
from contextlib import suppress
from itertools import islice
from typing import Any

_HEAD = 4


class Spill:
    """A queue in a temporary file without a name: whatever happens, nothing stays behind.

    It is no memory for another run; the cursor is. ``most_bytes`` bounds it. When the disk
    refuses, or that is reached, ``write`` says no until all of it was read.
    """

    def __init__(self, most_bytes: int, folder: str | None = None) -> None:
        self._most = most_bytes
        self._file = tempfile.TemporaryFile(dir=folder, buffering=256 * 1024)  # noqa: SIM115
        self._read_at = self._write_at = 0
        self._count = 0
        self.takes = True
        """Whether more can be written."""

    def __len__(self) -> int:
        return self._count

    def write(self, item: Any) -> bool:  # noqa: ANN401 - whatever pickles
        """Adds an item; ``False`` where it cannot."""
        if not self.takes:
            return False
        data = pickle.dumps(item, pickle.HIGHEST_PROTOCOL)
        if self._write_at + len(data) + _HEAD > self._most:
            self.takes = False
            return False
        try:
            self._file.seek(self._write_at)
            self._file.write(len(data).to_bytes(_HEAD, "big") + data)
        except OSError:
            self.takes = False
            return False
        self._write_at += len(data) + _HEAD
        self._count += 1
        return True

    def read(self, most: int) -> list[Any]:
        """Takes up to so many items, the oldest first."""
        items = list(islice(self._items(), most))
        if not self._count and self._write_at and not self._file.closed:
            self._file.seek(0)
            self._file.truncate()
            self._read_at = self._write_at = 0
            self.takes = True
        return items

    def close(self) -> None:
        """Lets the disk go, and what is on it."""
        self._count = 0
        self.takes = False
        with suppress(OSError):  # what could not be written
            self._file.close()

    def _items(self) -> Any:  # noqa: ANN401
        while self._count:
            self._file.seek(self._read_at)
            size = int.from_bytes(self._file.read(_HEAD), "big")
            data = self._file.read(size)
            self._read_at += _HEAD + size
            self._count -= 1
            yield pickle.loads(data)  # noqa: S301 - a file of this process, which has no name
