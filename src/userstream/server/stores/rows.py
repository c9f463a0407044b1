"""What goes into RocksDB and comes out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocksdict import Rdict, ReadOptions, WriteBatch

if TYPE_CHECKING:
    from userstream.server.store import Batch


def read(
    database: Rdict, reading: ReadOptions, start: bytes, stop: bytes, limit: int
) -> list[tuple[bytes, bytes]]:
    """Up to ``limit`` entries with ``start <= key < stop``, in order.

    Raises:
        Exception: whatever RocksDB says.
    """
    entries: list[tuple[bytes, bytes]] = []
    cursor = database.iter(reading)
    cursor.seek(start)
    while len(entries) < limit and cursor.valid():
        key = cursor.key()
        if key >= stop:
            break
        entries.append((key, cursor.value()))
        cursor.next()
    # A cursor that meets damage just ends; Rdict.items() never says so.
    cursor.status()
    return entries


def writes(batch: Batch) -> WriteBatch:
    """A batch as RocksDB takes it, once."""
    made = WriteBatch(raw_mode=True)
    for key, value in batch.puts:
        made.put(key, value)
    for key in batch.deletes:
        made.delete(key)
    return made
