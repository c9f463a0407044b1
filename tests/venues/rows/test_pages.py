"""Paging: every row once, whichever way a venue lists them, and an end in every case."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.sandbox.bots import NEW, limit
from tests.venues.rows.talking import NOW, Plain, counter, talk, told
from tests.venues.trading.counter import Counter
from userstream.venue import Ask, Fetch, NoRows, RepairInput, Rows, What

DAY = 86_400_000


def trade(number: int, time_ms: int = NOW, **more: Any) -> dict[str, Any]:
    row = {"symbol": "A", "id": number, "orderId": 1, "price": "1", "qty": "1", "isBuyer": True}
    return row | {"time": time_ms, "commission": "0", "commissionAsset": "A"} | more


def order_row(number: int, time_ms: int | None = NOW, **more: Any) -> dict[str, Any]:
    row = {"symbol": "A", "orderId": number, "side": "BUY", "status": "NEW", "executedQty": "0"}
    return row | {"time": time_ms} | more


def fills(venue: str, serve: Plain, since_ms: int = NOW, now_ms: int = NOW) -> RepairInput:
    symbol = None if venue == "bhex" else "BTCUSDT"
    return talk(venue, Ask(1, What.FILLS, symbol, since_ms=since_ms), serve, now_ms)[0]


def ids(given: RepairInput) -> list[tuple[str, str]]:
    assert isinstance(given, Rows), given
    return sorted((f.trade_id or "", f.order_id) for f in given.fills)


def traded(at: Counter, account: str = "alice", symbol: str = "BTCUSDT") -> list[tuple[str, str]]:
    rows = at.exchange.trades(account, symbol)
    return sorted((str(t.trade_id), str(t.order_id)) for t in rows)


def why(given: RepairInput) -> str:
    assert isinstance(given, NoRows), given
    return given.why


def many(venue: str, count: int, self_trade_at: int = -1) -> Counter:
    """Alice sells that often; one of it to herself."""
    at = Counter(venue)
    at.rest("BUY", "99", "100")
    for i in range(count):
        if i == self_trade_at:
            at.call("POST", NEW[venue], **limit(venue, "BUY", "0.1", "200"))
            at.call("POST", NEW[venue], **limit(venue, "SELL", "0.1", "200"))
        else:
            at.call("POST", NEW[venue], **limit(venue, "SELL", "0.1", "100"))
    return at


@pytest.mark.parametrize("venue", ["binance", "bhex"])
@pytest.mark.parametrize("count", [499, 500, 501, 900])
def test_all_fills_of_many_pages(venue: str, count: int) -> None:
    # Twice at the edge of a page: the two sides of a trade with oneself have the same id.
    for edge in (499, count - 501):
        at = many(venue, count, edge)
        expected = traded(at)
        assert len(expected) == count + (0 <= edge < count)
        assert ids(fills(venue, counter(at))) == expected


def test_all_fills_of_mexc_by_windows() -> None:
    at = many("mexc", 350, 99)
    assert ids(fills("mexc", counter(at), now_ms=at.now_ms)) == traded(at)


class Shelf:
    """Rows that are listed oldest first, by window and from an id on."""

    def __init__(self, rows: list[dict[str, Any]], most: int) -> None:
        self.rows = rows
        self.most = most
        self.fetches: list[Fetch] = []

    def __call__(self, fetch: Fetch) -> tuple[int, bytes]:
        self.fetches.append(fetch)
        assert int(fetch.fields["limit"]) == self.most
        start, end = (int(fetch.fields.get(k, d)) for k, d in (("startTime", 0), ("endTime", 1e15)))
        after = int(fetch.fields.get("toId", -1))
        rows = [r for r in self.rows if start <= r["time"] <= end and r.get("id", 0) > after]
        return 200, json.dumps(rows[: self.most]).encode()


def test_a_broker_that_lists_the_oldest_first_in_a_window() -> None:
    shelf = Shelf([trade(n, NOW + n // 7) for n in range(1, 1_201)], 500)
    assert len(ids(fills("bhex", shelf))) == 1_200
    assert [f.fields.get("toId") for f in shelf.fetches] == [None, "499", "998"]


def test_mexc_that_lists_the_oldest_first() -> None:
    shelf = Shelf([trade(n, NOW + n // 7) for n in range(1, 301)], 100)
    assert len(ids(fills("mexc", shelf, now_ms=NOW + 100))) == 300


def test_a_broker_whose_newest_page_reaches_past_the_break_is_asked_once() -> None:
    rows = [trade(n, NOW - 100 + n) for n in range(500, 0, -1)]
    ask = Ask(1, What.FILLS, since_ms=NOW)
    given, fetches = talk("bhex", ask, told(rows))
    assert len(ids(given)) == 401
    assert len(fetches) == 1


@pytest.mark.parametrize("venue", ["binance", "bhex"])
def test_a_page_that_does_not_move_ends_it(venue: str) -> None:
    rows = [trade(n) for n in range(500)]
    assert "without anything new" in why(fills(venue, told(rows)))


def test_ids_that_are_no_numbers_lead_nowhere() -> None:
    rows = [trade(n) | {"id": f"x{n}"} for n in range(500)]
    for venue in ("binance", "bhex"):
        assert "an id that is no number" in why(fills(venue, told(rows)))
        assert len(ids(fills(venue, told(rows[:9])))) == 9


# ── MEXC: more in a millisecond than a page has ─────────────────────────────────────────────────


def swept(count: int) -> Counter:
    """Bob sweeps so many orders of alice in one millisecond, between others."""
    at = Counter("mexc")
    at.rest("BUY", "9", "100")
    at.call("POST", NEW["mexc"], **limit("mexc", "SELL", "0.1", "100"))
    for i in range(count):
        at.call("POST", NEW["mexc"], **limit("mexc", "SELL", "0.1", str(40_000 + i)))
    at.now_ms += 5
    at.rest("BUY", str(count / 10), "60000")
    at.now_ms += 5
    at.call("POST", NEW["mexc"], **limit("mexc", "SELL", "0.1", "100"))
    return at


def test_more_orders_filled_in_a_millisecond_than_a_page_has() -> None:
    at = swept(130)
    expected = traded(at)
    assert len(expected) == 132
    assert ids(fills("mexc", counter(at), now_ms=at.now_ms)) == expected


def test_an_order_filled_more_often_in_a_millisecond_than_a_page_has() -> None:
    at = Counter("mexc")
    for i in range(101):
        at.rest("SELL", "0.1", str(40_000 + i))
    at.call("POST", NEW["mexc"], **limit("mexc", "BUY", "20", "60000"))
    given = fills("mexc", counter(at), now_ms=at.now_ms)
    assert "a full page without anything new" in why(given)

    def serve(fetch: Fetch) -> tuple[int, bytes]:
        if fetch.path.endswith("allOrders"):
            return 200, json.dumps([order_row(2, executedQty="1")]).encode()
        first = 100 if "orderId" in fetch.fields else 0
        return 200, json.dumps([trade(n) for n in range(first, first + 100)]).encode()

    assert "more fills in a millisecond" in why(fills("mexc", serve))


def test_what_mexc_does_not_show_any_more_is_said() -> None:
    assert "more than a month ago" in why(fills("mexc", told([]), NOW - 31 * DAY))
    assert ids(fills("mexc", told([]), NOW - 29 * DAY)) == []
    old = [trade(n, NOW - 8 * DAY) for n in range(100)]
    assert "more than seven days ago" in why(fills("mexc", told(old), NOW - 9 * DAY))


def test_more_orders_than_mexc_lists_is_said() -> None:
    def serve(fetch: Fetch) -> tuple[int, bytes]:
        rows = [trade(n, NOW - 9) for n in range(100)]
        orders = [order_row(n) for n in range(1_000)]
        return 200, json.dumps(orders if fetch.path.endswith("allOrders") else rows).encode()

    assert "more orders than a page has" in why(fills("mexc", serve, NOW - DAY))


def test_orders_that_cannot_have_been_filled_then_are_not_asked_for() -> None:
    at = NOW - 9
    asked = []

    def serve(fetch: Fetch) -> tuple[int, bytes]:
        fields = fetch.fields
        if fetch.path.endswith("allOrders"):
            known = [
                order_row(1, executedQty="1", updateTime=None),
                order_row(2, executedQty="1", updateTime=at - 1),
                order_row(3, executedQty="0", updateTime=at),
                order_row(4, executedQty="1", updateTime=at),
            ]
            return 200, json.dumps(known).encode()
        if "orderId" in fields:
            asked.append(fields["orderId"])
            return 200, json.dumps([trade(500 + int(fields["orderId"]), at)]).encode()
        inside = int(fields["startTime"]) <= at <= int(fields["endTime"])
        return 200, json.dumps([trade(n, at) for n in range(100 if inside else 0)]).encode()

    assert len(ids(fills("mexc", serve, NOW - DAY))) == 102
    assert asked == ["1", "4"]
    # At the very ends of the window nothing is left beside that millisecond.
    ask = Ask(1, What.FILLS, "A", since_ms=at)
    given, fetches = talk("mexc", ask, serve, at - 2_000)
    assert len(ids(given)) == 102
    assert len(fetches) == 4


# ── orders ──────────────────────────────────────────────────────────────────────────────────────


def test_open_orders_of_a_broker_page_downwards() -> None:
    def serve(fetch: Fetch) -> tuple[int, bytes]:
        below = int(fetch.fields.get("orderId", 9_999))
        rows = [order_row(n) for n in range(1_200, 0, -1) if n < below]
        return 200, json.dumps(rows[:500]).encode()

    given, fetches = talk("bhex", Ask(1, What.OPEN_ORDERS), serve)
    assert isinstance(given, Rows)
    assert len(given.orders) == 1_200
    assert [f.fields.get("orderId") for f in fetches] == [None, "701", "201"]


def test_open_orders_that_do_not_move_end_it() -> None:
    rows = [order_row(n) for n in range(500)]
    given, _ = talk("bhex", Ask(1, What.OPEN_ORDERS), told(rows))
    assert "without anything new" in why(given)


@pytest.mark.parametrize("newest_first", [False, True])
def test_orders_since_at_spacedex_either_way_round(newest_first: bool) -> None:
    rows = [order_row(n, NOW + n // 7) for n in range(1, 1_201)]
    serve: Plain = Shelf(rows, 500)
    if newest_first:

        def serve(fetch: Fetch) -> tuple[int, bytes]:
            end = int(fetch.fields.get("endTime", 1e15))
            listed = [r for r in rows[::-1] if r["time"] <= end]
            return 200, json.dumps(listed[:500]).encode()

    given, fetches = talk("spacedex", Ask(1, What.ORDERS, "A", since_ms=NOW), serve)
    assert isinstance(given, Rows)
    assert len(given.orders) == 1_200
    assert len(fetches) == 3


@pytest.mark.parametrize(
    "rows",
    [
        [order_row(n) for n in range(500)],
        [order_row(n, None) for n in range(500)],
        [order_row(n, NOW + n) for n in range(499)] + [order_row(499, None)],
        [order_row(n, NOW + n) for n in range(500)],
    ],
)
def test_orders_at_spacedex_that_give_nothing_to_ask_on_from(rows: list[Any]) -> None:
    given, _ = talk("spacedex", Ask(1, What.ORDERS, "A", since_ms=NOW), told(rows))
    assert "nothing to ask on from" in why(given)


def test_no_conversation_is_endless() -> None:
    pages = iter(range(0, 10**9, 500))

    def serve(_: Fetch) -> tuple[int, bytes]:
        first = next(pages)
        return 200, json.dumps([trade(n) for n in range(first, first + 500)]).encode()

    assert why(fills("binance", serve)) == "more than 1000 pages"
