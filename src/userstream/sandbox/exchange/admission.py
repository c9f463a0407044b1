"""Admission: whether an order may enter, looking at its account, its funds and the book."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from userstream.orders import OrderRequest, OrderType, Reason, Refused, Side
from userstream.sandbox.exchange.amounts import ZERO, times
from userstream.sandbox.exchange.book import Book, rises
from userstream.sandbox.exchange.clearing import given_asset
from userstream.sandbox.exchange.filters import Filters, Listing, screen, screen_notional
from userstream.sandbox.exchange.holders import Holder
from userstream.sandbox.exchange.ledger import Ledger
from userstream.sandbox.exchange.matching import Matcher
from userstream.sandbox.exchange.orders import Order


class _Size(NamedTuple):
    """Base quantity, and what a market order is going to cost in the asset that it gives."""

    quantity: Decimal
    cost: Decimal = ZERO


class Admission:
    """Refuses before anything changes.

    The checks run in this order: the request by itself, permissions, client order id, number of
    open orders, the book, funds.
    """

    def __init__(self, ledger: Ledger, matcher: Matcher) -> None:
        self._ledger = ledger
        self._matcher = matcher

    def admit(
        self, holder: Holder, listing: Listing, book: Book, request: OrderRequest, now_ms: int
    ) -> Order | Refused:
        """The order with its size, or why it may not enter."""
        asked = screen(listing, request)
        if isinstance(asked, Refused):
            return asked
        account = holder.account
        refused = _refuses_account(holder, listing, asked) or _refuses_book(book, asked)
        if refused is not None:
            return refused
        size = self._size(account, listing, book, asked)
        if isinstance(size, Refused):
            return size
        order = Order(
            account, listing, asked, quantity=size.quantity, budget=size.cost, now_ms=now_ms
        )
        return self.refuses_funds(order, max(order.need(), size.cost)) or order

    def refuses_funds(self, order: Order, need: Decimal) -> Refused | None:
        """Whether so much of what the order gives is not free."""
        if self._ledger.holding(order.account, given_asset(order)).free < need:
            return Refused(Reason.INSUFFICIENT_BALANCE)
        return None

    def _size(
        self, account: str, listing: Listing, book: Book, asked: OrderRequest
    ) -> _Size | Refused:
        quantity = asked.quantity
        if quantity is not None and asked.order_type is not OrderType.MARKET:
            return _Size(quantity)
        ladder = book.against(asked.side)
        first = ladder.first(None)
        if first is None:
            return Refused(Reason.NO_COUNTER_ORDERS)
        filters = listing.filters
        if quantity is not None:
            refused = screen_notional(filters, times(first.rest_price, quantity))
        else:
            quantity = self._matcher.worth(
                ladder, account, asked.quote_quantity or ZERO, filters.lot
            )
            refused = _refuses_worth(filters, quantity)
        if refused is not None:
            return refused
        reach = self._matcher.reach(ladder, account, quantity, None)
        return _Size(quantity, reach.quote if asked.side is Side.BUY else reach.quantity)


def _refuses_worth(filters: Filters, quantity: Decimal) -> Refused | None:
    if not quantity or quantity < filters.min_quantity:
        return Refused(Reason.QUANTITY_TOO_LOW, "quote_quantity")
    if quantity > filters.max_quantity:
        return Refused(Reason.QUANTITY_TOO_HIGH, "quote_quantity")
    return None


def _refuses_account(holder: Holder, listing: Listing, asked: OrderRequest) -> Refused | None:
    if not holder.permissions.can_trade:
        return Refused(Reason.TRADING_DISABLED)
    if holder.uses(asked.client_order_id):
        return Refused(Reason.DUPLICATE_CLIENT_ORDER_ID, "client_order_id")
    if holder.open_by_symbol[listing.symbol] >= listing.filters.max_open_orders:
        return Refused(Reason.TOO_MANY_OPEN_ORDERS)
    return None


def _refuses_book(book: Book, asked: OrderRequest) -> Refused | None:
    if asked.order_type is OrderType.LIMIT_MAKER:
        if book.against(asked.side).first(asked.price) is not None:
            return Refused(Reason.WOULD_TAKE)
    elif asked.stop_price is not None and book.last_price is not None:
        last, stop = book.last_price, asked.stop_price
        if last >= stop if rises(asked) else last <= stop:
            return Refused(Reason.WOULD_TRIGGER, "stop_price")
    return None
