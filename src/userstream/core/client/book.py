"""Book: balances and open orders as the events left them."""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from userstream.core.client.bounds import Bounds
from userstream.core.client.told import AccountEvent, Gap, Holding, OrderEvent, Scope, Told
from userstream.events import TERMINAL, AccountSnapshot, OrderUpdate


class Book:
    """Kept from what is told; a ``late`` order event changes nothing.

    ``orders`` holds the open ones by id, each with all that was ever said of it. Of finished ones
    the last ``Bounds.orders`` are remembered, so that nothing opens them again.
    """

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self.orders: dict[str, OrderUpdate] = {}
        self.account: dict[str, Holding] = {}
        self._account_ms: dict[str, int] = {}
        self._finished: OrderedDict[str, None] = OrderedDict()

    def apply(self, event: Told) -> None:
        """Takes in what is told."""
        if isinstance(event, OrderEvent):
            self._order(event)
        elif isinstance(event, AccountEvent):
            self._account(event)
        elif isinstance(event, Gap) and event.scope is Scope.ORDER and event.order_id is not None:
            self.orders.pop(event.order_id, None)

    def _order(self, event: OrderEvent) -> None:
        order = event.update
        order_id = order.order_id
        if event.late or order_id in self._finished:
            return
        if order.status in TERMINAL:
            self.orders.pop(order_id, None)
            finished = self._finished
            finished[order_id] = None
            if len(finished) > self._bounds.orders:
                finished.popitem(last=False)
        else:
            self._open(order)

    def _open(self, order: OrderUpdate) -> None:
        """What is said of an order that is not finished."""
        order_id = order.order_id
        known = self.orders.get(order_id)
        if known is not None:
            self.orders[order_id] = _with(known, order)
        elif order.status:
            self.orders[order_id] = order

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
