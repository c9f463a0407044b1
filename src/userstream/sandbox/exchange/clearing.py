"""Clearing: what orders lock, what fills move and cost, and the balance events of both.

The causes are MEXC's words for them. A fill moves both assets in one event, ``ENTRUST``, and its
fee follows as ``TRADE_FEE``.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from userstream.events import AccountUpdate, Balance, Event
from userstream.orders import AccountEvent, FeeAsset, Side, Trade
from userstream.sandbox.exchange.amounts import minus
from userstream.sandbox.exchange.fees import FeeRule
from userstream.sandbox.exchange.ledger import Ledger
from userstream.sandbox.exchange.orders import Order
from userstream.sandbox.exchange.reports import traded


class Tape:
    """What one command has led to so far, in order."""

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms
        self.events: list[AccountEvent] = []
        self.trades: list[Trade] = []

    def tell(self, account: str, event: Event) -> None:
        """Adds an event."""
        self.events.append((account, event))

    def balances(self, account: str, cause: str, *balances: Balance) -> None:
        """Adds an account event of those changed assets."""
        self.events.append(
            (account, AccountUpdate(time_ms=self.now_ms, balances=balances, cause=cause))
        )


class Fill(NamedTuple):
    """What both sides of a fill have in common."""

    trade_id: int
    price: Decimal
    quantity: Decimal
    quote: Decimal


class Clearing:
    """Keeps the ledger in step with the orders.

    A buy locks price times quantity, a sell its quantity. Market orders lock nothing: they are
    paid from what is free, where admission has seen what they cost. No fee is locked either: it is
    taken from what the fill brings, or, of a buyer who pays in quote, from what is free. After
    each command the locked amounts of an account are the sum over its open orders.
    """

    def __init__(self, ledger: Ledger, fees: FeeRule) -> None:
        self._ledger = ledger
        self._fees = fees

    def lock(self, order: Order, tape: Tape) -> None:
        """Locks what a new order needs; it must be there."""
        order.locked = amount = order.need()
        if amount:
            balance = self._ledger.change(
                order.account, given_asset(order), amount.copy_negate(), amount
            )
            tape.balances(order.account, "ENTRUST_PLACE", balance)

    def unlock_surplus(self, order: Order, tape: Tape) -> None:
        """Gives back what the order no longer needs after its fills."""
        surplus = minus(order.locked, order.need())
        if surplus > 0:
            self._unlock(order, surplus, "ENTRUST_UNFROZEN", tape)

    def unlock_rest(self, order: Order, tape: Tape) -> None:
        """Gives back all that an order still locks, since it has ended."""
        if order.locked:
            self._unlock(order, order.locked, "ENTRUST_CANCEL", tape)

    def settle(self, order: Order, counter: Order, fill: Fill, *, maker: bool, tape: Tape) -> None:
        """Books one side of a fill and charges its fee: the order event, then the balances."""
        buys = order.side is Side.BUY
        listing = order.listing
        order.fill(fill.quantity, fill.quote, tape.now_ms)
        paid, got = (fill.quote, fill.quantity) if buys else (fill.quantity, fill.quote)
        fee, fee_asset = self._fee(order, fill, got, maker=maker)
        trade = Trade(
            trade_id=fill.trade_id,
            account=order.account,
            symbol=listing.symbol,
            order_id=order.order_id,
            counter_order_id=counter.order_id,
            client_order_id=order.client_order_id,
            side=order.side,
            price=fill.price,
            quantity=fill.quantity,
            quote=fill.quote,
            commission=fee,
            commission_asset=fee_asset,
            maker=maker,
            self_trade=order.account == counter.account,
            time_ms=tape.now_ms,
        )
        tape.trades.append(trade)
        tape.tell(order.account, traded(order, trade))
        self._pay(order, paid, got, tape)
        if fee:
            balance = self._ledger.change(order.account, fee_asset, free=fee.copy_negate())
            self._ledger.collect(fee_asset, fee)
            tape.balances(order.account, "TRADE_FEE", balance)

    def _fee(self, order: Order, fill: Fill, got: Decimal, *, maker: bool) -> tuple[Decimal, str]:
        """The fee on a fill that is booked and not yet paid, and its asset."""
        rate = self._fees.maker if maker else self._fees.taker
        base, quote = order.listing.base, order.listing.quote
        if order.side is Side.SELL or order.fee_asset is FeeAsset.RECEIVED:
            return min(self._fees.fee(got, rate), got), base if order.side is Side.BUY else quote
        there = self._ledger.holding(order.account, quote).free
        if order.price is None:  # it pays this fill and the coming ones from there
            there = minus(there, minus(order.budget, minus(order.spent, fill.quote)))
        return min(self._fees.fee(fill.quote, rate), there), quote

    def _pay(self, order: Order, paid: Decimal, got: Decimal, tape: Tape) -> None:
        listing, account = order.listing, order.account
        buys = order.side is Side.BUY
        gets = listing.base if buys else listing.quote
        less = paid.copy_negate()
        if order.price is None:
            out = self._ledger.change(account, given_asset(order), free=less)
        else:
            order.locked = minus(order.locked, paid)
            out = self._ledger.change(account, given_asset(order), locked=less)
        into = self._ledger.change(account, gets, free=got)
        tape.balances(account, "ENTRUST", *((into, out) if buys else (out, into)))

    def _unlock(self, order: Order, amount: Decimal, cause: str, tape: Tape) -> None:
        order.locked = minus(order.locked, amount)
        balance = self._ledger.change(
            order.account, given_asset(order), amount, amount.copy_negate()
        )
        tape.balances(order.account, cause, balance)


def given_asset(order: Order) -> str:
    """The asset that the order gives, and locks: quote of a buy, base of a sell."""
    listing = order.listing
    return listing.quote if order.side is Side.BUY else listing.base
