"""Any commands: the same seed gives the same events, and nothing comes or goes."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sandbox.exchange.desk import request
from tests.sandbox.market.floor import BTC, BUY, SELL, Floor
from userstream.errors import BadCommand
from userstream.sandbox.exchange import (
    Accepted,
    AccountEvent,
    FeeAsset,
    FeeRule,
    OrderRequest,
    OrderType,
    Outcome,
    Side,
    TimeInForce,
)
from userstream.sandbox.market import Fill, MakerRules, Pause, Reject, Resume, Style, Sweep, Take
from userstream.sandbox.market.script import Command

SYMBOLS = (BTC, "ETHBTC")
PRICES = {BTC: Decimal(64000), "ETHBTC": Decimal("0.05")}
STYLES = {
    BTC: Style(price=PRICES[BTC], depth=Decimal(2), levels=3),
    "ETHBTC": Style(price=PRICES["ETHBTC"], depth=Decimal(20), levels=3),
}
ACCOUNTS = ("alice", "bob", "carol")


class Bot:
    """Does anything to a market, from a seed."""

    def __init__(self, choices: Callable[[int], int], floor: Floor) -> None:
        self._below = choices
        self.floor = floor

    def act(self) -> None:
        """One command, or a time in which nothing else happens."""
        floor, below = self.floor, self._below
        account, dice = ACCOUNTS[below(3)], below(20)
        if dice < 11:
            self._hear(floor.market.place(account, self._request(), floor.now_ms))
        elif dice < 13:
            self._hear(floor.market.cancel(account, str(below(9)), floor.now_ms))
        elif dice == 13:
            for order in floor.exchange.open_orders(account):
                self._hear(floor.market.cancel(account, order.order_id, floor.now_ms))
        elif dice == 14:
            canceled = floor.market.cancel(account, str(below(9)), floor.now_ms)
            self._hear(canceled)
            if isinstance(canceled, Accepted):
                self._hear(floor.market.place(account, self._request(), floor.now_ms))
        elif dice < 17:
            floor.settle()
        else:
            with contextlib.suppress(BadCommand):
                floor.run(self._command(account))

    def _hear(self, outcome: Outcome) -> None:
        self.floor.hear(outcome.events)

    def _request(self) -> OrderRequest:
        below = self._below
        symbol = SYMBOLS[below(2)]
        kind = tuple(OrderType)[below(5)] if below(3) else OrderType.LIMIT
        filters = self.floor.exchange.listings[symbol].filters
        fields: dict[str, Any] = {"quantity": filters.lot * (1 + below(3_000))}
        price = PRICES[symbol] + filters.tick * below(201) * (100 if symbol == BTC else 1)
        if kind is not OrderType.MARKET:
            fields["price"] = price - filters.tick * (10_000 if symbol == BTC else 100)
        if "STOP" in kind or "PROFIT" in kind:
            fields["stop_price"] = price - filters.tick * (10_000 if symbol == BTC else 100)
        if kind is OrderType.LIMIT:
            fields["time_in_force"] = (None, None, None, *TimeInForce)[below(6)]
        return OrderRequest(
            symbol=symbol, side=(BUY, SELL)[below(2)], order_type=kind,
            client_order_id=str(below(9)), fee_asset=tuple(FeeAsset)[below(2)], **fields,
        )  # fmt: skip

    def _command(self, account: str) -> Command:
        below, symbol = self._below, SYMBOLS[self._below(2)]
        tick = self.floor.exchange.listings[symbol].filters.tick
        price = PRICES[symbol] + tick * (below(41) - 20) * (1_000 if symbol == BTC else 10)
        commands: tuple[Command, ...] = (
            Fill(account=account, order=str(below(9)), percent=Decimal(1 + below(100))),
            Sweep(symbol=symbol, side=tuple(Side)[below(2)], price=price),
            Reject(account=account, count=1 + below(2)),
            Pause(symbol=symbol),
            Resume(),
            Take(percent=Decimal(below(101)), account=(None, account)[below(2)]),
        )
        return commands[below(len(commands))]


def floor(seed: int, now_ms: int = 0) -> Floor:
    return Floor(seed, MakerRules(styles=STYLES), now_ms=now_ms, fees=FeeRule(maker=7, taker=11),
                 first_order_id=100)  # fmt: skip


def timeless(heard: list[AccountEvent]) -> list[tuple[str, dict[str, Any]]]:
    """Events without their times."""
    shown = []
    for account, event in heard:
        fields = msgspec.to_builtins(event)
        shown.append(
            (account, {k: v for k, v in fields.items() if k not in {"time_ms", "created_ms"}})
        )
    return shown


numbers = st.lists(st.integers(0, 2**16), min_size=20, max_size=300)


def below(numbers: list[int]) -> Callable[[int], int]:
    """Choices out of a list of numbers, round and round."""
    at = 0

    def choose(count: int) -> int:
        nonlocal at
        at += 1
        return (numbers[at % len(numbers)] + at // len(numbers)) % count

    return choose


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 3), numbers, st.lists(st.integers(0, 40), min_size=25, max_size=25))
def test_the_same_commands_give_the_same_events_at_any_time(
    seed: int, numbers: list[int], pauses: list[int]
) -> None:
    one, other = floor(seed), floor(seed, now_ms=1_700_000_000_000)
    bots = Bot(below(numbers), one), Bot(below(numbers), other)
    for pause in pauses:
        bots[0].act()
        other.now_ms += pause
        bots[1].act()
    assert timeless(one.heard) == timeless(other.heard)
    one.audit()


def trade(seed: int, commands: int) -> Floor:
    """A market after so many commands of chance."""
    one, chance = floor(seed), random.Random(seed)
    bot = Bot(chance.randrange, one)
    for n in range(commands):
        bot.act()
        if not n % 500:
            one.audit()
    one.audit()
    return one


def test_nothing_comes_or_goes() -> None:
    one = trade(1, 3_000)
    assert one.follower.trades > 700
    assert timeless(one.heard) == timeless(trade(1, 3_000).heard)
    assert timeless(one.heard) != timeless(trade(2, 3_000).heard)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_nothing_comes_or_goes_at_length() -> None:
    one = trade(3, 150_000)
    assert one.follower.trades > 35_000


def test_the_answer_tells_all_that_followed() -> None:
    one = floor(1)
    outcome = one.market.place("alice", request(BUY, OrderType.MARKET, quantity="1"), 5)
    assert isinstance(outcome, Accepted)
    assert outcome.order is not None
    assert outcome.order.status == "FILLED"
    assert outcome.trades
    accounts = [account for account, _ in outcome.events]
    assert accounts[0] == "alice"
    assert "house-maker" in accounts


def test_cancels_are_those_of_the_exchange() -> None:
    one = floor(1)
    order = one.place("alice", BUY, "1", "60000")
    market = one.market
    refused = market.cancel("alice", order.order_id, 5, symbol="ETHBTC")
    assert refused == one.exchange.cancel("alice", order.order_id, 5, symbol="ETHBTC")
    named = market.cancel("alice", order.order_id, 5, cancel_client_order_id="bye")
    assert isinstance(named, Accepted)
    assert one.exchange.open_orders("alice") == []
