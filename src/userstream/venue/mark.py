"""The extension in frames: where an event stands in its account's log, and control frames.

A client that connects with ``us=1`` finds in each frame of our server a field ``us``; a field is
ignored by whoever does not know it. Design: §4, cursor, heartbeat, resume.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from userstream.events import EPOCH

FIELD = 1000
"""Number of the field in protobuf wrappers; its content is the JSON of the same object."""
WHOLE = 9_999
"""A part past every part: that cursor stands behind the whole event, in every dialect."""


class Cursor(NamedTuple):
    """A place in an account's log: everything up to that part of that event was received.

    In the middle of an event a cursor holds for the dialect and the channels it was taken in,
    since another one has other parts; behind an event it holds for all.
    """

    epoch: str
    seq: int
    part: int
    parts: int = 1
    """How many the event has; 0: not known."""

    @property
    def complete(self) -> bool:
        """Whether the event's last part is there."""
        return self.part >= self.parts

    def __str__(self) -> str:
        part = WHOLE if self.parts and self.complete else self.part
        return f"{self.epoch}:{self.seq}:{part}"

    @classmethod
    def parse(cls, text: str) -> Cursor | None:
        """The cursor that ``str`` wrote; ``None`` for any other text.

        How many parts the event has is not written: it may or may not be complete.
        """
        epoch, _, rest = text.partition(":")
        seq, _, part = rest.partition(":")
        digits = seq.isascii() and seq.isdigit() and part.isascii() and part.isdigit()
        if not digits or len(seq) > 19 or len(part) > 4 or not EPOCH.fullmatch(epoch):
            return None
        return cls(epoch, int(seq), int(part), 0)


class Mark(msgspec.Struct, frozen=True, gc=False):
    """What ``us`` says. ``prev`` is the last ``seq`` before that gave this session a frame.

    A heartbeat has the head of the log as ``seq`` and as ``prev`` the last that gave a frame.
    """

    epoch: str
    seq: int
    prev: int | None = None
    part: int = 1
    parts: int = 1
    kind: str = ""
    """Empty for an event; ``us.resumed``, ``us.heartbeat``, ``us.end``, ``us.refused``."""
    reason: str | None = None
    """Of ``us.end``: the label of the end. Of ``us.refused``: ``too_old`` or ``epoch``.
    Of ``us.heartbeat``: ``degraded`` where the log cannot be asked."""


class _Framed(msgspec.Struct, gc=False):
    us: Mark | None = None
    e: Any = None


_decoder: msgspec.json.Decoder[_Framed | list[_Framed]] = msgspec.json.Decoder(
    _Framed | list[_Framed]
)
_decode_mark = msgspec.json.Decoder(Mark).decode


def read_mark(frame: bytes | str) -> Mark | None:
    """The mark of a JSON frame, an object or an array of one."""
    try:
        framed = _decoder.decode(frame)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    if isinstance(framed, list):
        if len(framed) != 1:
            return None
        framed = framed[0]
    mark, kind = framed.us, framed.e
    if mark is not None and isinstance(kind, str) and kind.startswith("us."):
        return msgspec.structs.replace(mark, kind=kind)
    return mark


def decode_mark(data: bytes) -> Mark | None:
    """The mark in the extension's own field of a binary frame."""
    try:
        return _decode_mark(data)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
