"""In which order and how late the desk answers, and clients that do not wait for it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from tests.sandbox.bots import ACCOUNT, NEW, Bots, bots, limit, market_sell
from tests.server.running import until

ORDER = "/api/v3/order"


async def test_at_first_an_order_is_answered_after_its_events() -> None:
    async with bots() as b:
        published: list[int] = []
        b.sandbox.service.bus.subscribe(lambda events: published.append(len(events)))
        await b.place("binance", **market_sell())
        assert sum(published) == 4
        assert await b.admin("GET", "desk") == {
            "answer_first": False, "answer_delay_ms": 0, "read_lag_ms": 0,
        }  # fmt: skip


async def test_an_answer_may_come_before_the_events() -> None:
    async with bots() as b, b.heard("binance") as heard:
        await b.admin("POST", "desk", {"answer_first": True})
        feed, gate = b.sandbox._feed, asyncio.Event()
        publish = feed._publish

        async def held(*arguments: Any) -> None:
            await gate.wait()
            await publish(*arguments)

        feed._publish = held  # type: ignore[assignment, method-assign]
        answer = await b.place("binance", **market_sell())
        assert answer["status"] == "FILLED"
        assert not heard.events
        gate.set()
        await heard.ended("FILLED")


async def test_answers_are_held_back_and_events_are_not() -> None:
    async with bots() as b, b.heard("binance") as heard:
        await b.admin("POST", "desk", {"answer_delay_ms": 500})
        placing = asyncio.create_task(b.place("binance", **market_sell()))
        await heard.ended("FILLED")
        assert not placing.done()
        assert (await placing)["status"] == "FILLED"
        await b.admin("POST", "desk", {})
        async with asyncio.timeout(0.4):
            await b.call("binance", "GET", ACCOUNT["binance"])


@pytest.mark.parametrize("venue", list(NEW))
async def test_queries_do_not_know_young_orders(venue: str) -> None:
    async with bots() as b:
        await b.admin("POST", "desk", {"read_lag_ms": 2_000})
        placed = await b.place(venue, **limit(venue, "BUY", "0.01", "50000"))
        named = {"symbol": None if venue == "bhex" else "BTCUSDT", "orderId": placed["orderId"]}
        assert await b.refused(venue, "GET", NEW[venue], **named) == (400, -2013)
        opened = NEW[venue].replace("/order", "/openOrders")
        assert await b.call(venue, "GET", opened) == []
        await b.server.admin.post("/_sandbox/clock", json={"advance_ms": 2_000})
        assert (await b.call(venue, "GET", NEW[venue], **named))["status"] == "NEW"
        assert len(await b.call(venue, "GET", opened)) == 1


async def test_a_young_order_can_be_canceled_though_queries_do_not_know_it() -> None:
    async with bots() as b:
        await b.admin("POST", "desk", {"read_lag_ms": 2_000})
        for venue, path in NEW.items():
            placed = await b.place(venue, **limit(venue, "BUY", "0.01", "50000"))
            named = {"symbol": None if venue == "bhex" else "BTCUSDT", "orderId": placed["orderId"]}
            await b.call(venue, "DELETE", path, **named)
        assert b.sandbox.exchange.open_orders("alice") == []
        for venue in ("binance", "spacedex", "mexc"):
            await b.place(venue, **limit(venue, "BUY", "0.01", "50000"))
            many = NEW[venue].replace("/order", "/openOrders")
            assert len(await b.call(venue, "DELETE", many, symbol="BTCUSDT")) == 1


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"answer_delay_ms": -1}, "answer_delay_ms is -1; allowed are 0 to 60000"),
        ({"read_lag_ms": 60_001}, "read_lag_ms is 60001; allowed are 0 to 60000"),
        ({"answer_last": True}, "answer_first, answer_delay_ms, read_lag_ms"),
        ({"answer_first": "yes"}, "answer_first"),
        ([], "its fields are answer_first, answer_delay_ms, read_lag_ms"),
    ],
)
async def test_manners_that_do_not_exist_are_refused(body: Any, why: str) -> None:
    async with bots() as b:
        assert why in await b.admin_refused("POST", "desk", json=body)
        assert not (await b.admin("GET", "desk"))["answer_first"]


async def _hang_up(b: Bots, query: str) -> None:
    """Sends an order and is gone."""
    host, _, port = b.sandbox.service.urls["rest"].rpartition("//")[2].partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST /binance{ORDER}?{query} HTTP/1.1\r\nhost: x\r\nX-MBX-APIKEY: alicekey\r\n"
    writer.write(f"{head}content-length: 0\r\n\r\n".encode())
    await writer.drain()
    await until(lambda: b.sandbox.exchange.all_orders("alice"))
    writer.transport.abort()
    with contextlib.suppress(OSError):
        await reader.read()


@pytest.mark.parametrize("manners", [{}, {"answer_delay_ms": 300}, {"answer_first": True}])
async def test_a_client_that_hangs_up_during_its_order_changes_nothing_about_it(
    manners: dict[str, Any],
) -> None:
    async with bots() as b, b.heard("binance") as heard:
        await b.admin("POST", "desk", manners)
        fields = market_sell() | {"timestamp": b.sandbox.clock.ms()}
        await _hang_up(b, b.query(fields))
        await heard.ended("FILLED")
        assert heard.kinds == ["NEW", "TRADE", *["account"] * 4]
        await b.place("binance", **market_sell())
        assert b.imbalances() == set()
