"""The order endpoints over HTTP, as bots reach them: signing, places, limits, weights, 404."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest

from tests.sandbox.bots import ACCOUNT, NEW, Bots, bots, market_sell
from tests.server.running import begin_window
from userstream.core.signing import sign
from userstream.venues import names

by_venue = pytest.mark.parametrize("venue", names())
FORM = "application/x-www-form-urlencoded"
SLOW = 0.01
"""A clock by which many calls are made in one second."""
# HTTP status and code of what is wrong with the signing of a call, per venue.
REFUSALS: dict[str, dict[str, tuple[int, int]]] = {
    "binance": {
        "signature": (400, -1022), "no signature": (400, -1102), "no timestamp": (400, -1102),
        "old": (400, -1021), "ahead": (400, -1021), "window": (400, -1130),
        "no key": (401, -2014), "key": (401, -2015),
    },
    "bhex": {
        "signature": (401, -1022), "no signature": (400, -1102), "no timestamp": (400, -1102),
        "old": (400, -1021), "ahead": (400, -1021), "window": (400, -1130),
        "no key": (401, -1002), "key": (401, -2015),
    },
    "spacedex": {
        "signature": (400, -1022), "no signature": (400, -1102), "no timestamp": (400, -1102),
        "old": (400, -1021), "ahead": (400, -1021), "window": (400, -1130),
        "no key": (401, -2014), "key": (401, -2015),
    },
    "mexc": {
        "signature": (400, 700002), "no signature": (400, 700004), "no timestamp": (400, 700004),
        "old": (400, 700003), "ahead": (400, 700003), "window": (400, 700005),
        "no key": (400, 400), "key": (400, 10072),
    },
}  # fmt: skip


async def refusals(b: Bots, venue: str) -> dict[str, tuple[int, int]]:
    """What a venue says to each mistake."""
    method, path, now = "POST", NEW[venue], b.sandbox.clock.ms()
    good = market_sell("0.01")
    found = {}
    mistakes: dict[str, dict[str, Any]] = {
        "signature": {"secret": "bobsecret"},
        "no timestamp": {"timestamp": None},
        "old": {"timestamp": now - 5_500},
        "ahead": {"timestamp": now + 60_000},
        "window": {"recvWindow": 60_001},
    }
    for name, more in mistakes.items():
        found[name] = await b.refused(venue, method, path, **good, **more)
    unsigned = f"{path}?{urlencode(good | {'timestamp': now})}"
    for name, account in (("no signature", "alice"), ("no key", ""), ("key", "mallory")):
        headers = {b.sandbox.venues[venue].rest.auth.header: f"{account}key"} if account else {}
        url = f"/{venue}{unsigned}" + ("" if name == "no signature" else f"&signature={'0' * 64}")
        response = await b.server.rest.request(method, url, headers=headers)
        found[name] = (response.status_code, response.json()["code"])
    return found


@by_venue
async def test_what_is_signed_wrongly_is_refused_and_changes_nothing(venue: str) -> None:
    async with bots() as b:
        before = b.balances()
        assert await refusals(b, venue) == REFUSALS[venue]
        assert b.balances() == before


@by_venue
@pytest.mark.parametrize("content_type", [FORM, "application/json", "text/plain"])
async def test_a_form_in_the_body_is_read_whatever_it_is_called(
    venue: str, content_type: str
) -> None:
    async with bots() as b:
        placed = await b.place(venue, in_body=True, content_type=content_type, **market_sell())
        assert placed["side"] == "SELL"
        assert b.balances()["BTC"] == ("99.99", "0")


@by_venue
async def test_parameters_in_query_and_body_are_signed_as_one(venue: str) -> None:
    async with bots() as b:
        query = urlencode({k: v for k, v in market_sell("0.01").items() if k != "quantity"})
        body = urlencode({"quantity": "0.02", "timestamp": b.sandbox.clock.ms()})
        signature = sign("alicesecret", (query + body).encode())
        response = await b.raw(
            venue, "POST", f"{NEW[venue]}?{query}&signature={signature}",
            content=body, content_type=FORM,
        )  # fmt: skip
        assert response.status_code == 200, response.text
        assert b.balances()["BTC"] == ("99.98", "0")


@by_venue
async def test_a_timestamp_within_the_window_is_good(venue: str) -> None:
    async with bots() as b:
        now = b.sandbox.clock.ms()
        for timestamp, window in ((now - 4_000, None), (now - 50_000, 60_000), (now + 500, 5_000)):
            fields = {"timestamp": timestamp, "recvWindow": window}
            await b.call(venue, "GET", ACCOUNT[venue], **fields)


@by_venue
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("POST", "/api/v3/klines", 404), ("PATCH", "", 405)],
)
async def test_what_is_not_served_is_answered_in_the_venues_form(
    venue: str, method: str, path: str, status: int
) -> None:
    async with bots() as b:
        refused = await b.refused(venue, method, path or NEW[venue])
        assert refused[0] == status


async def test_too_many_orders_are_refused_and_counted() -> None:
    async with bots(clock_speed=SLOW) as b:
        await _begin_of_a_second(b)
        seen = []
        for _ in range(11):
            response = await b.send("binance", "POST", NEW["binance"], **market_sell("0.001"))
            seen.append(response)
        assert [r.status_code for r in seen] == [200] * 10 + [429]
        assert seen[-1].json() == {
            "code": -1015,
            "msg": "Too many new orders; current limit is 10 orders per SECOND.",
        }
        counts = [r.headers.get("x-mbx-order-count-1s") for r in seen]
        assert counts == [*map(str, range(1, 11)), None]
        assert seen[9].headers["x-mbx-order-count-1d"] == "10"
        assert (await b.send("binance", "POST", NEW["binance"], account="bob",
                             **market_sell("0.001"))).status_code == 200  # fmt: skip
        await b.server.admin.post("/_sandbox/clock", json={"advance_ms": 1_000})
        await b.place("binance", **market_sell("0.001"))
        assert b.balances()["BTC"] == ("99.989", "0")


async def _begin_of_a_second(b: Bots) -> None:
    """Jumps to one and lets it last, so that what follows is in the same."""
    to_come = 1_000 - b.sandbox.clock.ms() % 1_000
    change = {"advance_ms": to_come, "speed": 0.02}
    await b.server.admin.post("/_sandbox/clock", json=change)


@pytest.mark.parametrize(("venue", "most"), [("binance", 10), ("spacedex", 10), ("bhex", 20)])
async def test_refused_orders_do_not_count_as_new_ones(venue: str, most: int) -> None:
    async with bots(clock_speed=SLOW) as b:
        await _begin_of_a_second(b)
        for _ in range(most):
            await b.place(venue, **market_sell("0.001"))
        assert await b.refused(venue, "POST", NEW[venue], **market_sell()) == (429, -1015)
        assert await b.refused(venue, "POST", NEW[venue], **market_sell()) == (429, -1015)
        await b.call(venue, "GET", ACCOUNT[venue])


async def test_mexc_has_no_such_limit() -> None:
    async with bots() as b:
        for _ in range(30):
            await b.place("mexc", **market_sell("0.001"))


async def test_weights_are_counted_and_a_call_without_a_symbol_may_weigh_more() -> None:
    async with bots() as b:
        begin_window(b.sandbox.clock)
        used = 0
        for path, fields, weight in (
            (ACCOUNT["binance"], {}, 5),
            ("/api/v3/openOrders", {"symbol": "BTCUSDT"}, 1),
            ("/api/v3/openOrders", {}, 40),
            ("/api/v3/myTrades", {"symbol": "BTCUSDT"}, 5),
            ("/api/v3/order", {"symbol": "BTCUSDT", "orderId": 1}, 1),
        ):
            response = await b.send("binance", "GET", path, **fields)
            used += weight
            assert response.headers["x-mbx-used-weight"] == str(used), path


async def test_weight_runs_out() -> None:
    async with bots() as b:
        begin_window(b.sandbox.clock)
        path = "/api/v1/openOrders"
        statuses = [(await b.send("spacedex", "GET", path)).status_code for _ in range(40)]
        assert statuses[-1] == 429
        assert set(statuses) == {200, 429}
        response = await b.send("spacedex", "GET", path)
        assert response.json().keys() == {"code", "msg"}
        assert int(response.headers["retry-after"]) > 0


LISTS: list[Any] = [
    ("binance", "/api/v3/allOrders", "/api/v3/myTrades", {"symbol": "BTCUSDT"}, False),
    ("bhex", "/openapi/v1/historyOrders", "/openapi/v1/myTrades", {}, True),
    ("spacedex", "/api/v1/allOrders", "", {"symbol": "BTCUSDT"}, False),
    ("mexc", "/api/v3/allOrders", "/api/v3/myTrades", {"symbol": "BTCUSDT"}, True),
]


@pytest.mark.parametrize(("venue", "orders", "trades", "fields", "newest_first"), LISTS)
async def test_lists_are_paged_and_windowed(
    venue: str, orders: str, trades: str, fields: dict[str, str], newest_first: bool
) -> None:
    async with bots() as b:
        starts = []
        for _ in range(4):
            await b.server.admin.post("/_sandbox/clock", json={"advance_ms": 2_000})
            starts.append(b.sandbox.clock.ms())
            await b.place(venue, **market_sell("0.001"))
        for path in filter(None, (orders, trades)):
            every = await b.call(venue, "GET", path, **fields)
            assert len(every) == 4
            times = [int(row["time"]) for row in every]
            assert times == sorted(times, reverse=newest_first)
            last_two = await b.call(venue, "GET", path, limit=2, **fields)
            assert last_two == (every[:2] if newest_first else every[-2:])
            window = {"startTime": starts[1], "endTime": starts[3] - 1}
            assert await b.call(venue, "GET", path, **window, **fields) == every[1:3]
            assert (await b.refused(venue, "GET", path, limit=0, **fields))[0] == 400
            assert (await b.refused(venue, "GET", path, limit="x", **fields))[0] == 400
