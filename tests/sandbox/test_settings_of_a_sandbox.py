"""What the options and the settings file of a sandbox change, and what comes back with its data."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import pytest

from tests.sandbox.bots import NEW, bots, limit, market_sell
from userstream.errors import InvalidSettings
from userstream.venues import names

OWN_SYMBOLS = """
[symbols.DOGEUSDT]
base = "DOGE"
quote = "USDT"
tick = "0.0001"
lot = "1"
min_notional = "5"

[symbols.BTCUSDT]
base = "BTC"
quote = "USDT"
tick = "0.01"
lot = "0.0001"
"""


Write: TypeAlias = Callable[[str], Path]


@pytest.fixture
def config(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        file = tmp_path / "sandbox.toml"
        file.write_text(text)
        return file

    return write


async def test_own_symbols_are_what_is_traded_and_funded(config: Write) -> None:
    async with bots(config=config(OWN_SYMBOLS)) as b:
        assert b.balances() == {
            "BTC": ("100", "0"), "DOGE": ("1000000", "0"), "USDT": ("10000000", "0"),
        }  # fmt: skip
        prices = await b.admin("GET", "market")
        assert list(prices) == ["DOGEUSDT", "BTCUSDT"]
        for venue in names():
            doge = limit(venue, "SELL", "100", "0.1") | {"symbol": "DOGEUSDT"}
            await b.place(venue, **doge)
            fine = doge | {"quantity": "100.5"}
            assert (await b.refused(venue, "POST", NEW[venue], **fine))[0] == 400
            gone = limit(venue, "SELL", "1", "1") | {"symbol": "ETHBTC"}
            assert await b.refused(venue, "POST", NEW[venue], **gone) == (400, -1121)
        assert b.balances()["DOGE"] == ("999600", "400")
        assert b.imbalances() == set()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[venues.binance.orders]\nlevel = 2016\n", "level"),
        ("[venues.binance.orders]\nnonsense = 1\n", "nonsense"),
        ("[venues.bhex.orders]\nids = 'words'\n", "ids"),
        ("[venues.nyse.orders]\nids = 'text'\n", "nyse"),
        ("[venues.binance]\nnonsense = 1\n", "nonsense"),
        ("[symbols.X]\nbase = 'X'\n", "quote"),
    ],
)
async def test_settings_that_do_not_exist_are_said(config: Write, text: str, why: str) -> None:
    with pytest.raises(InvalidSettings, match=why):
        async with bots(config=config(text)):
            pass


async def test_options_of_the_order_endpoints(config: Write) -> None:
    file = config(
        "[venues.binance.orders]\nlevel = 2017\n"
        "[venues.bhex.orders]\nids = 'string'\n"
        "[venues.spacedex.orders]\nmytrades = true\n"
        "[venues.mexc.orders]\ncancel_status = 'NEW'\n"
    )
    async with bots(config=file) as b:
        assert "fills" not in await b.place("binance", **market_sell())
        assert isinstance((await b.place("bhex", **market_sell()))["orderId"], str)
        trades = await b.call("spacedex", "GET", "/api/v1/myTrades", symbol="BTCUSDT")
        assert len(trades) == 2
        placed = await b.place("mexc", **limit("mexc", "BUY", "0.01", "50000"))
        fields = {"symbol": "BTCUSDT", "orderId": placed["orderId"]}
        assert (await b.call("mexc", "DELETE", NEW["mexc"], **fields))["status"] == "NEW"


async def _run(folder: Path, **more: Any) -> list[Any]:
    """One run on a folder: what its order was answered, and how the stream began."""
    async with bots(data=str(folder), **more) as b:
        placed = await b.place("binance", **market_sell("0.01"))
        response = await b.server.admin.get("/_events", params={"account": "alice"})
        assert response.status_code == 200
        return [placed, response.text.splitlines()]


async def test_after_a_restart_ids_go_on_and_so_do_the_events(tmp_path: Path) -> None:
    first, before = await _run(tmp_path / "data")
    second, after = await _run(tmp_path / "data")
    assert second["orderId"] > first["orderId"] + 1_000
    assert second["orderId"] < 2**53
    assert second["clientOrderId"] != first["clientOrderId"]
    assert second["fills"][0]["tradeId"] > first["fills"][0]["tradeId"]
    assert after[: len(before)] == before
    assert len(after) == 2 * len(before)


async def test_streams_and_keys_go_on_after_a_restart(tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    async with bots(data=data) as b:
        key = await b.server.key("binance")
    async with bots(data=data) as b:
        async with b.server.stream("binance", key) as socket:
            await b.place("binance", **market_sell("0.01"))
            frame = await socket.recv()
            assert b.sandbox.venues["binance"].decode(frame)
        assert b.balances()["BTC"] == ("99.99", "0")  # books and funds begin anew


async def test_the_first_event_of_an_account_is_its_snapshot() -> None:
    async with bots(accounts=("zoe:zoekey:zoesecret",)) as b:
        _, line = b.sandbox.service.truth.lines("zoe", "epoch123")
        event = msgspec.json.decode(line)["event"]
        assert event["type"] == "account_snapshot"
        assert {x["asset"]: Decimal(x["free"]) for x in event["balances"]}["BTC"] == 100
