"""``userstream sandbox order``: what it prints, and what it says to bad arguments."""

from __future__ import annotations

import json

import pytest

from tests.cli.inside import command, order
from tests.sandbox.bots import bots
from userstream.venues import names

FILLED = {
    "binance": "TRADE 0.01000000 at 64006.40000000: order 51 BUY BTCUSDT is FILLED, "
    "0.01000000 filled",
    "bhex": "UPDATE 0.00999000 at 64006.40000000: order 51 BUY BTCUSDT is FILLED, "
    "0.00999000 filled",
    "spacedex": "UPDATE 0.01000000 at 64006.40: order 51 BUY BTCUSDT is FILLED",
    "mexc": "TRADE 0.01 at 64006.4: order 51 BUY BTCUSDT",
}


@pytest.mark.parametrize("venue", names())
async def test_it_prints_what_happened(venue: str) -> None:
    amount = ("--quote", "640") if venue == "bhex" else ("0.01",)
    async with bots() as b:
        ended = await order(b, venue, "buy", "BTCUSDT", *amount)
        assert ended.code == 0, ended
        first, *lines = [line.strip() for line in ended.out.splitlines()]
        assert first.startswith(f"{venue} answered {{")
        assert json.loads(first.partition("answered ")[2])["side"] == "BUY"
        assert lines[0].endswith(("is NEW", "is NEW, 0 filled", "is NEW, 0.00000000 filled"))
        assert FILLED[venue] in lines
        assert lines[-1].startswith("balances: ")
        free = {"binance": "USDT 9999359", "bhex": "BTC 100.009", "spacedex": "USDT 9999359",
                "mexc": "USDT 9999359"}  # fmt: skip
        assert free[venue] in "".join(lines[-2:])


@pytest.mark.parametrize("venue", names())
async def test_a_limit_order_that_rests_ends_when_nothing_more_comes(venue: str) -> None:
    async with bots() as b:
        ended = await order(b, venue, "BUY", "BTCUSDT", "0.01", "50000", "--json", "--wait", "0.3")
        assert ended.code == 0
        lines = [json.loads(line) for line in ended.out.splitlines()]
        assert [next(iter(line)) for line in lines][:3] == ["order", "event", "event"]
        assert lines[1]["event"]["status"] == "NEW"
        assert len(b.sandbox.exchange.open_orders("alice")) == 1


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ("nyse buy BTCUSDT 0.01", "venue is 'nyse'; allowed are bhex, binance, mexc, spacedex"),
        ("binance hold BTCUSDT 0.01", "side is 'hold'; allowed are buy and sell"),
        ("binance buy BTCUSDT x", "quantity is 'x'; allowed is a plain decimal such as 0.01"),
        ("binance buy BTCUSDT 1e5", "quantity is '1e5'; allowed is a plain decimal"),
        ("binance buy BTCUSDT 0.01 x", "price is 'x'; allowed is a plain decimal"),
        ("binance buy BTCUSDT --quote x", "--quote is 'x'; allowed is a plain decimal"),
        ("binance buy BTCUSDT", "an order has a QUANTITY, or --quote AMOUNT in its place"),
        ("binance buy BTCUSDT 1 --quote 5", "a QUANTITY, or --quote AMOUNT in its place"),
        ("bhex buy BTCUSDT 0.01", "--quote AMOUNT in place of QUANTITY, or name a PRICE"),
        ("bhex sell BTCUSDT --quote 5", "a market sell on bhex is by QUANTITY"),
        ("spacedex sell BTCUSDT --quote 5", "; try a QUANTITY in place of --quote 5"),
        ("mexc sell BTCUSDT --quote 5", "; try a QUANTITY in place of --quote 5"),
        ("binance buy NOPE 0.01", '"Invalid symbol."}; the pairs are those of `userstream sandbox'),
        ("mexc buy btcusdt 0.01", "the pairs are those of `userstream sandbox market prices`"),
        ("binance sell BTCUSDT 1000 70000", "Account has insufficient balance"),
        ("binance buy BTCUSDT 0.01 --api-key nokey", "Invalid API-key"),
        ("binance buy BTCUSDT 0.01 --api-secret no", "Signature for this request is not valid"),
        ("binance buy BTCUSDT 0.01 --api-key schlüssel", "--api-key is not printable ASCII"),
        ("binance buy BTCUSDT 0.01 --rest http://127.0.0.1:1", "is it running? (--rest)"),
        ("binance buy BTCUSDT 0.01 --rest nonsense", "no sandbox at nonsense"),
        ("binance buy BTCUSDT 0.01 --rest http://[x", "no sandbox at http://[x"),
        ("binance buy BTCUSDT 0.01 --stream ws://127.0.0.1:1", "the stream at ws://127.0.0.1:1"),
        ("binance buy BTCUSDT 0.01 --stream nonsense", "the stream at nonsense failed: nonsense"),
    ],
)
async def test_bad_arguments_are_said_and_change_nothing(arguments: str, why: str) -> None:
    async with bots() as b:
        before = b.balances()
        ended = await order(b, *arguments.split())
        assert ended.code == 1
        assert why in ended.why
        assert "\n" not in ended.why
        assert b.balances() == before
        assert not b.sandbox.exchange.all_orders("alice")


@pytest.mark.parametrize(
    "arguments", [(), ("binance",), ("binance", "buy"), ("binance", "buy", "BTCUSDT", "-1")]
)
async def test_arguments_that_cannot_be_read_are_exit_code_2(arguments: tuple[str, ...]) -> None:
    assert (await command("sandbox", "order", *arguments)).code == 2


async def test_a_fast_sandbox_takes_its_own_time() -> None:
    async with bots(clock_speed=10.0) as b:
        await b.server.admin.post("/_sandbox/clock", json={"advance_ms": 86_400_000})
        assert (await order(b, "mexc", "sell", "BTCUSDT", "0.01")).code == 0
