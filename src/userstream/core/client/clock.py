"""The venue's clock, as far as it was measured, and jumps of our own."""

from __future__ import annotations


class VenueClock:
    """Offset of the venue's clock from one that never steps; the machine's wall may be wrong.

    Until it is measured the wall stands in. A wall that moves against the steady clock was set,
    or the machine slept: the steady clock of most systems stands still meanwhile.
    """

    def __init__(self) -> None:
        self._offset_ms: int | None = None
        self._wall_ms: int | None = None
        self.margin_ms = 0
        """By how much the offset may be wrong."""

    @property
    def measured(self) -> bool:
        """Whether the venue was asked since the last jump."""
        return self._offset_ms is not None

    def at(self, now_ms: int) -> int:
        """The venue's time."""
        return now_ms + (self._wall_ms or 0 if self._offset_ms is None else self._offset_ms)

    def measure(self, sent_ms: int, answered_ms: int, venue_ms: int) -> None:
        """The venue's answer to a question for its time, with half the way assumed each way."""
        self.margin_ms = (answered_ms - sent_ms + 1) // 2 + 1
        self._offset_ms = venue_ms - (sent_ms + answered_ms) // 2

    def look(self, now_ms: int, wall_ms: int) -> int:
        """By how much the wall moved against the steady clock since the last look, in ms."""
        before, self._wall_ms = self._wall_ms, wall_ms - now_ms
        return 0 if before is None else self._wall_ms - before

    def doubt(self) -> None:
        """The offset is not to be relied on: it is measured anew, the wall stands in."""
        self._offset_ms = None
