"""Track: how far one stream has come in its account's log, and what its frames say of it."""

from __future__ import annotations

from collections.abc import Sequence

from userstream.venue import WHOLE, Cursor, Frame, Mark, marked


class Track:
    """The place of one stream with the extension. Doc: design §4.

    It is ``live`` while the log's subscription feeds it, and otherwise fed from the log itself,
    or not at all. Events come in the order of ``seq`` and without holes; which of them give this
    stream frames is its dialect's and its channels' affair.
    """

    __slots__ = ("_first", "_skip", "epoch", "last", "live", "passed")

    def __init__(self, epoch: str, seq: int) -> None:
        self.epoch = epoch
        self.live = True
        self._first = self._skip = 0
        self.passed = seq
        """Everything up to here was shown, as far as it gives frames."""
        self.last = seq
        """The last that gave a frame; at the beginning, where it began."""

    @classmethod
    def resuming(cls, cursor: Cursor) -> Track:
        """Begins behind a cursor; of an event in whose middle it stands, with the next part."""
        within = cursor.part < WHOLE and cursor.seq > 0
        track = cls(cursor.epoch, cursor.seq - 1 if within else cursor.seq)
        track.live = False
        if within:
            track._first, track._skip = cursor.seq, cursor.part
        return track

    def due(self, seq: int, frames: Sequence[Frame]) -> bool:
        """Whether an event that gives these frames is more than the stream had already."""
        return len(frames) > (self._skip if seq == self._first else 0)

    def show(self, seq: int, frames: Sequence[Frame]) -> list[Frame]:
        """Moves on to the next event; its frames for this stream, with their marks."""
        parts = len(frames)
        skip = self._skip if seq == self._first else 0
        out = [
            marked(frame, Mark(self.epoch, seq, self.last, part, parts))
            for part, frame in enumerate(frames, 1)
            if part > skip
        ]
        self.passed = seq
        if parts:
            self.last = seq
        return out

    def beat(self, head: int) -> Mark:
        """What a heartbeat says, given the head of the log.

        A live stream that was not fed up to the head has lost its subscription: that a frame is
        due is then all that can be said, and no more is needed for its client to find out.
        """
        if not self.live:
            return Mark(self.epoch, self.passed, self.last, kind="us.heartbeat")
        due = head if head > self.passed else self.last
        return Mark(self.epoch, max(head, self.passed), due, kind="us.heartbeat")


def judge(cursor: Cursor, epoch: str, head: int, oldest: int) -> str | None:
    """Why a stream cannot go on from a cursor; ``None``: it can.

    A cursor ahead of the head is of another history, whatever it says. ``oldest`` is the first
    ``seq`` that is retained, or one past the head.
    """
    if cursor.epoch != epoch or cursor.seq > head:
        return "epoch"
    first = Track.resuming(cursor).passed + 1
    return "too_old" if first <= head and first < oldest else None
