"""The port to stored bytes: an ordered map with atomic groups.

Everything that must outlast a process (events, heads, pictures, listen keys, accounts) is written
through one ``Store``. What the keys mean is decided elsewhere; a store only keeps them, in order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum
from pathlib import Path
from typing import NamedTuple, Protocol


class Survives(Enum):
    """What an acknowledged write survives; the value is the sentence shown to people."""

    NOTHING = "nothing: it is lost when this process ends"
    PROCESS_KILL = "a kill of the process, not a power cut"
    POWER_CUT = "a kill of the process and a power cut"
    MINORITY = "the loss of a minority of the NATS nodes"


class Batch(NamedTuple):
    """Writes that become visible and durable together, or not at all."""

    puts: Sequence[tuple[bytes, bytes]] = ()
    deletes: Sequence[bytes] = ()


class Store(Protocol):
    """An ordered map of bytes to bytes.

    Calls block. One thread commits at a time; another may ``get`` and ``scan`` meanwhile and sees
    a commit whole or not at all. ``close`` may be called twice.
    """

    @property
    def survives(self) -> Survives:
        """What a returned ``commit`` survives."""
        ...

    def get(self, key: bytes) -> bytes | None:
        """The value of a key, or ``None``.

        Raises:
            StoreDamaged: the bytes there fail their checksum.
            StoreUnavailable: the disk refuses.
        """
        ...

    def scan(self, start: bytes, stop: bytes, limit: int) -> Iterator[tuple[bytes, bytes]]:
        """Up to ``limit`` entries with ``start <= key < stop``, in the order of their keys.

        Raises:
            StoreDamaged: bytes there fail their checksum; nothing after them is shown.
            StoreUnavailable: the disk refuses.
        """
        ...

    def commit(self, batch: Batch) -> None:
        """Writes a batch. When this returns, the writes survive what ``survives`` says.

        Raises:
            StoreUnavailable: nothing of the batch is visible, now or after a restart; the store
                goes on working once the disk does.
        """
        ...

    def checkpoint(self, folder: Path) -> None:
        """Copies all that is committed into a new folder, a store of its own.

        On the thread that commits, so that it is a moment between two commits. Files that never
        change are linked where both folders are on one disk.

        Raises:
            InvalidSettings: this store keeps nothing, or the folder is not a new one.
            StoreError: it cannot be read, or the disk refuses; what is in the folder is of no use.
        """
        ...

    def close(self) -> None:
        """Releases the folder. Everything committed is there at the next open."""
        ...
