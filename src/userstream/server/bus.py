"""The bus: from a publisher's line to every subscriber, by way of the log.

Nothing is shown to a subscriber, and no line is acknowledged, before its commit has returned.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from userstream.core.publishing import Acknowledged, Appended, Duplicate, Refused
from userstream.core.submission import Submission
from userstream.server.records import EventRecord, decode_event, encode_event, event_key
from userstream.server.replay import Log
from userstream.server.store import Survives

Outcome = Acknowledged | Appended | Duplicate | Refused
Subscriber = Callable[[Sequence[Appended]], None]


class Stored(NamedTuple):
    """One event of an account's history."""

    seq: int
    record: EventRecord

    @classmethod
    def of(cls, appended: Appended) -> Stored:
        """A new event as it will be read."""
        key = event_key(appended.account, appended.seq)
        return cls(*decode_event(key, encode_event(appended)))


class Ticket:
    """Lines on their way to the log: ``await`` it, then read ``outcomes``."""

    __slots__ = ("_committed", "first_line", "outcomes")

    def __init__(self, first_line: int, outcomes: list[Outcome]) -> None:
        self.first_line = first_line
        self.outcomes = outcomes
        self._committed: asyncio.Event | None = asyncio.Event()

    async def committed(self) -> None:
        """Returns when every line has its final outcome."""
        if self._committed is not None:
            await self._committed.wait()

    def settle(self) -> None:
        """The outcomes are final."""
        if self._committed is not None:
            self._committed.set()
            self._committed = None


class Bus(Log, Protocol):
    """What publishers, edges and support need of the log of all accounts."""

    @property
    def survives(self) -> Survives:
        """What an acknowledgement means."""
        ...

    @property
    def pending_bytes(self) -> int:
        """Accepted and not yet committed."""
        ...

    @property
    def refusing(self) -> bool:
        """Whether the last commit was refused."""
        ...

    @property
    def unwritable(self) -> bool:
        """Whether nothing at all can be appended now: it is no use to read a request."""
        ...

    @property
    def written(self) -> int:
        """How many shards of the log this process writes, where it has some."""
        ...

    async def mend(self) -> None:
        """Tries, after a refusal, whether commits are taken again, where that does not show."""
        ...

    async def retire(self) -> None:
        """Leaves writing to other processes, at once, where there can be some."""
        ...

    def fullness(self) -> Mapping[str, float]:
        """The part of its bound that each stream of the log holds, where it has one."""
        ...

    def submission(self) -> Submission:
        """A publishing request, whose lines are handed to ``append`` in order."""
        ...

    def append(self, submission: Submission, lines: Sequence[bytes]) -> Ticket:
        """Appends the next lines of a request."""
        ...

    def subscribe(self, deliver: Subscriber) -> None:
        """Calls back with committed events, each account's in the order of ``seq``.

        Of accounts that are followed for certain; a bus may give more.
        """
        ...

    def on_gap(self, told: Callable[[str], None]) -> None:
        """Calls back with an account of which retention took events too early.

        Subscribers were not given them; those that follow come next.
        """
        ...

    async def history(self, account: str, from_seq: int, limit: int) -> list[Stored]:
        """Events of an account from a ``seq`` on, as far as they are retained.

        Raises:
            StoreError: the log cannot be read.
        """
        ...

    async def close(self) -> None:
        """Waits for what is on its way, and reads and drops no more."""
        ...

    def short_windows(self) -> Mapping[str, float]:
        """Accounts of which less than the promised time is kept, and how many seconds are."""
        ...
