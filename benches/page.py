"""The page shared with the C programs: 64-bit slots, and a histogram of delays."""

from __future__ import annotations

import mmap
import time
from enum import IntEnum
from pathlib import Path

SIZE = 4096 + 8 * 4096
_QUANTILES = (("p50", 0.5), ("p99", 0.99), ("p999", 0.999), ("max", 1.0))


class Slot(IntEnum):
    """As in ``programs/page.h``."""

    READY = 0
    RECEIVED = 1
    RECORDING = 2
    STOP = 3
    PUBLISHED = 4
    MODE = 5
    RATE = 6
    WINDOW = 7
    SETUP_NS = 8
    LOST_SOCKETS = 9
    CONNECTIONS = 10
    CLEAR = 11
    CLEARED = 12
    FAILED = 13
    ACKED = 14
    REFUSED = 15
    PINGS = 16


class Mode(IntEnum):
    """What the publisher does."""

    IDLE = 0
    FLAT_OUT = 1
    PACED = 2
    APPEND = 3


class Page:
    """The slots by name."""

    def __init__(self, path: Path) -> None:
        path.write_bytes(bytes(SIZE))
        self.path = path
        with path.open("r+b") as f:
            self._slots = memoryview(mmap.mmap(f.fileno(), SIZE)).cast("Q")

    def __getitem__(self, slot: Slot) -> int:
        return int(self._slots[slot])

    def __setitem__(self, slot: Slot, value: int) -> None:
        self._slots[slot] = value

    def clear(self) -> None:
        """Empties the histogram."""
        self[Slot.CLEAR] += 1
        end = time.monotonic() + 2
        while self[Slot.CLEARED] != self[Slot.CLEAR] and time.monotonic() < end:
            time.sleep(0.002)

    def quantiles(self) -> dict[str, float]:
        """Delays in microseconds."""
        counts = list(self._slots[512 : 512 + 4096])
        total, seen, found = sum(counts), 0, {}
        wanted = list(_QUANTILES)
        for i, count in enumerate(counts):
            seen += count
            while wanted and total and seen >= wanted[0][1] * total:
                found[wanted.pop(0)[0]] = round(_delay_ns(i) / 1000, 1)
        return found


def _delay_ns(bucket: int) -> int:
    if bucket < 64:
        return bucket
    e = bucket // 64 + 5
    return (64 + bucket % 64) << (e - 6)
