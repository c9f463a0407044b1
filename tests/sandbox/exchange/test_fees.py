from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.sandbox.exchange.desk import BUY, SELL, Desk, told
from userstream.errors import InvalidSettings
from userstream.events import AccountUpdate, CommissionRates, OrderUpdate
from userstream.sandbox.exchange import FeeAsset, FeeRule, OrderType

TEN = FeeRule(maker=10, taker=20)
QUOTE = FeeRule(maker=10, taker=20, asset=FeeAsset.QUOTE)


@pytest.mark.parametrize(
    ("rule", "amount", "rate", "fee"),
    [
        (FeeRule(), "100", 10, "0.10000000"),
        (FeeRule(), "0.00001", 10, "0.00000001"),
        (FeeRule(), "0.000010001", 10, "0.00000002"),
        (FeeRule(places=None), "0.000010001", 10, "0.0000000100010"),
        (FeeRule(places=0), "100", 10, "1"),
        (FeeRule(), "100", 0, "0"),
    ],
)
def test_fee(rule: FeeRule, amount: str, rate: int, fee: str) -> None:
    assert rule.fee(Decimal(amount), rate) == Decimal(fee)


@pytest.mark.parametrize(
    "wrong", [{"maker": -1}, {"taker": 10_001}, {"places": -1}, {"places": 19}]
)
def test_a_rule_that_cannot_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidSettings, match=next(iter(wrong))):
        FeeRule(**wrong)


def test_rates_are_shown_with_the_account() -> None:
    assert TEN.rates == CommissionRates(maker=10, taker=20)


def test_the_received_asset_pays() -> None:
    desk = Desk(fees=TEN)
    desk.limit("alice", SELL, "1", "100")
    assert desk.limit("bob", BUY, "1", "100") == [
        "bob: 2 NEW NEW",
        "bob: ENTRUST_PLACE USDT -100/100",
        "bob: 2 TRADE FILLED 1@100 taker",
        "bob: ENTRUST BTC 1/0 USDT 0/-100",
        "bob: TRADE_FEE BTC -0.002/0",
        "alice: 1 TRADE FILLED 1@100 maker",
        "alice: ENTRUST BTC 0/-1 USDT 100/0",
        "alice: TRADE_FEE USDT -0.1/0",
    ]
    assert desk.funds.fees("BTC") == Decimal("0.002")
    assert desk.funds.fees("USDT") == Decimal("0.1")


def test_the_fill_names_its_fee() -> None:
    desk = Desk(fees=TEN)
    desk.limit("alice", SELL, "1", "100")
    placed = desk.place("bob", BUY, quantity="1", price="100")
    fills = [e for _, e in placed.events if isinstance(e, OrderUpdate) and e.execution == "TRADE"]
    assert [(f.commission, f.commission_asset) for f in fills] == [
        ("0.002", "BTC"),
        ("0.1", "USDT"),
    ]


def test_a_fill_without_fee_names_no_asset() -> None:
    desk = Desk()
    desk.limit("alice", SELL, "1", "100")
    placed = desk.place("bob", BUY, quantity="1", price="100")
    fills = [e for _, e in placed.events if isinstance(e, OrderUpdate) and e.execution == "TRADE"]
    assert [(f.commission, f.commission_asset) for f in fills] == [("0", None), ("0", None)]
    assert placed.trades[0].commission_asset == "BTC"


def test_a_fee_is_at_most_what_the_fill_brings() -> None:
    desk = Desk(fees=FeeRule(places=2))
    desk.limit("alice", SELL, "0.001", "0.01")
    desk.limit("bob", BUY, "0.001", "0.01")
    assert desk.held("alice") == {"BTC": ("99.999", "0"), "USDT": ("100000", "0")}
    assert desk.held("bob") == {"BTC": ("100", "0"), "USDT": ("99999.99999", "0")}
    assert desk.funds.imbalance("BTC") == desk.funds.imbalance("USDT") == 0


def test_quote_pays_on_both_sides() -> None:
    desk = Desk(fees=QUOTE)
    desk.limit("alice", SELL, "1", "100")
    assert desk.limit("bob", BUY, "1", "100") == [
        "bob: 2 NEW NEW",
        "bob: ENTRUST_PLACE USDT -100.2/100.2",
        "bob: 2 TRADE FILLED 1@100 taker",
        "bob: ENTRUST BTC 1/0 USDT 0/-100",
        "bob: TRADE_FEE USDT 0/-0.2",
        "alice: 1 TRADE FILLED 1@100 maker",
        "alice: ENTRUST BTC 0/-1 USDT 100/0",
        "alice: TRADE_FEE USDT -0.1/0",
    ]


def test_a_resting_buy_locks_the_maker_fee_only() -> None:
    desk = Desk(fees=QUOTE)
    assert desk.limit("alice", BUY, "1", "100")[1:] == ["alice: ENTRUST_PLACE USDT -100.1/100.1"]
    assert desk.market("bob", SELL, "0.4")[5:] == [
        "alice: 1 TRADE PARTIALLY_FILLED 0.4@100 maker",
        "alice: ENTRUST BTC 0.4/0 USDT 0/-40",
        "alice: TRADE_FEE USDT 0/-0.04",
    ]
    assert desk.held("alice")["USDT"] == ("99899.9", "60.06")


def test_a_buy_that_takes_and_rests_gives_the_taker_margin_back() -> None:
    desk = Desk(fees=QUOTE)
    desk.limit("alice", SELL, "1", "90")
    told = desk.limit("bob", BUY, "2", "100")
    assert told[1] == "bob: ENTRUST_PLACE USDT -200.4/200.4"
    assert told[4] == "bob: TRADE_FEE USDT 0/-0.18"
    assert told[-1] == "bob: ENTRUST_UNFROZEN USDT 10.12/-10.12"
    assert desk.held("bob")["USDT"][1] == "100.1"


def test_market_buys_lock_the_fee_in_quote() -> None:
    desk = Desk(fees=QUOTE)
    desk.limit("alice", SELL, "1", "100")
    assert desk.market("bob", BUY, "0.5")[1] == "bob: ENTRUST_PLACE USDT -50.1/50.1"
    placed = desk.place("carol", BUY, OrderType.MARKET, quote_quantity="50.05")
    assert told(placed.events)[1] == "carol: ENTRUST_PLACE USDT -50.1501/50.1501"
    assert told(placed.events)[-1] == "carol: ENTRUST_UNFROZEN USDT 0.0501/-0.0501"


def test_fees_rounded_up_never_exceed_the_lock() -> None:
    desk = Desk(fees=FeeRule(maker=10, taker=10, asset=FeeAsset.QUOTE, places=2))
    assert desk.limit("alice", BUY, "0.003", "1")[1] == "alice: ENTRUST_PLACE USDT -0.013/0.013"
    fees = []
    for _ in range(3):
        placed = desk.place("bob", SELL, OrderType.MARKET, quantity="0.001")
        fees += [
            e.balances[0].locked_change
            for a, e in placed.events
            if isinstance(e, AccountUpdate) and e.cause == "TRADE_FEE" and a == "alice"
        ]
    assert fees == ["-0.01"]
    assert desk.held("alice")["USDT"] == ("99999.987", "0")
    assert desk.funds.imbalance("USDT") == 0
