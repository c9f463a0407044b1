"""A small exchange to trade on, and its events in words."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from userstream import schema
from userstream.events import AccountUpdate, Event, OrderUpdate
from userstream.sandbox.exchange import (
    Accepted,
    AccountEvent,
    Exchange,
    FeeAsset,
    FeeRule,
    Filters,
    Listing,
    OrderRequest,
    OrderType,
    Outcome,
    Reason,
    Refused,
    Rules,
    Side,
)

FREE = FeeRule(maker=0, taker=0)
BUY, SELL = Side.BUY, Side.SELL
FUNDS = {"BTC": Decimal(100), "USDT": Decimal(100_000)}


def listing(symbol: str = "BTCUSDT", **bounds: Any) -> Listing:
    """A symbol whose base is the first three letters; tick 0.01, lot 0.001 unless said."""
    fields: dict[str, Any] = {"tick": Decimal("0.01"), "lot": Decimal("0.001")}
    fields.update((k, v if isinstance(v, int) else Decimal(v)) for k, v in bounds.items())
    filters = Filters(**fields)
    return Listing(symbol=symbol, base=symbol[:3], quote=symbol[3:], filters=filters)


def request(
    side: Side = BUY, order_type: OrderType = OrderType.LIMIT, /, **fields: Any
) -> OrderRequest:
    """A request on BTCUSDT; amounts may be text."""
    asked: dict[str, Any] = {"symbol": "BTCUSDT"} | fields
    for name in ("quantity", "quote_quantity", "price", "stop_price"):
        if fields.get(name) is not None:
            asked[name] = Decimal(fields[name])
    return OrderRequest(**asked, side=side, order_type=order_type)


class Desk:
    """An exchange with alice, bob and carol on it, where time stands still."""

    def __init__(self, *listings: Listing, now_ms: int = 1_000, **rules: Any) -> None:
        self.now_ms = now_ms
        self.fee_asset = FeeAsset.RECEIVED
        chosen: dict[str, Any] = {"fees": FREE, "first_trade_id": 501} | rules
        self.exchange = Exchange(listings or (listing(),), Rules(**chosen))
        self.funds = self.exchange.funds
        for account in ("alice", "bob", "carol"):
            assert isinstance(self.funds.open(account, FUNDS, now_ms), Accepted)

    def try_(
        self, account: str, side: Side, order_type: OrderType = OrderType.LIMIT, **fields: Any
    ) -> Outcome:
        """Places an order."""
        fields.setdefault("fee_asset", self.fee_asset)
        return self.exchange.place(account, request(side, order_type, **fields), self.now_ms)

    def place(
        self, account: str, side: Side, order_type: OrderType = OrderType.LIMIT, **fields: Any
    ) -> Accepted:
        """Places an order that must be accepted."""
        return accepted(self.try_(account, side, order_type, **fields))

    def limit(
        self, account: str, side: Side, quantity: str, price: str, **fields: Any
    ) -> list[str]:
        """Places a limit order; its events in words."""
        return told(self.place(account, side, quantity=quantity, price=price, **fields).events)

    def market(self, account: str, side: Side, quantity: str) -> list[str]:
        """Places a market order by quantity; its events in words."""
        return told(self.place(account, side, OrderType.MARKET, quantity=quantity).events)

    def held(self, account: str) -> dict[str, tuple[str, str]]:
        """Free and locked of each asset, as text."""
        balances = self.funds.balances(account)
        return {a: (plain(h.free), plain(h.locked)) for a, h in balances.items()}


def plain(value: Decimal) -> str:
    """Without padding."""
    return format(value.normalize(), "f")


def accepted(outcome: Outcome) -> Accepted:
    """The outcome, which must not be a refusal and whose events must be publishable."""
    assert isinstance(outcome, Accepted), outcome
    for _, event in outcome.events:
        schema.check(event)
    return outcome


def reason(outcome: Outcome | None) -> tuple[Reason, str | None]:
    """Why something was refused, and the field."""
    assert isinstance(outcome, Refused), outcome
    assert not outcome.events
    return outcome.reason, outcome.field


def told(events: Iterable[AccountEvent]) -> list[str]:
    """Each event in a few words."""
    return [f"{account}: {_words(event)}" for account, event in events]


def orders_told(events: Iterable[AccountEvent]) -> list[str]:
    """The order events only, each in a few words."""
    return told((a, e) for a, e in events if isinstance(e, OrderUpdate))


def _words(event: Event) -> str:
    if isinstance(event, OrderUpdate):
        words = f"{event.order_id} {event.execution} {event.status}"
        if event.execution == "TRADE":
            words += f" {event.last_quantity}@{event.last_price}"
            words += " maker" if event.maker else " taker"
        return words
    assert isinstance(event, AccountUpdate)
    changes = [f"{b.asset} {b.free_change}/{b.locked_change}" for b in event.balances]
    return " ".join([event.cause or "", *changes])
