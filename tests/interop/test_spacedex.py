"""SpaceDEX: no client is published, so a bare loop of our own stands in for one, and trades."""

from __future__ import annotations

import json

import pytest

from tests.interop.conftest import Drive, Shown, Start
from tests.interop.trading import Traded, check_balances, check_clean, frames_of, trade

pytestmark = pytest.mark.interop


def check_answers(traded: Traded) -> None:
    """The answers to the orders, in the reference's words."""
    own, taken = traded.orders[0], traded.orders[3]
    placed, gone, sold = (s["answer"] for s in (traded.limit, traded.cancel, traded.market))
    assert (placed["status"], placed["clientOrderId"]) == ("NEW", own["client_order_id"])
    assert (gone["status"], gone["executedQty"]) == ("CANCELED", "0.02000000")
    assert (sold["status"], str(sold["orderId"])) == ("FILLED", taken["order_id"])
    assert traded.bad["status"] == 400
    assert traded.bad["code"] == -2010
    assert traded.bad["msg"] == "Account has insufficient balance for requested action."


def check_lists(traded: Traded) -> None:
    """What it read of orders and balances afterwards is what its stream said."""
    look = traded.look
    assert (look["open"], look["test"]) == ([], {})
    assert [(o["status"], str(o["orderId"])) for o in look["all"]] == [
        ("CANCELED", traded.orders[0]["order_id"]),
        ("FILLED", traded.orders[3]["order_id"]),
    ]
    assert look["order"] == look["all"][0]
    check_balances(look["account"]["balances"], traded)


def test_a_bare_loop(sandbox: Start, drive: Drive, shown: Shown) -> None:
    exchange = sandbox("spacedex")
    client = drive("spacedex.py", exchange)
    about = client.expect("client")
    client.expect("opened")

    traded = trade(client, exchange)
    check_answers(traded)
    check_lists(traded)
    frames = frames_of(traded.truth)
    events = [json.loads(client.expect("text")["text"]) for _ in frames]
    assert events == frames
    kept = client.ask("keepalive")
    assert (kept["status"], kept["answer"]) == (200, {})

    client.say("close")
    assert client.expect("ended")["code"] == 1000
    assert client.expect("close")["answer"] == {}
    assert client.ended() == 0
    check_clean(exchange, events + [json.loads(line["text"]) for line in client.left("text")])
    did = "SpaceDEX by its document"
    shown("(websocket-client, our own)", about["version"], len(events), did, exchange)
