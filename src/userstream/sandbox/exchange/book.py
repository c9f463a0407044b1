"""The order book of one symbol: resting orders by price and time, and stops that wait."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import OrderedDict
from collections.abc import Iterator
from decimal import Decimal
from operator import itemgetter
from typing import NamedTuple

from userstream.orders import OrderRequest, OrderType, Side
from userstream.sandbox.exchange.amounts import ZERO, plus
from userstream.sandbox.exchange.orders import Order


class Level(NamedTuple):
    """All that rests at one price."""

    price: Decimal
    quantity: Decimal


class Ladder:
    """The resting orders of one side: best price first, at one price first come first served."""

    def __init__(self, side: Side) -> None:
        self._bids = side is Side.BUY
        self._best = -1 if self._bids else 0
        self._prices: list[Decimal] = []  # ascending on both sides
        self._levels: dict[Decimal, OrderedDict[int, Order]] = {}

    def add(self, order: Order) -> None:
        """Puts a priced order last in its level."""
        price = order.rest_price
        level = self._levels.get(price)
        if level is None:
            level = self._levels[price] = OrderedDict()
            insort(self._prices, price)
        level[order.order_id] = order

    def remove(self, order: Order) -> None:
        """Takes an order out of its level."""
        price = order.rest_price
        level = self._levels[price]
        del level[order.order_id]
        if not level:
            del self._levels[price]
            del self._prices[bisect_left(self._prices, price)]

    def first(self, limit: Decimal | None) -> Order | None:
        """The next order that a counter order with that limit price meets."""
        if not self._prices:
            return None
        price = self._prices[self._best]
        if limit is not None and self._beyond(price, limit):
            return None
        return next(iter(self._levels[price].values()))

    def walk(self, limit: Decimal | None) -> Iterator[Order]:
        """All orders that a counter order with that limit price could meet, in that order."""
        for price in reversed(self._prices) if self._bids else self._prices:
            if limit is not None and self._beyond(price, limit):
                return
            yield from self._levels[price].values()

    def best(self) -> Level | None:
        """The best price, and how much rests at it."""
        if not self._prices:
            return None
        price = self._prices[self._best]
        quantity = ZERO
        for order in self._levels[price].values():
            quantity = plus(quantity, order.left)
        return Level(price, quantity)

    def _beyond(self, price: Decimal, limit: Decimal) -> bool:
        return price < limit if self._bids else price > limit


def rises(order: Order | OrderRequest) -> bool:
    """Whether a stop waits for the last price to rise to its stop price, rather than to fall."""
    return (order.side is Side.BUY) is (order.order_type is OrderType.STOP_LOSS_LIMIT)


class Stops:
    """Stops that have not triggered, by the distance of their stop prices, then by age."""

    def __init__(self) -> None:
        self._rising: list[tuple[Decimal, int, Order]] = []
        self._falling: list[tuple[Decimal, int, Order]] = []

    def add(self, order: Order) -> None:
        """Lets a stop wait."""
        waiting, entry = self._place(order)
        insort(waiting, entry)

    def remove(self, order: Order) -> None:
        """Takes a stop out."""
        waiting, entry = self._place(order)
        del waiting[bisect_left(waiting, entry)]

    def take(self, last_price: Decimal) -> list[Order]:
        """Takes out what a trade at that price triggers: nearest stop price first, then oldest."""
        triggered: list[Order] = []
        fallen = last_price.copy_negate()
        for waiting, reached in ((self._rising, last_price), (self._falling, fallen)):
            if waiting and waiting[0][0] <= reached:
                count = bisect_right(waiting, reached, key=itemgetter(0))
                triggered += [order for _, _, order in waiting[:count]]
                del waiting[:count]
        return triggered

    def _place(
        self, order: Order
    ) -> tuple[list[tuple[Decimal, int, Order]], tuple[Decimal, int, Order]]:
        if rises(order):
            return self._rising, (order.trigger_price, order.order_id, order)
        return self._falling, (order.trigger_price.copy_negate(), order.order_id, order)


class Book:
    """Both ladders and the stops of one symbol, and the price of its last trade."""

    def __init__(self) -> None:
        self.ladders = {side: Ladder(side) for side in Side}
        self.stops = Stops()
        self.last_price: Decimal | None = None

    def against(self, side: Side) -> Ladder:
        """The ladder that an order of that side meets."""
        return self.ladders[Side.SELL if side is Side.BUY else Side.BUY]

    def add(self, order: Order) -> None:
        """Lets an order rest, or wait for its stop price."""
        if order.working:
            self.ladders[order.side].add(order)
        else:
            self.stops.add(order)

    def remove(self, order: Order) -> None:
        """Takes an open order out."""
        if order.working:
            self.ladders[order.side].remove(order)
        else:
            self.stops.remove(order)
