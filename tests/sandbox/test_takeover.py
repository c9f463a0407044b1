"""The exchange beside other publishers, accounts of other doors, and names of the house."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest

from tests.sandbox.bots import NEW, bots, limit, market_sell
from userstream.errors import InvalidSettings

EXAMPLE = files("userstream.sandbox").joinpath("example.ndjson")


def restamped(first_n: int) -> bytes:
    """The shipped example, as ``userstream publish --restamp`` sends it."""
    lines = [json.loads(line) for line in EXAMPLE.read_text().splitlines() if line.strip()]
    return b"\n".join(
        json.dumps(line | {"n": first_n + i}).encode() for i, line in enumerate(lines)
    )


async def test_another_publisher_between_two_orders_loses_nothing_of_either() -> None:
    async with bots() as b, b.heard("binance") as heard:
        for turn in range(3):
            await b.place("binance", **market_sell("0.01"))
            response = await b.server.admin.post(
                "/_events", content=restamped(1_000 * turn + 1),
                headers={"content-type": "application/x-ndjson"},
            )  # fmt: skip
            answers = [json.loads(line) for line in response.text.splitlines()]
            assert len(answers) == 7
            assert not [a for a in answers if "error" in a], answers
        await b.place("binance", **market_sell("0.01"))
        truth = (await b.server.admin.get("/_sandbox/truth/alice")).text.splitlines()[1:]
        assert len(truth) == 1 + 4 * 4 + 3 * 7  # the snapshot, orders, examples
        await heard.until(lambda events: len(events) > 36)
        ours = [o for o in heard.orders if o.execution == "TRADE" and o.order_id != "28"]
        assert sum(o.status == "FILLED" and o.last_quantity == "0.01000000" for o in ours) >= 4


@pytest.mark.parametrize("venue", list(NEW))
async def test_an_account_of_the_other_door_is_funded_at_its_first_call(venue: str) -> None:
    async with bots() as b:
        await b.server.account("carol")
        assert [a["name"] for a in await b.admin("GET", "accounts")] == ["alice", "bob"]
        async with b.heard(venue, "carol") as heard:
            await b.place(venue, account="carol", **market_sell("0.01"))
            await heard.ended("FILLED")
            assert heard.accounts
        assert b.balances("carol")["BTC"] == ("99.99", "0")
        assert b.imbalances() == set()


@pytest.mark.parametrize("name", ["house-maker", "house-taker"])
async def test_no_account_has_a_name_of_the_house(name: str) -> None:
    async with bots() as b:
        body = {"name": name, "api_key": "k", "api_secret": "s"}
        why = await b.admin_refused("POST", "accounts", json=body)
        assert f"account is '{name}', a name of the exchange itself" in why
        other = await b.server.admin.post(
            "/_accounts", json={"account": name, "api_key": "k", "api_secret": "s"}
        )
        assert other.status_code == 400, other.text
        assert other.json()["error"]["msg"] == why
        listed = (await b.server.admin.get("/_accounts")).json()
        assert name not in [one["account"] for one in listed]
    with pytest.raises(InvalidSettings, match=f"account is '{name}'"):
        async with bots(accounts=(f"{name}:key:secret",)):
            pass


async def test_accounts_trade_with_each_other_without_a_market_maker() -> None:
    async with bots(maker=False) as b:
        prices = await b.admin("GET", "market")
        assert prices["BTCUSDT"] == {"bid": None, "ask": None, "last": None}
        refused = await b.refused("binance", "POST", NEW["binance"], **market_sell())
        assert refused == (400, -1112)
        await b.place("bhex", account="bob", **limit("bhex", "BUY", "0.01", "12345"))
        placed = await b.place("binance", **market_sell("0.01"))
        assert placed["fills"][0]["price"] == "12345.00000000"
        assert (await b.admin("GET", "market"))["BTCUSDT"]["last"] == "12345"
        why = await b.admin_refused(
            "POST", "market", json={"do": "sweep", "symbol": "BTCUSDT", "side": "BUY", "price": "1"}
        )
        assert why.startswith("symbol is 'BTCUSDT'")
