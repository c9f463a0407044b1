"""What MEXC says of orders that it does not take. Doc: spot v3 §Error Code."""

from __future__ import annotations

import pytest

from tests.venues.trading.counter import NOW, Counter, Refusal
from tests.venues.trading.test_mexc import LIMIT, MARKET, OPEN, ORDER, changed
from userstream.events import Permissions
from userstream.orders import Reason
from userstream.venues.mexc.forms import REASONS


@pytest.fixture
def counter() -> Counter:
    return Counter("mexc")


def missing(name: str) -> str:
    return f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."


BAD: dict[str, list[tuple[str | None, int, str]]] = {
    "symbol": [
        (None, 700004, missing("symbol")),
        ("", 700004, missing("symbol")),
        ("btcusdt", -1121, "Invalid symbol."),
        ("BTCUSDT,ETHBTC", -1121, "Invalid symbol."),
        ("NOPE", -1121, "Invalid symbol."),
    ],
    "side": [
        (None, 700004, missing("side")),
        ("", 700004, missing("side")),
        ("buy", 33333, "param is error"),
        ("HOLD", 33333, "param is error"),
    ],
    "type": [
        (None, 700004, missing("type")),
        ("STOP_LOSS_LIMIT", 30041, "current order type can not place order"),
        ("limit", 30041, "current order type can not place order"),
    ],
    "quantity": [
        (None, 10095, "amount cannot be null"),
        ("", 700004, missing("quantity")),
        ("abc", 10097, "amount is error"),
        ("-1", 10097, "amount is error"),
        ("1e-3", 10097, "amount is error"),
        ("NaN", 10097, "amount is error"),
        ("20000", 10097, "amount is error"),
        ("0", 10102, "amount cannot be zero or negative"),
        ("0.0", 10102, "amount cannot be zero or negative"),
        ("0.123456", 10096, "amount decimal places is too long"),
        ("0.5000001", 10096, "amount decimal places is too long"),
        ("0.00001", 30002, "The minimum transaction volume cannot be less than：1USDT"),
        ("1000", 30004, "Insufficient position"),
    ],
    "price": [
        (None, 700004, missing("price")),
        ("free", 700008, "Illegal characters found in parameter"),
        ("-1", 700008, "Illegal characters found in parameter"),
        ("0", 10102, "amount cannot be zero or negative"),
        ("40000.001", 10096, "amount decimal places is too long"),
        ("0.001", 30010, "no valid trade price"),
        ("1000000.01", 30010, "no valid trade price"),
    ],
    "newClientOrderId": [
        ("", 700004, missing("newClientOrderId")),
        ("a b", 700008, "Illegal characters found in parameter"),
        ("x" * 33, 700008, "Illegal characters found in parameter"),
    ],
    "quoteOrderQty": [("lots", 10097, "amount is error")],
}
PLACED_ONLY = frozenset({30004, 30005, 30025})


@pytest.mark.parametrize(
    ("name", "value", "code", "text"),
    [(name, *row) for name, rows in BAD.items() for row in rows],
)
def test_a_bad_value_is_named_and_changes_nothing(
    counter: Counter, name: str, value: str | None, code: int, text: str
) -> None:
    before = counter.exchange.funds.balances("alice")
    asked = changed(LIMIT) | {name: value}
    assert counter.call("POST", ORDER, **asked) == Refusal(400, code, text)
    assert counter.exchange.funds.balances("alice") == before
    assert counter.call("GET", OPEN) == []
    tested = {} if code in PLACED_ONLY else Refusal(400, code, text)
    assert counter.call("POST", f"{ORDER}/test", **asked) == tested


@pytest.mark.parametrize(
    ("by", "code", "text"),
    [
        ({"quantity": None}, 10095, "amount cannot be null"),
        ({"quantity": None, "quoteOrderQty": "0"}, 10102, "amount cannot be zero or negative"),
        ({"quoteOrderQty": "1.0000000001"}, 10096, "amount decimal places is too long"),
        (
            {"quoteOrderQty": "0.5"},
            30002,
            "The minimum transaction volume cannot be less than：1USDT",
        ),
        (
            {"quoteOrderQty": "10000000001"},
            30003,
            "The maximum transaction volume cannot be greater than：10000000000USDT",
        ),
        ({"side": "SELL", "quantity": None, "quoteOrderQty": "9"}, 10095, "amount cannot be null"),
        ({}, 30025, "no exist opponent order"),
    ],
)
def test_bad_market_orders(counter: Counter, by: dict[str, object], code: int, text: str) -> None:
    asked = changed(MARKET, **by)
    assert counter.call("POST", ORDER, **asked) == Refusal(400, code, text)
    tested = {} if code in PLACED_ONLY else Refusal(400, code, text)
    assert counter.call("POST", f"{ORDER}/test", **asked) == tested


def test_what_only_the_exchange_knows(counter: Counter) -> None:
    counter.call("POST", ORDER, **LIMIT, newClientOrderId="mine")
    twice = counter.call("POST", ORDER, **LIMIT, newClientOrderId="mine")
    assert twice == Refusal(400, 26, "operation not allowed")
    sold = counter.call("POST", ORDER, **changed(LIMIT, side="SELL", quantity="101", price="41000"))
    assert sold == Refusal(400, 30005, "Oversold")
    counter.rest("SELL", "1", "40100")
    takes = counter.call("POST", ORDER, **changed(LIMIT, type="LIMIT_MAKER", price="40100"))
    assert takes == Refusal(400, 30041, "current order type can not place order")
    counter.exchange.funds.permit("alice", Permissions(can_trade=False), NOW)
    banned = counter.call("POST", ORDER, **LIMIT)
    assert banned == Refusal(400, 70011, "Pair user ban trade apikey")


def test_an_amount_that_buys_no_lot(counter: Counter) -> None:
    counter.rest("SELL", "1", "1000000")
    asked = changed(MARKET, quantity=None, quoteOrderQty="1")
    assert counter.call("POST", ORDER, **asked) == Refusal(400, 10097, "amount is error")


def test_open_orders_have_a_bound(counter: Counter) -> None:
    counter.relist(max_open_orders=1)
    counter.call("POST", ORDER, **LIMIT)
    refused = counter.call("POST", ORDER, **LIMIT)
    assert refused == Refusal(400, 30029, "Cannot exceed the maximum order limit")


def test_a_test_order_changes_nothing(counter: Counter) -> None:
    assert counter.call("POST", f"{ORDER}/test", **changed(LIMIT, quantity="1000")) == {}
    assert counter.call("GET", OPEN) == []


def test_every_refusal_has_a_form() -> None:
    assert set(REASONS) == set(Reason)
    assert {form.status for form in REASONS.values()} == {400}
