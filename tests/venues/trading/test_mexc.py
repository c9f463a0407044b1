"""MEXC's order endpoints. Doc: spot v3 §Spot Account/Trade."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.venues.trading.counter import NOW, Counter, Refusal
from userstream.orders import Accepted, OrderRequest, OrderType, Side
from userstream.venues.mexc.words import TYPES, shown_status

ORDER, OPEN = "/api/v3/order", "/api/v3/openOrders"
LIMIT = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "quantity": "0.50",
    "price": "40000.00",
}
MARKET = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.5"}
NAMELESS = Refusal(
    400, 700004, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null"
)
UNKNOWN = Refusal(400, -2011, "Unknown order sent")
NOT_THERE = Refusal(400, -2013, "Order does not exist")


@pytest.fixture
def counter() -> Counter:
    return Counter("mexc")


def changed(given: dict[str, Any], **by: object) -> dict[str, Any]:
    return {k: v for k, v in (given | by).items() if v is not None}


def test_a_new_order_has_neither_status_nor_client_id(counter: Counter) -> None:
    assert counter.call("POST", ORDER, **LIMIT, newClientOrderId="mine") == {
        "symbol": "BTCUSDT",
        "orderId": "28",
        "orderListId": -1,
        "price": "40000",
        "origQty": "0.5",
        "type": "LIMIT",
        "side": "BUY",
        "transactTime": NOW + 1,
    }


def test_query_by_either_id_with_or_without_symbol(counter: Counter) -> None:
    counter.call("POST", ORDER, **LIMIT, newClientOrderId="mine")
    order = counter.call("GET", ORDER, symbol="BTCUSDT", orderId="28")
    assert order == counter.call("GET", ORDER, orderId="28", origClientOrderId="other")
    assert order == counter.call("GET", ORDER, origClientOrderId="mine")
    assert order == {
        "symbol": "BTCUSDT",
        "orderId": "28",
        "orderListId": -1,
        "clientOrderId": "mine",
        "price": "40000",
        "origQty": "0.5",
        "executedQty": "0",
        "cummulativeQuoteQty": "0",
        "status": "NEW",
        "timeInForce": None,
        "type": "LIMIT",
        "side": "BUY",
        "stopPrice": None,
        "icebergQty": None,
        "time": NOW + 1,
        "updateTime": NOW + 1,
        "isWorking": True,
        "origQuoteOrderQty": "20000",
    }
    assert counter.call("GET", ORDER, orderId="28", account="bob") == NOT_THERE


@pytest.mark.parametrize(
    "order_id",
    ["0", "29", "028", "-28", "28.0", "mine", "C02__442859222808420353049", "²", "9" * 99],
)
def test_an_order_id_of_another_shape_names_no_order(counter: Counter, order_id: str) -> None:
    counter.call("POST", ORDER, **LIMIT, newClientOrderId="mine")
    assert counter.call("GET", ORDER, orderId=order_id, origClientOrderId="mine") == NOT_THERE
    assert counter.call("DELETE", ORDER, symbol="BTCUSDT", orderId=order_id) == UNKNOWN
    assert counter.call("GET", "/api/v3/myTrades", symbol="BTCUSDT", orderId=order_id) == []
    assert len(counter.call("GET", OPEN)) == 1


def test_an_order_is_named_on_its_symbol_only(counter: Counter) -> None:
    counter.call("POST", ORDER, **LIMIT)
    assert counter.call("GET", ORDER, symbol="ETHBTC", orderId="28") == NOT_THERE
    assert counter.call("DELETE", ORDER, symbol="ETHBTC", orderId="28") == UNKNOWN
    assert counter.call("GET", ORDER, symbol="BTCUSDT") == NAMELESS
    assert counter.call("DELETE", ORDER, symbol="BTCUSDT") == NAMELESS


@pytest.mark.parametrize("word", [*TYPES, "LIMIT_ORDER"])
def test_the_time_in_force_is_folded_into_the_type(counter: Counter, word: str) -> None:
    counter.rest("SELL", "1", "41000")
    asked = changed(LIMIT, type=word, timeInForce="GTC", stpMode="", recvWindow="5000")
    asked = {name: value for name, value in asked.items() if value}
    shown = "LIMIT" if word == "LIMIT_ORDER" else word
    assert counter.call("POST", ORDER, **asked)["type"] == shown
    order = counter.call("GET", ORDER, orderId="29")
    assert (order["type"], order["timeInForce"]) == (shown, None)
    ends = {"MARKET": "FILLED", "IMMEDIATE_OR_CANCEL": "CANCELED", "FILL_OR_KILL": "CANCELED"}
    assert order["status"] == ends.get(word, "NEW")


def test_an_order_of_another_venue_shows_under_its_name_there(counter: Counter) -> None:
    stop = OrderRequest(
        symbol="BTCUSDT",
        side=Side.BUY,
        order_type=OrderType.STOP_LOSS_LIMIT,
        quantity=Decimal(1),
        price=Decimal(41000),
        stop_price=Decimal("40500.50"),
    )
    assert isinstance(counter.exchange.place("alice", stop, NOW), Accepted)
    (order,) = counter.call("GET", OPEN)
    assert (order["type"], order["stopPrice"]) == ("STOP_LOSS_LIMIT", "40500.5")
    assert (order["isWorking"], order["clientOrderId"]) == (False, None)


def test_market_orders_by_quote_and_by_base(counter: Counter) -> None:
    counter.rest("SELL", "10", "40000")

    def filled(**by: object) -> tuple[str, ...]:
        placed = counter.call("POST", ORDER, **changed(MARKET, **by))
        order = counter.call("GET", ORDER, orderId=placed["orderId"])
        assert order["status"] == "FILLED"
        assert order["price"] == placed["price"] == "0"
        return order["executedQty"], order["cummulativeQuoteQty"], order["origQuoteOrderQty"]

    assert filled() == ("0.5", "20000", "0")
    assert filled(quantity=None, quoteOrderQty="4000") == ("0.1", "4000", "4000")
    assert filled(quoteOrderQty="4000", price="1") == ("0.1", "4000", "4000")
    counter.rest("BUY", "10", "39000")
    assert filled(side="SELL", quoteOrderQty="1") == ("0.5", "19500", "0")


def test_what_is_left_of_a_fill_shows_as_partly_canceled(counter: Counter) -> None:
    counter.rest("SELL", "0.2", "40000")
    counter.call("POST", ORDER, **changed(LIMIT, type="IMMEDIATE_OR_CANCEL"))
    order = counter.call("GET", ORDER, orderId="29")
    assert (order["status"], order["executedQty"]) == ("PARTIALLY_CANCELED", "0.2")
    counter.rest("SELL", "0.2", "40000")
    counter.call("POST", ORDER, **LIMIT)
    assert counter.call("GET", ORDER, orderId="31")["status"] == "PARTIALLY_FILLED"
    gone = counter.call("DELETE", ORDER, symbol="BTCUSDT", orderId="31")
    assert gone["status"] == "PARTIALLY_CANCELED"
    assert counter.call("GET", ORDER, orderId="31")["status"] == "PARTIALLY_CANCELED"


@pytest.mark.parametrize(
    ("status", "filled", "shown"),
    [
        ("REJECTED", False, "CANCELED"),
        ("EXPIRED", True, "PARTIALLY_CANCELED"),
        ("PENDING_CANCEL", False, "NEW"),
        ("PENDING_CANCEL", True, "PARTIALLY_FILLED"),
        ("FILLED", True, "FILLED"),
    ],
)
def test_statuses_that_mexc_does_not_have(status: str, filled: bool, shown: str) -> None:
    assert shown_status(status, filled=filled) == shown


def test_cancel_shows_the_order_and_names_both_ids(counter: Counter) -> None:
    counter.call("POST", ORDER, **LIMIT, newClientOrderId="mine")
    gone = counter.call(
        "DELETE", ORDER, symbol="BTCUSDT", origClientOrderId="mine", newClientOrderId="bye"
    )
    assert gone == {
        "symbol": "BTCUSDT",
        "origClientOrderId": "mine",
        "orderId": "28",
        "clientOrderId": "bye",
        "price": "40000",
        "origQty": "0.5",
        "executedQty": "0",
        "cummulativeQuoteQty": "0",
        "status": "CANCELED",
        "timeInForce": None,
        "type": "LIMIT",
        "side": "BUY",
    }
    order = counter.events[0][1]
    assert (order.client_order_id, order.cancel_client_order_id) == ("mine", "bye")  # type: ignore[union-attr]
    assert counter.call("DELETE", ORDER, symbol="BTCUSDT", orderId="28") == UNKNOWN
    assert counter.call("GET", ORDER, orderId="28")["clientOrderId"] == "mine"


def test_a_cancel_may_answer_new() -> None:
    counter = Counter("mexc", cancel_status="NEW")
    counter.call("POST", ORDER, **LIMIT)
    assert counter.call("DELETE", ORDER, symbol="BTCUSDT", orderId="28")["status"] == "NEW"
    assert counter.call("GET", ORDER, orderId="28")["status"] == "CANCELED"
    counter.call("POST", ORDER, **LIMIT)
    assert [o["status"] for o in counter.call("DELETE", OPEN, symbol="BTCUSDT")] == ["NEW"]
