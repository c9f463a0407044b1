"""Follows the events of an exchange as its accounts see them, and checks that they make sense."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Context, Decimal

from userstream import schema
from userstream.events import TERMINAL, AccountSnapshot, AccountUpdate, Balance, OrderUpdate
from userstream.sandbox.exchange import AccountEvent, Exchange

_EXACT = Context(prec=100)
ZERO = Decimal(0)

# What stands right before a balance event of that cause, on the same account.
_BEFORE = {
    "ENTRUST_PLACE": {"NEW"},
    "ENTRUST": {"TRADE"},
    "TRADE_FEE": {"ENTRUST"},
    "ENTRUST_CANCEL": {"CANCELED", "EXPIRED"},
}


@dataclass
class Seen:
    """An order, as far as its events have told."""

    working: bool | None
    quantity: Decimal = ZERO
    quote: Decimal = ZERO


class Follower:
    """Knows only what was published."""

    def __init__(self) -> None:
        self.balances: dict[tuple[str, str], tuple[Decimal, Decimal]] = {}
        self.fees: dict[str, Decimal] = {}
        self.orders: dict[tuple[str, str], Seen] = {}
        self.trades = 0
        self._trade_id: int | None = None

    def follow(self, events: Sequence[AccountEvent]) -> None:
        """Takes in the events of one command."""
        fills: dict[tuple[str, int], list[OrderUpdate]] = {}
        before = ("", "")
        for account, event in events:
            schema.check(event)
            if isinstance(event, OrderUpdate):
                self._order(account, event, fills)
                before = (account, event.execution or "")
                continue
            cause = event.cause or ""
            if cause in _BEFORE:
                assert before[0] == account
                assert before[1] in _BEFORE[cause]
            for balance in event.balances:
                self._balance(account, balance, event)
            before = (account, cause)
        for (_, trade_id), (taken, made) in fills.items():  # exactly two sides
            assert self._trade_id in {None, trade_id - 1}
            self._trade_id = trade_id
            assert (taken.maker, made.maker) == (False, True)
            assert taken.side != made.side
            assert taken.last_quantity == made.last_quantity
            assert taken.last_price == made.last_price == made.price
        self.trades += len(fills)

    def _balance(self, account: str, b: Balance, event: AccountUpdate | AccountSnapshot) -> None:
        now = Decimal(b.free), Decimal(b.locked)
        if isinstance(event, AccountUpdate):
            assert b.free_change is not None
            assert b.locked_change is not None
            free, locked = self.balances.get((account, b.asset), (ZERO, ZERO))
            changes = Decimal(b.free_change), Decimal(b.locked_change)
            assert now == (_EXACT.add(free, changes[0]), _EXACT.add(locked, changes[1]))
            if event.cause == "TRADE_FEE":
                fee = _EXACT.add(*changes)
                self.fees[b.asset] = _EXACT.subtract(self.fees.get(b.asset, ZERO), fee)
        self.balances[account, b.asset] = now

    def _order(
        self, account: str, o: OrderUpdate, fills: dict[tuple[str, int], list[OrderUpdate]]
    ) -> None:
        assert 0 < int(o.order_id) < 2**53
        key = (account, o.order_id)
        if o.execution == "NEW":
            known = self.orders.get(key)
            assert known is None or (known.working, o.working) == (False, True)
            self.orders[key] = Seen(o.working)
            return
        if o.execution == "REJECTED":
            assert key not in self.orders
            return
        known = self.orders[key]
        if o.execution == "TRADE":
            assert o.trade_id is not None
            fills.setdefault((o.symbol, int(o.trade_id)), []).append(o)
            known.quantity = _EXACT.add(known.quantity, Decimal(o.last_quantity or 0))
            known.quote = _EXACT.add(known.quote, Decimal(o.last_quote or 0))
            whole = known.quantity == Decimal(o.quantity or 0)
            assert o.status == ("FILLED" if whole else "PARTIALLY_FILLED")
        assert Decimal(o.cumulative_quantity or 0) == known.quantity <= Decimal(o.quantity or 0)
        assert Decimal(o.cumulative_quote or 0) == known.quote
        if o.status in TERMINAL:
            del self.orders[key]

    def audit(self, exchange: Exchange) -> None:
        """The exchange's books balance, and the events have told all of them."""
        funds = exchange.funds
        for listing in exchange.listings.values():
            for asset in (listing.base, listing.quote):
                assert funds.imbalance(asset) == 0
                assert funds.fees(asset) == self.fees.get(asset, ZERO)
        open_orders: set[tuple[str, str]] = set()
        for account in exchange.accounts():
            locked: dict[str, Decimal] = {}
            for state in exchange.open_orders(account):
                listing = exchange.listings[state.symbol]
                asset = listing.quote if state.side == "BUY" else listing.base
                locked[asset] = _EXACT.add(locked.get(asset, ZERO), state.locked)
                seen = self.orders[account, str(state.order_id)]
                assert seen.quantity == state.cumulative_quantity
                assert seen.quote == state.cumulative_quote
                open_orders.add((account, str(state.order_id)))
            for asset, holding in funds.balances(account).items():
                assert min(holding) >= 0
                assert holding.locked == locked.get(asset, ZERO)
                assert (holding.free, holding.locked) == self.balances[account, asset]
        assert open_orders == set(self.orders)
