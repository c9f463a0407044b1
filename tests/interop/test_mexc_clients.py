"""ccxt, which reads protobuf, and the document's own program, which reads JSON."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.interop.conftest import Drive, Shown, Start
from tests.interop.driven import PROGRAMS, Driven
from tests.interop.exchange import API_KEY
from tests.interop.trading import Said, Traded, check_clean, frames_of, trade
from userstream.venues import load

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
def test_the_documents_program(sandbox: Start, drive: Drive, tmp_path: Path, shown: Shown) -> None:
    """It only listens: ccxt, which does not listen here, trades."""
    exchange = sandbox("mexc", 'push = "json"')
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
        trader = drive("ccxt_mexc.py", exchange)
        trader.expect("client")
        traded = trade(trader, exchange)
        trader.say("close")
        assert trader.ended() == 0
        wanted = [line for f in frames_of(traded.truth) for line in print_of(f)]
        assert [client.line() for _ in wanted] == wanted
        exchange.rest.wait_for_call("PUT")
        client.interrupt()
        exchange.rest.wait_for_call("DELETE")
        # It never clears its interval: the next renewal meets a key that is gone, and nothing
        # catches that.
        exchange.rest.wait_for_call("PUT", 400)
        assert client.ended() == 1
        assert not client.rest()
    finally:
        client.close()
    versions = re.findall(
        r'"(axios|ws)": "([^"]+)"', (PROGRAMS.parent / "package.json").read_text()
    )
    version = ", ".join(f"{name} {number}" for name, number in versions)
    did = "ccxt traded, renewed by its interval"
    shown("MEXC document's program", version, len(wanted) // 7, did, exchange)


def print_of(frame: Said) -> list[str]:
    """What the document's program prints of a frame; it reads those of one channel."""
    account = frame.get("privateAccount")
    if account is None:
        return []
    return [
        f"Asset: {account['vcoinName']}",
        f"Balance: {account['balanceAmount']}",
        f"Balance Change: {account['balanceAmountChange']}",
        f"Frozen: {account['frozenAmount']}",
        f"Frozen Change: {account['frozenAmountChange']}",
        f"Type: {account['type']}",
        f"Time: {account['time']}",
    ]


def check_answers(traded: Traded) -> None:
    """The answers to the orders, and the error, in ccxt's form."""
    own, taken = traded.orders[0], traded.orders[3]
    placed, gone, bought = (s["answer"] for s in (traded.limit, traded.cancel, traded.market))
    assert (placed["id"], placed["price"], placed["amount"]) == (own["order_id"], 60000.0, 0.05)
    assert (gone["id"], gone["status"], gone["filled"]) == (own["order_id"], "canceled", 0.02)
    assert (bought["id"], bought["type"], bought["side"]) == (taken["order_id"], "market", "buy")
    assert traded.bad["error"] == "InsufficientFunds"
    assert '"code":30004' in traded.bad["text"]
    assert "Insufficient position" in traded.bad["text"]


def check_lists(traded: Traded) -> None:
    """What it fetched of orders, fills and balances afterwards is what its stream said."""
    look, own, taken = traded.look, traded.orders[0], traded.orders[3]
    assert look["open"] == []
    assert [(o["id"], o["status"], o["filled"]) for o in look["all"]] == [
        (own["order_id"], "canceled", 0.02),
        (taken["order_id"], "closed", 10.0),
    ]
    assert look["order"] == look["all"][0]
    fills = [(f["trade_id"], f["order_id"], f["maker"]) for f in traded.fills]
    words = {"maker": True, "taker": False}
    assert [(t["id"], t["order"], words[t["takerOrMaker"]]) for t in look["trades"]] == fills
    assert look["own"] == look["trades"][:1]
    fees = [float(f["commission"]) for f in traded.fills]
    assert [t["fee"]["cost"] for t in look["trades"]] == fees
    for asset, (free, locked) in traded.held.items():
        assert look["balance"]["free"][asset] == float(free)
        assert look["balance"]["used"][asset] == float(locked)


def check_watched(client: Driven, traded: Traded) -> None:
    """Its own form of the stream: each fill, and how orders and balances ended."""
    trades = [client.expect("trade") for _ in traded.fills]
    for trade_, fill in zip(trades, traded.fills, strict=True):
        assert (trade_["id"], trade_["order"]) == (fill["trade_id"], fill["order_id"])
        assert trade_["price"] == float(fill["last_price"])
        assert trade_["amount"] == float(fill["last_quantity"])
        assert trade_["fee"] == {"currency": "USDT", "cost": float(fill["commission"])}
    orders = client.left("order")  # it may skip states
    own, taken = traded.orders[0]["order_id"], traded.orders[3]["order_id"]
    ends = {o["id"]: (o["status"], o["filled"], o["remaining"]) for o in orders}
    assert ends == {own: ("closed", 0.02, 0.03), taken: ("closed", 10.0, 0.0)}
    balance = client.left("balance")[-1]
    for asset, (free, locked) in traded.held.items():
        assert (balance["free"][asset], balance["used"][asset]) == (float(free), float(locked))


def check_marks(client: Driven, frames: Sequence[str], *, extended: bool) -> None:
    """Its decoder reads frames with our field as those without, and in heartbeats nothing."""
    venue = load("mexc")
    marks = [venue.mark(base64.b64decode(frame)) for frame in frames]
    beats = client.left("beat")
    if not extended:
        assert (set(marks), beats) == ({None}, [])
        return
    *shown, last = [mark for mark in marks if mark is not None]
    assert (len(shown) + 1, last.kind, last.reason) == (len(frames), "us.end", "deleted")
    places = [(mark.seq, mark.part) for mark in shown]
    assert places == sorted(set(places))
    assert beats
    assert all(beat["decoded"] == {"channel": "us.heartbeat"} for beat in beats)


@pytest.mark.interop
@pytest.mark.parametrize("wishes", ["", "&us=1&us_heartbeat=1"], ids=["stock", "extension"])
def test_ccxt(sandbox: Start, drive: Drive, shown: Shown, wishes: str) -> None:
    exchange = sandbox("mexc")
    client = drive("ccxt_mexc.py", exchange, WISHES=wishes)
    about = client.expect("client")
    assert about["markets"] == ["BTC/USDT", "ETH/BTC", "ETH/USDT", "LTC/BTC", "MX/USDT"]
    assert about["currencies"] == ["BTC", "ETH", "LTC", "MX", "USDT"]
    assert about["precision"]["price"] == 0.01
    assert about["precision"]["amount"] == 0.00001
    assert about["limits"]["cost"]["min"] == 1.0
    assert (about["maker"], about["taker"]) == (0.001, 0.001)
    client.ask("watch")
    for channel in ("account", "deals", "orders"):
        exchange.stream.wait_for(b"spot@private.%b.v3.api.pb" % channel.encode())

    traded = trade(client, exchange)
    check_answers(traded)
    check_lists(traded)
    events = client.expect_events(sum(len(line["frames"]) for line in traded.truth))
    exchange.rest.wait_for_call("PUT")  # its own timer

    gone = client.ask("stop")
    assert (gone["own"], gone["count"], gone["same"]) == (True, 1, True)
    client.ask("close")
    assert client.ended() == 0
    check_watched(client, traded)
    events += [line["event"] for line in client.left("event")]
    check_clean(exchange, events)
    check_marks(client, [event["frame"] for event in events], extended=bool(wishes))
    did = "orders, trades, balances, renewed by its timer"
    did += ", with the extension" if wishes else ""
    shown("ccxt (pro.mexc)", about["version"], len(events), did, exchange)
