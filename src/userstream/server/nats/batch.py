"""Lines on their way to a shard's writer in another process, and what it answers.

Both are JSON with a version. Unknown fields are ignored, so a later version may add some.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from userstream.core.publishing import Duplicate, Refused
from userstream.errors import StoreDamaged
from userstream.server.bus import Outcome
from userstream.server.records import decode, encode

VERSION = 1


class Piece(msgspec.Struct, frozen=True):
    """Lines of one publishing request, in their order."""

    request: int
    """Which one of those that share the session."""
    numbers: list[int]
    """Of the lines in their request, from 1."""
    sizes: list[int]
    """Of the lines in bytes."""


class Batch(msgspec.Struct, frozen=True):
    """What is handed over in one message; the lines themselves lie behind it."""

    session: str
    """Batches of a session are taken in the order of their numbers, without a hole, or not."""
    number: int
    """From 0."""
    answered: int
    """The answers to all batches before this number are known to whoever asks."""
    pieces: list[Piece]
    term: int = 0
    """The latest of the shard that its sender heard of; 0: of none, or it does not say."""
    v: int = VERSION


class Repeat(msgspec.Struct, frozen=True, tag="repeat"):
    """A line that was stored before."""

    seq: int
    """The head of its account."""


class No(msgspec.Struct, frozen=True, tag="no"):
    """A line that was not accepted."""

    code: str
    msg: str


Told: TypeAlias = int | Repeat | No
"""What became of a line; a number is the ``seq`` at which it was stored."""


class BatchAnswer(msgspec.Struct, frozen=True):
    """What the writer says of a batch."""

    term: int
    """The writer's own."""
    outcomes: list[Told] = []
    not_taken: str = ""
    """Why nothing of the batch was, or will be, accepted; empty: it was taken."""
    v: int = VERSION


def write_batch(batch: Batch, lines: Sequence[bytes]) -> bytes:
    """A batch as one message."""
    return b"%b\n%b" % (encode(batch), b"".join(lines))


def read_batch(data: bytes) -> tuple[Batch, bytes]:
    """A batch, and its lines one behind the other.

    Raises:
        StoreDamaged: the bytes are not a batch.
        StoreTooNew: made by a later version that changed what a batch is.
    """
    head, _, lines = data.partition(b"\n")
    batch = decode(head, Batch)
    if sum(size for piece in batch.pieces for size in piece.sizes) != len(lines):
        raise StoreDamaged("a batch of lines is not as long as it says")
    return batch, lines


def unknown_batch() -> bytes:
    """A batch that no writer takes, of this version or another: it tells whether there is one."""
    return write_batch(Batch("", 1, 0, []), [])


def told_of(outcome: Outcome) -> Told:
    """An outcome as it is told to another process."""
    if isinstance(outcome, Refused):
        return No(outcome.code, outcome.msg)
    return Repeat(outcome.seq) if isinstance(outcome, Duplicate) else outcome.seq
