"""Picture: balances and open orders as the events left them, and the fills that were told."""

from __future__ import annotations

from collections import OrderedDict
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from userstream.core.client.bounds import Bounds
from userstream.core.client.identity import fill_of
from userstream.core.client.told import AccountEvent, Holding, OrderEvent, Told
from userstream.events import TERMINAL, AccountSnapshot, OrderUpdate
from userstream.venue import FillKey


class _Filled(NamedTuple):
    """The quantity, and up to when a sum of the venue accounts for it."""

    quantity: Decimal | None
    at_ms: int


_UNKNOWN = _Filled(None, 0)


class Picture:
    """Kept from what is told. A ``late`` event adds its fill and changes nothing else.

    ``orders`` holds the open ones by id, each with all that was ever said of it. A finished order
    is remembered by what was filled of it, the last ``Bounds.orders`` of them. Only repairs ask for
    fills and sums: without ``fills`` none are kept.
    """

    def __init__(self, fill_key: FillKey, bounds: Bounds, *, fills: bool = True) -> None:
        self._keeps_fills = fills
        self._fill_key = fill_key
        self._bounds = bounds
        self.orders: dict[str, OrderUpdate] = {}
        self.account: dict[str, Holding] = {}
        self._account_ms: dict[str, int] = {}
        self._fills: OrderedDict[tuple[str, str, str], None] = OrderedDict()
        self._filled: OrderedDict[str, _Filled] = OrderedDict()
        self._finished: OrderedDict[str, None] = OrderedDict()

    def apply(self, event: Told) -> None:
        """Takes in what is told."""
        if isinstance(event, OrderEvent):
            self._order(event)
        elif isinstance(event, AccountEvent):
            self._account(event)

    def has_fill(self, fill: tuple[str, str, str]) -> bool:
        """Whether that fill was told."""
        return fill in self._fills

    def filled(self, order_id: str) -> Decimal | None:
        """What was filled of an order by all that was told; ``None`` where it is not known."""
        return self._filled.get(order_id, _UNKNOWN).quantity

    def finished(self, order_id: str) -> bool:
        """Whether the order was told to be over."""
        return order_id in self._finished

    def drop(self, order_id: str) -> None:
        """The venue knows nothing of an order that was open."""
        self.orders.pop(order_id, None)

    def _order(self, event: OrderEvent) -> None:
        order = event.update
        if self._keeps_fills:
            self._fill(order)
        if event.late or order.order_id in self._finished:
            return
        known = self.orders.get(order.order_id)
        if order.status in TERMINAL:
            self.orders.pop(order.order_id, None)
            self._finished[order.order_id] = None
            _trim(self._finished, self._bounds.orders)
        elif known is not None or order.status:
            self.orders[order.order_id] = order if known is None else _with(known, order)

    def _fill(self, order: OrderUpdate) -> None:
        fill = fill_of(order, self._fill_key)
        if fill is not None:
            self._fills[fill] = None
            _trim(self._fills, self._bounds.copies)
        self._sum(order, counts=self._fill_key is FillKey.NONE)

    def _sum(self, order: OrderUpdate, *, counts: bool) -> None:
        """The filled quantity: as the venue sums it up, else our sum since the order was new.

        A sum of the venue holds every fill up to its time.
        """
        order_id = order.order_id
        known, at_ms = self._filled.get(order_id, _UNKNOWN)
        if order.cumulative_quantity is not None:
            known = max(known or Decimal(0), Decimal(order.cumulative_quantity))
            at_ms = max(at_ms, order.time_ms)
        elif order.status == "NEW" and known is None:
            known = Decimal(0)
        elif known is not None and counts and order.time_ms > at_ms:
            known += Decimal(order.last_quantity or 0)
        self._filled[order_id] = _Filled(known, at_ms)
        self._filled.move_to_end(order_id)
        while len(self._filled) > self._bounds.orders + len(self.orders):
            self._filled.popitem(last=False)

    def _account(self, event: AccountEvent) -> None:
        """The latest time wins for each asset; a whole account clears what it does not list."""
        at_ms = event.venue_ms or 0
        if isinstance(event.update, AccountSnapshot):
            listed = {b.asset for b in event.update.balances}
            for asset in [a for a, t in self._account_ms.items() if a not in listed and t <= at_ms]:
                del self.account[asset], self._account_ms[asset]
        for asset, holding in event.balances.items():
            if at_ms >= self._account_ms.get(asset, at_ms):
                self.account[asset] = holding
                self._account_ms[asset] = at_ms


def _with(known: OrderUpdate, order: OrderUpdate) -> OrderUpdate:
    """The order with what an event says of it; what it does not say stays."""
    if order.status and order.quantity is not None and order.order_type is not None:
        return order
    said = {
        name: value
        for name, value in msgspec.structs.asdict(order).items()
        if value is not None and value != ""
    }
    return msgspec.structs.replace(known, **said)


def _trim(kept: OrderedDict[Any, None], most: int) -> None:
    while len(kept) > most:
        kept.popitem(last=False)
