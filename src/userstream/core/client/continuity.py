"""Continuity: what the marks of our own server prove, and where they show a hole."""

from __future__ import annotations

from enum import Enum, auto

from userstream.venue import WHOLE, Cursor, Mark


class Place(Enum):
    """Where a marked frame stands."""

    NEXT = auto()
    """It follows what is known without a hole."""
    REPEAT = auto()
    """It was received before."""
    HOLE = auto()
    """Something before it is missing. It is not taken: it comes again after a resume."""


class Continuity:
    """Holds the cursor of an account's log. Identity is (epoch, seq, part).

    Doc: design §4. ``prev`` of a frame is the last ``seq`` that gave this session a frame, so a
    jump of ``seq`` alone is no hole.
    """

    def __init__(self, cursor: Cursor | None = None) -> None:
        self.cursor = cursor

    def take(self, mark: Mark) -> Place:
        """Places an event's frame, and moves the cursor if it is the next."""
        place = self._place(mark)
        if place is Place.NEXT:
            self.cursor = Cursor(mark.epoch, mark.seq, mark.part, mark.parts)
        return place

    def beat(self, mark: Mark) -> Place:
        """A heartbeat: ``NEXT`` if all is there up to the head of the log, else ``HOLE``."""
        cursor = self.cursor
        if cursor is not None:
            last = mark.seq if mark.prev is None else mark.prev
            if mark.epoch != cursor.epoch or last > cursor.seq:
                return Place.HOLE
            if not cursor.complete and mark.seq > cursor.seq:
                return Place.HOLE
            if mark.seq <= cursor.seq:
                return Place.NEXT
        self.cursor = Cursor(mark.epoch, mark.seq, WHOLE, WHOLE)
        return Place.NEXT

    def caught_up(self, mark: Mark) -> bool:
        """Whether all is there up to the head that ``us.resumed`` told."""
        cursor = self.cursor
        return (
            cursor is not None
            and cursor.epoch == mark.epoch
            and cursor.complete
            and cursor.seq >= (mark.seq if mark.prev is None else mark.prev)
        )

    def forget(self) -> None:
        """The server cannot go on from the cursor: the next frame starts anew."""
        self.cursor = None

    def _place(self, mark: Mark) -> Place:
        cursor = self.cursor
        if cursor is None:
            return Place.NEXT
        if mark.epoch != cursor.epoch:
            return Place.HOLE
        if (mark.seq, mark.part) <= (cursor.seq, cursor.part):
            return Place.REPEAT
        if mark.seq == cursor.seq:
            return Place.NEXT if mark.part == cursor.part + 1 else Place.HOLE
        if mark.part != 1 or not cursor.complete:
            return Place.HOLE
        before = mark.seq - 1 if mark.prev is None else mark.prev
        return Place.NEXT if before <= cursor.seq else Place.HOLE
