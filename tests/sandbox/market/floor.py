"""A market to trade on, with three clients on it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.sandbox.exchange.desk import plain, request
from tests.sandbox.exchange.follower import Follower
from userstream.events import OrderUpdate
from userstream.markets import SANDBOX_MARKETS
from userstream.sandbox.exchange import (
    Accepted,
    AccountEvent,
    Exchange,
    Listing,
    OrderState,
    OrderType,
    Rules,
    Side,
)
from userstream.sandbox.market import HOUSE, Done, MakerRules, Market
from userstream.sandbox.market.script import Command

BUY, SELL = Side.BUY, Side.SELL
BTC = "BTCUSDT"
FUNDS = {"BTC": Decimal(100), "ETH": Decimal(1000), "USDT": Decimal(10_000_000)}
LISTINGS = [Listing.of(s) for s in SANDBOX_MARKETS.symbols.values()]


class Floor:
    """A market whose every event is followed; time goes on only when it is told to."""

    def __init__(
        self,
        seed: int = 1,
        maker: MakerRules | None = None,
        listings: list[Listing] = LISTINGS,
        now_ms: int = 0,
        **rules: Any,
    ) -> None:
        self.now_ms = now_ms
        self.exchange = Exchange(listings, Rules(**rules))
        self.market = Market(self.exchange, maker, seed)
        self.follower = Follower()
        self.heard: list[AccountEvent] = []
        self.hear(self.market.open(self.now_ms))
        assets = {asset for one in listings for asset in (one.base, one.quote)}
        funds = {asset: amount for asset, amount in FUNDS.items() if asset in assets}
        for account in ("alice", "bob", "carol"):
            self.hear(self.exchange.funds.open(account, funds, self.now_ms).events)

    def place(
        self, account: str, side: Side, quantity: str | None, price: str | None = None, **more: Any
    ) -> OrderState:
        """Places a limit order, or a market order where no price is given."""
        kind = more.pop("order_type", OrderType.LIMIT if price else OrderType.MARKET)
        asked = request(side, kind, quantity=quantity, price=price, **more)
        outcome = self.market.place(account, asked, self.now_ms)
        self.hear(outcome.events)
        assert isinstance(outcome, Accepted), outcome
        assert outcome.order is not None
        return outcome.order

    def run(self, command: Command) -> Done:
        """Runs a command of the script."""
        done = self.market.run(command, self.now_ms)
        self.hear(done.events)
        return done

    def cancel(self, order: OrderState) -> None:
        """Cancels an order."""
        self.hear(self.market.cancel(order.account, order.order_id, self.now_ms).events)

    def wait(self, ms: int = 1_000) -> list[int]:
        """Lets so much time pass, as a shell with a timer does; when something was done."""
        end, acted = self.now_ms + ms, []
        while (due_ms := self.market.due_ms()) is not None and due_ms <= end:
            self.now_ms = max(self.now_ms, due_ms)
            acted.append(self.now_ms)
            self.hear(self.market.act(self.now_ms))
        self.now_ms = end
        return acted

    def settle(self) -> None:
        """Lets time pass until the house has taken all that it means to."""
        while self.market.due_ms() is not None:
            self.wait()

    def state(self, order: OrderState) -> OrderState:
        """The order as it stands now."""
        state = self.exchange.order(order.account, order.order_id)
        assert state is not None
        return state

    def filled(self, order: OrderState) -> str:
        """How much of it is filled, in percent."""
        state = self.state(order)
        return plain(100 * state.cumulative_quantity / state.quantity)

    def parts(self, order: OrderState) -> list[Decimal]:
        """The quantities of its fills."""
        trades = self.exchange.trades(order.account)
        return [t.quantity for t in trades if t.order_id == order.order_id]

    def depth(self, side: Side, symbol: str = BTC) -> Decimal:
        """What the house quotes on one side."""
        resting = self.exchange.resting(symbol, side)
        return sum((o.quantity - o.cumulative_quantity for o in resting if o.account in HOUSE),
                   Decimal(0))  # fmt: skip

    def audit(self) -> None:
        """Nothing came or went, and the events tell all that there is."""
        self.follower.audit(self.exchange)

    def hear(self, events: tuple[AccountEvent, ...]) -> None:
        self.follower.follow(events)
        self.heard += events


def of_clients(events: list[AccountEvent] | tuple[AccountEvent, ...]) -> list[str]:
    """The order events of clients in words."""
    return [
        f"{account}: {e.execution} {e.last_quantity or ''}".strip()
        for account, e in events
        if isinstance(e, OrderUpdate) and account not in HOUSE
    ]
