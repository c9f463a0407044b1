"""Clients of Binance, unmodified, trade on a sandbox with Binance at its root."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.interop.conftest import Drive, Shown, Start
from tests.interop.trading import (
    Traded,
    check_balances,
    check_clean,
    check_fills,
    frames_of,
    trade,
    trade_near,
)

pytestmark = pytest.mark.interop
UPGRADED = b"HTTP/1.1 101"
POOR = "Account has insufficient balance for requested action."


def check_answers(traded: Traded) -> None:
    """The answers to the orders, in Binance's words."""
    own, taken = traded.orders[0], traded.orders[3]
    placed, gone = traded.limit["answer"], traded.cancel["answer"]
    bought, bad = traded.market["answer"], traded.bad
    assert (placed["status"], placed["fills"]) == ("NEW", [])
    assert placed["clientOrderId"] == own["client_order_id"]
    assert (gone["status"], gone["executedQty"]) == ("CANCELED", "0.02000000")
    assert gone["origClientOrderId"] == own["client_order_id"]
    assert (bought["status"], str(bought["orderId"])) == ("FILLED", taken["order_id"])
    assert [str(f["tradeId"]) for f in bought["fills"]] == [f["trade_id"] for f in traded.fills[1:]]
    assert (bad.get("status", 400), bad["code"], bad["msg"]) == (400, -2010, POOR)


def check_lists(traded: Traded) -> None:
    """What it read of orders, fills and balances afterwards is what its stream said."""
    look = traded.look
    assert look["open"] == []
    assert [(o["status"], str(o["orderId"])) for o in look["all"]] == [
        ("CANCELED", traded.orders[0]["order_id"]),
        ("FILLED", traded.orders[3]["order_id"]),
    ]
    assert look["order"] == look["all"][0]
    check_fills(look["trades"], traded.fills)
    check_balances(look["account"]["balances"], traded)


def test_python_binance(sandbox: Start, drive: Drive, shown: Shown) -> None:
    exchange = sandbox("binance")
    client = drive("python_binance.py", exchange)
    about = client.expect("client")
    assert about["time"]["serverTime"] > 1_700_000_000_000
    client.expect("opened")

    traded = trade(client, exchange)
    check_answers(traded)
    check_lists(traded)
    look = traded.look
    assert "BTCUSDT" in look["info"]
    assert look["symbol"]["filters"][0]["tickSize"] == "0.01000000"
    assert Decimal(look["balance"]["free"]) == traded.held["BTC"][0]
    assert (look["open_anywhere"], look["test"]) == ([], {})
    events = client.expect_events(len(frames_of(trade_near(client, exchange))))
    exchange.rest.wait_for_call("PUT")  # its own timer: POST, which gives the same key, then PUT

    closed = client.ask("close")
    assert (closed["kept"], closed["answer"]) == ({}, {})
    assert client.ended() == 0
    check_clean(exchange, events + [line["event"] for line in client.left("event")])
    assert {c.path for c in exchange.rest.calls() if c.method == "PUT"} == {
        "/api/v1/userDataStream"
    }
    shown("python-binance", about["version"], len(events), "renewed by its timer", exchange)


def test_unicorn_binance_websocket_api(sandbox: Start, drive: Drive, shown: Shown) -> None:
    exchange = sandbox("binance")
    client = drive("unicorn_binance.py", exchange)
    about = client.expect("client")
    assert client.expect("opened")["running"] is True
    exchange.stream.wait_for(UPGRADED)

    traded = trade(client, exchange)
    check_answers(traded)
    check_lists(traded)
    events = client.expect_events(len(frames_of(traded.truth)))
    exchange.rest.wait_for_call("PUT")  # its own timer

    assert int(client.ask("close")["weight"]) > 0
    exchange.rest.wait_for_call("DELETE")
    assert client.ended() == 0
    check_clean(exchange, events + [line["event"] for line in client.left("event")])
    did = "renewed by its timer"
    shown("unicorn-binance-websocket-api", about["version"], len(events), did, exchange)


def test_binance_connector(sandbox: Start, drive: Drive, shown: Shown) -> None:
    exchange = sandbox("binance")
    client = drive("binance_connector.mjs", exchange)
    about = client.expect("client")
    assert "BTCUSDT" in about["symbols"]
    (acknowledged,) = client.expect_events(1)
    assert acknowledged["result"] is None  # its SUBSCRIBE of the key that the URL has already
    assert isinstance(acknowledged["id"], int)

    traded = trade(client, exchange)
    check_answers(traded)
    check_lists(traded)
    events = client.expect_events(len(frames_of(traded.truth)))
    kept = client.ask("keepalive")
    assert (kept["status"], kept["data"]) == (200, {})
    client.expect("pong")

    closed = client.ask("close")
    assert (closed["status"], closed["data"]) == (200, {})
    assert closed["again"] == {"code": -1125, "msg": "This listenKey does not exist."}
    assert client.ended() == 0
    assert not client.left("cut")
    check_clean(exchange, events + [line["event"] for line in client.left("event")])
    shown(
        "@binance/connector", about["version"], len(events), "renewListenKey, SUBSCRIBE", exchange
    )


def own_form(frame: Any) -> tuple[Any, ...]:
    """An event of binance-api-node as the frame that it was made of says it."""
    if frame["e"] == "executionReport":
        return (
            "executionReport", frame["i"], frame["c"], frame["x"], frame["X"], frame["l"],
            frame["L"], frame["z"], frame["n"], frame["N"], frame["t"], frame["m"], frame["E"],
        )  # fmt: skip
    kind = {"outboundAccountInfo": "account"}.get(frame["e"], frame["e"])
    return kind, {b["a"]: (b["f"], b["l"]) for b in frame["B"]}, frame["E"]


def renamed(event: Any) -> tuple[Any, ...]:
    """The same of an event as binance-api-node gives it."""
    kind, time = event["eventType"], event["eventTime"]
    if kind == "executionReport":
        names = (
            "orderId", "newClientOrderId", "executionType", "orderStatus", "lastTradeQuantity",
            "priceLastTrade", "totalTradeQuantity", "commission", "commissionAsset", "tradeId",
            "isBuyerMaker",
        )  # fmt: skip
        return kind, *(event[name] for name in names), time
    if kind == "account":
        held = {a: (b["available"], b["locked"]) for a, b in event["balances"].items()}
    else:
        held = {b["asset"]: (b["free"], b["locked"]) for b in event["balances"]}
    return kind, held, time


def test_binance_api_node(sandbox: Start, drive: Drive, shown: Shown) -> None:
    exchange = sandbox("binance")
    client = drive("binance_api_node.mjs", exchange)
    about = client.expect("client")
    assert client.expect_events(1) == [{"eventType": "open"}]

    traded = trade(client, exchange)
    check_answers(traded)
    check_lists(traded)
    frames = frames_of(traded.truth)
    events = client.expect_events(len(frames))
    assert [renamed(event) for event in events] == [own_form(frame) for frame in frames]
    assert client.ask("keepalive")["answer"] == {}

    assert client.ask("close")["answer"] == {}
    assert client.ended() == 0
    # It deletes its key before it closes, and may still hear of that.
    assert {e["event"]["type"] for e in client.left("event")} <= {"listenKeyExpired"}
    shown("binance-api-node", about["version"], len(events), "keepDataStream", exchange)
