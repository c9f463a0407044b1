"""Takings: which clients' orders the house is going to take, how much of them, and when."""

from __future__ import annotations

from collections import defaultdict, deque
from decimal import Decimal
from typing import NamedTuple

from userstream.events import TERMINAL, OrderUpdate
from userstream.orders import Side
from userstream.sandbox.exchange.amounts import times, whole
from userstream.sandbox.market.prices import draw

WHOLE = Decimal(100)
_PERCENT = Decimal("0.01")
_PARTS = 3
_FIRST_MS, _SPAN_MS = 50, 250
"""Each part comes so long after the one before: three parts in less than a second."""


class Resting:
    """A client's order on the book, as far as its events have told."""

    __slots__ = ("account", "filled", "order_id", "planned", "price", "quantity", "side", "symbol")

    def __init__(self, account: str, update: OrderUpdate) -> None:
        self.account = account
        self.order_id = int(update.order_id)
        self.symbol = update.symbol
        self.side = Side(update.side)
        self.price = Decimal(update.price or 0)
        self.quantity = Decimal(update.quantity or 0)
        self.filled = Decimal(update.cumulative_quantity or 0)
        self.planned = 0
        """Parts that are still to come."""


class Part(NamedTuple):
    """At ``due_ms`` the order shall be filled up to ``goal``."""

    due_ms: int
    order_id: int
    goal: Decimal


class Takings:
    """Knows the resting orders of clients and plans to take them, first come first served.

    Due times never fall, so what is taken first does not depend on the clock.
    """

    def __init__(self, seed: int, percent: Decimal) -> None:
        self._seed = seed
        self._resting: dict[int, Resting] = {}
        self._by_symbol: dict[str, dict[int, Resting]] = defaultdict(dict)
        self._fresh: dict[str, dict[int, Resting]] = defaultdict(dict)
        self._parts: deque[Part] = deque()
        self._percents: dict[tuple[str | None, str | None], Decimal] = {(None, None): percent}

    def percent(self, account: str, symbol: str) -> Decimal:
        """How much of an order is taken: the rule that names most of account, symbol."""
        names = ((account, symbol), (account, None), (None, symbol), (None, None))
        return next(self._percents[name] for name in names if name in self._percents)

    def set_percent(self, percent: Decimal, account: str | None, symbol: str | None) -> None:
        """Sets a rule; ``None`` is any."""
        self._percents[account, symbol] = percent

    def follow(self, account: str, update: OrderUpdate) -> None:
        """Takes in an event of a client's order."""
        order_id = int(update.order_id)
        if update.status in TERMINAL:
            if self._resting.pop(order_id, None) is not None:
                del self._by_symbol[update.symbol][order_id]
        elif order_id in self._resting:
            self._resting[order_id].filled = Decimal(update.cumulative_quantity or 0)
        elif update.working and update.price is not None:
            order = Resting(account, update)
            self._resting[order_id] = self._by_symbol[order.symbol][order_id] = order
            self._fresh[order.symbol][order_id] = order

    def unplanned(self, symbol: str, near: tuple[Decimal, Decimal], *, all_: bool) -> list[Resting]:
        """The orders from the lowest bid to the highest ask of which no part is going to be taken.

        Oldest first; unless all are asked for, those that are new since they were last asked for.
        """
        fresh = self._fresh.pop(symbol, {})
        orders = self._by_symbol[symbol] if all_ else fresh
        low, high = near
        return [
            order
            for order in orders.values()
            if not order.planned
            and order.order_id in self._resting
            and (order.price >= low if order.side is Side.BUY else order.price <= high)
        ]

    def plan(self, order: Resting, lot: Decimal, now_ms: int) -> None:
        """Plans to take an order, as far as the rule for it says."""
        percent = self.percent(order.account, order.symbol)
        target = share(order.quantity, percent, lot)
        if target <= order.filled:
            return
        due_ms, count = now_ms, 1 + draw(self._seed, _PARTS, "parts", order.order_id)
        for n in range(1, count + 1):
            due_ms += _FIRST_MS + draw(self._seed, _SPAN_MS, "delay", order.order_id, n)
            if self._parts:
                due_ms = max(due_ms, self._parts[-1].due_ms)
            goal = target if n == count else whole(times(target, Decimal(n) / count), lot)
            self._parts.append(Part(due_ms, order.order_id, goal))
        order.planned = count

    def forget(self) -> None:
        """Drops all plans."""
        self._parts.clear()
        for order in self._resting.values():
            order.planned = 0

    def due_ms(self) -> int | None:
        """When the next part is due."""
        while self._parts and self._parts[0].order_id not in self._resting:
            self._parts.popleft()
        return self._parts[0].due_ms if self._parts else None

    def take_due(self, now_ms: int) -> tuple[Resting, Decimal] | None:
        """Takes out the next part that is due: its order, and the cumulative quantity to reach."""
        due_ms = self.due_ms()
        if due_ms is None or due_ms > now_ms:
            return None
        part = self._parts.popleft()
        order = self._resting[part.order_id]
        order.planned -= 1
        if not order.planned:
            self._fresh[order.symbol][order.order_id] = order
        return order, part.goal


def share(quantity: Decimal, percent: Decimal, lot: Decimal) -> Decimal:
    """So many percent of a quantity, in whole lots."""
    return whole(times(quantity, times(percent, _PERCENT)), lot)
