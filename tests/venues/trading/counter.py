"""Order calls against the sandbox's exchange, without a server: parameters in, body out."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

from userstream.markets import SANDBOX_MARKETS
from userstream.orders import AccountEvent, OrderRequest, OrderType, Side
from userstream.sandbox.exchange import Exchange, Listing, Rules
from userstream.sandbox.market import MakerRules, Market
from userstream.sandbox.seat import IdMint, Seat
from userstream.trading import Declined
from userstream.venues import load, load_orders

NOW = 1_700_000_000_000
FUNDS = {
    "BTC": Decimal(100), "ETH": Decimal(1000), "LTC": Decimal(1000), "MX": Decimal(100_000),
    "USDT": Decimal(10_000_000),
}  # fmt: skip


class Refusal(NamedTuple):
    """An answer that is none: what the HTTP layer would send."""

    status: int
    code: int
    text: str


class Counter:
    """One venue's order endpoints with alice and bob on an empty exchange; a call lasts 1 ms."""

    def __init__(self, venue: str, **options: Any) -> None:
        self.venue = load(venue, None, SANDBOX_MARKETS)
        self.dialect = load_orders(venue, options, SANDBOX_MARKETS)
        self._endpoints = {(e.method, e.path): e for e in self.dialect.endpoints}
        self.ids = IdMint(7)
        self.now_ms = NOW
        self.updated = {"alice": NOW, "bob": NOW}
        self.events: list[AccountEvent] = []
        self.relist()

    def relist(self, **bounds: Decimal | int) -> None:
        """Begins anew, with filters of those bounds."""
        listings = [Listing.of(s, **bounds) for s in SANDBOX_MARKETS.symbols.values()]
        self.exchange = Exchange(listings, Rules(first_order_id=28))
        self.market = Market(self.exchange, MakerRules(styles={}))
        for name in self.updated:
            self.exchange.funds.open(name, FUNDS, NOW)

    def call(self, method: str, path: str, /, account: str = "alice", **given: Any) -> Any:
        """The body of the answer, or a ``Refusal``. Values are sent as text; ``None`` is not."""
        endpoint = self._endpoints[method, path]
        self.now_ms += 1
        sent = {k: str(v) for k, v in given.items() if v is not None}
        try:
            args = self.dialect.arguments(endpoint, sent, self.venue.errors)
            if endpoint.serve is None:
                assert endpoint.show is not None
                return endpoint.show(args, self.now_ms)
            seat = self.seat(account)
            body = endpoint.serve(args, seat)
        except Declined as declined:
            return Refusal(declined.form.status, declined.form.code, declined.text)
        self.events = seat.events
        self.updated[account] = seat.updated_ms
        return body

    def seat(self, account: str) -> Seat:
        """The account's seat now."""
        return Seat(
            self.market,
            SANDBOX_MARKETS,
            account,
            self.ids,
            now_ms=self.now_ms,
            updated_ms=self.updated[account],
        )

    def rest(self, side: str, quantity: str, price: str, symbol: str = "BTCUSDT") -> int:
        """The id of bob's limit order, past the endpoints."""
        order = OrderRequest(
            symbol=symbol,
            side=Side(side),
            order_type=OrderType.LIMIT,
            quantity=Decimal(quantity),
            price=Decimal(price),
        )
        outcome = self.exchange.place("bob", order, self.now_ms)
        return outcome.named.order_id  # type: ignore[union-attr]  # a refusal fails the test
