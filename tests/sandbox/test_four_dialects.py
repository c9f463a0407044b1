"""One exchange, four dialects at once: what is done through one venue shows on all streams."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from tests.sandbox.bots import ACCOUNT, NEW, Heard, bots, limit, market_sell
from userstream.venues import names

by_venue = pytest.mark.parametrize("venue", names())


def last_free(heard: Heard, asset: str) -> Decimal:
    """The free amount that a stream told last."""
    told = [b.free for e in heard.accounts for b in e.balances if b.asset == asset]
    return Decimal(told[-1])


@by_venue
async def test_an_order_shows_on_the_streams_of_all_four_and_of_its_account_only(
    venue: str,
) -> None:
    async with bots() as b, b.heard_everywhere() as alices, b.heard_everywhere("bob") as bobs:
        answer = await b.place(venue, **market_sell("0.01"))
        for heard in alices.values():
            await heard.ended("FILLED")
        placed = str(answer["orderId"])
        for name, heard in alices.items():
            assert {o.order_id for o in heard.orders} == {placed}, name
            assert [o.status for o in heard.orders if o.status] == ["NEW", "FILLED"], name
            assert heard.events.index(heard.orders[-1]) < heard.events.index(heard.accounts[0])
            (filled,) = (o for o in heard.orders if o.commission_asset)
            assert Decimal(filled.last_quantity or 0) == Decimal("0.01"), name
            assert filled.commission_asset == "USDT"
            assert last_free(heard, "BTC") == Decimal("99.99"), name
        paid = {last_free(heard, "USDT") for heard in alices.values()}
        assert paid == {Decimal(b.balances()["USDT"][0])}
        assert all(not heard.events for heard in bobs.values())
        assert b.imbalances() == set()


@by_venue
async def test_an_order_is_found_and_canceled_through_every_venue(venue: str) -> None:
    async with bots() as b, b.heard_everywhere() as streams:
        for canceling in names():
            answer = await b.place(venue, **limit(venue, "BUY", "0.01", "50000"))
            named = {"symbol": None if canceling == "bhex" else "BTCUSDT"}
            named["orderId"] = answer["orderId"]
            found = await b.call(canceling, "GET", NEW[canceling], **named)
            assert found["status"] == "NEW"
            assert Decimal(found["price"]) == 50_000
            await b.call(canceling, "DELETE", NEW[canceling], **named)
        for heard in streams.values():
            await heard.until(
                lambda events: [getattr(e, "status", "") for e in events].count("CANCELED") == 4
            )
        assert b.balances()["USDT"] == ("10000000", "0")


async def test_the_account_is_the_same_through_every_venue() -> None:
    async with bots() as b:
        await b.place("mexc", **limit("mexc", "BUY", "0.01", "50000"))
        for venue in names():
            shown = await b.call(venue, "GET", ACCOUNT[venue])
            usdt = next(one for one in shown["balances"] if one["asset"] == "USDT")
            assert Decimal(usdt["free"]) == 9_999_500, venue
            assert Decimal(usdt["locked"]) == 500, venue


async def test_orders_of_all_venues_at_once_are_carried_out_one_by_one() -> None:
    async with bots() as b, b.heard_everywhere() as streams:
        orders = [b.place(v, **market_sell("0.01")) for v in names() for _ in range(5)]
        answers = await asyncio.gather(*orders)
        assert len({str(a["orderId"]) for a in answers}) == 20
        for heard in streams.values():
            await heard.until(
                lambda events: [getattr(e, "status", "") for e in events].count("FILLED") == 20
            )
            await asyncio.sleep(0.05)
            ids = [o.order_id for o in heard.orders if o.status == "FILLED"]
            assert ids == sorted(ids, key=int)
            assert last_free(heard, "BTC") == Decimal("99.8")
        assert b.imbalances() == set()


async def test_near_orders_fill_within_a_second() -> None:
    async with bots() as b, b.heard("binance") as heard:
        loop = asyncio.get_running_loop()
        bid = (await b.admin("GET", "market"))["BTCUSDT"]["bid"]
        began = loop.time()
        await b.place("binance", **limit("binance", "BUY", "0.01", bid))
        await heard.ended("FILLED")
        assert loop.time() - began < 1.2
        assert heard.kinds[0] == "NEW"


async def test_orders_fill_in_part_when_asked() -> None:
    async with bots() as b, b.heard("binance") as heard:
        await b.market("take", percent="40", account="alice", symbol="BTCUSDT")
        placed = await b.place("binance", **limit("binance", "BUY", "0.01", "70000"))
        await heard.ended("PARTIALLY_FILLED")
        await asyncio.sleep(1.1)
        found = await b.call(
            "binance", "GET", NEW["binance"], symbol="BTCUSDT", orderId=placed["orderId"]
        )
        assert (found["status"], found["executedQty"]) == ("PARTIALLY_FILLED", "0.00400000")
