"""Bodies that are no answers, and refusals: never an exception, and a word of why."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.venues.rows.talking import counter, talk, told
from tests.venues.rows.test_round_trips import played
from tests.venues.strategies import json_values
from tests.venues.trading.counter import Counter
from userstream.venue import Ask, Fetch, NoRows, NotThere, Rows, What
from userstream.venues import names

by_venue = pytest.mark.parametrize("venue", names())
ASKS = {
    What.OPEN_ORDERS: Ask(1, What.OPEN_ORDERS),
    What.ORDER: Ask(1, What.ORDER, "BTCUSDT", "31"),
    What.ORDERS: Ask(1, What.ORDERS, "BTCUSDT", since_ms=1_699_999_999_000),
    What.FILLS: Ask(1, What.FILLS, "BTCUSDT", since_ms=1_699_999_999_000),
    What.ACCOUNT: Ask(1, What.ACCOUNT),
}


def bodies(venue: str) -> dict[What, bytes]:
    """A good body of every question that the venue can be asked."""
    at: Counter = played(venue, {})
    serve = counter(at)
    taken: dict[What, bytes] = {}
    for what, ask in ASKS.items():

        def keep(fetch: Fetch, what: What = what) -> tuple[int, bytes]:
            status, taken[what] = serve(fetch)
            return status, taken[what]

        talk(venue, ask, keep, at.now_ms)
    return taken


BODIES = {venue: bodies(venue) for venue in names()}
CASES = [(venue, what) for venue, taken in BODIES.items() for what in taken]
by_case = pytest.mark.parametrize(("venue", "what"), CASES, ids=str)


def test_all_questions_have_a_body() -> None:
    assert len(CASES) == 4 * 4
    for venue, what in CASES:
        assert isinstance(talk(venue, ASKS[what], told(BODIES[venue][what]))[0], Rows)


@by_case
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_a_body_that_was_cut_is_no_answer(venue: str, what: What, data: st.DataObject) -> None:
    body = BODIES[venue][what]
    cut = body[: data.draw(st.integers(0, len(body) - 1))]
    answer, _ = talk(venue, ASKS[what], told(cut))
    assert isinstance(answer, NoRows)
    assert answer.why.startswith("not an answer of this venue: ")


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """All paths into a JSON value."""
    found = [path]
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in items:
            found += places(inner, (*path, key))
    return found


def put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = put(value[path[0]], path[1:], new)
    return copy


numbers = st.sampled_from(
    ["1e400", "-1", "NaN", "Infinity", "1e-400", "", "null", "9" * 300, "-0", "1E+39", "1e40",
     -1, 10**30, 1e300, True, 253_402_300_800_000, "٣", "\x00"]
)  # fmt: skip


@by_case
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_a_body_with_anything_in_it_is_an_answer_or_none(
    venue: str, what: What, data: st.DataObject
) -> None:
    body = json.loads(BODIES[venue][what])
    path = data.draw(st.sampled_from(places(body)))
    changed = put(body, path, data.draw(json_values | numbers))
    answer, _ = talk(venue, ASKS[what], told(changed))
    assert isinstance(answer, Rows | NoRows | NotThere)
    if isinstance(answer, Rows):
        for row in (*answer.orders, *answer.fills):
            amounts = (row.last_quantity, row.cumulative_quantity, row.price, row.last_price)
            assert all(a is None or a.replace(".", "", 1).isdigit() for a in amounts)


@by_case
@given(body=st.binary(max_size=60), status=st.integers(100, 599))
@settings(max_examples=60, deadline=None)
def test_any_bytes_are_read(venue: str, what: What, body: bytes, status: int) -> None:
    answer, _ = talk(venue, ASKS[what], told(body, status))
    assert isinstance(answer, Rows | NoRows | NotThere)
    assert isinstance(answer, NoRows) or status // 100 == 2


@pytest.mark.parametrize("field", ["symbol", "orderId", "side", "status"])
def test_an_order_without_a_name_is_none(field: str) -> None:
    (row, *_) = json.loads(BODIES["binance"][What.OPEN_ORDERS])
    answer, _ = talk("binance", ASKS[What.OPEN_ORDERS], told([row | {field: ""}]))
    assert answer == NoRows(1, f"not an answer of this venue: no {field}")


def test_another_order_than_the_one_asked_for_is_no_answer() -> None:
    row = json.loads(BODIES["binance"][What.ORDER])
    answer, _ = talk("binance", ASKS[What.ORDER], told(row | {"orderId": 32}))
    assert answer == NoRows(1, "not an answer of this venue: another order than the one asked for")


def test_a_fill_needs_a_time_and_an_asset_stands_once() -> None:
    (row, *_) = json.loads(BODIES["binance"][What.FILLS])
    answer, _ = talk("binance", ASKS[What.FILLS], told([row | {"time": 10**15}]))
    assert answer == NoRows(1, "not an answer of this venue: a time out of all bounds")
    early = ASKS[What.FILLS]._replace(since_ms=0)
    answer, _ = talk("binance", early, told([row | {"time": 0}]))
    assert answer == NoRows(1, "not an answer of this venue: a fill without a time")
    account = json.loads(BODIES["bhex"][What.ACCOUNT])
    account["balances"] *= 2
    answer, _ = talk("bhex", ASKS[What.ACCOUNT], told(account))
    assert answer == NoRows(1, "not an answer of this venue: an asset is listed twice")


# ── refusals ────────────────────────────────────────────────────────────────────────────────────


def refused(
    venue: str, status: int, body: Any, retry_after: str | None = None, what: What = What.ACCOUNT
) -> NoRows:
    answer, _ = talk(venue, ASKS[what], lambda _: (status, json.dumps(body).encode(), retry_after))
    assert isinstance(answer, NoRows)
    return answer


@by_venue
def test_too_many_requests_wait_as_long_as_they_are_told(venue: str) -> None:
    body = {"code": -1003, "msg": "Too many requests."}
    assert refused(venue, 429, body, "7") == NoRows(1, "too many requests, HTTP 429", 7_000)
    assert refused(venue, 418, b"".decode(), "120").retry_after_ms == 120_000
    for date in ("Wed, 21 Oct 2026 07:28:00 GMT", "", "-1", "1" * 9, "٣"):
        assert refused(venue, 429, body, date).retry_after_ms is None


@by_venue
def test_a_failure_of_the_venue_says_so(venue: str) -> None:
    assert refused(venue, 503, {}) == NoRows(1, "refused: HTTP 503, code None")
    assert refused(venue, 500, {"code": -1000}, "3").retry_after_ms == 3_000
    assert refused(venue, 302, {}).why == "refused: HTTP 302, code None"


@by_venue
def test_only_an_order_can_be_not_there(venue: str) -> None:
    body = {"code": -2013, "msg": "Order does not exist."}
    assert refused(venue, 400, body).why == "refused: HTTP 400, code -2013"


@by_venue
def test_a_code_of_success_is_none(venue: str) -> None:
    for code in (0, 200, None):
        answer, _ = talk(venue, ASKS[What.ACCOUNT], told({"code": code, "balances": []}))
        assert isinstance(answer, Rows)
