"""The exchange: every command as one call that returns all that followed from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple

from userstream.events import Permissions
from userstream.orders import (
    Accepted,
    OrderRequest,
    OrderState,
    OrderType,
    Outcome,
    Reason,
    Refused,
    Side,
    TimeInForce,
    Trade,
)
from userstream.sandbox.exchange.admission import Admission
from userstream.sandbox.exchange.amounts import ZERO
from userstream.sandbox.exchange.book import Book, Level
from userstream.sandbox.exchange.clearing import Clearing, Tape
from userstream.sandbox.exchange.filters import Listing, is_client_order_id, screen
from userstream.sandbox.exchange.funds import Funds
from userstream.sandbox.exchange.holders import Holder
from userstream.sandbox.exchange.ledger import Ledger
from userstream.sandbox.exchange.matching import Matcher
from userstream.sandbox.exchange.orders import Order
from userstream.sandbox.exchange.reports import changed, rejected
from userstream.sandbox.exchange.rules import Rules

_STANDARD = Rules()

_SILENT = frozenset({Reason.UNKNOWN_ACCOUNT, Reason.UNKNOWN_SYMBOL, Reason.BAD_CLIENT_ORDER_ID})
"""Refusals of which no event can tell: there is no stream, no symbol or no id to name."""


class Quote(NamedTuple):
    """The best prices of a symbol, and how much rests at each."""

    bid: Level | None
    ask: Level | None


class Exchange:
    """A spot exchange without I/O, clock and randomness: the same commands give the same events.

    An order is its id, or the client order id of the account's latest order with that name.
    Queries raise KeyError for an account or symbol that does not exist.
    """

    def __init__(self, listings: Iterable[Listing], rules: Rules = _STANDARD) -> None:
        self.listings = MappingProxyType({listing.symbol: listing for listing in listings})
        self.rules = rules
        self._books = {symbol: Book() for symbol in self.listings}
        self._holders: dict[str, Holder] = {}
        ledger = Ledger()
        self._clearing = Clearing(ledger, rules.fees)
        self._matcher = Matcher(
            self._clearing,
            rules.self_trade,
            first_trade_id=rules.first_trade_id,
            closed=self._close,
        )
        self._admission = Admission(ledger, self._matcher)
        self._next_order_id = rules.first_order_id
        self.funds = Funds(
            ledger,
            self._holders,
            assets=frozenset(a for one in self.listings.values() for a in (one.base, one.quote)),
            fees=rules.fees,
            history=rules.history,
        )

    def place(self, account: str, request: OrderRequest, now_ms: int) -> Outcome:
        """Places an order, matches it, and carries out the stops that its trades trigger."""
        order = self._admit(account, request, now_ms)
        if isinstance(order, Refused):
            if not self.rules.report_rejections:
                return order
            return self._told(account, request, order, now_ms)
        return self._enter(order, now_ms)

    def take(
        self,
        account: str,
        symbol: str,
        side: Side,
        quantity: Decimal,
        price: Decimal,
        now_ms: int,
    ) -> Outcome:
        """Fills resting orders up to a price, in their order, by an IOC order without filters.

        So a fill can be of any size. The quantity is in whole lots, the price on the tick.

        Raises:
            KeyError: there is no such account or symbol.
        """
        request = OrderRequest(
            symbol=symbol,
            side=side,
            order_type=OrderType.LIMIT,
            quantity=quantity,
            price=price,
            time_in_force=TimeInForce.IOC,
        )
        holder, listing = self._holders[account], self.listings[symbol]
        order = Order(
            holder.account, listing, request, quantity=quantity, budget=ZERO, now_ms=now_ms
        )
        refused = self._admission.refuses_funds(order, order.need())
        return refused or self._enter(order, now_ms)

    def _enter(self, order: Order, now_ms: int) -> Accepted:
        order.order_id = self._take_order_id()
        self._holders[order.account].add(order)
        tape = Tape(now_ms)
        tape.tell(order.account, changed(order, "NEW", now_ms))
        self._clearing.lock(order, tape)
        book = self._books[order.listing.symbol]
        if order.working:
            self._matcher.carry_out(order, book, tape)
        else:
            book.add(order)
        for trade in tape.trades:
            self._holders[trade.account].trades.append(trade)
        fills = tuple(t for t in tape.trades if t.order_id == order.order_id)
        return Accepted(tuple(tape.events), order.state(), fills)

    def _admit(self, account: str, request: OrderRequest, now_ms: int) -> Order | Refused:
        holder = self._holders.get(account)
        if holder is None:
            return Refused(Reason.UNKNOWN_ACCOUNT)
        listing = self.listings.get(request.symbol)
        if listing is None:
            return Refused(Reason.UNKNOWN_SYMBOL, "symbol")
        book = self._books[request.symbol]
        return self._admission.admit(holder, listing, book, request, now_ms)

    def reject(self, account: str, request: OrderRequest, reason: Reason, now_ms: int) -> Refused:
        """Refuses an order for no reason of its own, with a REJECTED event whatever the rules say.

        What no event can name is refused for that, in silence.
        """
        refused = Refused(reason)
        if account not in self._holders:
            refused = Refused(Reason.UNKNOWN_ACCOUNT)
        elif request.symbol not in self.listings:
            refused = Refused(Reason.UNKNOWN_SYMBOL, "symbol")
        elif not is_client_order_id(request.client_order_id):
            refused = Refused(Reason.BAD_CLIENT_ORDER_ID, "client_order_id")
        return self._told(account, request, refused, now_ms)

    def _told(self, account: str, request: OrderRequest, refused: Refused, now_ms: int) -> Refused:
        if refused.reason in _SILENT:
            return refused
        event = rejected(request, self._take_order_id(), refused.reason.value, now_ms)
        return refused._replace(events=((account, event),))

    def _take_order_id(self) -> int:
        order_id = self._next_order_id
        self._next_order_id += 1
        return order_id

    def _close(self, order: Order) -> None:
        self._holders[order.account].close(order)

    def check(self, account: str, request: OrderRequest) -> Refused | None:
        """What is wrong with a request by itself, as for a test order: not funds, not the book."""
        if account not in self._holders:
            return Refused(Reason.UNKNOWN_ACCOUNT)
        listing = self.listings.get(request.symbol)
        if listing is None:
            return Refused(Reason.UNKNOWN_SYMBOL, "symbol")
        screened = screen(listing, request)
        return screened if isinstance(screened, Refused) else None

    def cancel(
        self,
        account: str,
        order: int | str,
        now_ms: int,
        *,
        symbol: str | None = None,
        cancel_client_order_id: str | None = None,
    ) -> Outcome:
        """Cancels an open order; ``symbol`` refuses it where it is on another one."""
        holder = self._holders.get(account)
        if holder is None:
            return Refused(Reason.UNKNOWN_ACCOUNT)
        state = holder.state(order)
        if state is None or symbol not in {None, state.symbol}:
            return Refused(Reason.UNKNOWN_ORDER)
        living = holder.open.get(state.order_id)
        if living is None:
            return Refused(Reason.ORDER_FINISHED)
        tape = Tape(now_ms)
        self._matcher.cancel(living, self._books[state.symbol], tape, cancel_client_order_id)
        return Accepted(tuple(tape.events), living.state())

    def recall(self, states: Iterable[OrderState]) -> None:
        """Takes in orders that ended before this exchange began: queries know them.

        Orders of accounts or symbols that are not here are passed over.
        """
        for state in states:
            if state.account in self._holders and state.symbol in self.listings:
                self._holders[state.account].recall(state)

    def accounts(self) -> tuple[str, ...]:
        """The accounts, in the order of opening."""
        return tuple(self._holders)

    def order(self, account: str, order: int | str) -> OrderState | None:
        """That order, or ``None`` where the account does not know it, or no longer."""
        return self._holders[account].state(order)

    def open_orders(self, account: str, symbol: str | None = None) -> list[OrderState]:
        """The open orders, oldest first."""
        living = self._holders[account].open.values()
        return [o.state() for o in living if symbol in {None, o.listing.symbol}]

    def all_orders(self, account: str, symbol: str | None = None) -> list[OrderState]:
        """The open orders and the ended ones that are still remembered, oldest first."""
        return [s for s in self._holders[account].states() if symbol in {None, s.symbol}]

    def trades(self, account: str, symbol: str | None = None) -> list[Trade]:
        """The account's sides of its fills that are still remembered, oldest first."""
        return [t for t in self._holders[account].trades if symbol in {None, t.symbol}]

    def permissions(self, account: str) -> Permissions:
        """What the account may do."""
        return self._holders[account].permissions

    def best(self, symbol: str) -> Quote:
        """The best bid and ask."""
        ladders = self._books[symbol].ladders
        return Quote(ladders[Side.BUY].best(), ladders[Side.SELL].best())

    def resting(
        self, symbol: str, side: Side, limit: Decimal | None = None
    ) -> Iterator[OrderState]:
        """The orders on the book of one side, up to a price, in the order in which they fill."""
        for order in self._books[symbol].ladders[side].walk(limit):
            yield order.state()

    def last_price(self, symbol: str) -> Decimal | None:
        """The price of the last trade, if there was one."""
        return self._books[symbol].last_price
