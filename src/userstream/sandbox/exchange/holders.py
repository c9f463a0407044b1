"""The accounts: their permissions, their orders and their fills, the older ones up to a bound."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from typing import NamedTuple

from userstream.events import Permissions
from userstream.orders import OrderState, Trade
from userstream.sandbox.exchange.orders import Order


class History(NamedTuple):
    """How much an account remembers; the oldest goes first."""

    closed_orders: int = 10_000
    trades: int = 10_000


class Holder:
    """One account, its balances aside."""

    def __init__(self, account: str, permissions: Permissions, history: History) -> None:
        self.account = account
        self.permissions = permissions
        self.open: dict[int, Order] = {}
        self.open_by_symbol: Counter[str] = Counter()
        self.trades: deque[Trade] = deque(maxlen=history.trades)
        self._closed: OrderedDict[int, OrderState] = OrderedDict()
        self._closed_bound = history.closed_orders
        self._by_client: dict[str, int] = {}

    def add(self, order: Order) -> None:
        """Takes a new order on."""
        self.open[order.order_id] = order
        self.open_by_symbol[order.listing.symbol] += 1
        if order.client_order_id is not None:
            self._by_client[order.client_order_id] = order.order_id

    def close(self, order: Order) -> None:
        """Keeps the last state of an order that has ended."""
        del self.open[order.order_id]
        self.open_by_symbol[order.listing.symbol] -= 1
        self._keep(order.state())

    def recall(self, state: OrderState) -> None:
        """Takes in an order that ended before this exchange began."""
        if state.client_order_id is not None:
            self._by_client[state.client_order_id] = state.order_id
        self._keep(state)

    def _keep(self, state: OrderState) -> None:
        self._closed[state.order_id] = state
        if len(self._closed) > self._closed_bound:
            order_id, forgotten = self._closed.popitem(last=False)
            named = forgotten.client_order_id
            if named is not None and self._by_client[named] == order_id:
                del self._by_client[named]

    def order_id(self, order: int | str) -> int | None:
        """The id of the order with that id, or the latest with that client order id."""
        return self._by_client.get(order) if isinstance(order, str) else order

    def state(self, order: int | str) -> OrderState | None:
        """That order as it stands, or ``None`` where it is not or no longer known."""
        order_id = self.order_id(order)
        if order_id is None:
            return None
        living = self.open.get(order_id)
        return self._closed.get(order_id) if living is None else living.state()

    def states(self) -> list[OrderState]:
        """All orders still remembered, by order id."""
        states = [order.state() for order in self.open.values()]
        states += self._closed.values()
        return sorted(states, key=_order_id)

    def uses(self, client_order_id: str | None) -> bool:
        """Whether an open order has that client order id."""
        return client_order_id is not None and self._by_client.get(client_order_id) in self.open


def _order_id(state: OrderState) -> int:
    return state.order_id
