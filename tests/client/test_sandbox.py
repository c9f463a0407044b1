"""UserStream against the sandbox, over sockets, for all four venues."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any

import msgspec
import pytest

from tests.client.gathering import Gathered, gathered
from tests.sandbox.bots import Bots, bots, limit, market_sell
from tests.sandbox.playing import fault
from userstream import AccountEvent, Gap, State, UserStream
from userstream.core.client.bounds import Bounds
from userstream.core.client.told import Origin
from userstream.venue import Call, Venue
from userstream.venues import load, names

HASTY = Bounds(
    retry_ms=50, post_ms=200, steady_ms=200, overlap_ms=100, ping_ms=100, silent_ms=600,
    check_ms=100, grace_ms=300,
)  # fmt: skip


@contextlib.asynccontextmanager
async def watching(
    market: Bots, venue: str, *, dialect: Venue | None = None, **options: Any
) -> AsyncIterator[tuple[UserStream, Gathered]]:
    urls = market.sandbox.service.urls
    # Without the secret nothing is repaired: what a stream alone can prove.
    given: dict[str, Any] = {"states": True, "bounds": HASTY} | options
    stream = UserStream(
        dialect or venue,
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
    async with bots() as market, watching(market, venue, secret="alicesecret") as (stream, seen):
        await market.server.call(venue, Call.DELETE, key=await shared_key(market, venue))
        await seen.until(lambda: State.REPLAYING in seen.states[2:] or State.BLIND in seen.states)
        await seen.until(lambda: seen.states[-1] is State.LIVE)
        await market.place(venue, **market_sell())
        await seen.until(lambda: seen.fills(venue))
        assert stream.state is State.LIVE


@pytest.mark.parametrize("venue", names())
async def test_without_a_secret_a_break_is_told_and_stays(venue: str) -> None:
    async with bots() as market, watching(market, venue) as (stream, seen):
        await market.server.call(venue, Call.DELETE, key=await shared_key(market, venue))
        await seen.until(lambda: State.BLIND in seen.states)
        await seen.until(lambda: seen.of(Gap))
        assert stream.state is State.BLIND
        stream.reconciled()
        await seen.until(lambda: seen.states[-1:] == [State.LIVE])
        await market.place(venue, **market_sell())
        await seen.until(lambda: seen.fills(venue))


@pytest.mark.parametrize("venue", names())
@pytest.mark.parametrize("kind", ["reset", "close", "half-open"])
async def test_a_break_is_told_and_nothing_else_is_missing(venue: str, kind: str) -> None:
    async with bots() as market, watching(market, venue) as (stream, seen):
        await market.place("mexc", **market_sell())
        await seen.until(lambda: len(seen.filled()) == 1)
        more = {"code": 1001} if kind == "close" else {}
        when = await market.server.admin.post(
            "/_sandbox/faults", json={"kind": kind, "venue": venue, "count": 1} | more
        )
        assert when.status_code == 201, when.text
        await market.place("mexc", **market_sell())
        await seen.until(lambda: State.BLIND in seen.states)
        await seen.until(lambda: seen.of(Gap))
        (gap,) = seen.of(Gap)
        assert (gap.to_ms, stream.state) == (None, State.BLIND)
        stream.reconciled()
        await seen.until(lambda: seen.states[-1:] == [State.LIVE])
        before = len(seen.filled())
        await market.place("mexc", **market_sell())
        await seen.until(lambda: len(seen.filled()) == before + 1)


@pytest.mark.parametrize("venue", names())
async def test_at_our_server_what_a_break_hid_is_replayed(venue: str) -> None:
    async with bots() as market, watching(market, venue, extension=True) as (stream, seen):
        for number in range(2, 12, 2):
            await market.place("mexc", **market_sell("0.001"))
            await fault(market.server, "reset", venue=venue, count=1)
            await market.place("mexc", **market_sell("0.001"))
            await seen.until(partial(_have_filled, seen, number))
            await stream.live(10)
        assert len(seen.fills(venue)) == 10
        assert not seen.of(Gap)
        places = [(e.cursor.seq, e.cursor.part) for e in seen.events if getattr(e, "cursor", None)]
        assert places == sorted(set(places))
        assert {seq for seq, _ in places} == set(range(places[0][0], places[-1][0] + 1))
        assert any(e.origin is Origin.REPLAY for e in seen.orders)


@pytest.mark.parametrize("venue", ["binance", "bhex", "spacedex"])
async def test_of_two_sockets_one_may_break_at_any_event(venue: str) -> None:
    async with bots() as market, watching(market, venue, redundancy=2) as (stream, seen):
        await seen.until(lambda: seen.states[-1:] == [State.LIVE])
        await market.server.admin.post(
            "/_sandbox/faults",
            json={"kind": "reset", "venue": venue, "on": "frame", "after": 7, "count": 1},
        )
        for _ in range(20):
            await market.place("mexc", **market_sell("0.001"))
        await seen.until(lambda: len(seen.filled()) == 20)
        await seen.until(lambda: stream.state is State.LIVE)
        assert len(seen.fills(venue)) == 20
        assert not seen.of(Gap)


@pytest.mark.parametrize("venue", names())
async def test_the_next_socket_is_there_before_the_old_one_is_closed(venue: str) -> None:
    dialect = load(venue)
    short = replace(dialect, stream=replace(dialect.stream, max_age_ms=1_000))
    async with bots() as market, watching(market, venue, dialect=short) as (stream, seen):
        for number in range(60):
            await market.place("mexc", **market_sell("0.001"))
            await asyncio.sleep(0.03)
            assert stream.state in {State.LIVE, State.DEGRADED}, number
        await seen.until(lambda: len(seen.filled()) == 60)
        assert len(seen.fills(venue)) == 60
        assert not seen.of(Gap)


@pytest.mark.parametrize("answer", ["500", "timeout", "429", "-1021", "-1125"])
async def test_renewals_that_fail_cost_nothing(answer: str) -> None:
    hasty = msgspec.structs.replace(HASTY, renew_from_ms=100, renew_to_ms=200, answer_ms=300)
    async with bots() as market, watching(market, "binance", bounds=hasty) as (stream, seen):
        set_ = await market.server.admin.post(
            "/_sandbox/faults", json={"kind": "rest", "answer": answer, "count": 3, "method": "PUT"}
        )
        assert set_.status_code == 201, set_.text
        await asyncio.sleep(1)
        if answer == "-1125":
            await seen.until(lambda: seen.of(Gap))
            stream.reconciled()
        await stream.live(5)
        await market.place("mexc", **market_sell())
        await seen.until(seen.filled)


def _have_filled(seen: Gathered, count: int) -> bool:
    return len(seen.filled()) == count


async def shared_key(market: Bots, venue: str) -> str:
    """The listen key of alice's stream, as another client of hers gets it."""
    if venue != "mexc":
        return await market.server.key(venue)
    (key,) = (await market.call(venue, "GET", "/api/v3/userDataStream"))["listenKey"]
    return str(key)
