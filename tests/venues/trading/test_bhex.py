"""The broker's order endpoints. Doc: BHEX REST API and errors.md; answers of live brokers."""

from __future__ import annotations

from decimal import Decimal
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
    unasked,
)
from userstream.orders import Accepted, OrderRequest, OrderType, Side

ORDER, OPEN = "/openapi/v1/order", "/openapi/v1/openOrders"
HISTORY, ACCOUNT = "/openapi/v1/historyOrders", "/openapi/v1/account"
TRADES, PAIRS = "/openapi/v1/myTrades", "/openapi/v1/pairs"
SPEND = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "1000"}
SELL = {"symbol": "BTCUSDT", "side": "SELL", "type": "MARKET", "quantity": "0.1"}
NO_ORDER = Refusal(400, -2013, "Order does not exist.")
THOUSANDTH = Decimal("0.001")
PRECISION = "Precision is over the maximum defined for this asset."


@pytest.fixture
def counter() -> Counter:
    return Counter("bhex")


def test_a_new_order_has_the_keys_of_live_answers(counter: Counter) -> None:
    assert counter.call("POST", ORDER, **LIMIT, newClientOrderId="mine") == {
        "symbol": "BTCUSDT",
        "orderId": 28,
        "clientOrderId": "mine",
        "transactTime": NOW + 1,
        "price": "40000",
        "origQty": "0.5",
        "executedQty": "0",
        "status": "NEW",
        "timeInForce": "GTC",
        "type": "LIMIT",
        "side": "BUY",
    }
    assert len(counter.call("POST", ORDER, **LIMIT)["clientOrderId"]) == 22


def test_a_market_buy_spends_its_quantity_and_is_answered_before_it_matches(
    counter: Counter,
) -> None:
    counter.rest("SELL", "0.01", "40000")
    counter.rest("SELL", "1", "50000")
    placed = counter.call("POST", ORDER, **SPEND)
    assert placed == {
        "symbol": "BTCUSDT",
        "orderId": 30,
        "clientOrderId": placed["clientOrderId"],
        "transactTime": NOW + 1,
        "price": "0",
        "origQty": "1000",
        "executedQty": "0",
        "status": "NEW",
        "timeInForce": "GTC",
        "type": "MARKET",
        "side": "BUY",
    }
    order = counter.call("GET", ORDER, orderId=30)
    assert (order["origQty"], order["executedQty"]) == ("1000", "0.022")
    assert (order["cummulativeQuoteQty"], order["avgPrice"]) == ("1000", "45454.54545454")
    assert order["status"] == "FILLED"


def test_query_by_either_id_without_a_symbol(counter: Counter) -> None:
    counter.call("POST", ORDER, **LIMIT, newClientOrderId="mine")
    order = counter.call("GET", ORDER, orderId=28)
    assert order == counter.call("GET", ORDER, origClientOrderId="mine")
    assert order == {
        "orderId": 28,
        "clientOrderId": "mine",
        "exchangeId": "301",
        "symbol": "BTCUSDT",
        "price": "40000",
        "origQty": "0.5",
        "executedQty": "0",
        "cummulativeQuoteQty": "0",
        "avgPrice": "0",
        "status": "NEW",
        "timeInForce": "GTC",
        "type": "LIMIT",
        "side": "BUY",
        "stopPrice": "0",
        "icebergQty": "0",
        "time": NOW + 1,
        "updateTime": NOW + 1,
        "isWorking": True,
    }
    assert counter.call("GET", ORDER, orderId=29) == NO_ORDER
    assert counter.call("GET", ORDER, origClientOrderId="other") == NO_ORDER


def test_a_stop_of_another_venue_shows_its_stop_price(counter: Counter) -> None:
    stop = OrderRequest(
        symbol="BTCUSDT",
        side=Side.BUY,
        order_type=OrderType.STOP_LOSS_LIMIT,
        quantity=Decimal("0.01"),
        price=Decimal(41000),
        stop_price=Decimal("40500.50"),
    )
    assert isinstance(counter.exchange.place("alice", stop, NOW), Accepted)
    (order,) = counter.call("GET", OPEN)
    assert (order["type"], order["stopPrice"]) == ("STOP_LOSS_LIMIT", "40500.5")


def test_what_is_empty_is_absent(counter: Counter) -> None:
    counter.call("POST", ORDER, **LIMIT, newClientOrderId="mine", stopPrice="", icebergQty="")
    order = counter.call("GET", ORDER, orderId="", origClientOrderId="mine")
    assert order["orderId"] == 28
    assert counter.call("GET", OPEN, symbol="", orderId="", limit="") == [order]
    refused = counter.call("POST", ORDER, **changed(LIMIT, quantity=""))
    assert refused == Refusal(400, -1102, missing("quantity"))


def test_ids_and_times_may_be_text_as_live() -> None:
    counter = Counter("bhex", ids="string")
    counter.rest("BUY", "0.01", "40000")
    placed = counter.call("POST", ORDER, **SELL)
    assert (placed["orderId"], placed["transactTime"]) == ("29", str(NOW + 1))
    order = counter.call("GET", ORDER, orderId=29)
    assert (order["orderId"], order["time"], order["updateTime"]) == ("29", *[str(NOW + 1)] * 2)
    (trade,) = counter.call("GET", TRADES)
    assert [trade[k] for k in ("id", "orderId", "matchOrderId")] == ["1", "29", "28"]
    assert trade["time"] == counter.call("GET", ACCOUNT)["updateTime"] == str(NOW + 1)
    counter.call("POST", ORDER, **LIMIT)
    assert counter.call("DELETE", ORDER, orderId=30)["orderId"] == "30"


def test_the_sample_of_a_live_trade(counter: Counter) -> None:
    counter.rest("BUY", "1", "6826.06")
    counter.call("POST", ORDER, **SELL)
    (trade,) = counter.call("GET", TRADES)
    assert trade == {
        "symbol": "BTCUSDT",
        "id": 1,
        "orderId": 29,
        "matchOrderId": 28,
        "price": "6826.06",
        "qty": "0.1",
        "commission": "0.682606",
        "commissionAsset": "USDT",
        "time": NOW + 1,
        "isBuyer": False,
        "isMaker": False,
        "feeTokenId": "USDT",
        "feeAmount": "0.682606",
        "fee": {"feeTokenId": "USDT", "feeTokenName": "USDT", "fee": "0.682606"},
    }
    (other,) = counter.call("GET", TRADES, account="bob")
    assert (other["isBuyer"], other["isMaker"], other["commissionAsset"]) == (True, True, "BTC")


@pytest.mark.parametrize("name", ["clientOrderId", "origClientOrderId"])
def test_cancel_by_either_name_of_the_client_id(counter: Counter, name: str) -> None:
    counter.call("POST", ORDER, **LIMIT, newClientOrderId="mine")
    assert counter.call("DELETE", ORDER, **{name: "mine"}) == {
        "exchangeId": "301",
        "symbol": "BTCUSDT",
        "clientOrderId": "mine",
        "orderId": 28,
        "status": "CANCELED",
    }
    assert counter.call("GET", OPEN) == []


def test_cancel_tells_how_a_finished_order_ended(counter: Counter) -> None:
    counter.call("POST", ORDER, **LIMIT)
    counter.call("DELETE", ORDER, orderId=28)
    canceled = counter.call("DELETE", ORDER, orderId=28)
    assert canceled == Refusal(400, -1142, "Order has been canceled")
    counter.rest("SELL", "1", "40000")
    counter.call("POST", ORDER, **LIMIT, newClientOrderId="full")
    for named in ({"orderId": 30}, {"clientOrderId": "full"}):
        filled = counter.call("DELETE", ORDER, **named)
        assert filled == Refusal(400, -1139, "Order has been filled.")
    unknown = counter.call("DELETE", ORDER, orderId=99)
    assert unknown == Refusal(400, -1143, "Cannot be found on order book")


def test_neither_id_is_named(counter: Counter) -> None:
    for method, name in (("GET", "origClientOrderId"), ("DELETE", "clientOrderId")):
        assert counter.call(method, ORDER) == Refusal(400, -1102, either(name, "orderId"))


@pytest.mark.parametrize("time_in_force", ["IOC", "FOK"])
def test_nothing_expires_here(counter: Counter, time_in_force: str) -> None:
    counter.call("POST", ORDER, **changed(LIMIT, timeInForce=time_in_force))
    (order,) = counter.call("GET", HISTORY)
    assert (order["status"], order["timeInForce"]) == ("CANCELED", time_in_force)
    assert counter.call("DELETE", ORDER, orderId=28).code == -1142


def test_a_limit_order_needs_no_time_in_force(counter: Counter) -> None:
    assert counter.call("POST", ORDER, **changed(LIMIT, timeInForce=None))["timeInForce"] == "GTC"


def test_open_and_history_are_apart_and_account_wide(counter: Counter) -> None:
    counter.call("POST", ORDER, **LIMIT)
    counter.call("POST", ORDER, **changed(LIMIT, symbol="ETHUSDT", price="2000"))
    counter.call("POST", ORDER, **changed(LIMIT, symbol="LTCBTC", price="0.01"))
    counter.call("DELETE", ORDER, orderId=30)
    counter.rest("SELL", "0.1", "40000")

    def ids(path: str, **given: Any) -> list[int]:
        return [o["orderId"] for o in counter.call("GET", path, **given)]

    assert (ids(OPEN), ids(HISTORY)) == ([29, 28], [30])
    assert (ids(OPEN, symbol="ETHUSDT"), ids(HISTORY, symbol="ETHUSDT")) == ([29], [])
    assert counter.call("GET", OPEN)[1]["status"] == "PARTIALLY_FILLED"
    counter.call("DELETE", ORDER, orderId=28)
    assert counter.call("GET", HISTORY)[1]["status"] == "CANCELED"
    assert counter.call("GET", OPEN, account="bob") == []
    for path in (OPEN, HISTORY, TRADES):
        refused = counter.call("GET", path, symbol="NOPE")
        assert refused == Refusal(400, -1121, "Invalid symbol.")
        assert counter.call("GET", path, limit=0) == Refusal(400, -1130, invalid("limit"))


def test_orders_are_paged_downwards(counter: Counter) -> None:
    for _ in range(4):
        counter.call("POST", ORDER, **LIMIT)

    def ids(path: str, **given: Any) -> list[int]:
        return [o["orderId"] for o in counter.call("GET", path, **given)]

    assert ids(OPEN) == [31, 30, 29, 28]
    assert ids(OPEN, limit=2) == [31, 30]
    assert ids(OPEN, limit=2, orderId=30) == [29, 28]
    for order_id in range(28, 32):
        counter.call("DELETE", ORDER, orderId=order_id)
    assert ids(HISTORY, limit=2) == [31, 30]
    assert ids(HISTORY, orderId=31, limit=2) == [30, 29]
    assert ids(HISTORY, orderId=28) == []
    assert ids(HISTORY, startTime=NOW + 2, endTime=NOW + 3) == [30, 29]
    assert ids(HISTORY, startTime=NOW + 2, limit=1) == [31]
    assert ids(HISTORY, endTime=NOW + 3, orderId=30) == [29, 28]


def test_a_list_has_500_rows_unless_asked_and_never_more_than_1000(counter: Counter) -> None:
    counter.relist(max_open_orders=2000)
    for _ in range(1001):
        counter.call("POST", ORDER, **changed(LIMIT, quantity="0.00003"))
    assert len(counter.call("GET", OPEN)) == 500
    assert len(counter.call("GET", OPEN, limit=1001)) == 1000


def test_trades_are_paged_both_ways(counter: Counter) -> None:
    counter.rest("BUY", "10", "40000")
    counter.rest("BUY", "10", "2000", symbol="ETHUSDT")
    for _ in range(4):
        counter.call("POST", ORDER, **SELL)
    counter.call("POST", ORDER, **changed(SELL, symbol="ETHUSDT"))

    def ids(**given: Any) -> list[int]:
        return [t["id"] for t in counter.call("GET", TRADES, **given)]

    assert ids() == [5, 4, 3, 2, 1]
    assert ids(limit=2) == [5, 4]
    assert ids(fromId=4) == [3, 2, 1]
    assert ids(fromId=4, limit=1) == [3]
    assert ids(toId=2) == [3, 4, 5]
    assert ids(toId=2, limit=1) == [3]
    assert ids(fromId=5, toId=1) == [4, 3, 2]
    assert ids(fromId=5, toId=1, limit=1) == [4]
    assert ids(fromId=1, toId=5) == []
    assert ids(startTime=NOW + 2, endTime=NOW + 3) == [3, 2]
    assert ids(startTime=NOW + 2, toId=0, limit=1) == [2]
    assert ids(symbol="ETHUSDT") == [5]


def test_the_account(counter: Counter) -> None:
    counter.call("POST", ORDER, **LIMIT)
    account = counter.call("GET", ACCOUNT)
    assert list(account) == ["canTrade", "canWithdraw", "canDeposit", "updateTime", "balances"]
    assert account["canTrade"] is account["canWithdraw"] is account["canDeposit"] is True
    assert account["updateTime"] == NOW + 1
    assert {"asset": "USDT", "free": "9980000", "locked": "20000"} in account["balances"]
    assert {"asset": "BTC", "free": "100", "locked": "0"} in account["balances"]


def test_anybody_may_read_the_pairs(counter: Counter) -> None:
    pairs = counter.call("GET", PAIRS)
    assert pairs[0] == {"symbol": "BTCUSDT", "quoteToken": "USDT", "baseToken": "BTC"}
    assert len(pairs) == len(counter.exchange.listings)


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
        ({"type": "STOP_LOSS_LIMIT"}, -1116, "Invalid orderType."),
        ({"type": "MARKET"}, -1106, unasked("price")),
        ({"type": "MARKET", "price": None}, -1106, unasked("timeInForce")),
        ({"type": "LIMIT_MAKER"}, -1106, unasked("timeInForce")),
        ({"timeInForce": "GTX"}, -1115, "Invalid timeInForce."),
        ({"price": None}, -1102, missing("price")),
        ({"type": "LIMIT_MAKER", "price": None, "timeInForce": None}, -1102, missing("price")),
        ({"quantity": None}, -1102, missing("quantity")),
        ({"quantity": "1e-5"}, -1100, illegal("quantity", DECIMAL)),
        ({"quantity": "0.123456789"}, -1111, PRECISION),
        ({"price": "1.123456789"}, -1111, PRECISION),
        ({"quantity": "0"}, -2010, "Price * QTY is zero or less."),
        ({"stopPrice": "1"}, -1106, unasked("stopPrice")),
        ({"icebergQty": "0.1"}, -2010, "Iceberg orders are not supported for this symbol."),
        ({"assetType": "MARGIN"}, -2010, "This action disabled is on this account."),
        ({"assetType": "FUTURES"}, -1100, illegal("assetType", "CASH|MARGIN")),
        ({"newClientOrderId": "a b"}, -1100, illegal("newClientOrderId", CLIENT_ID)),
    ],
)
def test_what_is_wrong_is_named(
    counter: Counter, by: dict[str, object], code: int, text: str
) -> None:
    before = dict(counter.exchange.funds.balances("alice"))
    asked = changed(LIMIT, **by)
    assert counter.call("POST", ORDER, **asked) == Refusal(400, code, text)
    assert counter.call("POST", f"{ORDER}/test", **asked) == Refusal(400, code, text)
    assert counter.exchange.funds.balances("alice") == before


SEE = ",please check general broker info."
SMALL = "Transaction amount lower than the minimum."


@pytest.mark.parametrize(
    ("by", "code", "text"),
    [
        ({"price": "100001"}, -1132, "Order price too high."),
        ({"price": "9"}, -1133, f"Order price lower than the minimum{SEE}"),
        ({"price": "40000.001"}, -1134, f"Order price decimal too long{SEE}"),
        ({"quantity": "101"}, -1135, "Order quantity too large."),
        ({"quantity": "0.0001"}, -1136, "Order quantity lower than the minimum."),
        ({"quantity": "0.123456"}, -1137, "Order quantity decimal too long."),
        ({"quantity": "0.001", "price": "1000"}, -1140, SMALL),
        ({"quantity": "100", "price": "90000"}, -1135, "Order quantity too large."),
    ],
)  # fmt: skip
def test_every_filter_has_a_code_of_its_own(
    counter: Counter, by: dict[str, object], code: int, text: str
) -> None:
    counter.relist(
        min_price=10, max_price=100_000, min_quantity=THOUSANDTH, max_quantity=100,
        min_notional=10, max_notional=5_000_000,
    )  # fmt: skip
    for path in (ORDER, f"{ORDER}/test"):
        assert counter.call("POST", path, **changed(LIMIT, **by)) == Refusal(400, code, text)


@pytest.mark.parametrize(
    ("quantity", "code", "text"),
    [
        ("5", -1140, SMALL),
        ("10", -1136, "Order quantity lower than the minimum."),
        ("100000000", -1135, "Order quantity too large."),
        ("10000001", -1131, "Balance insufficient"),
        ("0", -2010, "Price * QTY is zero or less."),
    ],
)
def test_filters_on_what_a_market_buy_spends(
    counter: Counter, quantity: str, code: int, text: str
) -> None:
    counter.relist(min_quantity=THOUSANDTH, min_notional=10, max_notional=50_000_000)
    counter.exchange.funds.deposit("bob", "BTC", Decimal(1000), NOW)
    counter.rest("SELL", "1000", "40000")
    before = dict(counter.exchange.funds.balances("alice"))
    refused = counter.call("POST", ORDER, **changed(SPEND, quantity=quantity))
    assert refused == Refusal(400, code, text)
    assert counter.exchange.funds.balances("alice") == before


def test_refusals_of_the_book_and_the_account(counter: Counter) -> None:
    empty = counter.call("POST", ORDER, **SPEND)
    assert empty == Refusal(400, -1112, "No orders on book for symbol.")
    poor = counter.call("POST", ORDER, **changed(LIMIT, quantity="1000"))
    assert poor == Refusal(400, -1131, "Balance insufficient")
    counter.call("POST", ORDER, **LIMIT, newClientOrderId="mine")
    twice = counter.call("POST", ORDER, **LIMIT, newClientOrderId="mine")
    assert twice == Refusal(400, -1141, "Duplicate clientOrderId")
    counter.rest("SELL", "1", "40100")
    takes = changed(LIMIT, type="LIMIT_MAKER", timeInForce=None, price="40100")
    refused = counter.call("POST", ORDER, **takes)
    assert refused == Refusal(400, -2010, "Order would immediately match and take.")
    counter.relist(max_open_orders=1)
    counter.call("POST", ORDER, **LIMIT)
    one_more = counter.call("POST", ORDER, **LIMIT)
    assert one_more == Refusal(400, -2010, "NEW_ORDER_REJECTED")


def test_a_client_id_is_free_again_once_its_order_has_ended(counter: Counter) -> None:
    for _ in range(2):
        counter.call("POST", ORDER, **LIMIT, newClientOrderId="mine", assetType="CASH")
        assert counter.call("DELETE", ORDER, clientOrderId="mine")["status"] == "CANCELED"


def test_the_java_sdks_paths_are_the_same_calls(counter: Counter) -> None:
    endpoints = {(e.method, e.path): e for e in counter.dialect.endpoints}
    weights = {key: (e.weight, e.places_order) for key, e in endpoints.items()}
    documented = {
        ("POST", ORDER): (1, True),
        ("GET", ORDER): (1, False),
        ("DELETE", ORDER): (1, False),
        ("GET", OPEN): (1, False),
        ("GET", HISTORY): (5, False),
        ("GET", ACCOUNT): (5, False),
        ("GET", TRADES): (5, False),
    }
    aliases = {(m, p.replace("/v1/", "/account/v1/")): w for (m, p), w in documented.items()}
    alone = {("GET", PAIRS): (1, False), ("POST", f"{ORDER}/test"): (1, False)}
    assert weights == documented | aliases | alone
    counter.call("POST", "/openapi/account/v1/order", **LIMIT)
    assert counter.call("GET", "/openapi/account/v1/openOrders") == counter.call("GET", OPEN)


def test_limits_on_orders_are_those_that_broker_info_shows(counter: Counter) -> None:
    info: Any = counter.venue.rest.info(NOW, {})
    shown = [(x["limit"], x["interval"]) for x in info["rateLimits"][1:]]
    assert shown == [(x.orders, x.interval) for x in counter.dialect.order_limits]
    form = counter.dialect.too_many_orders
    assert form is not None
    text = "Reach the rate limit .Please slow down your request speed."
    assert (form.status, form.code, form.text.format(20, "SECOND")) == (429, -1015, text)
