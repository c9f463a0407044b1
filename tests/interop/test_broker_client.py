"""The BHEX broker's own Python SDK, unmodified, against a sandbox with that venue at its root."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.interop.conftest import Drive, Shown
from tests.interop.exchange import CANCELED_ORDER, FILLED_ORDER, Exchange

pytestmark = pytest.mark.interop
NONE = "0.00000000"


def test_broker_trade_client(
    sandbox: Callable[[str], Exchange], drive: Drive, shown: Shown
) -> None:
    exchange = sandbox("bhex")
    client = drive("broker_client.py", exchange)
    about = client.expect("client")
    assert "BTCUSDT" in [s["symbol"] for s in about["broker"]["symbols"]]
    exchange.stream.wait_for(b"HTTP/1.1 101")

    exchange.publish(*FILLED_ORDER)
    *orders, account = client.expect_events(4)
    assert [(o["i"], o["c"], o["X"], o["z"], o["Z"]) for o in orders] == [
        (288274001, "firstOrder", "NEW", NONE, NONE),
        (288274001, "firstOrder", "PARTIALLY_FILLED", "0.01000000", "640.00000000"),
        (288274001, "firstOrder", "FILLED", "0.02000000", "1280.00000000"),
    ]
    assert account["e"] == "outboundAccountInfo"
    assert account["B"] == [
        {"a": "BTC", "f": "100.02000000", "l": NONE},
        {"a": "USDT", "f": "9998718.72000000", "l": NONE},
    ]

    client.say("keepalive")
    kept = client.expect("kept")
    assert kept["answer"] == {}
    assert kept["unknown"]["code"] == -1125
    exchange.publish(*CANCELED_ORDER)
    order, account = client.expect_events(2)
    assert (order["i"], order["X"], order["z"]) == (288274002, "CANCELED", NONE)
    assert account["B"] == [{"a": "USDT", "f": "9998818.72000000", "l": "25.50000000"}]

    client.say("close")
    assert client.expect("closed")["answer"] == {}
    assert client.ended() == 0
    assert {c.path for c in exchange.rest.calls() if c.method == "DELETE"} == {
        "/openapi/v1/userDataStream"
    }
    shown("broker-trade-client", about["version"], "6 events, stream_keepalive, signed", exchange)
