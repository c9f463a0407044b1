"""Sequencer: puts events in the venue's order within a bounded window, and marks what is late."""

from __future__ import annotations

import heapq
from collections import OrderedDict
from decimal import Decimal
from typing import NamedTuple

import msgspec

from userstream.core.client.bounds import Bounds
from userstream.core.client.copies import Copies
from userstream.core.client.fills import Fills
from userstream.core.client.identity import Fill, Said, fill_of
from userstream.core.client.sums import Progress, Sums
from userstream.core.client.told import Gap
from userstream.events import (
    TERMINAL,
    AccountSnapshot,
    AccountUpdate,
    OrderUpdate,
    StreamEvent,
)
from userstream.venue import OrderTime, Received, StreamDialect


class Shown(msgspec.Struct, frozen=True, gc=False):
    """What a socket showed: an event, and the frame that it stood in."""

    received: Received
    frame: bytes | str
    ambiguous: bool = False


class Placed(msgspec.Struct, frozen=True, gc=False):
    """A shown event in its place. ``time_ms`` is the time that placed it."""

    shown: Shown
    time_ms: int | None
    late: bool
    fill: Fill | None = None


class _Held(NamedTuple):
    time_ms: int
    number: int
    due_ms: int
    shown: Shown
    fill: Fill | None


class Sequencer:
    """Order events by order, account events by account, each by the venue's time.

    With ``hold_ms`` 0 nothing waits. What is late is so among the events of its order, or of the
    account: of two sockets the young one may be ahead of the old one, and what the old one brings
    of another order is news all the same.

    ``asks``: REST is asked where a sum shows more than its fills. Else that is a gap.
    """

    def __init__(self, stream: StreamDialect, bounds: Bounds, *, asks: bool = True) -> None:
        self._fill_key = stream.fill_key
        self._by_change = stream.order_time is OrderTime.CHANGED
        self._bounds = bounds
        self._hold_ms = bounds.hold_ms
        self.copies = Copies(bounds.copies)
        self.fills = Fills(bounds.copies)
        self._held: list[_Held] = []
        self._number = 0
        self._newest = 0
        self._account_ms = 0
        self._orders: OrderedDict[str, Progress] = OrderedDict()
        self._sums = None if asks else Sums(bounds.settle_ms)

    def __len__(self) -> int:
        return len(self._held)

    def put(self, socket: int, shown: Shown, now_ms: int) -> list[Placed]:
        """Takes what a socket showed; gives what is to be told now."""
        event = shown.received.event
        fill = fill_of(event, self._fill_key) if isinstance(event, OrderUpdate) else None
        if fill is not None:
            if not self.fills.first(fill):
                return []
        else:
            copy = self.copies.take(socket, Said(event, shown.received.time_ms))
            if not copy.told:
                return []
            if copy.ambiguous:
                shown = Shown(shown.received, shown.frame, ambiguous=True)
        if self._hold_ms == 0:
            return [self._place(shown, now_ms, fill)]
        self._number += 1
        time_ms = self._time(event, shown.received.time_ms)
        self._newest = max(self._newest, time_ms or 0)
        at_ms = self._newest if time_ms is None else time_ms
        due_ms = now_ms + self._hold_ms
        heapq.heappush(self._held, _Held(at_ms, self._number, due_ms, shown, fill))
        return self._release(now_ms)

    def learn(self, order: OrderUpdate) -> None:
        """REST told it: what the stream brings of the order from before that is late."""
        known = self._orders.get(order.order_id)
        if known is None:
            self._begin(order, 0, 0, None)
        else:
            self._is_behind(known, order, known.time_ms, 0, None)

    def tick(self, now_ms: int) -> list[Placed]:
        """What has waited long enough."""
        return self._release(now_ms)

    def deadline(self) -> int | None:
        """When ``tick`` is due, or ``None``."""
        times = [held.due_ms for held in self._held]
        doubt_ms = None if self._sums is None else self._sums.deadline()
        return min(times if doubt_ms is None else [*times, doubt_ms], default=None)

    def flush(self, now_ms: int) -> list[Placed]:
        """All that waits, in order."""
        return self._take(len(self._held), now_ms)

    @property
    def doubts(self) -> bool:
        """Whether a sum shows more than the fills that came before it."""
        return bool(self._sums)

    def missing(self, now_ms: int | None) -> list[Gap]:
        """What no fill told and a sum shows; ``None``: nothing comes any more."""
        return [] if self._sums is None else self._sums.missing(now_ms)

    def _release(self, now_ms: int) -> list[Placed]:
        """What is due goes out, and before it all that belongs before it."""
        last = max(((h.time_ms, h.number) for h in self._held if h.due_ms <= now_ms), default=None)
        due = 0 if last is None else sum((h.time_ms, h.number) <= last for h in self._held)
        return self._take(max(due, len(self._held) - self._bounds.held_events), now_ms)

    def _take(self, count: int, now_ms: int) -> list[Placed]:
        taken = [heapq.heappop(self._held) for _ in range(count)]
        return [self._place(h.shown, now_ms, h.fill) for h in _arranged(taken)]

    def _time(self, event: StreamEvent, pushed_ms: int | None) -> int | None:
        if self._by_change and isinstance(event, OrderUpdate):
            return event.time_ms
        return pushed_ms

    def _place(self, shown: Shown, now_ms: int, fill: Fill | None) -> Placed:
        event = shown.received.event
        time_ms = self._time(event, shown.received.time_ms)
        if isinstance(event, OrderUpdate):
            known = self._orders.get(event.order_id)
            if known is None:
                self._begin(event, time_ms or 0, now_ms, fill)
                return Placed(shown, time_ms, False, fill)
            at_ms = known.time_ms if time_ms is None else time_ms
            return Placed(shown, time_ms, self._is_behind(known, event, at_ms, now_ms, fill), fill)
        late = False
        if time_ms is not None and isinstance(event, AccountUpdate | AccountSnapshot):
            late = time_ms < self._account_ms
            self._account_ms = max(time_ms, self._account_ms)
        return Placed(shown, time_ms, late)

    def _is_behind(
        self, known: Progress, order: OrderUpdate, at_ms: int, now_ms: int, fill: Fill | None
    ) -> bool:
        """Whether more was told of the order before: by time or sum, or that it is finished."""
        terminal = order.status in TERMINAL
        grown = _grow(known, order.cumulative_quantity)
        fills = fill is not None
        if self._sums is not None and (fills or grown > 0):
            self._sums.count(order, known, now_ms, fills=fills, grew=grown > 0)
        behind = (
            at_ms < known.time_ms
            or grown < 0
            or (known.terminal and not terminal and order.status != "")
        )
        trade = order.trade_id
        if trade is not None and order.cumulative_quantity is None:
            # Where no sum tells: trade ids rise, and of one time nothing else does.
            if _number(trade) >= _number(known.trade):
                known.trade = trade
            elif at_ms == known.time_ms:
                behind = True
        known.terminal |= terminal
        known.time_ms = max(at_ms, known.time_ms)
        self._orders.move_to_end(order.order_id)
        return behind

    def _begin(self, order: OrderUpdate, time_ms: int, now_ms: int, fill: Fill | None) -> None:
        """The first word of an order."""
        known = self._orders[order.order_id] = Progress(
            order.status in TERMINAL, time_ms, order.cumulative_quantity, order.trade_id or ""
        )
        sums = self._sums
        if sums is not None:
            sums.count(order, known, now_ms, fills=fill is not None, grew=True)
        if len(self._orders) > self._bounds.orders:
            _, forgotten = self._orders.popitem(last=False)
            if sums is not None:
                sums.forgot(forgotten)


def _grow(known: Progress, summed: str | None) -> int:
    """Whether a sum is more (1) or less (-1) than the largest before; that is kept."""
    if summed is None or summed == known.cumulative:
        return 0
    now, before = Decimal(summed), known.sum()
    if before is not None and now <= before:
        return -1 if now < before else 0
    known.cumulative, known.filled = summed, now
    return 1


def _arranged(taken: list[_Held]) -> list[_Held]:
    """Events in order of time; of one time and order, by what each says of the order's progress.

    Doc: contracts of the venues; for one order the cumulative quantity never falls, trade ids
    rise, and nothing follows the end. Events of other orders keep the places they came in.
    """
    places: dict[tuple[int, str], list[int]] = {}
    for place, held in enumerate(taken):
        event = held.shown.received.event
        if isinstance(event, OrderUpdate):
            places.setdefault((held.time_ms, event.order_id), []).append(place)
    arranged = list(taken)
    for same in places.values():
        if len(same) > 1:
            events = sorted((arranged[place] for place in same), key=_rank)
            for place, held in zip(same, events, strict=True):
                arranged[place] = held
    return arranged


def _rank(held: _Held) -> tuple[Decimal, bool, tuple[int, str]]:
    order = held.shown.received.event
    assert isinstance(order, OrderUpdate)  # noqa: S101 - its only caller looked
    filled = Decimal(order.cumulative_quantity or 0)
    return filled, order.status in TERMINAL, _number(order.trade_id or "")


def _number(trade: str) -> tuple[int, str]:
    """How trade ids, which rise, compare."""
    return len(trade), trade
