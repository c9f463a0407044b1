"""Repair: fetches over REST what a break may have hidden, while the stream is buffered.

Open orders, the orders that are not open any more, fills, the account, open orders again. Doc:
contracts of the REST side, gap repair. Every row is a fact of the venue; no fill is inferred.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from userstream.core.client.bounds import Bounds, back_off
from userstream.core.client.picture import Picture
from userstream.events import TERMINAL, AccountSnapshot, OrderUpdate
from userstream.venue import Ask, FillsBy, NoRows, RepairInput, Rows, What

OVERLAP_MS = 10_000
"""How far before the last proved moment fills are asked for: a venue's clocks differ, and what it
had under way counts too. Rows that were told already cost nothing but their transfer."""
_TRIES = 3
_ROUNDS = 3


class Found(NamedTuple):
    """What the venue told, and which orders it does not know any more.

    ``moving``: orders that changed whenever they were looked at; their sums are not of the moment
    of their fills.
    """

    orders: dict[str, OrderUpdate]
    fills: tuple[OrderUpdate, ...]
    account: AccountSnapshot | None
    unknown: tuple[OrderUpdate, ...]
    moving: frozenset[str] = frozenset()


class Broken(NamedTuple):
    """The venue did not tell; the whole is to be tried again."""

    why: str
    retry_after_ms: int | None = None


class Repair:
    """One attempt. ``outcome`` is set when it is over."""

    def __init__(
        self,
        picture: Picture,
        fills_by: FillsBy,
        symbols: Iterable[str],
        since_ms: int | None,
        bounds: Bounds,
        unit: Callable[[], float],
        *,
        number: int = 0,
        given: Iterable[OrderUpdate] = (),
    ) -> None:
        self._open = {o.order_id: o for o in given} | picture.orders
        self._has_state = picture.finished
        self._fills_by = fills_by
        self._symbols = {*symbols, *(o.symbol for o in self._open.values())}
        self._since_ms = None if since_ms is None else since_ms - OVERLAP_MS
        self._bounds = bounds
        self._unit = unit
        self.outcome: Found | Broken | None = None
        self.number = number
        """Of the last question; the next repair counts on, so that no late answer is its own."""
        self._queue: list[Ask] = []
        self._asked: Ask | None = None
        self._due_ms = 0
        self._tries = 0
        self._rounds = 0
        self._first: dict[str, OrderUpdate] | None = None
        self._wanted: dict[str, OrderUpdate] = {}
        self._orders: dict[str, OrderUpdate] = {}
        self._fills: dict[tuple[str, str, str | None], OrderUpdate] = {}
        self._account: AccountSnapshot | None = None
        self._unknown: dict[str, OrderUpdate] = {}

    def start(self, now_ms: int) -> list[Ask]:
        """The first question."""
        self._queue = [Ask(0, What.OPEN_ORDERS)]
        return self._next(now_ms)

    def deadline(self) -> int | None:
        """When ``tick`` is due, or ``None`` once it is over."""
        return None if self.outcome is not None else self._due_ms

    def tick(self, now_ms: int) -> list[Ask]:
        """A question that is due again; one that nobody answered has failed."""
        if self.outcome is not None or now_ms < self._due_ms:
            return []
        if self._asked is not None:
            return self.answered(NoRows(self._asked.number, "no answer"), now_ms)
        return self._ask(now_ms)

    def answered(self, given: RepairInput, now_ms: int) -> list[Ask]:
        """The venue's answer, and the next question; an answer that is not awaited is dropped."""
        asked = self._asked
        if self.outcome is not None or asked is None or given.number != asked.number:
            return []
        self._asked = None
        if isinstance(given, Rows):
            self._queue.pop(0)
            self._take(asked, given)
            return self._go_on(now_ms)
        self._tries += 1
        if self._tries < _TRIES:
            retry_after_ms = given.retry_after_ms if isinstance(given, NoRows) else None
            wait_ms = back_off(self._bounds, self._tries + 1, self._unit(), retry_after_ms)
            self._due_ms = now_ms + wait_ms
            return []
        if isinstance(given, NoRows):
            self.outcome = Broken(given.why, given.retry_after_ms)
            return []
        self._queue.pop(0)
        order_id = asked.order_id or ""
        if order_id in self._wanted:
            self._unknown[order_id] = self._wanted[order_id]
        return self._go_on(now_ms)

    def _take(self, asked: Ask, rows: Rows) -> None:
        for fill in rows.fills:
            self._fills[fill.symbol, fill.order_id, fill.trade_id] = fill
        self._symbols.update(o.symbol for o in rows.orders)
        listed = {o.order_id: o for o in rows.orders}
        if asked.what is What.ACCOUNT:
            self._account = rows.account
        if asked.what is not What.OPEN_ORDERS:
            self._orders |= listed
        else:
            self._look(listed)

    def _look(self, listed: dict[str, OrderUpdate]) -> None:
        """The open orders. The last list is only compared: its sums are younger than the fills."""
        if self._first is not None:
            self._compare(self._first, listed)
        if self._first is None or (self._wanted and self._rounds < _ROUNDS):
            self._orders |= listed
            self._rounds += 1
            self._queue += self._round(listed)
        self._first = listed

    def _round(self, listed: dict[str, OrderUpdate]) -> list[Ask]:
        """The questions between two looks at the open orders. Fills come after the sums.

        An order that was open, here or in an earlier round, and is not any more is asked for.
        Where there are no fills, an order that came and went meanwhile is told by a list only.
        """
        shown = {i: o for i, o in self._orders.items() if o.status not in TERMINAL}
        self._wanted = {
            order_id: order
            for order_id, order in (self._open | shown | self._wanted).items()
            if order_id not in listed and order_id not in self._unknown
        }
        asks = [Ask(0, What.ORDER, o.symbol, order_id) for order_id, o in self._wanted.items()]
        if self._since_ms is not None:
            everywhere = self._fills_by is FillsBy.ACCOUNT
            what = What.ORDERS if self._fills_by is FillsBy.NOTHING else What.FILLS
            symbols = [None] if everywhere else sorted(self._symbols)
            asks += [Ask(0, what, symbol, since_ms=self._since_ms) for symbol in symbols]
        return [*asks, Ask(0, What.ACCOUNT), Ask(0, What.OPEN_ORDERS)]

    def _compare(self, first: dict[str, OrderUpdate], last: dict[str, OrderUpdate]) -> None:
        """What changed meanwhile, and orders that only their fills told of: for another round."""
        wanted = {
            order_id: order
            for order_id, order in (first | last).items()
            if _progress(first.get(order_id)) != _progress(last.get(order_id))
        }
        for fill in self._fills.values():
            if fill.order_id not in self._orders and not self._has_state(fill.order_id):
                wanted[fill.order_id] = fill
        self._wanted = {i: o for i, o in wanted.items() if i not in self._unknown}

    def _go_on(self, now_ms: int) -> list[Ask]:
        if self._queue:
            return self._next(now_ms)
        fills = sorted(self._fills.values(), key=_sequence)
        self.outcome = Found(
            self._orders,
            tuple(fills),
            self._account,
            tuple(self._unknown.values()),
            frozenset(self._wanted),
        )
        return []

    def _next(self, now_ms: int) -> list[Ask]:
        self._tries = 0
        return self._ask(now_ms)

    def _ask(self, now_ms: int) -> list[Ask]:
        self.number += 1
        self._asked = self._queue[0]._replace(number=self.number)
        self._due_ms = now_ms + self._bounds.answer_ms
        return [self._asked]


def _progress(order: OrderUpdate | None) -> tuple[str, str | None] | None:
    return None if order is None else (order.status, order.cumulative_quantity)


def _sequence(fill: OrderUpdate) -> tuple[int, int, str]:
    trade = fill.trade_id or ""
    return fill.time_ms, len(trade), trade
