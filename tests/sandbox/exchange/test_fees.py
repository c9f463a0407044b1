from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.sandbox.exchange.desk import BUY, SELL, Desk, accepted, told
from userstream.errors import InvalidSettings
from userstream.events import AccountUpdate, CommissionRates, OrderUpdate
from userstream.sandbox.exchange import FeeAsset, FeeRule, OrderType

TEN = FeeRule(maker=10, taker=20)


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


@pytest.fixture
def quote() -> Desk:
    """A desk whose orders pay their fees in quote."""
    desk = Desk(fees=TEN)
    desk.fee_asset = FeeAsset.QUOTE
    return desk


def test_quote_pays_on_both_sides(quote: Desk) -> None:
    quote.limit("alice", SELL, "1", "100")
    assert quote.limit("bob", BUY, "1", "100") == [
        "bob: 2 NEW NEW",
        "bob: ENTRUST_PLACE USDT -100/100",
        "bob: 2 TRADE FILLED 1@100 taker",
        "bob: ENTRUST BTC 1/0 USDT 0/-100",
        "bob: TRADE_FEE USDT -0.2/0",
        "alice: 1 TRADE FILLED 1@100 maker",
        "alice: ENTRUST BTC 0/-1 USDT 100/0",
        "alice: TRADE_FEE USDT -0.1/0",
    ]


def test_each_order_pays_in_its_own_way() -> None:
    desk = Desk(fees=TEN)
    desk.limit("alice", BUY, "1", "100", fee_asset=FeeAsset.QUOTE)
    desk.limit("alice", BUY, "1", "100")
    placed = desk.place("bob", SELL, quantity="2", price="100")
    paid = [e for a, e in placed.events if isinstance(e, AccountUpdate) and e.cause == "TRADE_FEE"]
    assert [e.balances[0].asset for e in paid] == ["USDT", "USDT", "USDT", "BTC"]
    assert [t.commission_asset for t in desk.exchange.trades("alice")] == ["USDT", "BTC"]


def test_a_buy_locks_no_fee(quote: Desk) -> None:
    assert quote.limit("alice", BUY, "1", "100")[1:] == ["alice: ENTRUST_PLACE USDT -100/100"]
    assert quote.market("bob", SELL, "0.4")[-3:] == [
        "alice: 1 TRADE PARTIALLY_FILLED 0.4@100 maker",
        "alice: ENTRUST BTC 0.4/0 USDT 0/-40",
        "alice: TRADE_FEE USDT -0.04/0",
    ]
    assert quote.held("alice")["USDT"] == ("99899.96", "60")


def test_a_buy_that_takes_and_rests_gives_its_improvement_back(quote: Desk) -> None:
    quote.limit("alice", SELL, "1", "90")
    told = quote.limit("bob", BUY, "2", "100")
    assert told[1] == "bob: ENTRUST_PLACE USDT -200/200"
    assert told[4] == "bob: TRADE_FEE USDT -0.18/0"
    assert told[-1] == "bob: ENTRUST_UNFROZEN USDT 10/-10"
    assert quote.held("bob")["USDT"] == ("99809.82", "100")


def test_market_buys_pay_fill_and_fee_from_what_is_free(quote: Desk) -> None:
    quote.limit("alice", SELL, "1", "100")
    assert quote.market("bob", BUY, "0.5")[:4] == [
        "bob: 2 NEW NEW",
        "bob: 2 TRADE FILLED 0.5@100 taker",
        "bob: ENTRUST BTC 0.5/0 USDT -50/0",
        "bob: TRADE_FEE USDT -0.1/0",
    ]
    placed = quote.place("carol", BUY, OrderType.MARKET, quote_quantity="50.05")
    assert told(placed.events)[2:4] == [
        "carol: ENTRUST BTC 0.5/0 USDT -50/0",
        "carol: TRADE_FEE USDT -0.1/0",
    ]


def test_a_fee_in_quote_is_at_most_what_is_free(quote: Desk) -> None:
    quote.limit("alice", SELL, "2", "50000")
    quote.limit("bob", BUY, "1.999", "50000")
    told = quote.limit("carol", BUY, "2", "50000")
    assert told[1] == "carol: ENTRUST_PLACE USDT -100000/100000"
    assert "carol: TRADE_FEE" not in " ".join(told)
    quote.market("alice", SELL, "1")
    assert quote.held("carol")["USDT"][0] == "0"
    accepted(quote.funds.deposit("carol", "USDT", Decimal(1), 1))
    quote.market("alice", SELL, "0.1")
    assert quote.held("carol")["USDT"] == ("0", "44950")
    assert quote.funds.imbalance("USDT") == 0


def test_a_market_buy_pays_no_fee_from_what_its_next_fills_cost(quote: Desk) -> None:
    quote.limit("alice", SELL, "1", "49999.9")
    quote.limit("alice", SELL, "1", "50000")
    placed = quote.place("bob", BUY, OrderType.MARKET, quantity="2")
    assert [t.commission for t in placed.trades] == [Decimal("0.1"), Decimal(0)]
    assert quote.held("bob")["USDT"] == ("0", "0")
    assert quote.funds.imbalance("USDT") == 0
