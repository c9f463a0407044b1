"""UserStream and what it asks over REST, through a port that the test answers."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from tests.client.fakevenue import HASTY, KEY, SECRET, FakeVenue
from tests.client.gathering import gathered
from tests.core.client.values import T
from userstream import Gap, State
from userstream.client.http import Reply
from userstream.core.client.told import Origin, Scope
from userstream.core.signing import sign

NO_ORDER = Reply(400, b'{"code":-2013,"msg":"Order does not exist."}')
OUTSIDE = Reply(400, b'{"code":-1021,"msg":"Timestamp for this request is outside."}')


class Desk:
    """The REST side of a Binance account: what each path answers."""

    def __init__(self, venue: FakeVenue) -> None:
        self._keys = venue.http.well
        self.bodies: dict[str, Any] = {
            "openOrders": [], "order": None, "myTrades": [], "account": {"balances": []},
        }  # fmt: skip
        self.broken: list[Reply | None] = []
        """What is answered before anything else."""
        self.asked: Counter[str] = Counter()
        self.queries: list[tuple[str, str]] = []
        self.headers: list[Any] = []
        venue.http.answer = self.answer

    def answer(self, method: str, url: str) -> Reply | None:
        name = urlsplit(url).path.rpartition("/")[2]
        if name not in self.bodies:
            return self._keys(method, url)
        self.asked[name] += 1
        self.queries.append((name, urlsplit(url).query))
        if self.broken:
            return self.broken.pop(0)
        body = self.bodies[name]
        return NO_ORDER if body is None else Reply(200, json.dumps(body).encode())


def row(order_id: int, status: str = "NEW", filled: str = "0", **more: Any) -> dict[str, Any]:
    known = {
        "symbol": "BTCUSDT", "orderId": order_id, "clientOrderId": f"c{order_id}", "side": "BUY",
        "status": status, "executedQty": filled, "origQty": "5", "price": "2", "type": "LIMIT",
        "timeInForce": "GTC", "time": T, "updateTime": T,
    }  # fmt: skip
    return known | more


def trade(number: int, order_id: int) -> dict[str, Any]:
    return {
        "id": number, "orderId": order_id, "price": "2", "qty": "1", "time": T, "isBuyer": True,
        "commission": "0", "commissionAsset": "BTC",
    }  # fmt: skip


async def test_questions_reach_the_port_signed_and_before_the_stream_is_live() -> None:
    with FakeVenue() as venue:
        desk = Desk(venue)
        desk.bodies["openOrders"] = [row(7)]
        async with venue.stream(secret=SECRET, symbols=["BTCUSDT"]) as stream:
            await stream.live(10)
            async with gathered(stream) as seen:
                await seen.until(lambda: list(stream.orders) == ["7"])
                assert seen.orders[0].origin is Origin.REST
        assert [name for name, _ in desk.queries] == ["openOrders", "account", "openOrders"]
        for _, query in desk.queries:
            message, _, signature = query.partition("&signature=")
            assert signature == sign(SECRET, message.encode())
            fields = parse_qs(message)
            # As the venue's clock has it, wherever this machine's may be.
            assert abs(int(fields["timestamp"][0]) - 1_500_000_000_000) < 60_000
            assert fields["recvWindow"] == ["5000"]
        assert not any(SECRET in url or KEY in url for _, url in venue.http.asked)


async def test_a_break_is_asked_about_since_then_and_its_fill_told_once() -> None:
    with FakeVenue() as venue:
        desk = Desk(venue)
        async with venue.stream(secret=SECRET) as stream, gathered(stream) as seen:
            await stream.live(10)
            venue.order(7)
            await seen.until(lambda: "7" in stream.orders)
            desk.bodies["openOrders"] = [row(7, "PARTIALLY_FILLED", "1")]
            desk.bodies["myTrades"] = [trade(1, 7)]
            venue.cut()
            await seen.until(lambda: any(o.trade_id == "1" for o in seen.orders))
            await stream.live(10)
        assert desk.asked["myTrades"] == 1
        query = parse_qs(next(q for name, q in desk.queries if name == "myTrades"))
        since_ms = int(query["startTime"][0])
        assert 1_500_000_000_000 - 20_000 < since_ms < 1_500_000_000_000 + 60_000
        (fill,) = [o for o in seen.orders if o.trade_id]
        assert fill.origin is Origin.REST
        assert fill.last_quantity == 1
        assert fill.last_price == 2
        assert not seen.of(Gap)


@pytest.mark.parametrize(
    "broken",
    [
        None,
        Reply(500, b"no"),
        Reply(200, b'[{"symbol"'),
        Reply(429, b"{}", "0"),
    ],
)
async def test_a_broken_answer_is_asked_for_again(broken: Reply | None) -> None:
    with FakeVenue() as venue:
        desk = Desk(venue)
        desk.broken = [broken, broken]
        async with venue.stream(secret=SECRET) as stream:
            await stream.live(10)
        assert desk.asked == {"openOrders": 4, "account": 1}


async def test_a_venue_that_never_answers_is_told_and_asked_on() -> None:
    with FakeVenue() as venue:
        desk = Desk(venue)
        desk.broken = [Reply(503, b"")] * 3
        async with venue.stream(secret=SECRET) as stream, gathered(stream) as seen:
            await stream.live(10)
            await seen.until(lambda: seen.states[-1:] == [State.LIVE])
        assert [g.why for g in seen.of(Gap)] == ["refused: HTTP 503, code None"]
        assert seen.states == [State.REPLAYING, State.BLIND, State.REPLAYING, State.LIVE]


async def test_a_refused_timestamp_measures_the_clock_and_is_tried_again() -> None:
    with FakeVenue() as venue:
        desk = Desk(venue)
        desk.broken = [OUTSIDE]
        async with venue.stream(secret=SECRET) as stream:
            await stream.live(10)
        times = [url for _, url in venue.http.asked if url.endswith("/time")]
        assert len(times) > 2  # those of the begin
        assert desk.asked == {"openOrders": 3, "account": 1}


async def test_an_order_that_the_venue_lost_leaves_the_picture() -> None:
    with FakeVenue() as venue:
        desk = Desk(venue)
        async with venue.stream(secret=SECRET) as stream, gathered(stream) as seen:
            await stream.live(10)
            venue.order(7)
            await seen.until(lambda: "7" in stream.orders)
            venue.cut()
            await seen.until(lambda: seen.of(Gap))
            (gap,) = seen.of(Gap)
            assert (gap.scope, gap.symbol, gap.order_id) == (Scope.ORDER, "BTCUSDT", "7")
            assert stream.orders == {}
            await stream.live(10)
        assert desk.asked["order"] == 3


async def test_an_order_that_ended_between_two_runs_is_told(tmp_path: Path) -> None:
    with FakeVenue() as venue:
        desk = Desk(venue)
        kept: dict[str, Any] = {"secret": SECRET, "cursor": tmp_path / "cursor"}
        async with venue.stream(**kept) as stream, gathered(stream) as seen:
            await stream.live(10)
            venue.order(7)
            venue.order(8)
            await seen.until(lambda: len(seen.orders) == 2)
        desk.bodies["order"] = row(7, "CANCELED")
        desk.bodies["openOrders"] = [row(8)]
        async with venue.stream(**kept) as stream, gathered(stream) as seen:
            assert "7" in stream.orders
            await stream.live(10)
            await seen.until(lambda: seen.orders)
            assert [o.status for o in seen.orders if o.order_id == "7"] == ["CANCELED"]
            assert "7" not in stream.orders


async def test_what_a_healthy_socket_lost_is_found_and_told_once() -> None:
    bounds = msgspec.structs.replace(HASTY, settle_ms=100, doubt_ms=200)
    with FakeVenue() as venue:
        desk = Desk(venue)
        async with venue.stream(secret=SECRET, bounds=bounds) as stream, gathered(stream) as seen:
            await stream.live(10)
            desk.bodies["openOrders"] = [row(7, "PARTIALLY_FILLED", "2")]
            desk.bodies["myTrades"] = [trade(1, 7), trade(2, 7)]
            venue.order(7)
            # The first fill is lost; the second one's sum shows it.
            venue.send(*venue.fill("7", trade=2, filled="2"))
            await seen.until(lambda: {"1", "2"} <= {o.trade_id for o in seen.orders})
            await seen.until(lambda: seen.states[-1:] == [State.LIVE])
        assert Counter(o.trade_id for o in seen.orders if o.trade_id) == {"1": 1, "2": 1}
        assert seen.states == [State.REPLAYING, State.LIVE, State.REPLAYING, State.LIVE]
        assert len(venue.sockets) == 1
