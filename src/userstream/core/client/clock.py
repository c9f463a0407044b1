"""The venue's clock, as far as it was measured, and jumps of our own."""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

from userstream.core.client.actions import MeasureClock
from userstream.core.client.bounds import Bounds

_ERAS: Final = 16


class _Era(NamedTuple):
    """What is known of the offset until a jump: it was that, or so much less than after it."""

    until_ms: int
    offset_ms: int | None
    slept_ms: int


class VenueClock:
    """Offset of the venue's clock from one that never steps; the machine's wall may be wrong.

    Until it is measured the wall stands in. A wall that moves against the steady clock was set,
    or the machine slept: the steady clock of most systems stands still meanwhile, so the offset
    only ever grows. A moment before a jump is told by what was measured before it, and never later
    than it was. ``needed``: whether the venue is asked for its time at all.
    """

    def __init__(self, bounds: Bounds, *, needed: bool) -> None:
        self._bounds = bounds
        self._needed = needed
        self._offset_ms: int | None = None
        self.margin_ms = 0
        """By how much the offset may be wrong, where it was measured."""
        self._wall_ms = 0
        self._eras: deque[_Era] = deque()
        self._asked_ms: int | None = None
        self._due_ms = 0

    @property
    def measured(self) -> bool:
        """Whether the venue was asked since the last jump."""
        return self._offset_ms is not None

    @property
    def settled(self) -> bool:
        """Whether no answer is under way: nothing better is known soon."""
        return self._asked_ms is None

    @property
    def sure(self) -> bool:
        """Whether a moment may be told to a later run."""
        return self.measured or not self._needed

    def at(self, at_ms: int) -> int:
        """The venue's time at a moment that is not ahead; never later than it was, if measured."""
        offset_ms = self._wall_ms if self._offset_ms is None else self._offset_ms
        if not self._eras:
            return at_ms + offset_ms
        for era in reversed(self._eras):
            if at_ms > era.until_ms:
                break
            known_ms = era.offset_ms
            offset_ms = offset_ms - era.slept_ms if known_ms is None else min(known_ms, offset_ms)
        return at_ms + offset_ms

    def start(self, now_ms: int, wall_ms: int) -> None:
        """The first look at the wall."""
        self._wall_ms = wall_ms - now_ms
        self._due_ms = now_ms

    def look(self, now_ms: int, wall_ms: int) -> int:
        """By how much the wall moved against the steady clock since the last look, in ms."""
        before_ms, self._wall_ms = self._wall_ms, wall_ms - now_ms
        moved_ms = self._wall_ms - before_ms
        if abs(moved_ms) > self._bounds.check_ms // 2:
            self._doubt(now_ms, moved_ms)
        return moved_ms

    def refused(self, now_ms: int) -> None:
        """The venue refuses a timestamp: whatever was measured, it is asked again."""
        self._needed = True
        self._doubt(now_ms, 0)

    def tick(self, now_ms: int) -> list[MeasureClock]:
        """Asks for the venue's time where that is due; an answer that does not come is given up."""
        if self._asked_ms is not None and now_ms >= self._asked_ms + self._bounds.answer_ms:
            self._asked_ms = None
        if not self._needed or self._asked_ms is not None or now_ms < self._due_ms:
            return []
        self._asked_ms = now_ms
        return [MeasureClock()]

    def answered(self, sent_ms: int, now_ms: int, venue_ms: int | None) -> None:
        """The venue's answer to a question for its time, with half the way assumed each way."""
        self._asked_ms = None
        if venue_ms is None:
            self._due_ms = now_ms + self._bounds.check_ms
            return
        offset_ms = venue_ms - (sent_ms + now_ms) // 2
        known_ms = self._offset_ms
        if known_ms is not None and abs(offset_ms - known_ms) > self._bounds.check_ms // 2:
            self._doubt(now_ms, 0)  # a jump that the wall hid
        self._offset_ms = offset_ms
        self.margin_ms = (now_ms - sent_ms + 1) // 2 + 1
        self._due_ms = now_ms + self._bounds.clock_ms

    def deadline(self) -> int | None:
        """When ``tick`` is due, or ``None``: the venue is not asked."""
        if not self._needed:
            return None
        return self._due_ms if self._asked_ms is None else self._asked_ms + self._bounds.answer_ms

    def _doubt(self, now_ms: int, moved_ms: int) -> None:
        """The offset is not to be relied on: it is measured anew, the wall stands in."""
        self._due_ms = now_ms
        if self._offset_ms is None and moved_ms <= 0:
            return
        self._eras.append(_Era(now_ms, self._offset_ms, max(0, moved_ms)))
        if len(self._eras) > _ERAS:
            oldest_ms = self._eras[0].until_ms
            lowest_ms = self.at(oldest_ms) - oldest_ms
            self._eras.popleft()
            self._eras[0] = _Era(self._eras[0].until_ms, lowest_ms, 0)
        self._offset_ms = None
