"""The exchange does what the naive one does, command by command."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sandbox.exchange.desk import listing
from tests.sandbox.exchange.follower import Follower
from tests.sandbox.exchange.naive import NaiveExchange
from userstream.sandbox.exchange import (
    Accepted,
    Exchange,
    FeeAsset,
    FeeRule,
    OrderRequest,
    OrderType,
    Refused,
    Rules,
    SelfTrade,
    Side,
    TimeInForce,
)

ACCOUNTS = ("alice", "bob", "carol")
FUNDS = {"BTC": Decimal(3), "USDT": Decimal(300)}
STOPS = {OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT}

prices = st.integers(97, 103).map(Decimal)
quantities = st.integers(1, 12).map(lambda n: Decimal(n) / 10)
rules = st.builds(
    Rules,
    fees=st.sampled_from(
        [
            FeeRule(maker=10, taker=20),
            FeeRule(maker=7, taker=3, places=3),
            FeeRule(maker=0, taker=300, places=None),
            FeeRule(maker=2500, taker=500, places=2),
        ]
    ),
    self_trade=st.sampled_from(SelfTrade),
)


@st.composite
def requests(draw: st.DrawFn) -> OrderRequest:
    kind = draw(st.sampled_from(OrderType))
    fields: dict[str, Any] = {"price": draw(prices)}
    if kind is OrderType.MARKET:
        fields = {}
    if kind is OrderType.MARKET and draw(st.booleans()):
        fields["quote_quantity"] = Decimal(draw(st.integers(1, 2500))) / 10
    else:
        fields["quantity"] = draw(quantities)
    if kind in STOPS:
        fields["stop_price"] = draw(prices)
    if kind in STOPS or kind is OrderType.LIMIT:
        fields["time_in_force"] = draw(st.sampled_from([None, *TimeInForce]))
    return OrderRequest(
        symbol="BTCUSDT",
        side=draw(st.sampled_from(Side)),
        order_type=kind,
        client_order_id=draw(st.sampled_from("abcdefghijkl")),
        fee_asset=draw(st.sampled_from(FeeAsset)),
        **fields,
    )


command = st.tuples(st.sampled_from(ACCOUNTS), requests() | st.integers(1, 40))
commands = st.integers(0, 40).flatmap(lambda n: st.lists(command, min_size=n, max_size=n))


class Pair:
    """Both exchanges, given the same commands."""

    def __init__(self, rules: Rules) -> None:
        self.real = Exchange([listing(tick="1", lot="0.1")], rules)
        self.naive = NaiveExchange(rules)
        self.follower = Follower()
        for account in ACCOUNTS:
            self.follower.follow(self.real.funds.open(account, FUNDS, 0).events)
            for asset, amount in FUNDS.items():
                self.naive.total[account, asset] = Fraction(amount)

    def place(self, account: str, request: OrderRequest) -> None:
        outcome = self.real.place(account, request, 1)
        self.follower.follow(outcome.events)
        refused = outcome.reason if isinstance(outcome, Refused) else None
        assert refused == self.naive.place(account, request)

    def cancel(self, account: str, order_id: int) -> None:
        outcome = self.real.cancel(account, order_id, 1)
        self.follower.follow(outcome.events)
        own = [o for o in self.naive.open if (o.account, o.order_id) == (account, order_id)]
        assert isinstance(outcome, Accepted) is bool(own)
        for order in own:
            self.naive.cancel(order)

    def compare(self) -> None:
        self.follower.audit(self.real)
        for account in ACCOUNTS:
            for asset, holding in self.real.funds.balances(account).items():
                assert Fraction(holding.free) == self.naive.free(account, asset)
                assert Fraction(holding.locked) == self.naive.locked(account, asset)
        for order in self.naive.orders:
            state = self.real.order(order.account, order.order_id)
            assert state is not None
            assert state.status == order.status
            assert state.quantity == order.quantity
            assert state.cumulative_quantity == order.quantity - order.left
            assert state.cumulative_quote == order.spent
        assert self.real.last_price("BTCUSDT") == self.naive.last
        sides = [t for a in ACCOUNTS for t in self.real.trades(a)]
        made = {t.trade_id: t.commission for t in sides if t.maker}
        taken = sorted((t.trade_id, t) for t in sides if not t.maker)
        fills = [
            (
                t.order_id,
                t.counter_order_id,
                Fraction(t.price),
                Fraction(t.quantity),
                Fraction(t.commission),
                Fraction(made[n]),
            )
            for n, t in taken
        ]
        assert fills == self.naive.fills


@settings(max_examples=120, deadline=None)
@given(rules, commands)
def test_both_do_the_same(rules: Rules, commands: list[tuple[str, OrderRequest | int]]) -> None:
    run(rules, commands)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@settings(max_examples=5_000, deadline=None)
@given(rules, commands)
def test_both_do_the_same_at_length(
    rules: Rules, commands: list[tuple[str, OrderRequest | int]]
) -> None:
    run(rules, commands)


def run(rules: Rules, commands: list[tuple[str, OrderRequest | int]]) -> None:
    pair = Pair(rules)
    for account, command in commands:
        if isinstance(command, int):
            pair.cancel(account, command)
        else:
            pair.place(account, command)
        pair.compare()
