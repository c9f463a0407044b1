"""Copies: events of overlapping sockets, merged by count and never by likeness alone.

Of equal events as many are told as any one socket showed: two equal fills in one millisecond are
two fills, and one fill that two sockets show is one.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from userstream.core.client.identity import Said


class Copy(NamedTuple):
    """``ambiguous``: an equal event was told before, and nothing tells this one from it."""

    told: bool
    ambiguous: bool = False


FIRST = Copy(told=True)
REPEAT = Copy(told=False)
MAYBE = Copy(told=True, ambiguous=True)


class _Entry:
    __slots__ = ("shown", "told")

    def __init__(self, socket: int, era: int) -> None:
        self.told = {era: 1}
        """How often it was told, by the era it was told in."""
        self.shown = {socket: 1}
        """How often each socket showed it."""


class Copies:
    """Counts of the last ``most`` events. An era begins when a socket is asked for.

    What was told before a socket was asked for was published before it, and cannot be what that
    socket shows: its first copy is one more. A venue whose gateways lag can still show it again,
    so such a copy is told and marked.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._era = 0
        self._asked: dict[int, int] = {}
        self._entries: OrderedDict[Said, _Entry | tuple[int, int]] = OrderedDict()
        self._first = (0, 0)
        """Who showed an event and when, as long as there is no more to say of it: one for many."""

    def __len__(self) -> int:
        return len(self._entries)

    def ask(self, socket: int) -> None:
        """A socket is about to be opened."""
        self._era += 1
        self._asked[socket] = self._era

    def drop(self, socket: int) -> None:
        """A socket is over."""
        self._asked.pop(socket, None)

    def take(self, socket: int, said: Said) -> Copy:
        """Whether what a socket shows is to be told."""
        entry = self._entries.get(said)
        if entry is None:
            if self._first != (socket, self._era):
                self._first = (socket, self._era)
            self._entries[said] = self._first
            if len(self._entries) > self._most:
                self._entries.popitem(last=False)
            return FIRST
        self._entries.move_to_end(said)
        if isinstance(entry, tuple):
            entry = self._entries[said] = _Entry(*entry)
        shown = entry.shown[socket] = entry.shown.get(socket, 0) + 1
        asked = self._asked.get(socket, 0)
        before = sum(n for era, n in entry.told.items() if era < asked)
        told = sum(entry.told.values())
        if before + shown <= told:
            return REPEAT
        entry.told[self._era] = entry.told.get(self._era, 0) + 1
        return MAYBE
