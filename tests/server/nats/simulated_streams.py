"""Streams in this process: what the leader has, and copies that lag."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple


class Stored(NamedTuple):
    """A message of a stream."""

    place: int
    subject: str
    data: bytes


def matches(wanted: str, subject: str) -> bool:
    """Whether a subject is the one that is wanted, which may end with a star for one word."""
    if wanted.endswith(".*"):
        return subject.rpartition(".")[0] == wanted[:-2]
    return subject == wanted or (wanted.endswith(">") and subject.startswith(wanted[:-1]))


class Copy:
    """A copy of a stream, as far as it has come."""

    def __init__(self, *, one_a_subject: bool) -> None:
        self._one = one_a_subject
        self._lasts: dict[str, Stored] = {}
        self.messages: dict[int, Stored] = {}
        self.last = 0

    def take(self, op: Stored | int) -> None:
        """The next change: a message, or a purge of all below a place."""
        if isinstance(op, Stored):
            before = self._lasts.get(op.subject)
            if self._one and before is not None:
                del self.messages[before.place]
            self.messages[op.place] = self._lasts[op.subject] = op
            self.last = op.place
        else:
            self.messages = {p: m for p, m in self.messages.items() if p >= op}
            self._lasts = {s: m for s, m in self._lasts.items() if m.place >= op}

    def last_of(self, subject: str) -> Stored | None:
        """The last message of a subject; ``>`` are all."""
        if subject == ">":
            return next(reversed(self.messages.values()), None)
        return self._lasts.get(subject)

    def after(self, place: int, subject: str) -> Iterator[Stored]:
        """Messages of a subject from a place on; the subject may end with a star."""
        for message in self.messages.values():
            if message.place >= place and matches(subject, message.subject):
                yield message


class Stream:
    """A stream: all that ever became of it, and what the leader knows of that."""

    def __init__(self, name: str, prefix: str, *, one_a_subject: bool = False) -> None:
        self.name = name
        self.prefix = prefix
        self.one_a_subject = one_a_subject
        self.ops: list[Stored | int] = []
        self.leader = Copy(one_a_subject=one_a_subject)
        self.behind = 0
        """Changes that whoever says it is the leader does not know of."""
        self.lags: list[int] = []
        """So many changes the next copies that are asked do not have."""
        self.parted_at: int | None = None
        """So many changes came before nodes were parted; who is asked knows no later one."""

    @property
    def stored(self) -> list[Stored]:
        """All messages that ever were."""
        return [op for op in self.ops if isinstance(op, Stored)]

    def add(self, subject: str, data: bytes) -> Stored:
        """Stores a message."""
        message = Stored(self.leader.last + 1, subject, data)
        self._do(message)
        return message

    def purge(self, below: int) -> None:
        """Drops messages."""
        self._do(below)

    def known(self, behind: int) -> Copy:
        """What a copy has that lacks the last changes."""
        if not behind and self.parted_at is None:
            return self.leader
        copy = Copy(one_a_subject=self.one_a_subject)
        for op in self.ops[: len(self.ops) - behind][: self.parted_at]:
            copy.take(op)
        return copy

    def _do(self, op: Stored | int) -> None:
        self.ops.append(op)
        self.leader.take(op)
