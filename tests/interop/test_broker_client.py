"""The BHEX broker's own Python SDK, unmodified, trades on a sandbox with that venue at its root."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.interop.conftest import Drive, Shown, Start
from tests.interop.trading import Traded, check_balances, check_clean, check_fills, frames_of, trade

pytestmark = pytest.mark.interop


def check_answers(traded: Traded) -> None:
    """The answers to the orders, in the broker's words."""
    own, taken = traded.orders[0], traded.orders[3]
    placed, gone, sold = (s["answer"] for s in (traded.limit, traded.cancel, traded.market))
    assert (placed["status"], placed["clientOrderId"]) == ("NEW", own["client_order_id"])
    assert (gone["status"], str(gone["orderId"])) == ("CANCELED", own["order_id"])
    assert (sold["status"], str(sold["orderId"])) == ("NEW", taken["order_id"])  # matched later
    assert (traded.bad["code"], traded.bad["msg"]) == (-1131, "Balance insufficient")


def check_lists(traded: Traded) -> None:
    """What it read of orders, fills and balances afterwards is what its stream said."""
    look = traded.look
    assert (look["open"], look["test"]) == ([], {})
    assert [(o["status"], str(o["orderId"])) for o in look["history"]] == [
        ("FILLED", traded.orders[3]["order_id"]),
        ("CANCELED", traded.orders[0]["order_id"]),
    ]
    assert look["order"] == look["history"][1]
    assert Decimal(look["order"]["executedQty"]) == Decimal("0.02")
    check_fills(look["trades"], traded.fills[::-1])
    check_balances(look["account"]["balances"], traded)


def test_broker_trade_client(sandbox: Start, drive: Drive, shown: Shown) -> None:
    exchange = sandbox("bhex")
    client = drive("broker_client.py", exchange)
    about = client.expect("client")
    assert "BTCUSDT" in [s["symbol"] for s in about["broker"]["symbols"]]
    exchange.stream.wait_for(b"HTTP/1.1 101")

    traded = trade(client, exchange)
    check_answers(traded)
    check_lists(traded)
    events = client.expect_events(len(frames_of(traded.truth)))
    kept = client.ask("keepalive")
    assert kept["answer"] == {}
    assert kept["unknown"]["code"] == -1125

    assert client.ask("close")["answer"] == {}
    assert client.ended() == 0
    check_clean(exchange, events + [line["event"] for line in client.left("event")])
    assert {c.path for c in exchange.rest.calls() if c.method == "DELETE"} == {
        "/openapi/v1/userDataStream",
        "/openapi/v1/order",
    }
    did = "stream_keepalive, signed"
    shown("broker-trade-client", about["version"], len(events), did, exchange)
