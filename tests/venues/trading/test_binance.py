"""Binance's order endpoints. Doc: rest-api.md 2017-12 and CHANGELOG.md; errors.md."""

from __future__ import annotations

from typing import Any

import pytest

from tests.venues.trading.counter import NOW, Counter, Refusal
from tests.venues.trading.texts import LIMIT, changed, illegal, missing, unasked

ORDER, OPEN, ALL = "/api/v3/order", "/api/v3/openOrders", "/api/v3/allOrders"
MARKET = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.5"}


PRECISION = "Precision is over the maximum defined for this asset."
UNREAD = "Not all sent parameters were read; read '6' parameter(s) but was sent '7'."


@pytest.fixture
def counter() -> Counter:
    return Counter("binance")


def test_ack_has_the_keys_of_each_edition() -> None:
    ack = {"newOrderRespType": "ACK", "newClientOrderId": "mine"}
    keys_2017 = ["symbol", "orderId", "clientOrderId", "transactTime"]
    assert list(Counter("binance", level=2017).call("POST", ORDER, **LIMIT, **ack)) == keys_2017
    assert Counter("binance").call("POST", ORDER, **LIMIT, **ack) == {
        "symbol": "BTCUSDT",
        "orderId": 28,
        "orderListId": -1,
        "clientOrderId": "mine",
        "transactTime": NOW + 1,
    }


def test_the_default_answer_is_that_of_the_edition() -> None:
    result = Counter("binance", level=2017).call("POST", ORDER, **LIMIT)
    assert list(result) == [
        "symbol", "orderId", "clientOrderId", "transactTime", "price", "origQty", "executedQty",
        "status", "timeInForce", "type", "side",
    ]  # fmt: skip
    for level in (2018, 2020):
        counter = Counter("binance", level=level)
        assert counter.call("POST", ORDER, **LIMIT)["fills"] == []
        maker = changed(LIMIT, type="LIMIT_MAKER", timeInForce=None)
        assert "status" not in counter.call("POST", ORDER, **maker)


def test_full_shows_the_fills(counter: Counter) -> None:
    counter.rest("SELL", "0.2", "40000")
    counter.rest("SELL", "1", "40001")
    full = counter.call("POST", ORDER, **MARKET)
    assert full["status"] == "FILLED"
    assert full["price"] == "0.00000000"
    assert full["timeInForce"] == "GTC"
    assert full["executedQty"] == "0.50000000"
    assert full["cummulativeQuoteQty"] == "20000.30000000"
    assert full["fills"][0] == {
        "price": "40000.00000000",
        "qty": "0.20000000",
        "commission": "0.00020000",
        "commissionAsset": "BTC",
        "tradeId": 1,
    }
    assert len(full["clientOrderId"]) == 22


def test_query_by_either_id_and_the_open_orders(counter: Counter) -> None:
    placed = counter.call("POST", ORDER, **LIMIT, newClientOrderId="mine")
    order = counter.call("GET", ORDER, symbol="BTCUSDT", orderId=placed["orderId"])
    assert order == counter.call("GET", ORDER, symbol="BTCUSDT", origClientOrderId="mine")
    assert order == {
        "symbol": "BTCUSDT",
        "orderId": 28,
        "orderListId": -1,
        "clientOrderId": "mine",
        "price": "40000.00000000",
        "origQty": "0.50000000",
        "executedQty": "0.00000000",
        "cummulativeQuoteQty": "0.00000000",
        "status": "NEW",
        "timeInForce": "GTC",
        "type": "LIMIT",
        "side": "BUY",
        "stopPrice": "0.00000000",
        "icebergQty": "0.00000000",
        "time": NOW + 1,
        "updateTime": NOW + 1,
        "isWorking": True,
        "origQuoteOrderQty": "0.00000000",
    }
    assert counter.call("GET", OPEN) == [order] == counter.call("GET", OPEN, symbol="BTCUSDT")
    assert counter.call("GET", OPEN, symbol="ETHBTC") == []
    assert counter.call("GET", OPEN, account="bob") == []
    elsewhere = counter.call("GET", ORDER, symbol="ETHBTC", orderId=28)
    assert elsewhere == Refusal(400, -2013, "Order does not exist.")


def test_an_order_of_2017_has_no_later_keys() -> None:
    counter = Counter("binance", level=2017)
    counter.call("POST", ORDER, **LIMIT)
    assert list(counter.call("GET", ORDER, symbol="BTCUSDT", orderId=28)) == [
        "symbol", "orderId", "clientOrderId", "price", "origQty", "executedQty", "status",
        "timeInForce", "type", "side", "stopPrice", "icebergQty", "time", "isWorking",
    ]  # fmt: skip
    canceled = counter.call("DELETE", ORDER, symbol="BTCUSDT", orderId=28)
    assert list(canceled) == ["symbol", "origClientOrderId", "orderId", "clientOrderId"]


def test_cancel_names_both_ids_and_shows_in_the_event(counter: Counter) -> None:
    counter.call("POST", ORDER, **LIMIT, newClientOrderId="mine")
    gone = counter.call(
        "DELETE", ORDER, symbol="BTCUSDT", origClientOrderId="mine", newClientOrderId="bye"
    )
    assert (gone["origClientOrderId"], gone["clientOrderId"]) == ("mine", "bye")
    assert gone["status"] == "CANCELED"
    order = counter.events[0][1]
    assert (order.client_order_id, order.cancel_client_order_id) == ("mine", "bye")  # type: ignore[union-attr]
    again = counter.call("DELETE", ORDER, symbol="BTCUSDT", orderId=28)
    assert again == Refusal(400, -2011, "Unknown order sent.")
    assert counter.call("GET", ORDER, symbol="BTCUSDT", orderId=28)["clientOrderId"] == "mine"


def test_cancel_all_on_a_symbol(counter: Counter) -> None:
    for _ in range(2):
        counter.call("POST", ORDER, **LIMIT)
    gone = counter.call("DELETE", OPEN, symbol="BTCUSDT")
    assert [o["status"] for o in gone] == ["CANCELED"] * 2
    nothing = counter.call("DELETE", OPEN, symbol="BTCUSDT")
    assert nothing == Refusal(400, -2011, "Unknown order sent.")


def test_account_and_trades(counter: Counter) -> None:
    counter.rest("SELL", "1", "40000")
    counter.call("POST", ORDER, **MARKET)
    account = counter.call("GET", "/api/v3/account")
    assert account["updateTime"] == NOW + 1
    assert {"asset": "BTC", "free": "100.49950000", "locked": "0.00000000"} in account["balances"]
    assert list(account) == [
        "makerCommission", "takerCommission", "buyerCommission", "sellerCommission", "canTrade",
        "canWithdraw", "canDeposit", "updateTime", "accountType", "balances", "permissions",
    ]  # fmt: skip
    (trade,) = counter.call("GET", "/api/v3/myTrades", symbol="BTCUSDT")
    assert trade == {
        "symbol": "BTCUSDT",
        "id": 1,
        "orderId": 29,
        "orderListId": -1,
        "price": "40000.00000000",
        "qty": "0.50000000",
        "quoteQty": "20000.00000000",
        "commission": "0.00050000",
        "commissionAsset": "BTC",
        "time": NOW + 1,
        "isBuyer": True,
        "isMaker": False,
        "isBestMatch": True,
    }
    old = Counter("binance", level=2017)
    assert "permissions" not in old.call("GET", "/api/v1/account")


def test_lists_are_paged_by_id_time_and_limit(counter: Counter) -> None:
    for _ in range(4):
        counter.call("POST", ORDER, **LIMIT)

    def ids(**given: Any) -> list[int]:
        return [o["orderId"] for o in counter.call("GET", ALL, symbol="BTCUSDT", **given)]

    assert ids() == [28, 29, 30, 31]
    assert ids(limit=2) == [30, 31]
    assert ids(orderId=29, limit=2) == [29, 30]
    assert ids(startTime=NOW + 2, endTime=NOW + 3) == [29, 30]
    assert ids(startTime=NOW + 2, limit=1) == [29]
    assert ids(endTime=NOW + 3, limit=1) == [30]
    zero = counter.call("GET", ALL, symbol="BTCUSDT", limit=0)
    assert zero == Refusal(400, -1130, "Data sent for parameter 'limit' is not valid.")


def test_trades_are_paged_by_id(counter: Counter) -> None:
    counter.rest("SELL", "10", "40000")
    for _ in range(3):
        counter.call("POST", ORDER, **MARKET)

    def ids(**given: Any) -> Any:
        found = counter.call("GET", "/api/v3/myTrades", symbol="BTCUSDT", **given)
        return found if isinstance(found, Refusal) else [t["id"] for t in found]

    assert ids() == [1, 2, 3]
    assert ids(fromId=2) == [2, 3]
    assert ids(fromId=2, limit=1) == [2]
    assert ids(orderId=30) == [2]
    assert ids(startTime=NOW + 2) == [2, 3]
    assert ids(fromId=1, startTime=1).code == -1128


@pytest.mark.parametrize(
    ("by", "code", "text"),
    [
        ({"symbol": None}, -1102, missing("symbol")),
        ({"symbol": ""}, -1105, "Parameter 'symbol' was empty."),
        ({"symbol": "btcusdt"}, -1100, illegal("symbol", r"^[A-Z0-9_]{1,20}$")),
        ({"symbol": "NOPE"}, -1121, "Invalid symbol."),
        ({"side": "HOLD"}, -1117, "Invalid side."),
        ({"type": "LIMITED"}, -1116, "Invalid orderType."),
        ({"type": "STOP_LOSS"}, -2010, "Stop loss orders are not supported for this symbol."),
        ({"type": "TAKE_PROFIT"}, -2010, "Take profit orders are not supported for this symbol."),
        ({"type": "MARKET"}, -1106, unasked("price")),
        ({"type": "MARKET", "price": None}, -1106, unasked("timeInForce")),
        ({"type": "LIMIT_MAKER"}, -1106, unasked("timeInForce")),
        ({"timeInForce": None}, -1102, missing("timeInForce")),
        ({"timeInForce": "GTX"}, -1115, "Invalid timeInForce."),
        ({"price": None}, -1102, missing("price")),
        ({"quantity": "1e-5"}, -1100, illegal("quantity", r"^([0-9]{1,20})(\.[0-9]{1,20})?$")),
        ({"quantity": "0.123456789"}, -1111, PRECISION),
        ({"quantity": "0"}, -2010, "Price * QTY is zero or less."),
        ({"quantity": "0.123456"}, -1013, "Filter failure: LOT_SIZE"),
        ({"price": "0.001"}, -1013, "Filter failure: PRICE_FILTER"),
        ({"stopPrice": "1"}, -1106, unasked("stopPrice")),
        ({"icebergQty": "0.1"}, -2010, "Iceberg orders are not supported for this symbol."),
        ({"newClientOrderId": "a b"}, -1100, illegal("newClientOrderId", r"^[a-zA-Z0-9-_]{1,36}$")),
        ({"quantity": "1000"}, -2010, "Account has insufficient balance for requested action."),
        ({"made": "up"}, -1104, UNREAD),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(
    counter: Counter, by: dict[str, object], code: int, text: str
) -> None:
    before = counter.exchange.funds.balances("alice")
    asked = changed(LIMIT, **by)
    assert counter.call("POST", ORDER, **asked) == Refusal(400, code, text)
    assert counter.exchange.funds.balances("alice") == before
    if code != -2010 or "supported" in text or "zero" in text:
        assert counter.call("POST", f"{ORDER}/test", **asked) == Refusal(400, code, text)


def test_a_market_order_into_an_empty_book(counter: Counter) -> None:
    refused = counter.call("POST", ORDER, **MARKET)
    assert refused == Refusal(400, -1112, "No orders on book for symbol.")


def test_duplicates_and_makers_that_would_take(counter: Counter) -> None:
    counter.call("POST", ORDER, **LIMIT, newClientOrderId="mine")
    twice = counter.call("POST", ORDER, **LIMIT, newClientOrderId="mine")
    assert twice == Refusal(400, -2010, "Duplicate order sent.")
    counter.rest("SELL", "1", "40100")
    takes = changed(LIMIT, type="LIMIT_MAKER", timeInForce=None, price="40100")
    refused = counter.call("POST", ORDER, **takes)
    assert refused == Refusal(400, -2010, "Order would immediately match and take.")


def test_stops_trigger(counter: Counter) -> None:
    counter.rest("SELL", "1", "40000")
    counter.call("POST", ORDER, **MARKET)
    stop = changed(LIMIT, type="STOP_LOSS_LIMIT", stopPrice="39000", price="41000")
    at_once = counter.call("POST", ORDER, **stop)
    assert at_once == Refusal(400, -2010, "Order would trigger immediately.")
    waiting = counter.call("POST", ORDER, **changed(stop, stopPrice="42000"))
    assert list(waiting) == ["symbol", "orderId", "orderListId", "clientOrderId", "transactTime"]
    order = counter.call("GET", ORDER, symbol="BTCUSDT", orderId=waiting["orderId"])
    assert (order["isWorking"], order["stopPrice"]) == (False, "42000.00000000")


def test_a_test_order_changes_nothing(counter: Counter) -> None:
    assert counter.call("POST", f"{ORDER}/test", **changed(LIMIT, quantity="1000")) == {}
    assert counter.call("GET", OPEN) == []


def test_neither_id_is_named(counter: Counter) -> None:
    for method in ("GET", "DELETE"):
        assert counter.call(method, ORDER, symbol="BTCUSDT") == Refusal(
            400,
            -1102,
            "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!",
        )
