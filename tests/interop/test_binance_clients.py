"""Clients of Binance, unmodified, against a sandbox with Binance at its root."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.interop.conftest import Drive, Shown
from tests.interop.exchange import CANCELED_ORDER, FILLED_ORDER, Exchange

pytestmark = pytest.mark.interop
UPGRADED = b"HTTP/1.1 101"


def told(event: dict[str, Any]) -> tuple[Any, ...]:
    """What an event with the document's short keys says."""
    if event["e"] == "executionReport":
        return event["e"], event["i"], event["X"], event["z"], event["L"], event["n"]
    return event["e"], {b["a"]: (b["f"], b["l"]) for b in event["B"]}


NONE = "0.00000000"
PRICE = "64000.00000000"
OTHERS = {
    "ETH": ("1000.00000000", NONE),
    "LTC": ("1000.00000000", NONE),
    "MX": ("100000.00000000", NONE),
}
BOUGHT = {"BTC": ("100.02000000", NONE), "USDT": ("9998718.72000000", NONE)}
DEPOSITED = {"USDT": ("9998818.72000000", "25.50000000")}
FILLED = [
    ("executionReport", 288274001, "NEW", NONE, NONE, "0"),
    ("executionReport", 288274001, "PARTIALLY_FILLED", "0.01000000", PRICE, "0.64000000"),
    ("executionReport", 288274001, "FILLED", "0.02000000", PRICE, "0.64000000"),
    ("outboundAccountInfo", OTHERS | BOUGHT),
    ("outboundAccountPosition", BOUGHT),
]  # fmt: skip
CANCELED = [
    ("executionReport", 288274002, "CANCELED", NONE, NONE, "0"),
    ("outboundAccountInfo", OTHERS | BOUGHT | DEPOSITED),
    ("outboundAccountPosition", DEPOSITED),
]


def test_python_binance(sandbox: Callable[[str], Exchange], drive: Drive, shown: Shown) -> None:
    exchange = sandbox("binance")
    client = drive("python_binance.py", exchange)
    about = client.expect("client")
    assert about["time"]["serverTime"] > 1_700_000_000_000
    client.expect("opened")

    exchange.publish(*FILLED_ORDER)
    assert [told(e) for e in client.expect_events(5)] == FILLED
    exchange.rest.wait_for_call("PUT")  # its own timer: POST, which gives the same key, then PUT
    exchange.publish(*CANCELED_ORDER)
    assert [told(e) for e in client.expect_events(3)] == CANCELED

    client.say("close")
    closed = client.expect("closed")
    assert (closed["kept"], closed["answer"]) == ({}, {})
    assert client.ended() == 0
    assert not client.left("event")
    assert {c.path for c in exchange.rest.calls() if c.method == "PUT"} == {
        "/api/v1/userDataStream"
    }
    shown("python-binance", about["version"], "8 events, renewed by its timer", exchange)


def test_unicorn_binance_websocket_api(
    sandbox: Callable[[str], Exchange], drive: Drive, shown: Shown
) -> None:
    exchange = sandbox("binance")
    client = drive("unicorn_binance.py", exchange)
    about = client.expect("client")
    assert client.expect("opened")["running"] is True
    exchange.stream.wait_for(UPGRADED)

    exchange.publish(*FILLED_ORDER)
    assert [told(e) for e in client.expect_events(5)] == FILLED
    exchange.rest.wait_for_call("PUT")  # its own timer
    exchange.publish(*CANCELED_ORDER)
    assert [told(e) for e in client.expect_events(3)] == CANCELED

    client.say("close")
    assert int(client.expect("closed")["weight"]) > 0
    exchange.rest.wait_for_call("DELETE")
    assert client.ended() == 0
    did = "8 events, renewed by its timer"
    shown("unicorn-binance-websocket-api", about["version"], did, exchange)


def test_binance_connector(sandbox: Callable[[str], Exchange], drive: Drive, shown: Shown) -> None:
    exchange = sandbox("binance")
    client = drive("binance_connector.mjs", exchange)
    about = client.expect("client")
    assert "BTCUSDT" in about["symbols"]
    (acknowledged,) = client.expect_events(1)
    assert acknowledged["result"] is None  # its SUBSCRIBE of the key that the URL has already
    assert isinstance(acknowledged["id"], int)

    exchange.publish(*FILLED_ORDER)
    assert [told(e) for e in client.expect_events(5)] == FILLED
    client.say("keepalive")
    kept = client.expect("kept")
    assert (kept["status"], kept["data"]) == (200, {})
    client.expect("pong")
    exchange.publish(*CANCELED_ORDER)
    assert [told(e) for e in client.expect_events(3)] == CANCELED

    client.say("close")
    closed = client.expect("closed")
    assert (closed["status"], closed["data"]) == (200, {})
    assert closed["again"] == {"code": -1125, "msg": "This listenKey does not exist."}
    assert client.ended() == 0
    assert not client.left("event")
    assert not client.left("cut")
    shown("@binance/connector", about["version"], "8 events, renewListenKey, SUBSCRIBE", exchange)


def test_binance_api_node(sandbox: Callable[[str], Exchange], drive: Drive, shown: Shown) -> None:
    exchange = sandbox("binance")
    client = drive("binance_api_node.mjs", exchange)
    about = client.expect("client")
    assert client.expect_events(1) == [{"eventType": "open"}]

    exchange.publish(*FILLED_ORDER)
    *orders, account, position = client.expect_events(5)
    assert [(o["orderId"], o["orderStatus"], o["totalTradeQuantity"]) for o in orders] == [
        (288274001, "NEW", NONE),
        (288274001, "PARTIALLY_FILLED", "0.01000000"),
        (288274001, "FILLED", "0.02000000"),
    ]
    assert (account["eventType"], account["makerCommissionRate"]) == ("account", 10)
    assert account["balances"]["BTC"] == {"available": "100.02000000", "locked": NONE}
    assert account["balances"]["ETH"] == {"available": "1000.00000000", "locked": NONE}
    assert position["balances"] == [
        {"asset": "BTC", "free": "100.02000000", "locked": NONE},
        {"asset": "USDT", "free": "9998718.72000000", "locked": NONE},
    ]
    client.say("keepalive")
    assert client.expect("kept")["answer"] == {}
    exchange.publish(*CANCELED_ORDER)
    order, _, position = client.expect_events(3)
    assert (order["orderStatus"], order["newClientOrderId"]) == ("CANCELED", "cancelSecond")
    assert order["originalClientOrderId"] == "secondOrder"
    assert position["balances"] == [
        {"asset": "USDT", "free": "9998818.72000000", "locked": "25.50000000"}
    ]

    client.say("close")
    assert client.expect("closed")["answer"] == {}
    assert client.ended() == 0
    shown("binance-api-node", about["version"], "8 events, keepDataStream", exchange)
