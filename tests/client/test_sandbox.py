"""UserStream against the sandbox, over sockets, for all four venues."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from tests.client.gathering import Gathered, gathered
from tests.sandbox.bots import Bots, bots, limit, market_sell
from userstream import AccountEvent, Gap, State, UserStream
from userstream.core.client.bounds import Bounds
from userstream.venue import Call
from userstream.venues import names

HASTY = Bounds(
    retry_ms=50, post_ms=200, steady_ms=200, overlap_ms=100, ping_ms=100, silent_ms=600,
    check_ms=100, grace_ms=300,
)  # fmt: skip


@contextlib.asynccontextmanager
async def watching(
    market: Bots, venue: str, **options: Any
) -> AsyncIterator[tuple[UserStream, Gathered]]:
    urls = market.sandbox.service.urls
    given: dict[str, Any] = {"secret": "alicesecret", "states": True, "bounds": HASTY} | options
    stream = UserStream(
        venue,
        key="alicekey",
        rest_url=f"{urls['rest']}/{venue}",
        stream_url=f"{urls['stream']}/{venue}",
        **given,
    )
    async with stream, gathered(stream) as seen:
        await stream.live(10)
        yield stream, seen


@pytest.mark.parametrize("venue", names())
async def test_what_an_order_does_is_told_and_kept(venue: str) -> None:
    async with bots() as market, watching(market, venue) as (stream, seen):
        await market.place(venue, **market_sell())
        await seen.until(lambda: any(o.status == "FILLED" for o in seen.orders))
        await seen.until(lambda: seen.of(AccountEvent))
        (fill,) = seen.fills(venue)
        assert fill.last_quantity == Decimal("0.01")
        assert stream.orders == {}
        await market.place(venue, **limit(venue, "BUY", "0.02", "100"))
        await seen.until(lambda: len(stream.orders) == 1)
        await seen.until(lambda: stream.account["USDT"].locked == 2)
        held = {a: (str(h.free), str(h.locked)) for a, h in stream.account.items()}
        truth = market.balances()
        assert {a: tuple(map(Decimal, h)) for a, h in held.items()} == {
            a: tuple(map(Decimal, truth[a])) for a in held
        }
        assert repr(stream) == f"<UserStream {venue} live>"


@pytest.mark.parametrize("venue", names())
async def test_fifty_orders_are_seen_once_each(venue: str) -> None:
    async with bots() as market, watching(market, venue) as (_, seen):
        for _ in range(50):
            await market.place("mexc", **market_sell("0.001"))  # it allows the most
        await seen.until(lambda: len(seen.filled()) == 50)
        assert not seen.of(Gap)
        assert len(seen.fills(venue)) == 50


@pytest.mark.parametrize("venue", names())
async def test_a_key_that_another_client_deletes_is_replaced_and_the_break_repaired(
    venue: str,
) -> None:
    async with bots() as market, watching(market, venue) as (stream, seen):
        await market.server.call(venue, Call.DELETE, key=await shared_key(market, venue))
        await seen.until(lambda: State.REPLAYING in seen.states[2:] or State.BLIND in seen.states)
        await seen.until(lambda: seen.states[-1] is State.LIVE)
        await market.place(venue, **market_sell())
        await seen.until(lambda: seen.fills(venue))
        assert stream.state is State.LIVE


@pytest.mark.parametrize("venue", names())
async def test_without_a_secret_a_break_is_told_and_stays(venue: str) -> None:
    async with bots() as market, watching(market, venue, secret=None) as (stream, seen):
        await market.server.call(venue, Call.DELETE, key=await shared_key(market, venue))
        await seen.until(lambda: State.BLIND in seen.states)
        await seen.until(lambda: seen.of(Gap))
        assert stream.state is State.BLIND
        stream.reconciled()
        await seen.until(lambda: seen.states[-1] is State.LIVE)
        await market.place(venue, **market_sell())
        await seen.until(lambda: seen.fills(venue))


async def shared_key(market: Bots, venue: str) -> str:
    """The listen key of alice's stream, as another client of hers gets it."""
    if venue != "mexc":
        return await market.server.key(venue)
    (key,) = (await market.call(venue, "GET", "/api/v3/userDataStream"))["listenKey"]
    return str(key)
