"""SpaceDEX: no client is published, so a bare loop of our own stands in for one."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.interop.conftest import Drive, Shown
from tests.interop.exchange import CANCELED_ORDER, FILLED_ORDER, Exchange

pytestmark = pytest.mark.interop


def test_a_bare_loop(sandbox: Callable[[str], Exchange], drive: Drive, shown: Shown) -> None:
    exchange = sandbox("spacedex")
    client = drive("spacedex.py", exchange)
    about = client.expect("client")
    client.expect("opened")

    exchange.publish(*FILLED_ORDER)
    *orders, account = (json.loads(client.expect("text")["text"]) for _ in range(4))
    assert orders[-1] == {
        "e": "executionReport",
        "s": "BTCUSDT",
        "i": 288274001,
        "S": "BUY",
        "X": "FILLED",
        "l": "0.01000000",
        "L": "64000.00",
        "n": "0.64",
        "N": "USDT",
        "T": 1_767_225_603_000,
    }
    assert account["e"] == "outboundAccountPosition"
    assert account["B"] == [
        {"a": "BTC", "f": "100.02000000", "l": "0.00000000"},
        {"a": "USDT", "f": "9998718.72000000", "l": "0.00000000"},
    ]

    client.say("keepalive")
    kept = client.expect("kept")
    assert (kept["status"], kept["answer"]) == (200, {})
    exchange.publish(*CANCELED_ORDER)
    order, account = (json.loads(client.expect("text")["text"]) for _ in range(2))
    assert (order["i"], order["X"]) == (288274002, "CANCELED")
    assert account["B"] == [{"a": "USDT", "f": "9998818.72000000", "l": "25.50000000"}]

    client.say("close")
    assert client.expect("ended")["code"] == 1000
    assert client.expect("closed")["answer"] == {}
    assert client.ended() == 0
    shown(
        "(websocket-client, our own)",
        about["version"],
        "6 events, SpaceDEX by its document",
        exchange,
    )
