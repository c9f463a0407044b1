"""History: events of an account that are known to be in its stream, from whichever copy."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

from userstream.core.publishing import Appended
from userstream.errors import StoreUnavailable
from userstream.server.nats.jetstream import JetStream, Kept
from userstream.server.nats.layout import HeadRecord, Layout, read_event
from userstream.server.pagecache import PAGE
from userstream.server.records import decode

_PLACES_KEPT = 10_000
_WAIT_S = 10.0
_PAUSE_S = 0.05


class Placed(NamedTuple):
    """An event, and where it lies in its stream."""

    event: Appended
    place: int


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

    async def head(self, account: str) -> tuple[int, int]:
        """The ``seq`` of an account none of whose events is retained, and a place behind them.

        Raises:
            StoreError: it cannot be read.
        """
        stream = self._layout.heads(self._layout.shard_of(account))
        kept = await self._js.get(stream, last_by_subj=self._layout.head_subject(account))
        if kept is None:
            return 0, 0
        record = decode(kept.data, HeadRecord)
        return record.head.seq, record.place

    async def oldest(self, account: str) -> Placed | None:
        """The first event that is retained, or was a moment ago; ``None``: none is.

        Raises:
            StoreError: it cannot be read.
        """
        return await self._next(account, 0)

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
        """A place shortly before an event, or before the first that is retained."""
        start = 0  # an earlier event lies behind it, or none; ``stop`` is not before the event
        while True:
            middle = (start + stop) // 2
            found = await self._next(account, middle if start else 0)
            if found is not None and found.event.seq <= seq:
                if seq - found.event.seq < PAGE:
                    return found.place - 1
                start = found.place
            elif not start:
                return 0
            else:
                stop = middle
            if stop - start <= 1:
                return start

    async def _next(self, account: str, place: int) -> Placed | None:
        found = await self._js.several(
            self._layout.events(self._layout.shard_of(account)),
            seq=place + 1,
            next_by_subj=self._layout.event_subject(account),
            batch=1,
        )
        return _placed(account, found[0]) if found else None

    def _remember(self, account: str, last: Placed) -> None:
        self._places[account, last.event.seq + 1] = last.place
        while len(self._places) > _PLACES_KEPT:
            self._places.popitem(last=False)


def _placed(account: str, kept: Kept) -> Placed:
    return Placed(read_event(account, kept.data), kept.place)
