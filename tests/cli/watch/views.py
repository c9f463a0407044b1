"""A stream's events as a watch gets them, and the views that they lead to, always the same."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from userstream.cli.watch.board import Board, Facts, View
from userstream.core.client.bounds import Bounds
from userstream.core.client.health import Health
from userstream.core.client.picture import Picture
from userstream.core.client.told import (
    AccountEvent,
    Gap,
    OrderEvent,
    Origin,
    State,
    StateChange,
    Told,
)
from userstream.events import AccountSnapshot, AccountUpdate, Balance, OrderUpdate
from userstream.venues import load

NOON_MS = 1_511_179_200_000
"""2017-11-20 12:00:00 UTC."""
HEALTHY = Health("repaired", 1_203.0, 64.0, 2_397.0, 0, 12, 2)


def order(order_id: str, side: str, symbol: str, **more: Any) -> OrderUpdate:
    """An order as Binance tells it."""
    fields: dict[str, Any] = {
        "status": "NEW", "time_ms": NOON_MS, "quantity": "0.01000000", "order_type": "LIMIT",
        "price": "64006.40000000", "cumulative_quantity": "0.00000000",
    }  # fmt: skip
    return OrderUpdate(order_id=order_id, side=side, symbol=symbol, **(fields | more))


def fill(of: OrderUpdate, quantity: str, total: str, status: str) -> OrderUpdate:
    """The order after a fill."""
    fields = {name: getattr(of, name) for name in of.__struct_fields__}
    more = {"last_quantity": quantity, "last_price": of.price, "cumulative_quantity": total}
    return OrderUpdate(**(fields | more | {"status": status, "trade_id": total}))


def balances(**held: tuple[str, str]) -> AccountUpdate:
    """Changed balances: free and locked by asset."""
    rows = tuple(Balance(asset=a, free=f, locked=x) for a, (f, x) in held.items())
    return AccountUpdate(time_ms=NOON_MS, balances=rows)


@dataclass
class Story:
    """A board and a picture that are told the same, with a clock."""

    now_ms: int = NOON_MS
    state: State = State.CONNECTING
    health: Health = HEALTHY
    venue: str = "binance"
    board: Board = field(init=False)
    picture: Picture = field(init=False)

    def __post_init__(self) -> None:
        place = "wss://stream.example:9443"
        self.board = Board(self.venue, place, self.now_ms)
        self.picture = Picture(load(self.venue).stream.fill_key, Bounds())

    def wait(self, ms: int) -> None:
        """Lets time go by."""
        self.now_ms += ms

    def tell(self, event: Told) -> None:
        """An event comes to the program."""
        self.picture.apply(event)
        self.board.take(event, self.now_ms, self.health)
        if isinstance(event, StateChange):
            self.state = event.after
            self.view()

    def order(self, update: OrderUpdate, under_way_ms: int = 3, **marks: Any) -> None:
        """An order event comes, so long after the venue's time in it."""
        at_ms = self.now_ms + (self.health.clock_offset_ms or 0) - under_way_ms
        self.tell(OrderEvent(update=update, venue_ms=at_ms, **marks))

    def account(
        self, update: AccountUpdate | AccountSnapshot, under_way_ms: int = 3, **marks: Any
    ) -> None:
        """An account event comes, likewise."""
        at_ms = self.now_ms + (self.health.clock_offset_ms or 0) - under_way_ms
        self.tell(AccountEvent(update=update, venue_ms=at_ms, **marks))

    def turn(self, state: State, why: str) -> None:
        """The state changes."""
        self.tell(StateChange(before=self.state, after=state, why=why))

    def view(self) -> View:
        """What is shown now."""
        return self.board.view(
            Facts(self.now_ms, self.state, self.health, self.picture.orders, self.picture.account)
        )


def lively() -> Story:
    """A morning of a bot: orders that rest, fills, a break that was repaired."""
    story = Story()
    story.turn(State.REPLAYING, "start")
    whole = (("BTC", "1.50000000"), ("ETH", "20.00000000"), ("USDT", "60000.00000000"))
    rows = tuple(Balance(asset=a, free=f, locked="0.00000000") for a, f in whole)
    snapshot = AccountSnapshot(time_ms=NOON_MS, balances=rows)
    story.account(snapshot, origin=Origin.REST)
    story.turn(State.LIVE, "repaired")
    story.wait(1_020_417)
    low = order("7201", "BUY", "BTCUSDT", price="63500.00", quantity="0.25", time_ms=story.now_ms)
    story.order(low)
    story.account(balances(USDT=("44125.00", "15875.00")))
    story.wait(61_233)
    high = order("7214", "SELL", "ETHUSDT", price="3305.50", quantity="4", time_ms=story.now_ms)
    story.order(high, 4)
    story.account(balances(ETH=("16", "4")), 4)
    story.wait(40_871)
    story.order(fill(high, "1.5", "1.5", "PARTIALLY_FILLED"), 2)
    story.account(balances(ETH=("16", "2.5"), USDT=("49083.25", "15875.00")), 3)
    story.wait(30_118)
    story.turn(State.BLIND, "the connection was reset")
    story.wait(214)
    story.turn(State.REPLAYING, "the connection was reset")
    story.wait(66)
    story.order(fill(low, "0.1", "0.1", "PARTIALLY_FILLED"), origin=Origin.REST)
    story.account(balances(BTC=("1.6", "0"), USDT=("49083.25", "9525.00")), origin=Origin.REST)
    story.turn(State.LIVE, "repaired")
    story.wait(50_630)
    sold = order("7230", "SELL", "BTCUSDT", price="64006.40", time_ms=story.now_ms)
    story.order(sold)
    story.order(fill(sold, "0.01", "0.01", "FILLED"))
    story.account(balances(BTC=("1.59", "0"), USDT=("49723.314", "9525.00")))
    story.wait(9_400)
    return story


def blinded() -> Story:
    """The same, after a break that nothing repairs."""
    story = lively()
    story.health = Health("HTTP 503", None, 3.8, None, 3, 12, 2)
    story.turn(State.BLIND, "HTTP 503")
    story.tell(Gap(why="HTTP 503", from_ms=story.now_ms - 11_000))
    story.wait(15_000)
    return story
