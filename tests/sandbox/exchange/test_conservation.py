"""Random trading in which no amount may come or go, from a seed."""

from __future__ import annotations

import random
from collections import Counter, deque
from decimal import Decimal
from typing import Any

import pytest

from tests.sandbox.exchange.follower import Follower
from userstream.markets import SANDBOX_MARKETS
from userstream.sandbox.exchange import (
    Accepted,
    Exchange,
    FeeAsset,
    FeeRule,
    History,
    Listing,
    OrderRequest,
    OrderType,
    Outcome,
    Reason,
    Refused,
    Rules,
    SelfTrade,
    Side,
    TimeInForce,
)

ACCOUNTS = tuple("abcdef")
MIDDLES = {"BTCUSDT": 6_400_000, "ETHBTC": 50_000, "ETHUSDT": 320_000}
"""Prices in ticks around which everybody trades."""
ORDER_TYPES = (
    [OrderType.LIMIT] * 12
    + [OrderType.MARKET] * 2
    + [OrderType.LIMIT_MAKER] * 3
    + [OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT]
)
FEE_ASSETS = tuple(FeeAsset)
TIMES = [None, None, None, None, *TimeInForce]


class Crowd:
    """Accounts that do anything at random."""

    def __init__(self, seed: int, rules: Rules) -> None:
        self._random = random.Random(seed)
        self._listings = [
            Listing.of(SANDBOX_MARKETS.symbols[s], max_open_orders=15) for s in MIDDLES
        ]
        self.exchange = Exchange(self._listings, rules)
        self.follower = Follower()
        self.heard: deque[Outcome] = deque(maxlen=1000)
        self.reasons: Counter[Reason | None] = Counter()
        self.orders = 0
        self._now_ms = 0
        funds = {"BTC": Decimal(1), "ETH": Decimal(10), "USDT": Decimal(30_000)}
        for account in ACCOUNTS:
            self._follow(self.exchange.funds.open(account, funds, 0))

    def act(self, orders: int) -> None:
        """Goes on until so many orders were placed; the books are audited now and then."""
        while self.orders < orders:
            self._now_ms += 1
            if self._random.random() < 0.7:
                self.orders += 1
                account = self._random.choice(ACCOUNTS)
                self._follow(self.exchange.place(account, self._request(), self._now_ms))
            else:
                self._other()
            if not self._now_ms % 5_000:
                self.follower.audit(self.exchange)
        self.follower.audit(self.exchange)

    def _follow(self, outcome: Outcome) -> None:
        self.follower.follow(outcome.events)
        self.reasons[outcome.reason if isinstance(outcome, Refused) else None] += 1
        self.heard.append(outcome)

    def _request(self) -> OrderRequest:
        draw = self._random
        listing = draw.choice(self._listings)
        kind = draw.choice(ORDER_TYPES)
        fields: dict[str, Any] = {}
        quantity = draw.randint(1, 2_000) * listing.filters.lot
        middle = MIDDLES[listing.symbol]
        price = round(draw.gauss(middle, middle / 500)) * listing.filters.tick
        if kind is OrderType.MARKET and draw.random() < 0.5:
            fields["quote_quantity"] = round(quantity * price, 8)
        else:
            fields["quantity"] = quantity
        if kind is not OrderType.MARKET:
            fields["price"] = price
        if "STOP" in kind or "PROFIT" in kind:
            away = round(draw.gauss(0, middle / 500)) * listing.filters.tick
            fields["stop_price"] = price + away
        if kind not in {OrderType.MARKET, OrderType.LIMIT_MAKER}:
            fields["time_in_force"] = draw.choice(TIMES)
        return OrderRequest(
            symbol=listing.symbol,
            side=draw.choice(tuple(Side)),
            order_type=kind,
            client_order_id=str(draw.randint(1, 200)),
            fee_asset=draw.choice(FEE_ASSETS),
            **fields,
        )

    def _other(self) -> None:
        draw, exchange, now_ms = self._random, self.exchange, self._now_ms
        account, other = draw.sample(ACCOUNTS, 2)
        asset = draw.choice(("BTC", "ETH", "USDT"))
        amount = Decimal(draw.randint(1, 10**9)).scaleb(-9)
        dice = draw.random()
        if dice < 0.9:
            self._follow(exchange.cancel(account, str(draw.randint(1, 200)), now_ms))
        elif dice < 0.92:
            for order in exchange.open_orders(account):
                self._follow(exchange.cancel(account, order.order_id, now_ms))
        elif dice < 0.94:
            canceled = exchange.cancel(account, str(draw.randint(1, 200)), now_ms)
            self._follow(canceled)
            if isinstance(canceled, Accepted):
                self._follow(exchange.place(account, self._request(), now_ms))
        elif dice < 0.96:
            self._follow(exchange.funds.deposit(account, asset, amount, now_ms))
        elif dice < 0.98:
            self._follow(exchange.funds.withdraw(account, asset, amount, now_ms))
        else:
            self._follow(exchange.funds.transfer(account, other, asset, amount, now_ms))


RULES = {
    "forgetful": Rules(fees=FeeRule(maker=10, taker=20), history=History(500, 500)),
    "strict": Rules(
        fees=FeeRule(maker=0, taker=10),
        self_trade=SelfTrade.EXPIRE_TAKER,
        report_rejections=True,
    ),
    "exact": Rules(fees=FeeRule(maker=25, taker=5, places=None)),
}


@pytest.mark.parametrize("name", RULES)
def test_nothing_comes_or_goes(name: str) -> None:
    crowd = Crowd(1, RULES[name])
    crowd.act(8_000)
    assert crowd.follower.trades > 2_500
    assert crowd.reasons[None] > 5_000
    assert set(crowd.reasons) >= {
        Reason.DUPLICATE_CLIENT_ORDER_ID,
        Reason.INSUFFICIENT_BALANCE,
        Reason.TOO_MANY_OPEN_ORDERS,
        Reason.WOULD_TAKE,
        Reason.WOULD_TRIGGER,
        Reason.UNKNOWN_ORDER,
    }


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("name", "orders"), [("forgetful", 600_000), ("strict", 400_000)])
def test_nothing_comes_or_goes_in_a_million_orders(name: str, orders: int) -> None:
    crowd = Crowd(2, RULES[name])
    crowd.act(orders)
    assert crowd.follower.trades > orders // 3


def test_the_same_commands_give_the_same_events() -> None:
    def heard(seed: int) -> deque[Outcome]:
        crowd = Crowd(seed, RULES["strict"])
        crowd.act(300)
        return crowd.heard

    assert heard(3) == heard(3)
    assert heard(3) != heard(4)


def test_an_audit_notices() -> None:
    crowd = Crowd(5, RULES["forgetful"])
    crowd.act(200)
    outcome = crowd.exchange.funds.deposit("a", "BTC", Decimal(1), 1)
    assert isinstance(outcome, Accepted)
    with pytest.raises(AssertionError):
        crowd.follower.audit(crowd.exchange)
