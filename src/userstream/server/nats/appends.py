"""Appending lines: each gets its place from the ledger, and goes to the writer of its shard."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from functools import partial

from userstream.core.limits import Limits
from userstream.core.publishing import Appended, Head, Ledger, Refused, account_of, first_account_of
from userstream.core.submission import Submission
from userstream.errors import StoreError, StoreUnavailable
from userstream.events import AccountSnapshot
from userstream.server.bus import Outcome, Ticket
from userstream.server.clock import Clock
from userstream.server.logs import logger
from userstream.server.nats.heads import Heads
from userstream.server.nats.jetstream import JetStream
from userstream.server.nats.layout import Layout, write_event
from userstream.server.nats.shard import Shard
from userstream.server.tasks import ended

_log = logger("bus")
_TAKE_S = 10.0
_HEADER_BYTES = 256
_NOT_LOADED = StoreUnavailable("its head was not read")


class _Job:
    """Lines of one request that are appended together."""

    __slots__ = ("left", "lines", "size", "submission", "ticket")

    def __init__(self, submission: Submission, lines: Sequence[bytes]) -> None:
        self.submission = submission
        self.lines = lines
        self.ticket = Ticket(submission.take(len(lines)), [])
        self.left = 0
        self.size = sum(map(len, lines))


class Appends:
    """The shards that this process writes, and what it knows of their accounts."""

    def __init__(
        self, js: JetStream, layout: Layout, owner: str, clock: Clock, limits: Limits
    ) -> None:
        self._js = js
        self._layout = layout
        self._clock = clock
        self._ledger = Ledger(layout.epoch, limits, self._load)
        self._heads = Heads(js, layout, self._ledger.get)
        self.shards = [
            Shard(n, layout, js, owner, limits.append_wait_s, self._heads.opened, self._lost)
            for n in range(layout.shards)
        ]
        self._jobs: deque[_Job] = deque()
        self._loaded: dict[str, tuple[Head, AccountSnapshot] | StoreError | None] = {}
        self._wanted: dict[str | None, None] = {}
        """Accounts of lines that were not what they seemed at their beginning."""
        self._routes: dict[str, tuple[Shard, bytes]] = {}
        self._work = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.pending_bytes = 0

    async def start(self) -> None:
        """Begins to write; returns when it is known who writes which shard."""
        self._task = asyncio.get_running_loop().create_task(self._run())
        self._heads.start()
        for shard in self.shards:
            shard.start()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_TAKE_S):
                for shard in self.shards:
                    await shard.asked.wait()

    async def close(self) -> None:
        """Gives the shards up."""
        await asyncio.gather(*(shard.close() for shard in self.shards))
        await ended(self._task)
        await self._heads.close()

    def submission(self) -> Submission:
        """A publishing request."""
        return Submission(self._ledger)

    def append(self, submission: Submission, lines: Sequence[bytes]) -> Ticket:
        """Appends the next lines of a request; their outcomes are final once committed."""
        job = _Job(submission, lines)
        self.pending_bytes += job.size
        if self._jobs or self._missing(lines):
            self._jobs.append(job)
            self._work.set()
        else:
            self._accept(job)
        return job.ticket

    def _missing(self, lines: Sequence[bytes]) -> list[str]:
        """Accounts of lines whose heads have to be loaded first."""
        known = self._ledger.get
        unknown = [text for text in lines if known(first_account_of(text)) is None]
        if not (unknown or self._wanted):
            return []
        accounts = self._wanted | dict.fromkeys(map(account_of, unknown))
        return [
            a
            for a in accounts
            if a is not None
            and known(a) is None
            and a not in self._loaded
            and self._shard(a).mine
        ]

    async def _run(self) -> None:
        """Lines whose accounts are not known here wait; so does whatever comes behind them."""
        while True:
            await self._work.wait()
            self._work.clear()
            while self._jobs:
                some = [line for job in self._jobs for line in job.lines]
                await asyncio.gather(*(self._fetch(a) for a in self._missing(some)))
                self._accept(self._jobs.popleft())
                while self._jobs and not self._missing(self._jobs[0].lines):
                    self._accept(self._jobs.popleft())

    async def _fetch(self, account: str) -> None:
        shard = self._shard(account)
        term = shard.term
        self._wanted.pop(account, None)
        with contextlib.suppress(StoreError):
            await shard.stored()  # what was put of it may still be on its way
        try:
            found = await self._heads.load(account)
            loaded = None if found is None else (found[0], found[1].picture)
        except StoreError as e:
            _log.error("the head of an account cannot be read", account=account, error=str(e))
            self._loaded[account] = e
            return
        if shard.mine and shard.term == term:
            self._loaded[account] = loaded
        else:
            self._loaded[account] = StoreUnavailable("its writer changed meanwhile")

    def _load(self, account: str) -> tuple[Head, AccountSnapshot] | None:
        loaded = self._loaded.pop(account, _NOT_LOADED)
        if not self._shard(account).mine:
            raise StoreUnavailable("no process, or another one, writes this account now")
        if loaded is _NOT_LOADED:
            self._wanted[account] = None  # for when the line is sent again
        if isinstance(loaded, StoreError):
            raise loaded
        return loaded

    def _accept(self, job: _Job) -> None:
        now_ms = self._clock.ms()
        accept = job.submission.accept
        outcomes: list[Outcome] = [accept(line, now_ms) for line in job.lines]
        job.ticket.outcomes = outcomes
        job.left = len(outcomes)
        for i, outcome in enumerate(outcomes):
            if isinstance(outcome, Appended):
                self._put(job, i, outcome)
            elif isinstance(outcome, Refused):
                self._settled(job)
            else:
                shard = self._shard(outcome.account)
                shard.barrier(partial(self._done, job, i, outcome.account, None, place=0))

    def _put(self, job: _Job, i: int, appended: Appended) -> None:
        account = appended.account
        payload = write_event(appended)
        most = self._js.link.info.max_payload - _HEADER_BYTES
        if len(payload) > most:
            msg = f"with the account's picture it is {len(payload)} bytes; NATS allows {most}"
            self._undo(job, i, account, Refused("too_large", msg, account))
            self._settled(job)
            return
        route = self._routes.get(account)
        if route is None:
            subject = self._layout.event_subject(account).encode()
            route = self._routes[account] = self._shard(account), subject
        shard, subject = route
        shard.put(subject, payload, partial(self._done, job, i, account, shard))

    def _done(
        self, job: _Job, i: int, account: str, shard: Shard | None, error: StoreError | None,
        place: int,
    ) -> None:  # fmt: skip
        if error is not None:
            msg = f"not known to be stored: {error}"
            self._undo(job, i, account, Refused("unavailable", msg, account))
        elif shard is not None:
            self._heads.stored(shard, account, place)
        self._settled(job)

    def _undo(self, job: _Job, i: int, account: str, refused: Refused) -> None:
        self._ledger.forget(account)
        job.ticket.outcomes[i] = refused
        job.submission.block(account, job.ticket.first_line + i)

    def _settled(self, job: _Job) -> None:
        job.left -= 1
        if not job.left:
            self.pending_bytes -= job.size
            job.ticket.settle()

    def _lost(self, shard: Shard) -> None:
        """What this process knows of a shard's accounts is not the truth any more."""
        self._heads.lost(shard)
        for account in [a for a in self._ledger if self._shard(a) is shard]:
            self._ledger.forget(account)
        for account in [a for a in self._loaded if self._shard(a) is shard]:
            del self._loaded[account]

    def _shard(self, account: str) -> Shard:
        return self.shards[self._layout.shard_of(account)]
