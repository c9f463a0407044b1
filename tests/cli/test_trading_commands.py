"""``userstream sandbox market``, ``account`` and ``desk``, and the admin port behind them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cli.inside import command, sandbox
from tests.sandbox.bots import bots, limit
from userstream.sandbox.page import EXAMPLE

HELP = {
    "market": ["prices", "fill", "sweep", "reject", "take", "pause", "resume"],
    "account": ["list", "add", "deposit", "withdraw", "transfer", "permit"],
    "desk": ["--answer-first", "--answer-delay-ms", "--read-lag-ms", "--json"],
    "order": ["--quote", "--rest", "--stream", "--api-key", "--wait", "--json"],
}


@pytest.mark.parametrize("group", HELP)
async def test_every_command_explains_itself(group: str) -> None:
    shown = await command("sandbox", group, "--help")
    assert shown.code == 0
    assert f"Usage: userstream sandbox {group}" in shown.out or "Usage: " in shown.out
    assert [word for word in HELP[group] if word not in shown.out] == []
    if group in {"market", "account"}:
        for name in HELP[group]:
            one = await command("sandbox", group, name, "--help")
            assert one.code == 0
            assert "--admin" in one.out
        assert (await command("sandbox", group)).code == 2


async def test_prices_are_shown() -> None:
    async with bots() as b:
        shown = await sandbox(b, "market", "prices")
        assert "BTCUSDT    bid 63993.6  ask 64006.4  last -\n" in shown.out
        told = json.loads((await sandbox(b, "market", "prices", "--json")).out)
        assert told["BTCUSDT"] == {"bid": "63993.6", "ask": "64006.4", "last": None}


@pytest.mark.parametrize("json_too", [(), ("--json",)])
async def test_commands_of_a_script(json_too: tuple[str, ...]) -> None:
    async with bots() as b:
        placed = await b.place(
            "binance", **limit("binance", "BUY", "0.1", "50000", newClientOrderId="mine")
        )
        number = placed["orderId"]
        by_name = await sandbox(b, "market", "fill", "alice", "mine", "40", *json_too)
        by_number = await sandbox(b, "market", "fill", "alice", str(number), *json_too)
        if json_too:
            assert json.loads(by_name.out) == {
                "filled": [{"account": "alice", "order_id": number, "quantity": "0.04"}]
            }
        else:
            assert by_name.out == f"alice: order {number} filled by 0.04\n"
            assert by_number.out == f"alice: order {number} filled by 0.06\n"
        for arguments in (
            ("reject", "alice", "2", "--reason", "PRICE_TOO_LOW"),
            ("take", "40", "--account", "alice", "--symbol", "BTCUSDT"),
            ("pause", "BTCUSDT"), ("resume", "BTCUSDT"), ("pause",), ("resume",),
            ("sweep", "BTCUSDT", "sell", "60000"),
        ):  # fmt: skip
            done = await sandbox(b, "market", *arguments, *json_too)
            assert done.code == 0, done
            assert (
                done.out == ('{"filled": []}' if json_too else "done; no order was filled") + "\n"
            )
        fields = limit("binance", "BUY", "0.1", "50000")
        assert await b.refused("binance", "POST", "/api/v3/order", **fields) == (400, -1013)
        assert (await b.admin("GET", "market"))["BTCUSDT"]["last"] == "60000"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ("market fill alice 1", "order 1 of alice is not known; allowed are orders on the book"),
        ("market fill zoe 1", "account is 'zoe'; allowed are alice, bob"),
        ("market fill alice 1 x", "allowed are decimals from 0 to 100"),
        ("market sweep BTCUSDT up 1", "allowed are BUY and SELL"),
        ("market sweep BTCUSDT buy x", "allowed are decimals"),
        ("market sweep BTCUSDT buy 1", "a sweep that buys goes to a price above 64000"),
        ("market sweep NOPE buy 1", "symbol is 'NOPE'; allowed are BTCUSDT"),
        ("market reject alice 0", "count is 0; allowed are 1 to 10000"),
        ("market reject alice --reason BECAUSE", "allowed are BAD_AMOUNT, DUPLICATE_CLIENT"),
        ("market take 101", "percent is 101; allowed are 0 to 100"),
        ("market take x", "allowed are decimals from 0 to 100"),
        ("market pause NOPE", "symbol is 'NOPE'; allowed are BTCUSDT"),
        ("account add c~rol key secret", "allowed is [A-Za-z0-9_-]{1,64}"),
        ("account add carol alicekey secret", "this API key belongs to another account"),
        ("account add house-maker key secret", "a name of the exchange itself"),
        ("account deposit alice BTC x", "amount is 'x'; allowed is a plain decimal"),
        ("account deposit alice BTC 0", "amount is 0; allowed is above zero"),
        ("account deposit alice BTC NaN", "amount is NaN; allowed is above zero"),
        ("account deposit alice BTC 1e30", "allowed are at most 20 digits and 8 places"),
        ("account deposit alice BTC 0.000000001", "amount is 0.000000001; allowed are at most 8"),
        ("account withdraw alice BTC 1.123456789", "amount is 1.123456789; allowed are at most 8"),
        ("account transfer alice bob BTC 1e-18", "amount is 1e-18; allowed are at most 8 places"),
        ("account deposit alice XYZ 1", "there are BTC, ETH, LTC, MX, USDT"),
        ("account deposit zoe BTC 1", "there is no account 'zoe'; there are alice, bob"),
        ("account deposit house-maker BTC 1", "there is no account 'house-maker'"),
        ("account withdraw alice BTC 1000", "alice has not so much that is free"),
        ("account transfer alice zoe BTC 1", "there is no account 'zoe'; there are alice, bob"),
        ("account transfer alice house-taker BTC 1", "there is no account 'house-taker'"),
        ("account permit zoe --no-trade", "there is no account 'zoe'"),
        ("desk --answer-delay-ms -1", "answer_delay_ms is -1; allowed are 0 to 60000"),
        ("desk --read-lag-ms 60001", "read_lag_ms is 60001; allowed are 0 to 60000"),
        ("desk --token falsch", "HTTP 401"),
        ("desk --token schlüssel", "--token is not printable ASCII"),
    ],
)  # fmt: skip
async def test_bad_arguments_are_said_and_change_nothing(arguments: str, why: str) -> None:
    async with bots() as b:
        before = b.balances()
        ended = await sandbox(b, *arguments.split())
        assert ended.code == 1
        assert why in ended.why
        assert b.balances() == before
        assert b.imbalances() == set()


async def test_accounts_and_their_money() -> None:
    async with bots() as b:
        added = await sandbox(b, "account", "add", "carol", "carolkey", "carolsecret")
        assert added.out == "carol: BTC 100, ETH 1000, LTC 1000, MX 100000, USDT 10000000\n"
        await b.place("mexc", account="carol", **limit("mexc", "BUY", "0.01", "50000"))
        for act, amount in (
            ("deposit carol BTC 5", "BTC 105"), ("withdraw carol BTC 1", "BTC 104"),
            ("transfer carol bob BTC 4", "BTC 100"),
        ):  # fmt: skip
            done = await sandbox(b, "account", *act.split())
            assert f"carol: {amount}, " in done.out
            assert "USDT 9999500 and 500 locked" in done.out
        denied = await sandbox(b, "account", "permit", "carol", "--no-trade", "--no-deposits")
        assert denied.out.endswith("; may not trade, deposit\n")
        why = (await sandbox(b, "account", "deposit", "carol", "BTC", "1")).why
        assert "DEPOSITS_DISABLED; permissions say what an account may do" in why
        told = await sandbox(b, "account", "permit", "carol", "--deposits", "--json")
        assert json.loads(told.out)["permissions"] == {
            "can_trade": False, "can_withdraw": True, "can_deposit": True,
        }  # fmt: skip
        listed = json.loads((await sandbox(b, "account", "list", "--json")).out)
        assert [one["name"] for one in listed] == ["alice", "bob", "carol"]
        assert listed[2]["open_orders"] == 1
        assert (await sandbox(b, "account", "list")).out.splitlines()[1].startswith("bob: BTC 104")
        assert await b.admin("GET", "accounts/carol") == listed[2]


async def test_manners_are_set_and_shown() -> None:
    async with bots() as b:
        said = await sandbox(b, "desk", "--answer-first", "--read-lag-ms", "50")
        assert said.out == "answer_first True, answer_delay_ms 0, read_lag_ms 50\n"
        told = json.loads((await sandbox(b, "desk", "--json")).out)
        assert told == {"answer_first": False, "answer_delay_ms": 0, "read_lag_ms": 0}


BODIES: list[Any] = [
    (b"", "its fields are"),
    (b"[]", "its fields are"),
    (b"\xff", "its fields are"),
    (b"[" * 100_000, "allowed are 65536"),
    (b"[" * 10_000, "its fields are"),
    (b'{"nonsense":1}', "its fields are"),
]
PATHS = {
    "accounts": "name, api_key, api_secret",
    "accounts/alice/deposit": "asset, amount",
    "accounts/alice/withdraw": "asset, amount",
    "accounts/alice/transfer": "asset, amount, to",
    "accounts/alice/permissions": "can_trade, can_withdraw, can_deposit",
    "desk": "answer_first, answer_delay_ms, read_lag_ms",
}


@pytest.mark.parametrize("path", PATHS)
async def test_bad_bodies_are_said_with_the_fields_that_there_are(path: str) -> None:
    async with bots() as b:
        before = b.balances()
        for body, why in BODIES:
            said = await b.admin_refused("POST", path, content=body)
            assert why in said
            assert PATHS[path] in said or why.startswith("allowed")
        assert b.balances() == before


async def test_bad_bodies_of_the_market_are_said() -> None:
    async with bots() as b:
        for body, _ in BODIES[:-1]:
            assert await b.admin_refused("POST", "market", content=body)
        for raw, why in (
            ({"do": "nothing"}, "commands are fill, sweep, reject, pause, resume, take"),
            ({}, "commands are fill"),
            ({"do": "fill", "account": "alice"}, "missing required field `order`"),
            ({"do": "pause", "why": 1}, "unknown field `why`"),
        ):
            assert why in await b.admin_refused("POST", "market", json=raw)
        why = await b.admin_refused("POST", "accounts/alice/steal", json={})
        assert why == "'steal' is not known; allowed are deposit, withdraw, transfer, permissions"
        why = await b.admin_refused("GET", "openapi/nyse")
        assert why == "unknown venue 'nyse'; allowed are bhex, binance, mexc, spacedex"
        assert (await b.server.admin.get("/_sandbox/openapi/mexc")).json()["openapi"] == "3.1.0"


async def test_a_sandbox_is_reached_past_all_proxies() -> None:
    nowhere = dict.fromkeys(("HTTP_PROXY", "http_proxy", "ALL_PROXY"), "http://127.0.0.1:1")
    async with bots() as b:
        admin = b.sandbox.service.urls["admin"]
        for arguments in (
            ("sandbox", "clock"),
            ("accounts", "list"),
            ("publish", str(EXAMPLE), "--restamp", "--wait", "1"),
        ):
            ended = await command(*arguments, "--admin", admin, "--token", "sandbox", env=nowhere)
            assert ended.code == 0, ended
