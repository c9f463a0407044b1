"""Server time: steady while it runs, whatever happens to the wall clock."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
_FEW = 64
"""Items that wait no more, which are not worth a clean-up."""
Changed = Callable[[int, int], None]


class Clock:
    """Milliseconds since 1970: the wall clock at the start, then the monotonic one.

    With ``speed`` 3600 an hour passes in a second (sandbox only). A change of it moves the alarms
    that are set; the time itself never goes back.
    """

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self._start_ms = time.time_ns() // 1_000_000
        self._start = time.monotonic()
        self._set: set[Alarm] = set()
        self._changed: list[Changed] = []

    def ms(self) -> int:
        """The time now."""
        return self._start_ms + int((time.monotonic() - self._start) * 1000 * self.speed)

    def on_change(self, changed: Changed) -> None:
        """Calls back when the clock was changed, with the time before and after."""
        self._changed.append(changed)

    def change(self, *, speed: float | None = None, advance_ms: int = 0) -> None:
        """Runs at another speed from now on, or jumps forward, or both."""
        before_ms = self.ms()
        self._start = time.monotonic()
        self._start_ms = before_ms + advance_ms
        self.speed = self.speed if speed is None else speed
        for changed in self._changed:
            changed(before_ms, self._start_ms)
        for alarm in tuple(self._set):
            alarm.reset()

    def follow(self, ms: int) -> None:
        """Takes the time of another clock: back only while nothing has used this one."""
        self._start = time.monotonic()
        self._start_ms = ms

    def was_set(self, alarm: Alarm) -> None:
        """Remembers an alarm that waits."""
        self._set.add(alarm)

    def was_unset(self, alarm: Alarm) -> None:
        """Forgets an alarm that waits no more."""
        self._set.discard(alarm)


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
        self._clock.was_set(self)

    def reset(self) -> None:
        """Waits anew for the time that is set, by a clock that was changed."""
        due_ms = self._due_ms
        self.cancel()
        self.set(due_ms)

    def cancel(self) -> None:
        """Forgets the time that is set."""
        if self._handle is not None:
            self._handle.cancel()
        self._unset()

    def _rung(self) -> None:
        due_ms = self._due_ms
        self._unset()
        if due_ms is not None and self._clock.ms() < due_ms:
            self.set(due_ms)  # a loop counts in whole ms, in which a fast clock runs far
        else:
            self._ring()

    def _unset(self) -> None:
        self._handle = self._due_ms = None
        self._clock.was_unset(self)


class Deadlines(Generic[T]):
    """Many deadlines behind one alarm. What is due is handed to ``due``, the earliest first.

    ``waits`` says whether an item still is to be handed over.
    """

    def __init__(self, clock: Clock, due: Callable[[T], None], waits: Callable[[T], bool]) -> None:
        self._clock = clock
        self._due = due
        self._waits = waits
        self._gone = 0
        self._heap: list[tuple[int, int, T]] = []
        self._count = itertools.count()  # breaks ties, so that items are never compared
        self._alarm = Alarm(clock, self._ring)

    def add(self, due_ms: int, item: T) -> None:
        """Hands an item over at that time."""
        heapq.heappush(self._heap, (due_ms, next(self._count), item))
        self._alarm.set(due_ms)

    def forget_one(self) -> None:
        """An item waits no more. Those go once they may be the greater part of all."""
        self._gone += 1
        if self._gone > len(self._heap) // 2 + _FEW:
            self._gone = 0
            self._heap = [entry for entry in self._heap if self._waits(entry[2])]
            heapq.heapify(self._heap)

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
