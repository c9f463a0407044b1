"""SpaceDEX's order endpoints. Doc: API Reference, Spot Trading; Account; Errors."""

from __future__ import annotations

from typing import Any

import pytest

from tests.venues.trading.counter import NOW, Counter, Refusal
from tests.venues.trading.texts import (
    CLIENT_ID,
    DECIMAL,
    LIMIT,
    SYMBOL,
    changed,
    either,
    illegal,
    invalid,
    missing,
)
from userstream.events import CommissionRates

ORDER, OPEN, ALL = "/api/v1/order", "/api/v1/openOrders", "/api/v1/allOrders"
ACCOUNT, TRADES = "/api/v1/account", "/api/v1/myTrades"
SELL = {"symbol": "BTCUSDT", "side": "SELL", "type": "MARKET", "quantity": "0.5"}
SPEND = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quoteOrderQty": "1000"}
COMBINATION = "Combination of optional parameters invalid."
TEN = [
    "orderId", "clientOrderId", "symbol", "side", "type", "price", "origQty", "executedQty",
    "status", "transactTime",
]  # fmt: skip
NO_ORDER = Refusal(400, -2013, "Order does not exist.")
UNKNOWN = Refusal(400, -2011, "Unknown order sent.")


@pytest.fixture
def counter() -> Counter:
    return Counter("spacedex")


def test_the_documents_sample(counter: Counter) -> None:
    sample = {
        "clientOrderId": "my-order-1",
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "price": "64000.00",
        "origQty": "0.01000000",
        "executedQty": "0.00000000",
        "status": "NEW",
    }
    order = changed(LIMIT, quantity="0.01", price="64000", clientOrderId="my-order-1")
    placed = counter.call("POST", ORDER, **order)
    assert placed == sample | {"orderId": 28, "transactTime": NOW + 1}
    assert list(placed) == TEN
    usdt = next(b for b in counter.call("GET", ACCOUNT)["balances"] if b["asset"] == "USDT")
    assert usdt["locked"] == "640.00000000"


def test_an_order_without_a_client_id_is_given_one_of_22_letters(counter: Counter) -> None:
    named = counter.call("POST", ORDER, **LIMIT)["clientOrderId"]
    assert len(named) == 22
    assert named.isalnum()


def test_prices_have_the_places_of_the_tick(counter: Counter) -> None:
    order = changed(LIMIT, symbol="ETHBTC", quantity="1", price="0.05")
    assert counter.call("POST", ORDER, **order)["price"] == "0.050000"


def test_query_by_either_id(counter: Counter) -> None:
    counter.call("POST", ORDER, **LIMIT, clientOrderId="mine")
    order = counter.call("GET", ORDER, symbol="BTCUSDT", orderId=28)
    assert order == counter.call("GET", ORDER, symbol="BTCUSDT", clientOrderId="mine")
    assert order == {
        "orderId": 28,
        "clientOrderId": "mine",
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "price": "40000.00",
        "origQty": "0.50000000",
        "executedQty": "0.00000000",
        "status": "NEW",
        "timeInForce": "GTC",
        "cummulativeQuoteQty": "0.00000000",
        "time": NOW + 1,
        "updateTime": NOW + 1,
    }
    assert counter.call("GET", OPEN) == [order] == counter.call("GET", OPEN, symbol="BTCUSDT")
    assert counter.call("GET", OPEN, symbol="ETHBTC") == []
    assert counter.call("GET", ORDER, symbol="ETHBTC", orderId=28) == NO_ORDER
    assert counter.call("GET", ORDER, symbol="BTCUSDT", orderId=29) == NO_ORDER
    assert counter.call("GET", ORDER, orderId=28) == Refusal(400, -1102, missing("symbol"))


def test_a_market_buy_spends_an_amount_of_quote(counter: Counter) -> None:
    counter.rest("SELL", "1", "40000")
    bought = counter.call("POST", ORDER, **SPEND)
    assert (bought["price"], bought["status"]) == ("0.00", "FILLED")
    assert bought["origQty"] == bought["executedQty"] == "0.02500000"
    order = counter.call("GET", ORDER, symbol="BTCUSDT", orderId=bought["orderId"])
    assert (order["cummulativeQuoteQty"], order["timeInForce"]) == ("1000.00000000", "GTC")


def test_market_orders_by_quantity(counter: Counter) -> None:
    counter.rest("BUY", "0.2", "40000")
    sold = counter.call("POST", ORDER, **SELL)
    assert (sold["executedQty"], sold["status"]) == ("0.20000000", "EXPIRED")
    counter.rest("SELL", "1", "40001")
    bought = counter.call("POST", ORDER, **changed(SELL, side="BUY"))
    assert (bought["executedQty"], bought["status"]) == ("0.50000000", "FILLED")


@pytest.mark.parametrize("time_in_force", ["IOC", "FOK"])
def test_what_does_not_fill_in_time_expires(counter: Counter, time_in_force: str) -> None:
    answer = counter.call("POST", ORDER, **changed(LIMIT, timeInForce=time_in_force))
    assert (answer["status"], answer["executedQty"]) == ("EXPIRED", "0.00000000")
    (order,) = counter.call("GET", ALL, symbol="BTCUSDT")
    assert (order["status"], order["timeInForce"]) == ("EXPIRED", time_in_force)


def test_a_cancel_answers_with_the_ten_keys(counter: Counter) -> None:
    for _ in range(3):
        counter.call("POST", ORDER, **LIMIT)
    counter.call("POST", ORDER, **LIMIT, clientOrderId="mine")
    gone = counter.call("DELETE", ORDER, symbol="BTCUSDT", orderId=28)
    assert list(gone) == TEN
    assert (gone["status"], gone["transactTime"]) == ("CANCELED", NOW + 5)
    assert counter.call("DELETE", ORDER, orderId=29)["orderId"] == 29
    assert counter.call("DELETE", ORDER, clientOrderId="mine")["clientOrderId"] == "mine"
    assert counter.call("DELETE", ORDER, symbol="BTCUSDT", orderId=28) == UNKNOWN
    assert counter.call("DELETE", ORDER, symbol="ETHBTC", orderId=30) == UNKNOWN
    assert counter.call("DELETE", ORDER, clientOrderId="other") == UNKNOWN
    assert [o["orderId"] for o in counter.call("GET", OPEN)] == [30]


def test_a_partly_filled_order_is_canceled_as_such(counter: Counter) -> None:
    counter.call("POST", ORDER, **LIMIT)
    counter.rest("SELL", "0.2", "40000")
    gone = counter.call("DELETE", ORDER, orderId=28)
    assert (gone["executedQty"], gone["status"]) == ("0.20000000", "CANCELED")


def test_cancel_all_on_a_symbol(counter: Counter) -> None:
    counter.call("POST", ORDER, **LIMIT)
    counter.call("POST", ORDER, **LIMIT)
    counter.call("POST", ORDER, **changed(LIMIT, symbol="ETHUSDT", price="2000"))
    gone = counter.call("DELETE", OPEN, symbol="BTCUSDT")
    assert [(o["orderId"], o["status"]) for o in gone] == [(28, "CANCELED"), (29, "CANCELED")]
    assert list(gone[0]) == TEN
    assert counter.call("DELETE", OPEN, symbol="BTCUSDT") == UNKNOWN
    assert counter.call("DELETE", OPEN) == Refusal(400, -1102, missing("symbol"))
    assert [o["orderId"] for o in counter.call("GET", OPEN)] == [30]


def test_all_orders_are_paged_by_time_and_limit(counter: Counter) -> None:
    for _ in range(4):
        counter.call("POST", ORDER, **LIMIT)

    def ids(**given: Any) -> list[int]:
        return [o["orderId"] for o in counter.call("GET", ALL, symbol="BTCUSDT", **given)]

    assert ids() == [28, 29, 30, 31]
    assert ids(limit=2) == [30, 31]
    assert ids(limit=5000) == [28, 29, 30, 31]
    assert ids(startTime=NOW + 2, endTime=NOW + 3) == [29, 30]
    assert ids(startTime=NOW + 2, limit=1) == [29]
    assert ids(endTime=NOW + 3, limit=1) == [30]
    zero = counter.call("GET", ALL, symbol="BTCUSDT", limit=0)
    assert zero == Refusal(400, -1130, invalid("limit"))
    assert counter.call("GET", ALL) == Refusal(400, -1102, missing("symbol"))
    assert counter.call("GET", ALL, symbol="NOPE") == Refusal(400, -1121, "Invalid symbol.")


def test_a_list_has_500_rows_unless_asked_and_never_more_than_1000(counter: Counter) -> None:
    counter.relist(max_open_orders=2000)
    for _ in range(1001):
        counter.call("POST", ORDER, **changed(LIMIT, quantity="0.00003"))
    assert len(counter.call("GET", ALL, symbol="BTCUSDT")) == 500
    assert len(counter.call("GET", ALL, symbol="BTCUSDT", limit=1001)) == 1000
    assert len(counter.call("GET", OPEN)) == 1001


def test_the_account_lists_what_is_not_zero(counter: Counter) -> None:
    counter.rest("BUY", "100", "40000")
    counter.call("POST", ORDER, **changed(SELL, quantity="100"))
    account = counter.call("GET", ACCOUNT)
    assert list(account) == [
        "canTrade", "canWithdraw", "makerFee", "takerFee", "updateTime", "balances",
    ]  # fmt: skip
    assert (account["makerFee"], account["takerFee"]) == ("0.0010", "0.0010")
    assert (account["canTrade"], account["updateTime"]) == (True, NOW + 1)
    assert {"asset": "ETH", "free": "1000.00000000", "locked": "0.00000000"} in account["balances"]
    assert "BTC" not in {b["asset"] for b in account["balances"]}


def test_rates_are_fractions(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    rates = CommissionRates(maker=0, taker=1_234)
    monkeypatch.setattr("userstream.sandbox.seat.Seat.rates", rates)
    account = counter.call("GET", ACCOUNT)
    assert (account["makerFee"], account["takerFee"]) == ("0.0000", "0.1234")


def test_trades_are_an_option() -> None:
    paths = {e.path for e in Counter("spacedex").dialect.endpoints}
    counter = Counter("spacedex", mytrades=True)
    assert {e.path for e in counter.dialect.endpoints} - paths == {TRADES}
    counter.rest("SELL", "1", "40000")
    for _ in range(2):
        counter.call("POST", ORDER, **SPEND)
    first, second = counter.call("GET", TRADES, symbol="BTCUSDT")
    assert (first["id"], first["orderId"], first["qty"]) == (1, 29, "0.02500000")
    assert (first["quoteQty"], first["isBestMatch"]) == ("1000.00000000", True)
    assert counter.call("GET", TRADES, symbol="BTCUSDT", fromId=2) == [second]
    assert counter.call("GET", TRADES, symbol="BTCUSDT", orderId=29) == [first]


@pytest.mark.parametrize(
    ("by", "code", "text"),
    [
        ({"symbol": None}, -1102, missing("symbol")),
        ({"symbol": ""}, -1102, missing("symbol")),
        ({"symbol": "btcusdt"}, -1100, illegal("symbol", SYMBOL)),
        ({"symbol": "NOPE"}, -1121, "Invalid symbol."),
        ({"side": None}, -1102, missing("side")),
        ({"side": "HOLD"}, -1117, "Invalid side."),
        ({"type": None}, -1102, missing("type")),
        ({"type": "LIMIT_MAKER"}, -1116, "Invalid orderType."),
        ({"timeInForce": None}, -1102, missing("timeInForce")),
        ({"timeInForce": "GTX"}, -1115, "Invalid timeInForce."),
        ({"price": None}, -1102, missing("price")),
        ({"price": ""}, -1102, missing("price")),
        ({"quantity": None}, -1102, missing("quantity")),
        ({"quantity": "1e-5"}, -1100, illegal("quantity", DECIMAL)),
        ({"quantity": "0"}, -1130, invalid("quantity")),
        ({"price": "0"}, -1130, invalid("price")),
        ({"quantity": "0.123456"}, -1013, "Filter failure: LOT_SIZE"),
        ({"quantity": "0.1234567890"}, -1013, "Filter failure: LOT_SIZE"),
        ({"price": "0.001"}, -1013, "Filter failure: PRICE_FILTER"),
        ({"quoteOrderQty": "1000"}, -1128, COMBINATION),
        ({"quantity": None, "quoteOrderQty": "1000"}, -1128, COMBINATION),
        ({"type": "MARKET"}, -1128, COMBINATION),
        ({"type": "MARKET", "price": None}, -1128, COMBINATION),
        ({"clientOrderId": "a b"}, -1100, illegal("clientOrderId", CLIENT_ID)),
        ({"quantity": "1000"}, -2010, "Account has insufficient balance for requested action."),
    ],
)
def test_what_is_wrong_is_named(
    counter: Counter, by: dict[str, object], code: int, text: str
) -> None:
    before = dict(counter.exchange.funds.balances("alice"))
    asked = changed(LIMIT, **by)
    assert counter.call("POST", ORDER, **asked) == Refusal(400, code, text)
    assert counter.exchange.funds.balances("alice") == before
    tested = counter.call("POST", f"{ORDER}/test", **asked)
    assert tested == ({} if code == -2010 else Refusal(400, code, text))


@pytest.mark.parametrize(
    ("given", "by", "code", "text"),
    [
        (SPEND, {"quoteOrderQty": None}, -1102, missing("quoteOrderQty")),
        (SPEND, {"quantity": "1"}, -1128, COMBINATION),
        (SPEND, {"quoteOrderQty": "0.000000001"}, -1130, invalid("quoteOrderQty")),
        (SPEND, {"quoteOrderQty": "0.1"}, -1013, "Filter failure: MIN_NOTIONAL"),
        (SELL, {"quantity": None}, -1102, missing("quantity")),
        (SELL, {"quantity": None, "quoteOrderQty": "1"}, -1128, COMBINATION),
        (SELL, {}, -1112, "No orders on book for symbol."),
    ],
)
def test_amounts_of_market_orders(
    counter: Counter, given: dict[str, Any], by: dict[str, object], code: int, text: str
) -> None:
    counter.rest("SELL", "1", "40000")
    assert counter.call("POST", ORDER, **changed(given, **by)) == Refusal(400, code, text)


def test_bounds_are_filter_failures(counter: Counter) -> None:
    counter.relist(min_notional=10, max_open_orders=1)
    small = counter.call("POST", ORDER, **changed(LIMIT, quantity="0.00003"))
    assert small == Refusal(400, -1013, "Filter failure: MIN_NOTIONAL")
    counter.call("POST", ORDER, **LIMIT)
    one_more = counter.call("POST", ORDER, **LIMIT)
    assert one_more == Refusal(400, -1013, "Filter failure: MAX_NUM_ORDERS")


def test_a_client_id_is_taken_while_its_order_is_open(counter: Counter) -> None:
    counter.call("POST", ORDER, **LIMIT, clientOrderId="mine")
    twice = counter.call("POST", ORDER, **LIMIT, clientOrderId="mine")
    assert twice == Refusal(400, -2010, "Duplicate order sent.")
    counter.call("DELETE", ORDER, clientOrderId="mine")
    assert counter.call("POST", ORDER, **LIMIT, clientOrderId="mine")["status"] == "NEW"


def test_neither_id_is_named(counter: Counter) -> None:
    for method in ("GET", "DELETE"):
        refused = counter.call(method, ORDER, symbol="BTCUSDT")
        assert refused == Refusal(400, -1102, either("clientOrderId", "orderId"))


def test_weights_are_those_of_the_reference(counter: Counter) -> None:
    weights = {(e.method, e.path): (e.weight, e.bare_weight) for e in counter.dialect.endpoints}
    assert weights == {
        ("POST", ORDER): (1, None),
        ("POST", f"{ORDER}/test"): (1, None),
        ("GET", ORDER): (2, None),
        ("DELETE", ORDER): (1, None),
        ("DELETE", OPEN): (1, None),
        ("GET", OPEN): (3, 40),
        ("GET", ALL): (10, None),
        ("GET", ACCOUNT): (10, None),
    }


def test_exchange_info_shows_what_the_order_call_takes(counter: Counter) -> None:
    info: Any = counter.venue.rest.info(NOW, {})
    assert {tuple(s["orderTypes"]) for s in info["symbols"]} == {("LIMIT", "MARKET")}
    shown = [(x["limit"], x["interval"]) for x in info["rateLimits"][1:]]
    assert shown == [(x.orders, x.interval) for x in counter.dialect.order_limits]


def test_the_clock_may_be_ahead_by_a_whole_second(counter: Counter) -> None:
    assert counter.dialect.auth.ahead_inclusive
    assert counter.dialect.auth.max_recv_window_ms == 60_000
