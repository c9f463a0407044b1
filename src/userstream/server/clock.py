"""Server time: steady while it runs, whatever happens to the wall clock."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Clock:
    """Milliseconds since 1970: the wall clock at the start, then the monotonic one.

    With ``speed`` 3600 an hour passes in a second (sandbox only).
    """

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self._start_ms = time.time_ns() // 1_000_000
        self._start = time.monotonic()

    def ms(self) -> int:
        """The time now."""
        return self._start_ms + int((time.monotonic() - self._start) * 1000 * self.speed)


class Alarm:
    """Calls back at a server time; of several times set, the earliest counts."""

    def __init__(self, clock: Clock, ring: Callable[[], None]) -> None:
        self._clock = clock
        self._ring = ring
        self._due_ms: int | None = None
        self._handle: asyncio.TimerHandle | None = None

    def set(self, due_ms: int | None) -> None:
        """Asks for a call at that time, unless an earlier one is set already."""
        if due_ms is None or (self._due_ms is not None and self._due_ms <= due_ms):
            return
        self.cancel()
        self._due_ms = due_ms
        # Never sooner than a millisecond: a fast clock must not spin the loop.
        wait_s = max((due_ms - self._clock.ms()) / 1000 / self._clock.speed, 0.001)
        self._handle = asyncio.get_running_loop().call_later(wait_s, self._rung)

    def cancel(self) -> None:
        """Forgets the time that is set."""
        if self._handle is not None:
            self._handle.cancel()
        self._handle = self._due_ms = None

    def _rung(self) -> None:
        self._handle = self._due_ms = None
        self._ring()


class Deadlines(Generic[T]):
    """Many deadlines behind one alarm. What is due is handed to ``due``, the earliest first."""

    def __init__(self, clock: Clock, due: Callable[[T], None]) -> None:
        self._clock = clock
        self._due = due
        self._heap: list[tuple[int, int, T]] = []
        self._count = itertools.count()  # breaks ties, so that items are never compared
        self._alarm = Alarm(clock, self._ring)

    def add(self, due_ms: int, item: T) -> None:
        """Hands an item over at that time."""
        heapq.heappush(self._heap, (due_ms, next(self._count), item))
        self._alarm.set(due_ms)

    def cancel(self) -> None:
        """Hands over nothing more."""
        self._heap.clear()
        self._alarm.cancel()

    def _ring(self) -> None:
        now_ms = self._clock.ms()
        while self._heap and self._heap[0][0] <= now_ms:
            self._due(heapq.heappop(self._heap)[2])
        if self._heap:
            self._alarm.set(self._heap[0][0])
