"""Matching: an order against the book, by price and time, until it rests or ends."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable
from decimal import Decimal
from enum import Enum
from typing import NamedTuple

from userstream.orders import TimeInForce
from userstream.sandbox.exchange.amounts import ZERO, affordable, minus, plus, times
from userstream.sandbox.exchange.book import Book, Ladder
from userstream.sandbox.exchange.clearing import Clearing, Fill, Tape
from userstream.sandbox.exchange.orders import Order
from userstream.sandbox.exchange.reports import changed


class SelfTrade(Enum):
    """What happens when an order meets one of its own account."""

    ALLOW = "allow"
    """They trade; both sides are reported, with the same trade id."""
    EXPIRE_TAKER = "expire_taker"
    """The newer order expires with what it has left; the resting one stays."""


class Reach(NamedTuple):
    """What an order could fill now: base quantity, and what that is worth in quote."""

    quantity: Decimal
    quote: Decimal


class Matcher:
    """Carries out orders that have been accepted and whose funds are locked."""

    def __init__(
        self,
        clearing: Clearing,
        self_trade: SelfTrade,
        *,
        first_trade_id: int,
        closed: Callable[[Order], None],
    ) -> None:
        self._clearing = clearing
        self._allow_self = self_trade is SelfTrade.ALLOW
        self._trade_ids = itertools.count(first_trade_id)
        self._closed = closed

    def reach(
        self, ladder: Ladder, account: str, quantity: Decimal, limit: Decimal | None
    ) -> Reach:
        """How much of a base quantity would fill, up to a limit price."""
        left, quote = quantity, ZERO
        for resting in ladder.walk(limit):
            if not left or self._stops_at(resting, account):
                break
            part = min(left, resting.left)
            left = minus(left, part)
            quote = plus(quote, times(part, resting.rest_price))
        return Reach(minus(quantity, left), quote)

    def worth(self, ladder: Ladder, account: str, quote: Decimal, lot: Decimal) -> Decimal:
        """The base quantity that a quote amount trades for, in whole lots.

        Where the book ends first, the rest counts at the last price that was met.
        """
        quantity, left, price = ZERO, quote, lot
        for resting in ladder.walk(None):
            price = resting.rest_price
            part = affordable(left, price, lot)
            if part <= resting.left or self._stops_at(resting, account):
                return plus(quantity, part)
            quantity = plus(quantity, resting.left)
            left = minus(left, times(resting.left, price))
        return plus(quantity, affordable(left, price, lot))

    def carry_out(self, order: Order, book: Book, tape: Tape) -> None:
        """Matches an order, then the stops that its trades trigger, in the order of triggering."""
        waiting = deque([order])
        while waiting:
            following = waiting.popleft()
            if not following.working:
                following.working = True
                following.updated_ms = tape.now_ms
                tape.tell(following.account, changed(following, "NEW", tape.now_ms))
            self._take(following, book, waiting, tape)

    def _take(self, order: Order, book: Book, triggered: deque[Order], tape: Tape) -> None:
        ladder = book.against(order.side)
        rests = order.time_in_force is not TimeInForce.IOC and order.price is not None
        if order.time_in_force is TimeInForce.FOK and not self._fills_whole(order, ladder):
            rests = False
        else:
            while order.left and (resting := ladder.first(order.price)) is not None:
                if self._stops_at(resting, order.account):
                    rests = False
                    break
                self._trade(order, resting, book, tape)
                triggered += book.stops.take(resting.rest_price)
            self._clearing.unlock_surplus(order, tape)
        if not order.left:
            self._closed(order)
        elif rests:
            book.add(order)
        else:
            self._expire(order, tape)

    def _trade(self, taker: Order, resting: Order, book: Book, tape: Tape) -> None:
        price = resting.rest_price
        quantity = min(taker.left, resting.left)
        fill = Fill(next(self._trade_ids), price, quantity, times(price, quantity))
        book.last_price = price
        self._clearing.settle(taker, resting, fill, maker=False, tape=tape)
        self._clearing.settle(resting, taker, fill, maker=True, tape=tape)
        self._clearing.unlock_surplus(resting, tape)
        if not resting.left:
            book.remove(resting)
            self._closed(resting)

    def cancel(
        self, order: Order, book: Book, tape: Tape, cancel_client_order_id: str | None = None
    ) -> None:
        """Takes an open order out of the book and ends it."""
        book.remove(order)
        order.status = "PARTIALLY_CANCELED" if order.spent else "CANCELED"
        self._end(order, "CANCELED", tape, cancel_client_order_id)

    def _expire(self, order: Order, tape: Tape) -> None:
        order.status = "EXPIRED"
        self._end(order, "EXPIRED", tape)

    def _end(
        self, order: Order, execution: str, tape: Tape, cancel_client_order_id: str | None = None
    ) -> None:
        order.updated_ms = tape.now_ms
        tape.tell(order.account, changed(order, execution, tape.now_ms, cancel_client_order_id))
        self._clearing.unlock_rest(order, tape)
        self._closed(order)

    def _fills_whole(self, order: Order, ladder: Ladder) -> bool:
        return self.reach(ladder, order.account, order.left, order.price).quantity == order.left

    def _stops_at(self, resting: Order, account: str) -> bool:
        return not self._allow_self and resting.account == account
