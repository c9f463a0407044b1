"""Appending lines: each gets its place from the ledger of its shard's writer.

Where that is another process, its lines are handed over to it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Sequence
from functools import partial

from userstream.core.limits import Limits
from userstream.core.publishing import Appended, Head, Ledger, Refused
from userstream.core.submission import Submission
from userstream.errors import StoreDamaged, StoreError, StoreUnavailable
from userstream.events import AccountSnapshot
from userstream.server.bus import Outcome, Ticket
from userstream.server.clock import Clock
from userstream.server.nats.fullness import Fullness
from userstream.server.nats.giving import Giving
from userstream.server.nats.handover import Handover
from userstream.server.nats.heads import Heads
from userstream.server.nats.intake import Intake
from userstream.server.nats.jetstream import JetStream
from userstream.server.nats.job import Job
from userstream.server.nats.layout import Layout, write_event
from userstream.server.nats.shard import Shard, written
from userstream.server.nats.spread import Spread
from userstream.server.nats.waiting import Waiting

_TAKE_S = 10.0
_HEADER_BYTES = 256
_ROUTES = 100_000  # remembered; anybody may send names
_NOT_LOADED = StoreUnavailable("its head was not read")
_UNDER_WAY = Refused("unavailable", "it is on its way")


class Appends:
    """The shards that this process writes, and the way to those that others write.

    ``writes`` says whether it takes shards that nobody has.
    """

    def __init__(
        self, js: JetStream, layout: Layout, owner: str, clock: Clock, limits: Limits, *,
        writes: bool = True,
    ) -> None:  # fmt: skip
        self._js = js
        self._layout = layout
        self._clock = clock
        self._limits = limits
        self._writes = writes
        self._ledger = Ledger(layout.epoch, limits, self._load)
        self._heads = Heads(js, layout, self._ledger.get)
        self._intake = Intake(js.link, layout, self)
        wait_s, takes = limits.append_wait_s, self._intake.takes
        self.shards = [
            Shard(n, layout, js, owner, wait_s, self._opened, self._lost, takes)
            for n in range(layout.shards)
        ]
        streams = [name(n) for name in (layout.events, layout.heads) for n in range(layout.shards)]
        self.fullness = Fullness(js, [*streams, layout.bucket])
        self._handover = Handover(js.link, layout, wait_s)
        self._waiting = Waiting(self._missing, self._fetch, self._accept)
        writers = self._handover.writers
        self._giving = Giving(js.link, layout, self.shards, writers, self._intake, self._waiting)
        self._spread = Spread(js.link, layout, owner, self.shards, writers, self._intake)
        self._loaded: dict[str, tuple[Head, AccountSnapshot] | StoreError | None] = {}
        self._routes: dict[str, tuple[Shard, bytes]] = {}
        self.pending_bytes = 0

    async def start(self) -> None:
        """Begins to write; returns when it is known who writes which shard."""
        self._handover.writers.start()
        self.fullness.start()
        if not self._writes:
            return
        self._heads.start()
        for shard in self.shards:
            shard.start()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_TAKE_S):
                for shard in self.shards:
                    await shard.asked.wait()
        self._spread.start()

    async def retire(self) -> None:
        """Gives the shards up; from then on lines go to whoever takes them."""
        await self._spread.close()
        await self._giving.close()

    async def close(self) -> None:
        """Gives the shards up, and hands nothing over any more."""
        await self.retire()
        await self.fullness.close()
        await self._waiting.close()
        await self._intake.close()
        self._handover.close()
        await self._heads.close()

    def submission(self) -> Submission:
        """A publishing request."""
        return Submission(self._ledger)

    def append(self, submission: Submission, lines: Sequence[bytes]) -> Ticket:
        """Appends the next lines of a request; their outcomes are final once committed."""
        first = submission.take(len(lines))
        numbers = range(first, first + len(lines))
        return self._queue(Job(submission, numbers, lines, stays=False))

    def take(
        self, submission: Submission, numbers: Sequence[int], lines: Sequence[bytes]
    ) -> Ticket:
        """Appends lines that are these of their request; none is handed on."""
        return self._queue(Job(submission, numbers, lines, stays=True))

    @property
    def written(self) -> int:
        """How many shards this process writes."""
        return written(self.shards)

    @property
    def full(self) -> bool:
        """Whether as much waits to be committed as may."""
        return self.pending_bytes >= self._limits.append_queue_bytes

    def unwritten(self) -> Collection[int]:
        """Shards without a writer now, as far as is known."""
        return [n for n in self._handover.writers.missing() if not self.shards[n].mine]

    def _queue(self, job: Job) -> Ticket:
        self.pending_bytes += job.size
        if not job.lines:
            job.ticket.settle()
        elif not self._waiting.takes(job):
            self._accept(job)
        return job.ticket

    def _missing(self, job: Job) -> list[str]:
        """Accounts whose heads have to be loaded first, or whose shard is being given."""
        return self._giving.held(job) or [
            a
            for a in self._ledger.unknown(job.accounts)
            if a is not None and a not in self._loaded and self._shard(a).mine
        ]

    async def _fetch(self, account: str) -> None:
        if self._giving.holds(account):
            await self._giving.over()
            return
        shard = self._shard(account)
        term = shard.term
        with contextlib.suppress(StoreError):
            await shard.stored()  # what was put of it may still be on its way
        loaded: tuple[Head, AccountSnapshot] | StoreError | None
        try:
            found = await self._heads.load(account)
            loaded = None if found is None else (found[0], found[1].picture)
        except Exception as e:  # noqa: BLE001 - whoever waits for it must be told
            loaded = e if isinstance(e, StoreError) else StoreDamaged(str(e))
            self._heads.unread(account, loaded)
        if shard.mine and shard.term == term:  # else it is asked for anew, or another's affair
            self._loaded[account] = loaded

    def _load(self, account: str) -> tuple[Head, AccountSnapshot] | None:
        loaded = self._loaded.pop(account, _NOT_LOADED)
        if not self._shard(account).mine:
            raise StoreUnavailable("no process, or another one, writes this account now")
        if isinstance(loaded, StoreError):
            raise loaded
        return loaded

    def _accept(self, job: Job) -> None:
        now_ms = self._clock.ms()
        elsewhere = self._elsewhere(job)
        if elsewhere:
            outcomes = [self._handed(job, i, elsewhere, now_ms) for i in range(len(job.lines))]
        else:
            accept = job.submission.accept
            lines = zip(job.lines, job.numbers, job.plain, strict=True)
            outcomes = [accept(line, number, now_ms, plain) for line, number, plain in lines]
        job.ticket.outcomes = outcomes
        for i, outcome in enumerate(outcomes):
            if isinstance(outcome, Appended):
                self._put(job, i, outcome)
            elif outcome is _UNDER_WAY:
                self._handover.put(job, i, partial(self._told, job, i))
            elif isinstance(outcome, Refused):
                self._settled(job)
            else:
                shard = self._shard(outcome.account)
                shard.barrier(partial(self._done, job, i, outcome.account))
        self._giving.accepted(job)

    def _elsewhere(self, job: Job) -> Collection[str]:
        """Accounts of a job that another process writes, as far as is known."""
        # Or wrote when earlier lines went there: behind later ones they would be repeats.
        before = self._handover.under_way
        if job.stays or (not before and all(shard.mine for shard in self.shards)):
            return ()
        return {
            a for a in job.accounts if a is not None and (a in before or not self._shard(a).mine)
        }

    def _handed(self, job: Job, i: int, elsewhere: Collection[str], now_ms: int) -> Outcome:
        """What becomes of a line of a job some of whose lines are handed over."""
        line, number, account = job.lines[i], job.numbers[i], job.accounts[i]
        if account not in elsewhere or len(line) > self._limits.event_bytes:
            return job.submission.accept(line, number, now_ms)
        blocked = job.submission.blocking(line, number)
        if blocked is None and job.error is not None:
            job.submission.block(account, number)
            return Refused("unavailable", f"not stored: {job.error}", account)
        return blocked or _UNDER_WAY

    def _told(self, job: Job, i: int, outcome: Outcome) -> None:
        job.ticket.outcomes[i] = outcome
        if isinstance(outcome, Refused) and outcome.code != "blocked_by":
            job.submission.block(outcome.account, job.numbers[i])
        self._settled(job)

    def _put(self, job: Job, i: int, appended: Appended) -> None:
        account = appended.account
        payload = write_event(appended)
        most = self._js.link.info.max_payload - _HEADER_BYTES
        if len(payload) > most:
            msg = f"with the account's picture it is {len(payload)} bytes; NATS allows {most}"
            self._undo(job, i, account, Refused("too_large", msg, account))
            self._settled(job)
            return
        shard, subject = self._route(account)
        if not self.fullness.takes(shard.stream, len(payload)):
            why = Refused("unavailable", f"not stored: {shard.stream} is full", account)
            self._undo(job, i, account, why)
            self._settled(job)
            return
        shard.put(subject, payload, partial(self._arrived, job, i, account, shard, len(payload)))

    def _arrived(
        self, job: Job, i: int, account: str, shard: Shard, size: int, error: StoreError | None,
        place: int,
    ) -> None:  # fmt: skip
        self.fullness.arrived(shard.stream, size)
        if error is None:
            self._heads.stored(shard, account, place)
        self._done(job, i, account, error)

    def _done(self, job: Job, i: int, account: str, error: StoreError | None) -> None:
        if error is not None:
            msg = f"not known to be stored: {error}"
            self._undo(job, i, account, Refused("unavailable", msg, account))
        self._settled(job)

    def _undo(self, job: Job, i: int, account: str, refused: Refused) -> None:
        self._ledger.forget(account)
        job.ticket.outcomes[i] = refused
        job.submission.block(account, job.numbers[i])

    def _settled(self, job: Job) -> None:
        job.left -= 1
        if not job.left:
            self.pending_bytes -= job.size
            job.ticket.settle()

    def _opened(self, shard: Shard, floor: int) -> None:
        """A term begins."""
        self._heads.opened(shard, floor)
        self._intake.opened(shard)
        self._giving.opened(shard)
        self._spread.opened()

    def _lost(self, shard: Shard) -> None:
        """What this process knows of a shard's accounts is not the truth any more."""
        self._intake.lost(shard)
        self._giving.lost(shard)
        self._heads.lost(shard)
        for account in [a for a in self._ledger if self._shard(a) is shard]:
            self._ledger.forget(account)
        for account in [a for a in self._loaded if self._shard(a) is shard]:
            del self._loaded[account]

    def _shard(self, account: str) -> Shard:
        return self._route(account)[0]

    def _route(self, account: str) -> tuple[Shard, bytes]:
        """Where an account's events go: its shard, and their subject."""
        found = self._routes.get(account)
        if found is None:
            shard = self.shards[self._layout.shard_of(account)]
            subject = self._layout.event_subject(account).encode()
            if len(self._routes) >= _ROUTES:
                self._routes.clear()
            found = self._routes[account] = shard, subject
        return found
