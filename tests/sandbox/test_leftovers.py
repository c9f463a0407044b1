"""Orders that a restart on the same folder ends: in the log, on streams, in what queries show."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.bots import NEW, Bots, bots, limit
from tests.server.running import MEXC_CHANNELS, subscribe, take
from tests.venues.orders import order
from userstream.errors import MalformedFrame
from userstream.events import OrderUpdate
from userstream.venue import Cursor
from userstream.venues import names

LISTS = {
    "binance": "/api/v3/openOrders",
    "bhex": "/openapi/v1/openOrders",
    "spacedex": "/api/v1/openOrders",
    "mexc": "/api/v3/openOrders",
}


async def events(b: Bots, account: str = "alice") -> list[dict[str, Any]]:
    """The account's log."""
    response = await b.server.admin.get("/_events", params={"account": account})
    return [json.loads(line) for line in response.text.splitlines()]


async def leave_open(b: Bots) -> tuple[int, int]:
    """Leaves one order open, and one that is filled in part, beside some that ended; their ids."""
    whole = await b.place("binance", **limit("binance", "BUY", "1", "50000", newClientOrderId="w"))
    part = await b.place("binance", **limit("binance", "BUY", "1", "60000"))
    await b.place("binance", account="bob", **limit("binance", "SELL", "0.4", "60000"))
    gone = await b.place("binance", **limit("binance", "BUY", "1", "40000"))
    fields = {"symbol": "BTCUSDT", "orderId": gone["orderId"]}
    await b.call("binance", "DELETE", NEW["binance"], **fields)
    return whole["orderId"], part["orderId"]


async def test_a_restart_cancels_what_was_open_and_releases_what_it_held(tmp_path: Path) -> None:
    folder = str(tmp_path / "data")
    async with bots(data=folder, maker=False) as b:
        whole, part = await leave_open(b)
        before = await events(b)
        assert b.balances()["USDT"][1] == "86000"
    async with bots(data=folder, maker=False) as b:
        after = await events(b)
        assert after[: len(before)] == before
        first, second, snapshot = [line["event"] for line in after[len(before) :]]
        for event, order_id, status, filled in (
            (first, whole, "CANCELED", "0"),
            (second, part, "PARTIALLY_CANCELED", "0.4"),
        ):
            assert (event["order_id"], event["execution"]) == (str(order_id), "CANCELED")
            assert (event["status"], event["cumulative_quantity"]) == (status, filled)
            fill = ("last_quantity", "last_price", "trade_id", "commission", "maker")
            assert {event[name] for name in fill} == {None}
        held = {x["asset"]: (x["free"], x["locked"]) for x in snapshot["balances"]}
        assert held["USDT"] == b.balances()["USDT"] == ("10000000", "0")
        assert b.imbalances() == set()
        shown = await b.call("binance", "GET", NEW["binance"], symbol="BTCUSDT", orderId=part)
        assert (shown["status"], shown["executedQty"]) == ("CANCELED", "0.40000000")
        named = {"symbol": "BTCUSDT", "origClientOrderId": "w"}
        shown = await b.call("binance", "GET", NEW["binance"], **named)
        assert (shown["orderId"], shown["status"]) == (whole, "CANCELED")
        fields = {"symbol": "BTCUSDT", "orderId": whole}
        assert await b.refused("binance", "DELETE", NEW["binance"], **fields) == (400, -2011)
        for venue in names():
            assert await b.call(venue, "GET", LISTS[venue], symbol="BTCUSDT") == []
    async with bots(data=folder, maker=False) as b:  # and no second time
        assert len(await events(b)) == len(after) + 1


@pytest.mark.parametrize("venue", names())
async def test_streams_that_resume_after_a_restart_hear_the_cancels(
    venue: str, tmp_path: Path
) -> None:
    folder = str(tmp_path / "data")
    async with bots(data=folder, maker=False) as b:
        key = await b.server.key(venue)
        whole, part = await leave_open(b)
        last = (await events(b))[-1]
    async with bots(data=folder, maker=False) as b:
        after = Cursor(last["epoch"], last["seq"], 1, 1)
        mark = "&" if "?" in b.server.url(venue, key) else "?"
        url = f"{b.server.url(venue, key)}{mark}us=1&us_resume={after}"
        heard: list[OrderUpdate] = []
        async with b.server.open(url) as socket:
            if venue == "mexc":
                await subscribe(socket, *MEXC_CHANNELS)
            while len(heard) < 2:
                (frame,) = await take(socket, 1)
                with contextlib.suppress(MalformedFrame):  # a heartbeat
                    got = [r.event for r in b.sandbox.venues[venue].decode(frame)]
                    heard += [e for e in got if isinstance(e, OrderUpdate)]
        assert [int(e.order_id) for e in heard] == [whole, part]
        assert {e.status for e in heard} <= {"CANCELED", "PARTIALLY_CANCELED"}


async def test_accounts_that_no_option_names_are_told_too_and_symbols_that_are_gone(
    tmp_path: Path,
) -> None:
    folder = str(tmp_path / "data")
    async with bots(data=folder, maker=False) as b:
        await b.server.account("carol")
        for symbol in ("BTCUSDT", "MXUSDT"):
            asked = limit("binance", "BUY", "10", "1") | {"symbol": symbol}
            await b.place("binance", account="carol", **asked)
    config = tmp_path / "sandbox.toml"
    config.write_text('[symbols.MXUSDT]\nbase = "MX"\nquote = "USDT"\ntick = "0.0001"\n')
    async with bots(data=folder, maker=False, config=config) as b:
        ended = [x["event"] for x in await events(b, "carol")][-3:]
        assert [(e.get("symbol"), e.get("status")) for e in ended] == [
            ("BTCUSDT", "CANCELED"), ("MXUSDT", "CANCELED"), (None, None),
        ]  # fmt: skip
        orders = await b.call(
            "binance", "GET", "/api/v3/allOrders", account="carol", symbol="MXUSDT"
        )
        assert [o["status"] for o in orders] == ["CANCELED"]


async def test_orders_of_another_publisher_are_left_alone(tmp_path: Path) -> None:
    folder = str(tmp_path / "data")
    async with bots(data=folder, maker=False) as b:
        await b.server.publisher.publish("alice", order(), n=1, takeover=True)
        assert [x["event"]["type"] for x in await events(b)][1:] == ["order_update"]
    async with bots(data=folder, maker=False) as b:
        added = [x["event"]["type"] for x in await events(b)][2:]
        assert added == ["account_snapshot"]
