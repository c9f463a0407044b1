"""Clearing: what orders lock, what fills move and cost, and the balance events of both.

The causes are MEXC's words for them. A fill moves both assets in one event, ``ENTRUST``, and its
fee follows as ``TRADE_FEE``.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from userstream.events import AccountUpdate, Balance, Event
from userstream.orders import AccountEvent, Side, Trade
from userstream.sandbox.exchange.amounts import minus, plus
from userstream.sandbox.exchange.fees import FeeAsset, FeeRule
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

    A buy locks price times quantity, a sell its quantity; market orders as far as the book was
    going to fill them. Under a fee in quote a buy locks the fee too, at the rate that it can come
    to pay. After each command the locked amounts of an account are the sum over its open orders.
    """

    def __init__(self, ledger: Ledger, fees: FeeRule) -> None:
        self._ledger = ledger
        self._fees = fees
        self._in_quote = fees.asset is FeeAsset.QUOTE
        self._worst = max(fees.maker, fees.taker)

    def need(self, order: Order, *, resting: bool) -> Decimal:
        """What an order has to lock; ``resting`` orders can only come to pay the maker fee."""
        principal = order.principal()
        if not self._in_quote or order.side is Side.SELL:
            return principal
        rate = self._fees.maker if resting else self._worst
        return plus(principal, self._fees.fee(principal, rate))

    def lock(self, order: Order, amount: Decimal, tape: Tape) -> None:
        """Locks what a new order needs; it must be there."""
        order.locked = amount
        if amount:
            balance = self._ledger.change(
                order.account, given_asset(order), amount.copy_negate(), amount
            )
            tape.balances(order.account, "ENTRUST_PLACE", balance)

    def unlock_surplus(self, order: Order, tape: Tape) -> None:
        """Gives back what the order no longer needs after its fills."""
        surplus = minus(order.locked, self.need(order, resting=True))
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
        order.locked = minus(order.locked, paid)
        fee = self._fees.fee(fill.quote if self._in_quote else got, self._rate(maker))
        from_lock = buys and self._in_quote
        if from_lock:
            fee = min(fee, minus(order.locked, order.principal()))
            order.locked = minus(order.locked, fee)
        else:
            fee = min(fee, got)
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
            commission_asset=listing.base if buys and not self._in_quote else listing.quote,
            maker=maker,
            self_trade=order.account == counter.account,
            time_ms=tape.now_ms,
        )
        tape.trades.append(trade)
        tape.tell(order.account, traded(order, trade))
        self._pay(order, paid, got, tape)
        if fee:
            self._charge(trade, tape, from_lock=from_lock)

    def _rate(self, maker: bool) -> int:
        return self._fees.maker if maker else self._fees.taker

    def _pay(self, order: Order, paid: Decimal, got: Decimal, tape: Tape) -> None:
        listing, account = order.listing, order.account
        buys = order.side is Side.BUY
        gets = listing.base if buys else listing.quote
        out = self._ledger.change(account, given_asset(order), locked=paid.copy_negate())
        into = self._ledger.change(account, gets, free=got)
        tape.balances(account, "ENTRUST", *((into, out) if buys else (out, into)))

    def _charge(self, trade: Trade, tape: Tape, *, from_lock: bool) -> None:
        account, asset, less = trade.account, trade.commission_asset, trade.commission.copy_negate()
        if from_lock:
            balance = self._ledger.change(account, asset, locked=less)
        else:
            balance = self._ledger.change(account, asset, free=less)
        self._ledger.collect(asset, trade.commission)
        tape.balances(account, "TRADE_FEE", balance)

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
