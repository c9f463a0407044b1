"""The bus of one process, on a store.

Nothing is shown to a subscriber, and no line is acknowledged, before its commit has returned.
"""

from __future__ import annotations

import contextlib
import itertools
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from userstream.core.limits import Limits
from userstream.core.publishing import Appended, Head, Ledger, Refused
from userstream.core.submission import Submission
from userstream.errors import StoreError
from userstream.events import AccountSnapshot
from userstream.server.bus import Outcome, Stored, Subscriber, Ticket
from userstream.server.clock import Clock
from userstream.server.committer import Committer
from userstream.server.logs import Seldom, logger
from userstream.server.pagecache import PAGE
from userstream.server.pages import Pages
from userstream.server.records import (
    NOTHING_KEY,
    PictureRecord,
    checkpoint_key,
    decode,
    decode_event,
    encode,
    encode_event,
    event_key,
    head_key,
    picture_key,
)
from userstream.server.retention import Retention
from userstream.server.store import Store, Survives

_log = logger("bus")


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
        self._recent: dict[str, deque[Appended]] = {}
        self._limits = limits
        self._pages = Pages(store, limits.replay_cache_bytes)
        self._retention = Retention(store, committer, clock, limits)
        # Of accounts that were asked for: how far their events were handed to subscribers.
        self._heads: dict[str, int] = {}
        self._seldom = Seldom()
        self._under_way: deque[list[Appended]] = deque()
        self._checkpoints: dict[str, int] = {}

    @property
    def epoch(self) -> str:
        """The log's epoch: of this folder, or of this process where nothing is kept."""
        return self._ledger.epoch

    @property
    def survives(self) -> Survives:
        """As the store says."""
        return self._store.survives

    @property
    def pending_bytes(self) -> int:
        """Accepted and not yet committed."""
        return self._committer.pending_bytes

    @property
    def refusing(self) -> bool:
        """Whether the store refused the last commit."""
        return self._committer.refusing

    @property
    def unwritable(self) -> bool:
        """Never: only a try tells whether a store takes something again."""
        return False

    @property
    def written(self) -> int:
        """None: a folder has no shards."""
        return 0

    async def mend(self) -> None:
        """Commits something of no consequence."""
        with contextlib.suppress(StoreError):
            await self._committer.write([], [NOTHING_KEY])

    async def retire(self) -> None:
        """No other process could write."""

    def fullness(self) -> Mapping[str, float]:
        """None: a folder ends where its disk does."""
        return {}

    def submission(self) -> Submission:
        """A publishing request."""
        return Submission(self._ledger)

    def subscribe(self, deliver: Subscriber) -> None:
        """Calls back with committed events, in order."""
        self._subscribers.append(deliver)

    def on_gap(self, told: Callable[[str], None]) -> None:
        """Never: subscribers are given events before anything can take them."""

    def follow(self, account: str, then: Callable[[StoreError | None], None]) -> None:
        """All accounts are followed."""
        then(None)

    def unfollow(self, account: str) -> None:
        """All accounts are followed."""

    async def settled(self, account: str, seq: int) -> None:
        """At once: nobody else knows more."""

    def proven(self, account: str) -> bool:
        """Always."""
        return True

    def append(self, submission: Submission, lines: Sequence[bytes]) -> Ticket:
        """Appends the next lines of a request; their outcomes are final once committed."""
        now_ms = self._clock.ms()
        first = submission.take(len(lines))
        accept = submission.accept
        outcomes: list[Outcome] = [accept(line, n, now_ms) for n, line in enumerate(lines, first)]
        ticket = Ticket(first, outcomes)
        appended = [o for o in outcomes if type(o) is Appended]
        self._under_way.append(appended)
        # In memory the ledger itself is the head, and the committer only says that all is well.
        puts = [] if self._in_memory else self._writes(appended)
        self._committer.put(puts, [], lambda e: self._done(e, ticket, submission, appended))
        return ticket

    async def history(self, account: str, from_seq: int, limit: int) -> list[Stored]:
        """Events of an account, read from the store, or from memory."""
        if self._in_memory:
            recent = [a for a in self._recent.get(account, ()) if a.seq >= from_seq]
            return [Stored.of(a) for a in recent[:limit]]
        entries = self._store.scan(
            event_key(account, from_seq), event_key(account, (1 << 64) - 1), limit
        )
        found = []
        for key, value in entries:
            found.append(Stored(*decode_event(key, value)))
        return found

    def head(self, account: str) -> int:
        """The last ``seq`` that was handed to subscribers; 0: none ever.

        Raises:
            StoreError: the log cannot be read.
        """
        head = self._heads.get(account)
        if head is None:
            head = self._ledger.account(account).head.seq
            due = [a.seq for group in self._under_way for a in group if a.account == account]
            head = self._heads[account] = min(due) - 1 if due else head
        return head

    async def oldest(self, account: str) -> int:
        """The first ``seq`` that is retained; one past the last where none is.

        Raises:
            StoreError: the log cannot be read.
        """
        if self._in_memory:
            recent = self._recent.get(account)
            return recent[0].seq if recent else self.head(account) + 1
        return self._retention.window(account).oldest

    async def read(self, account: str, from_seq: int) -> Sequence[Appended]:
        """Some committed events from a ``seq`` on, with their pictures.

        Raises:
            StoreError: the log cannot be read.
        """
        if not self._in_memory:
            return await self._pages.read(account, max(from_seq, await self.oldest(account)))
        recent = self._recent.get(account)
        if not recent:
            return []
        start = max(from_seq - recent[0].seq, 0)
        return list(itertools.islice(recent, start, start + PAGE))

    def short_windows(self) -> Mapping[str, float]:
        """Accounts of which less than the promised time is kept, and how many seconds are."""
        if not self._in_memory:
            return self._retention.short()
        now_ms, promised_s = self._clock.ms(), self._limits.retention_s
        full = [
            r[0] for r in self._recent.values() if len(r) == self._limits.memory_events_per_account
        ]
        ages = {a.account: (now_ms - a.time_ms) / 1_000 for a in full}
        return {account: age for account, age in ages.items() if age < promised_s}

    def start(self) -> None:
        """Begins to drop what need not be kept.

        Raises:
            StoreError: what is kept cannot be read.
        """
        if not self._in_memory:
            self._retention.start()

    async def close(self) -> None:
        """Reads and drops no more."""
        await self._retention.stop()
        self._pages.close()

    def _writes(self, appended: list[Appended]) -> list[tuple[bytes, bytes]]:
        puts: list[tuple[bytes, bytes]] = []
        pictures: dict[str, AccountSnapshot] = {}
        touched: dict[str, int] = {}
        for a in appended:
            key, value = event_key(a.account, a.seq), encode_event(a)
            puts.append((key, value))
            touched[a.account] = touched.get(a.account, 0) + len(key) + len(value)
            if a.picture is not None:
                pictures[a.account] = a.picture
                if self._checkpoints.get(a.account) != a.seq // PAGE:
                    self._checkpoints[a.account] = a.seq // PAGE
                    puts.append(
                        (checkpoint_key(a.account, a.seq), encode(PictureRecord(a.picture)))
                    )
        ledger = self._ledger
        puts += [(head_key(name), encode(ledger.account(name).head)) for name in touched]
        puts += [self._retention.grown(name, size) for name, size in touched.items()]
        puts += [(picture_key(n), encode(PictureRecord(p))) for n, p in pictures.items()]
        return puts

    def _remember(self, appended: list[Appended]) -> None:
        recent = self._recent
        for a in appended:
            kept = recent.get(a.account)
            if kept is None:
                kept = recent[a.account] = deque(maxlen=self._limits.memory_events_per_account)
            kept.append(a)

    def _done(
        self,
        error: StoreError | None,
        ticket: Ticket,
        submission: Submission,
        appended: list[Appended],
    ) -> None:
        self._under_way.popleft()
        if error is not None:
            self._undo(error, ticket, submission)
        elif appended:
            if self._in_memory:
                self._remember(appended)
            heads = self._heads
            if heads:
                heads.update([(a.account, a.seq) for a in appended if a.account in heads])
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
            self._checkpoints.pop(account, None)
            self._retention.forget(account)
            ticket.outcomes[i] = Refused("unavailable", f"not stored: {error}", account)
            submission.block(account, ticket.first_line + i)

    def _load(self, account: str) -> tuple[Head, AccountSnapshot] | None:
        try:
            head = self._store.get(head_key(account))
            picture = self._store.get(picture_key(account))
            if not self._in_memory:
                # Later, behind an accepted line, nothing may be read that could fail.
                self._retention.window(account)
        except StoreError as e:
            if self._seldom.passes(account):
                _log.error("the head of an account cannot be read", account=account, error=str(e))
            raise
        if head is None:
            return None
        known = decode(picture, PictureRecord).picture if picture else AccountSnapshot(time_ms=0)
        return decode(head, Head), known
