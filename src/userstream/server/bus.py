"""The bus: from a publisher's line to every subscriber, by way of the log.

Nothing is shown to a subscriber, and no line is acknowledged, before its commit has returned.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from userstream.core.limits import Limits
from userstream.core.publishing import Appended, Duplicate, Head, Ledger, Refused
from userstream.core.submission import Submission
from userstream.errors import StoreError
from userstream.events import AccountSnapshot
from userstream.server.clock import Clock
from userstream.server.committer import Committer
from userstream.server.logs import logger
from userstream.server.records import (
    EventRecord,
    PictureRecord,
    decode,
    decode_event,
    encode,
    encode_event,
    event_key,
    head_key,
    picture_key,
)
from userstream.server.store import Store, Survives

_log = logger("bus")
Outcome = Appended | Duplicate | Refused
Subscriber = Callable[[Sequence[Appended]], None]


class Stored(NamedTuple):
    """One event of an account's history."""

    seq: int
    record: EventRecord


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


class Bus(Protocol):
    """What publishers, edges and support need of the log of all accounts."""

    @property
    def epoch(self) -> str:
        """The epoch of every event that is appended from now on."""
        ...

    @property
    def survives(self) -> Survives:
        """What an acknowledgement means."""
        ...

    @property
    def pending_bytes(self) -> int:
        """Accepted and not yet committed."""
        ...

    def submission(self) -> Submission:
        """A publishing request, whose lines are handed to ``append`` in order."""
        ...

    def append(self, submission: Submission, lines: Sequence[bytes]) -> Ticket:
        """Appends the next lines of a request."""
        ...

    def subscribe(self, deliver: Subscriber) -> None:
        """Calls back with committed events, each account's in the order of ``seq``."""
        ...

    def history(self, account: str, from_seq: int, limit: int) -> list[Stored]:
        """Events of an account from a ``seq`` on, as far as they are retained."""
        ...


def _stored(appended: Appended) -> Stored:
    _, record = decode_event(event_key(appended.account, appended.seq), encode_event(appended))
    return Stored(appended.seq, record)


class LocalBus:
    """The bus of one process, on a store."""

    def __init__(
        self, store: Store, committer: Committer, epoch: str, clock: Clock, limits: Limits
    ) -> None:
        self._store = store
        self._committer = committer
        self._clock = clock
        self._ledger = Ledger(epoch, limits, self._load)
        self._subscribers: list[Subscriber] = []
        # Memory keeps a number of events an account, as they are; a folder what retention keeps.
        self._in_memory = store.survives is Survives.NOTHING
        self._most = limits.memory_events_per_account
        self._recent: dict[str, deque[Appended]] = {}

    @property
    def epoch(self) -> str:
        """The epoch of this folder, or of this process where nothing is kept."""
        return self._ledger.epoch

    @property
    def survives(self) -> Survives:
        """As the store says."""
        return self._store.survives

    @property
    def pending_bytes(self) -> int:
        """Accepted and not yet committed."""
        return self._committer.pending_bytes

    def submission(self) -> Submission:
        """A publishing request."""
        return Submission(self._ledger)

    def subscribe(self, deliver: Subscriber) -> None:
        """Calls back with committed events, in order."""
        self._subscribers.append(deliver)

    def append(self, submission: Submission, lines: Sequence[bytes]) -> Ticket:
        """Appends the next lines of a request; their outcomes are final once committed."""
        now_ms = self._clock.ms()
        first = submission.line + 1
        accept = submission.accept
        outcomes = [accept(line, now_ms) for line in lines]
        ticket = Ticket(first, outcomes)
        appended = [o for o in outcomes if type(o) is Appended]
        # In memory the ledger itself is the head, and the committer only says that all is well.
        puts = [] if self._in_memory else self._writes(appended)
        self._committer.put(puts, [], lambda e: self._done(e, ticket, submission, appended))
        return ticket

    def history(self, account: str, from_seq: int, limit: int) -> list[Stored]:
        """Events of an account, read from the store, or from memory."""
        if self._in_memory:
            recent = [a for a in self._recent.get(account, ()) if a.seq >= from_seq]
            return [_stored(a) for a in recent[:limit]]
        entries = self._store.scan(
            event_key(account, from_seq), event_key(account, (1 << 64) - 1), limit
        )
        found = []
        for key, value in entries:
            envelope, record = decode_event(key, value)
            found.append(Stored(envelope.seq, record))
        return found

    def _writes(self, appended: list[Appended]) -> list[tuple[bytes, bytes]]:
        puts: list[tuple[bytes, bytes]] = []
        pictures: dict[str, AccountSnapshot] = {}
        touched: dict[str, None] = {}
        for a in appended:
            puts.append((event_key(a.account, a.seq), encode_event(a)))
            touched[a.account] = None
            if a.picture is not None:
                pictures[a.account] = a.picture
        ledger = self._ledger
        puts += [(head_key(name), encode(ledger.account(name).head)) for name in touched]
        puts += [(picture_key(n), encode(PictureRecord(p))) for n, p in pictures.items()]
        return puts

    def _remember(self, appended: list[Appended]) -> None:
        recent = self._recent
        for a in appended:
            kept = recent.get(a.account)
            if kept is None:
                kept = recent[a.account] = deque(maxlen=self._most)
            kept.append(a)

    def _done(
        self,
        error: StoreError | None,
        ticket: Ticket,
        submission: Submission,
        appended: list[Appended],
    ) -> None:
        if error is not None:
            self._undo(error, ticket, submission)
        elif appended:
            if self._in_memory:
                self._remember(appended)
            for deliver in self._subscribers:
                try:
                    deliver(appended)
                except Exception as e:  # noqa: BLE001 - the events are stored, and acknowledged
                    _log.error("a subscriber failed", exc_info=e)
        ticket.settle()

    def _undo(self, error: StoreError, ticket: Ticket, submission: Submission) -> None:
        for i, outcome in enumerate(ticket.outcomes):
            if isinstance(outcome, Refused):
                continue
            # A repeat may repeat a line whose commit has just failed: it proves nothing either.
            account = outcome.account
            self._ledger.forget(account)
            ticket.outcomes[i] = Refused("unavailable", f"not stored: {error}", account)
            submission.block(account, ticket.first_line + i)

    def _load(self, account: str) -> tuple[Head, AccountSnapshot] | None:
        try:
            head = self._store.get(head_key(account))
            picture = self._store.get(picture_key(account))
        except StoreError as e:
            _log.error("the head of an account cannot be read", account=account, error=str(e))
            raise
        if head is None:
            return None
        return (
            decode(head, Head),
            decode(picture, PictureRecord).picture if picture else AccountSnapshot(time_ms=0),
        )
