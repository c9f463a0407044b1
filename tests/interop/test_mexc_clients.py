"""ccxt, which reads protobuf, and the document's own program, which reads JSON."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.interop.conftest import Drive, Shown
from tests.interop.driven import PROGRAMS, Driven
from tests.interop.exchange import API_KEY, CANCELED_ORDER, FILLED_ORDER, Exchange

DOCUMENT = PROGRAMS / "mexc_document.mjs"
DIGEST = "b89e325bbc22a9c34fbc831d24cb71fcdf5cbd30a01d0c515cc33063e5daf7f3"
"""SHA-256 of the program as the document prints it."""
REST, STREAM = "https://api.mexc.com", "wss://wbs-api.mexc.com"
ACCOUNT_CHANNEL = "spot@private.account.v3.api.pb"


def printed() -> str:
    """The document's program: what stands below the line in its file."""
    _, line, program = DOCUMENT.read_text("utf-8").partition(f"// {'-' * 96}\n")
    assert line
    return program


def redirected(rest: str, stream: str) -> str:
    """The program with its two base URLs replaced."""
    return printed().replace(REST, rest).replace(STREAM, stream)


def test_the_documents_program_is_as_printed() -> None:
    assert hashlib.sha256(printed().encode()).hexdigest() == DIGEST


def test_nothing_but_the_two_base_urls_is_replaced() -> None:
    rest, stream = "http://127.0.0.1:1", "ws://127.0.0.1:2"
    before, after = printed().splitlines(), redirected(rest, stream).splitlines()
    changed = [(b, a) for b, a in zip(before, after, strict=True) if b != a]
    assert changed == [
        (f'const baseURL = "{REST}";', f'const baseURL = "{rest}";'),
        (
            f"const ws = new WebSocket(`{STREAM}/ws?listenKey=${{listenKey}}`);",
            f"const ws = new WebSocket(`{stream}/ws?listenKey=${{listenKey}}`);",
        ),
    ]
    assert redirected(rest, stream).replace(rest, REST).replace(stream, STREAM) == printed()


@pytest.mark.interop
def test_the_documents_program(
    serving: Callable[[str, str], Exchange], tmp_path: Path, shown: Shown
) -> None:
    exchange = serving("mexc", 'push = "json"')
    program = tmp_path / "program.mjs"
    program.write_text(redirected(exchange.rest.url, exchange.stream.url), "utf-8")
    # Its intervals of 30 minutes pass in two seconds. It sends no ping, so that a server that has
    # nothing to say closes its socket after 60 s; here data flows before that.
    client = Driven(
        ["node", "--import", PROGRAMS / "as_printed.mjs", program],
        exchange,
        tmp_path,
        {"MEXC_API_KEY": API_KEY, "CLOCK_SPEED": "900"},
    )
    try:
        exchange.stream.wait_for(b'{"id":0,"code":0,"msg":"%b"}' % ACCOUNT_CHANNEL.encode())
        exchange.publish(*FILLED_ORDER)
        assert [client.line() for _ in range(14)] == [
            "Asset: BTC",
            "Balance: 100.02",
            "Balance Change: 0.02",
            "Frozen: 0",
            "Frozen Change: 0",
            "Type: ENTRUST",
            "Time: 1767225603000",
            "Asset: USDT",
            "Balance: 9998718.72",
            "Balance Change: -1281.28",
            "Frozen: 0",
            "Frozen Change: 0",
            "Type: ENTRUST",
            "Time: 1767225603000",
        ]
        exchange.rest.wait_for_call("PUT")
        exchange.publish(*CANCELED_ORDER)
        assert [client.line() for _ in range(7)] == [
            "Asset: USDT",
            "Balance: 9998818.72",
            "Balance Change: 100",
            "Frozen: 25.5",
            "Frozen Change: 25.5",
            "Type: DEPOSIT",
            "Time: 1767225605000",
        ]
        client.interrupt()
        exchange.rest.wait_for_call("DELETE")
        # It never clears its interval: the next renewal meets a key that is gone, and nothing
        # catches that.
        exchange.rest.wait_for_call("PUT", 400)
        assert client.ended() == 1
    finally:
        client.close()
    versions = re.findall(
        r'"(axios|ws)": "([^"]+)"', (PROGRAMS.parent / "package.json").read_text()
    )
    version = ", ".join(f"{name} {number}" for name, number in versions)
    shown("MEXC document's program", version, "3 events, renewed by its interval", exchange)


@pytest.mark.interop
def test_ccxt(sandbox: Callable[[str], Exchange], drive: Drive, shown: Shown) -> None:
    exchange = sandbox("mexc")
    client = drive("ccxt_mexc.py", exchange)
    about = client.expect("client")
    assert "BTC/USDT" in about["markets"]
    for channel in ("account", "deals", "orders"):
        exchange.stream.wait_for(b"spot@private.%b.v3.api.pb" % channel.encode())

    exchange.publish(*FILLED_ORDER)
    while (order := client.expect("order"))["status"] != "closed":  # it may skip states
        assert (order["id"], order["status"]) == ("288274001", "open")
    assert order == {
        "kind": "order",
        "id": "288274001",
        "clientOrderId": "firstOrder",
        "symbol": "BTC/USDT",
        "side": "buy",
        "type": "limit",
        "status": "closed",
        "price": 64000.0,
        "amount": 0.02,
        "filled": 0.02,
        "remaining": 0.0,
        "average": 64000.0,
        "cost": 1280.0,
    }
    trades = [client.expect("trade") for _ in range(2)]
    assert [(t["id"], t["order"], t["price"], t["amount"]) for t in trades] == [
        ("501", "288274001", 64000.0, 0.01),
        ("502", "288274001", 64000.0, 0.01),
    ]
    assert all(t["fee"] == {"currency": "USDT", "cost": 0.64} for t in trades)
    while "USDT" not in (balance := client.expect("balance"))["free"]:
        pass
    assert balance["free"] == {"BTC": 100.02, "USDT": 9998718.72}
    assert balance["used"] == {"BTC": 0.0, "USDT": 0.0}

    exchange.rest.wait_for_call("PUT")  # its own timer
    exchange.publish(*CANCELED_ORDER)
    order = client.expect("order")
    assert (order["id"], order["status"], order["filled"]) == ("288274002", "canceled", 0.0)
    balance = client.expect("balance")
    assert balance["free"]["USDT"] == 9998818.72
    assert balance["used"]["USDT"] == 25.5

    client.say("close")
    assert client.expect("keys") == {"kind": "keys", "own": True, "count": 1}
    assert client.expect("closed")["same"] is True
    assert client.ended() == 0
    did = "orders, trades, balances, renewed by its timer"
    shown("ccxt (pro.mexc)", about["version"], did, exchange)
