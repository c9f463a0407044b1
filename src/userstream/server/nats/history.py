"""History: events of an account that are known to be in its stream, from whichever copy."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

from userstream.core.publishing import Appended
from userstream.errors import StoreDamaged, StoreError, StoreUnavailable
from userstream.server.logs import Seldom, logger
from userstream.server.metrics import DAMAGED_EVENTS
from userstream.server.nats.jetstream import JetStream, Kept
from userstream.server.nats.layout import HeadRecord, Layout, read_event
from userstream.server.pagecache import PAGE
from userstream.server.records import decode
from userstream.server.tasks import all_of

_log = logger("history")
_PLACES_KEPT = 10_000
_NEAR = 1_024
_FARTHER = 8
"""How many places it looks back first, and how many times farther with each look."""
_WAIT_S = 10.0
_PAUSE_S = 0.05


class EventDamaged(StoreDamaged):
    """The bytes at a place of a stream are no event: it is lost, and what lies behind it is not."""

    def __init__(self, place: int, why: str) -> None:
        super().__init__(why)
        self.place = place


class Placed(NamedTuple):
    """An event, and where it lies in its stream."""

    event: Appended
    place: int


Reached: TypeAlias = tuple[int, int] | StoreError
"""An account's last ``seq`` and a place in its stream that is not before it; or why not."""


class History:
    """Finds events by their account's ``seq``; a stream counts its messages, not an account's."""

    def __init__(self, js: JetStream, layout: Layout) -> None:
        self._js = js
        self._layout = layout
        self._seldom = Seldom()
        # Where readers who go on will go on: an account and a ``seq``, and a place before it.
        self._places: OrderedDict[tuple[str, int], int] = OrderedDict()

    async def after(self, account: str, place: int) -> Sequence[Placed]:
        """Events of an account behind a place, without holes, as far as some copy has them.

        Raises:
            EventDamaged: the next one is.
            StoreError: they cannot be read.
        """
        found = await self._js.several(
            self._layout.events(self._layout.shard_of(account)),
            seq=place + 1,
            next_by_subj=self._layout.event_subject(account),
            batch=PAGE,
        )
        placed: list[Placed] = []
        for kept in found:
            try:
                event, at = self._placed(account, kept)
            except EventDamaged:
                if not placed:
                    raise
                break
            if placed and event.seq != placed[-1].event.seq + 1:
                break
            placed.append(Placed(event, at))
        return placed

    async def gone(self, account: str, place: int, upto: int) -> bool:
        """Whether nothing of an account is left behind a place, says a copy that has ``upto``.

        Raises:
            StoreError: no copy can be asked.
        """
        shard = self._layout.shard_of(account)
        tick, subject = self._layout.tick_subject(shard), self._layout.event_subject(account)
        stream = self._layout.events(shard)
        found = await self._js.several(stream, multi_last=[tick, subject])
        places = {kept.subject: kept.place for kept in found}
        return places.get(tick, 0) > upto and places.get(subject, 0) <= place

    async def tail(self, account: str) -> Placed | None:
        """The last event of an account, from the leader; ``None``: none is retained.

        Raises:
            StoreError: it cannot be read.
        """
        kept = await self._last(account)
        return None if kept is None else self._placed(account, kept)

    async def reached(
        self, shard: int, accounts: Sequence[str], place: int = 0
    ) -> Mapping[str, Reached]:
        """How far each account of a shard has come, as the leader knows it.

        Raises:
            StoreError: none can be read; or who says that it leads has not come to the place.
        """
        layout = self._layout
        subjects = {layout.event_subject(account): account for account in accounts}
        tails = await self._latest(layout.events(shard), list(subjects), place)
        found = {a: self._by_tail(a, tails[s]) for s, a in subjects.items() if s in tails}
        subjects = {layout.head_subject(a): a for a in accounts if a not in found}
        if subjects:  # of them no event is retained
            heads = await self._latest(layout.heads(shard), list(subjects))
            found |= {a: _by_head(heads.get(s)) for s, a in subjects.items()}
        return found

    async def oldest(self, account: str) -> Placed | None:
        """The first event that is retained whole, or was a moment ago; ``None``: none is.

        Raises:
            StoreError: it cannot be read.
        """
        found = await self._next(account, 0)
        if found is not None:
            return found
        # That copy may lag so far that it has none yet: only the leader knows.
        stream = self._layout.events(self._layout.shard_of(account))
        kept = await self._js.get(stream, seq=1, next_by_subj=self._layout.event_subject(account))
        try:
            return None if kept is None else self._placed(account, kept)
        except EventDamaged as e:
            return await self._next(account, e.place)

    async def read(
        self, account: str, from_seq: int, head: int, head_place: int
    ) -> Sequence[Appended]:
        """Events from a ``seq`` on, or from the first behind it that is retained, up to a page.

        None, where none is retained any more. They end before one that is damaged.

        Raises:
            StoreError: they cannot be read, or no copy has what lies before the head.
        """
        until = asyncio.get_running_loop().time() + _WAIT_S
        while from_seq <= head:
            place = self._places.get((account, from_seq))
            if place is None:
                place = await self._search(account, from_seq, head_place)
            try:
                found = await self.after(account, place)
            except EventDamaged as e:
                if e.place >= head_place:
                    return []
                self._go_on(account, from_seq, e.place)
                continue
            events = [event for event, _ in found if event.seq >= from_seq]
            if events:
                self._go_on(account, found[-1].event.seq + 1, found[-1].place)
                return events
            if found:  # they end before a hole
                self._go_on(account, from_seq, found[-1].place)
                continue
            if await self._last(account) is None:
                return []
            if asyncio.get_running_loop().time() > until:
                raise StoreUnavailable("no copy of an account's events is complete now")
            self._places.pop((account, from_seq), None)
            await asyncio.sleep(_PAUSE_S)  # that copy lags behind
        return []

    async def _search(self, account: str, seq: int, stop: int) -> int:
        """A place shortly before an event, or before the first that is retained.

        Most are asked for who were away for moments, so it looks back from the end, each time
        farther, and halves what is left only then.
        """
        start, back = 0, _NEAR  # a place of an earlier event; ``stop`` is not before the one
        while stop - start > 1:
            middle = (start + stop) // 2 if start else max(stop - back, 0)
            found = await self._next(account, middle)
            if found is not None and found.event.seq <= seq:
                if seq - found.event.seq < PAGE:
                    return found.place - 1
                start = found.place
            elif not middle:
                return 0
            else:
                stop, back = middle, back * _FARTHER
        return start

    async def _next(self, account: str, place: int) -> Placed | None:
        while True:
            found = await self._js.several(
                self._layout.events(self._layout.shard_of(account)),
                seq=place + 1,
                next_by_subj=self._layout.event_subject(account),
                batch=1,
            )
            try:
                return self._placed(account, found[0]) if found else None
            except EventDamaged as e:
                place = e.place

    async def _last(self, account: str) -> Kept | None:
        stream = self._layout.events(self._layout.shard_of(account))
        return await self._js.get(stream, last_by_subj=self._layout.event_subject(account))

    async def _latest(
        self, stream: str, subjects: Sequence[str], place: int = 0
    ) -> Mapping[str, Kept]:
        """The last message of each subject that has one, as the leader knows them.

        Whoever has a copy answers for all of them at once. Where the answer lacks what the leader
        had last before, that copy lags, and the leader is asked for each.
        """
        last = await self._js.get(stream, last_by_subj=">")
        if (last.place if last else 0) < place:
            raise StoreUnavailable(f"who leads the stream {stream} lags behind others")
        if last is None:
            return {}
        asked = list(dict.fromkeys((last.subject, *subjects)))
        found = {kept.subject: kept for kept in await self._js.several(stream, multi_last=asked)}
        proof = found.get(last.subject)
        if proof is None or proof.place < last.place:
            each = await all_of(self._js.get(stream, last_by_subj=subject) for subject in subjects)
            found = {kept.subject: kept for kept in each if kept is not None}
        return found

    def _go_on(self, account: str, seq: int, place: int) -> None:
        self._places[account, seq] = place
        while len(self._places) > _PLACES_KEPT:
            self._places.popitem(last=False)

    def _by_tail(self, account: str, kept: Kept) -> Reached:
        try:
            event, place = self._placed(account, kept)
        except StoreError as e:
            return e
        return event.seq, place

    def _placed(self, account: str, kept: Kept) -> Placed:
        try:
            return Placed(read_event(account, kept.data), kept.place)
        except StoreDamaged as e:
            DAMAGED_EVENTS.inc()
            if self._seldom.passes(account, kept.place):
                what = "an event is damaged: who lacks it is told that it is lost"
                _log.error(what, account=account, place=kept.place, error=str(e))
            raise EventDamaged(kept.place, str(e)) from None


def _by_head(kept: Kept | None) -> Reached:
    if kept is None:
        return 0, 0
    try:
        record = decode(kept.data, HeadRecord)
    except StoreError as e:
        return e
    return record.head.seq, record.place
