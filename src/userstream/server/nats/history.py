"""History: events of an account that are known to be in its stream, from whichever copy."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

from userstream.core.publishing import Appended
from userstream.errors import StoreError, StoreUnavailable
from userstream.server.nats.jetstream import JetStream, Kept
from userstream.server.nats.layout import HeadRecord, Layout, read_event
from userstream.server.pagecache import PAGE
from userstream.server.records import decode
from userstream.server.tasks import all_of

_PLACES_KEPT = 10_000
_NEAR = 1_024
_FARTHER = 8
"""How many places it looks back first, and how many times farther with each look."""
_WAIT_S = 10.0
_PAUSE_S = 0.05


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
        # Where readers who go on will go on: an account and a ``seq``, and a place before it.
        self._places: OrderedDict[tuple[str, int], int] = OrderedDict()

    async def after(self, account: str, place: int) -> Sequence[Placed]:
        """Events of an account behind a place, without holes, as far as some copy has them.

        Raises:
            StoreError: they cannot be read.
        """
        found = await self._js.several(
            self._layout.events(self._layout.shard_of(account)),
            seq=place + 1,
            next_by_subj=self._layout.event_subject(account),
            batch=PAGE,
        )
        placed = [_placed(account, message) for message in found]
        for n, (event, _) in enumerate(placed):
            if event.seq != placed[0].event.seq + n:
                return placed[:n]
        return placed

    async def tail(self, account: str) -> Placed | None:
        """The last event of an account, from the leader; ``None``: none is retained.

        Raises:
            StoreError: it cannot be read.
        """
        stream = self._layout.events(self._layout.shard_of(account))
        kept = await self._js.get(stream, last_by_subj=self._layout.event_subject(account))
        return None if kept is None else _placed(account, kept)

    async def reached(self, shard: int, accounts: Sequence[str]) -> Mapping[str, Reached]:
        """How far each account of a shard has come, as the leader knows it.

        Raises:
            StoreError: none of them can be read.
        """
        layout = self._layout
        subjects = {layout.event_subject(account): account for account in accounts}
        tails = await self._latest(layout.events(shard), list(subjects))
        found = {a: _by_tail(a, tails[s]) for s, a in subjects.items() if s in tails}
        subjects = {layout.head_subject(a): a for a in accounts if a not in found}
        if subjects:  # of them no event is retained
            heads = await self._latest(layout.heads(shard), list(subjects))
            found |= {a: _by_head(heads.get(s)) for s, a in subjects.items()}
        return found

    async def oldest(self, account: str) -> Placed | None:
        """The first event that is retained, or was a moment ago; ``None``: none is.

        Raises:
            StoreError: it cannot be read.
        """
        found = await self._next(account, 0)
        if found is not None:
            return found
        # That copy may lag so far that it has none yet: only the leader knows.
        stream = self._layout.events(self._layout.shard_of(account))
        kept = await self._js.get(stream, seq=1, next_by_subj=self._layout.event_subject(account))
        return None if kept is None else _placed(account, kept)

    async def read(
        self, account: str, from_seq: int, head: int, head_place: int
    ) -> Sequence[Appended]:
        """Events from a ``seq`` on, or from the first that is retained, up to a page.

        None, where none is retained any more.

        Raises:
            StoreError: they cannot be read, or no copy has what lies before the head.
        """
        until = asyncio.get_running_loop().time() + _WAIT_S
        while from_seq <= head:
            place = self._places.get((account, from_seq))
            if place is None:
                place = await self._search(account, from_seq, head_place)
            found = await self.after(account, place)
            events = [event for event, _ in found if event.seq >= from_seq]
            if events:
                self._remember(account, found[-1])
                return events
            if await self.tail(account) is None:
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
        found = await self._js.several(
            self._layout.events(self._layout.shard_of(account)),
            seq=place + 1,
            next_by_subj=self._layout.event_subject(account),
            batch=1,
        )
        return _placed(account, found[0]) if found else None

    async def _latest(self, stream: str, subjects: Sequence[str]) -> Mapping[str, Kept]:
        """The last message of each subject that has one, as the leader knows them.

        Whoever has a copy answers for all of them at once. Where the answer lacks what the leader
        had last before, that copy lags, and the leader is asked for each.
        """
        last = await self._js.get(stream, last_by_subj=">")
        if last is None:
            return {}
        asked = list(dict.fromkeys((last.subject, *subjects)))
        found = {kept.subject: kept for kept in await self._js.several(stream, multi_last=asked)}
        proof = found.get(last.subject)
        if proof is None or proof.place < last.place:
            each = await all_of(self._js.get(stream, last_by_subj=subject) for subject in subjects)
            found = {kept.subject: kept for kept in each if kept is not None}
        return found

    def _remember(self, account: str, last: Placed) -> None:
        self._places[account, last.event.seq + 1] = last.place
        while len(self._places) > _PLACES_KEPT:
            self._places.popitem(last=False)


def _by_tail(account: str, kept: Kept) -> Reached:
    try:
        return read_event(account, kept.data).seq, kept.place
    except StoreError as e:
        return e


def _by_head(kept: Kept | None) -> Reached:
    if kept is None:
        return 0, 0
    try:
        record = decode(kept.data, HeadRecord)
    except StoreError as e:
        return e
    return record.head.seq, record.place


def _placed(account: str, kept: Kept) -> Placed:
    return Placed(read_event(account, kept.data), kept.place)
