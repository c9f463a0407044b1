"""Heads: how far every account has come, kept for ever, whatever becomes of its events.

The last event of an account tells its ``seq`` and its publisher's ``n``, until retention takes
it. So a head is written some time after its account's events, and events are dropped only up to
the floor: the place up to which heads hold everything.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from functools import partial

import msgspec

from userstream.core.picture import EMPTY
from userstream.core.publishing import Account, Head
from userstream.errors import StoreDamaged, StoreError, StoreTooNew, StoreUnavailable
from userstream.server.logs import Seldom, logger
from userstream.server.metrics import DAMAGED_HEADS
from userstream.server.nats.jetstream import JetStream
from userstream.server.nats.layout import HeadRecord, Layout, line_of, read_event
from userstream.server.nats.shard import Shard
from userstream.server.nats.wire import fenced_by_subject
from userstream.server.records import decode, encode
from userstream.server.tasks import all_of, ended, lasting

_log = logger("heads")
SETTLES_S = 10.0
"""How long an account's head may be behind its events."""
_PAGE = 500
_AT_ONCE = 500
_TRIES = 20


class _Behind:
    """An account whose head is not written yet: where its first such event lies, and its last."""

    __slots__ = ("first", "last", "since")

    def __init__(self, first: int, last: int, since: float) -> None:
        self.first = first
        self.last = last
        self.since = since


class Heads:
    """Loads heads for the ledger, and writes them behind it."""

    def __init__(
        self, js: JetStream, layout: Layout, ledger: Callable[[str], Account | None]
    ) -> None:
        self._js = js
        self._layout = layout
        self._ledger = ledger
        self._behind: dict[Shard, dict[str, _Behind]] = {}
        self._places: dict[str, int] = {}  # of heads in their stream, as fences
        self._scans: dict[Shard, asyncio.Task[None]] = {}
        self._task: asyncio.Task[None] | None = None
        self._seldom = Seldom()

    def start(self) -> None:
        """Begins to write heads."""
        self._task = lasting("heads", self._run)

    async def close(self) -> None:
        """Writes no more."""
        for task in (*self._scans.values(), self._task):
            await ended(task)

    # ── loading ─────────────────────────────────────────────────────────────────────────────────

    async def load(self, account: str) -> tuple[Head, HeadRecord] | None:
        """The head after the last event of an account; with it the record that it began from.

        Raises:
            StoreError: it cannot be read.
        """
        layout, shard = self._layout, self._layout.shard_of(account)
        subject = layout.event_subject(account)
        kept, last = await asyncio.gather(
            self._js.get(layout.heads(shard), last_by_subj=layout.head_subject(account)),
            self._js.get(layout.events(shard), last_by_subj=subject),
        )
        record = HeadRecord(Head(sources={}), EMPTY, 0)
        if kept is not None:
            record = decode(kept.data, HeadRecord)
            self._places[account] = kept.place
        if last is None:
            return None if kept is None else (record.head, record)
        end = read_event(account, last.data).seq
        picture, head, place = record.picture, record.head, record.place
        for _ in range(_TRIES):
            if head.seq >= end:
                return head, HeadRecord(head, picture, last.place)
            found = await self._js.several(
                layout.events(shard), seq=place + 1, next_by_subj=subject, batch=_PAGE
            )
            for message in found:
                event, place = read_event(account, message.data), message.place
                if event.seq > head.seq + 1:
                    raise StoreDamaged(f"event {head.seq + 1} of an account is missing")
                if event.seq == head.seq + 1:
                    line = line_of(event)
                    sources = head.sources | {line.source: line.n}
                    head = Head(event.seq, line.source, sources)
                    picture = event.picture or picture
        raise StoreUnavailable("no copy of an account's events is complete now")

    def unread(self, account: str, error: StoreError) -> None:
        """Tells of a head that could not be loaded."""
        self._tell("the head of an account cannot be read", account, error)

    def _tell(self, what: str, account: str, error: StoreError, **more: str | int) -> None:
        if isinstance(error, (StoreDamaged, StoreTooNew)):
            DAMAGED_HEADS.inc()
        if self._seldom.passes(what, account):
            _log.error(what, account=account, **more, error=str(error))

    # ── writing ─────────────────────────────────────────────────────────────────────────────────

    def opened(self, shard: Shard, floor: int) -> None:
        """A term begins: what others wrote behind the floor has no head yet, perhaps."""
        self._behind[shard] = {}
        scan = partial(self._scan, shard, floor, shard.base)
        self._scans[shard] = lasting("heads", scan)

    def lost(self, shard: Shard) -> None:
        """The shard is another's affair now."""
        self._behind.pop(shard, None)
        for account in [a for a in self._places if self._layout.shard_of(a) == shard.number]:
            del self._places[account]
        scan = self._scans.pop(shard, None)
        if scan is not None:
            scan.cancel()

    def stored(self, shard: Shard, account: str, place: int) -> None:
        """An event of an account was committed."""
        behind = self._behind.get(shard)
        if behind is None:
            return
        found = behind.get(account)
        if found is None:
            behind[account] = _Behind(place, place, time.monotonic())
        else:
            found.last = place

    async def _scan(self, shard: Shard, floor: int, end: int) -> None:
        prefix = self._layout.event_subject("x")[: -len("x")]
        prefix = f"{prefix.rsplit('.', 2)[0]}.{shard.number}."
        place = floor
        while place < end:
            try:
                found = await self._js.several(
                    shard.stream, seq=place + 1, next_by_subj=prefix + "*", batch=_PAGE
                )
            except StoreError as e:
                _log.info("heads have to wait", shard=shard.number, error=str(e))
                await asyncio.sleep(1)
                continue
            for message in found:
                self._found(shard, message.subject[len(prefix) :], message.place)
            place = found[-1].place if found else end
        self._scans.pop(shard, None)

    def _found(self, shard: Shard, account: str, place: int) -> None:
        behind = self._behind.get(shard, {})
        found = behind.setdefault(account, _Behind(place, place, time.monotonic()))
        found.first, found.last = min(found.first, place), max(found.last, place)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(SETTLES_S / 10)
            try:
                await self.settle(SETTLES_S)
            except StoreError as e:
                _log.info("heads have to wait", error=str(e))

    async def settle(self, after_s: float) -> None:
        """Writes the heads that have been behind for so long, and moves the floors.

        Raises:
            StoreError: they cannot be written now.
        """
        due, error = time.monotonic() - after_s, None
        for shard, behind in list(self._behind.items()):
            try:
                await self._settle_all(shard, behind, due)
            except StoreError as e:
                error = e  # no affair of the other shards
        if error is not None:
            raise error

    async def _settle_all(self, shard: Shard, behind: dict[str, _Behind], due: float) -> None:
        try:
            while self._behind.get(shard) is behind:
                accounts = list(itertools.islice(behind, _AT_ONCE))  # the longest behind first
                accounts = [account for account in accounts if behind[account].since <= due]
                await all_of(self._try(shard, behind, account) for account in accounts)
                if len(accounts) < _AT_ONCE:
                    break
        finally:
            if self._behind.get(shard) is behind and shard not in self._scans:
                first = min((b.first for b in behind.values()), default=shard.base + 1)
                shard.floor = max(shard.floor, first - 1)

    async def _try(self, shard: Shard, behind: dict[str, _Behind], account: str) -> None:
        """Settles an account; where its bytes are damaged, the others' floor stops before it."""
        try:
            await self._settle(shard, behind, account)
        except (StoreDamaged, StoreTooNew) as e:
            what = "a head cannot be written: nothing behind the first event in it is dropped"
            first = behind[account].first if account in behind else 0
            self._tell(what, account, e, stream=shard.stream, first=first)
            if account in behind:  # the others do not wait behind it
                behind[account] = _Behind(first, behind.pop(account).last, time.monotonic())

    async def _settle(self, shard: Shard, behind: dict[str, _Behind], account: str) -> None:
        """Writes the head of an account as it is once all that was put until now is stored."""
        tail = self._ledger(account)
        upto = behind[account].last
        if tail is None:
            found = await self.load(account)
            if found is None:
                if (await self._js.info(shard.stream)).state.first_seq <= upto:
                    raise StoreDamaged("an account has no head, and no events")
                _log.error("events were purged before their head was written", account=account)
                if behind[account].last == upto:
                    del behind[account]
                return
            record = found[1]
        else:
            # A copy: the ledger goes on while this waits.
            head = msgspec.structs.replace(tail.head, sources=dict(tail.head.sources))
            record = HeadRecord(head, tail.picture, upto)
        await shard.stored()
        if self._behind.get(shard) is not behind:
            return
        last = behind.pop(account)
        if last.last > upto:  # what came meanwhile may be in the head or not: it is behind again
            behind[account] = _Behind(upto + 1, last.last, time.monotonic())
        try:
            await self._write(account, record)
        except BaseException:
            behind[account] = _Behind(last.first, last.last, 0.0)
            raise

    async def _write(self, account: str, record: HeadRecord) -> None:
        if account not in self._places:
            layout = self._layout
            kept = await self._js.get(
                layout.heads(layout.shard_of(account)), last_by_subj=layout.head_subject(account)
            )
            self._places[account] = 0 if kept is None else kept.place
        place = self._places.pop(account)  # known again once this one is known to lie there
        subject = self._layout.head_subject(account)
        self._places[account] = await self._js.append(
            lambda to: fenced_by_subject(subject, encode(record), to, place)
        )
