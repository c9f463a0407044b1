"""Sums: a fill that was missed shows in the next sum of its order, and is told as a gap."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.core.client.test_feed import FULL, Desk, events, frames, marked, said, told
from tests.core.client.values import T, order
from userstream.core.client import inputs
from userstream.core.client.identity import Fill, fill_of
from userstream.core.client.told import Gap, OrderEvent, Scope
from userstream.events import OrderUpdate
from userstream.venues import load


def new(order_id: str = "7", at: int = 0, **fields: Any) -> OrderUpdate:
    return order(order_id, **(FULL | {"time_ms": T + at, "created_ms": T + at} | fields))


def filled(summed: int, at: int, order_id: str = "7", **fields: Any) -> OrderUpdate:
    known = FULL | {
        "status": "PARTIALLY_FILLED", "execution": "TRADE", "last_quantity": "1",
        "cumulative_quantity": str(summed), "time_ms": T + at,
        "trade_id": str(summed), "last_price": "2", "cumulative_quote": str(2 * summed),
    }  # fmt: skip
    return order(order_id, **(known | fields))


def show(desk: Desk, venue: str, event: OrderUpdate, socket: int = 1) -> None:
    for frame in frames(venue, event, event.time_ms - T):
        desk.frame(frame, socket)


def gaps(desk: Desk) -> list[Gap]:
    return [t for t in told(desk.done) if isinstance(t, Gap)]


def fills(desk: Desk, venue: str = "binance") -> list[Fill]:
    key = load(venue).stream.fill_key
    keys = [fill_of(t.update, key) for t in told(desk.done) if isinstance(t, OrderEvent)]
    return [k for k in keys if k is not None]


@pytest.mark.parametrize("venue", ["binance", "bhex", "mexc"])
def test_a_fill_that_was_missed_is_told_as_a_gap_once(venue: str) -> None:
    desk = Desk(venue).live()
    state = desk.feed.stream.state
    for event in (new(), filled(1, 1), filled(3, 3)):
        show(desk, venue, event)
    assert gaps(desk) == []
    assert desk.feed.deadline() == 2_000
    desk.tick(1_999)
    assert gaps(desk) == []
    desk.tick(2_000)
    (gap,) = gaps(desk)
    assert (gap.scope, gap.symbol, gap.order_id) == (Scope.FILLS, "BTCUSDT", "7")
    assert gap.missing_quantity == 1
    assert gap.from_ms is not None
    assert gap.from_ms <= T + 2 <= (gap.to_ms or 0)
    assert gap.why == "the order's sum jumped: filled without a fill"
    assert desk.feed.stream.state is state
    for event in (filled(4, 4), filled(5, 5, status="FILLED")):
        show(desk, venue, event)
    desk.tick(9_000)
    assert gaps(desk) == [gap]


def test_of_the_first_order_that_began_here_a_fill_of_the_same_moment_counts() -> None:
    """MEXC sends an order a millisecond after it was filled, and the deal with its own time."""
    desk = Desk("mexc").live()
    for event in (new(), filled(1, 0, status="FILLED")):
        for frame in frames("mexc", event, 1):
            desk.frame(frame, 1)
    desk.tick(5_000)
    assert gaps(desk) == []
    assert len(fills(desk, "mexc")) == 1


@pytest.mark.parametrize("venue", ["binance", "bhex", "mexc"])
def test_what_another_socket_brings_soon_is_not_missing(venue: str) -> None:
    desk = Desk(venue, redundant=True).live()
    show(desk, venue, new())
    show(desk, venue, filled(3, 3), 2)
    show(desk, venue, filled(1, 1))
    show(desk, venue, filled(2, 2))
    desk.tick(5_000)
    assert gaps(desk) == []
    assert len(fills(desk, venue)) == 3


@pytest.mark.parametrize("venue", ["binance", "bhex", "mexc"])
def test_what_comes_after_its_gap_hides_no_other(venue: str) -> None:
    desk = Desk(venue).live()
    for event in (new(), filled(1, 1), filled(3, 3)):
        show(desk, venue, event)
    desk.tick(2_000)
    show(desk, venue, filled(2, 2))
    show(desk, venue, filled(5, 5, status="FILLED"))
    desk.tick(4_000)
    assert [g.missing_quantity for g in gaps(desk)] == [1, 1]


@pytest.mark.parametrize("venue", ["binance", "bhex", "mexc"])
def test_an_order_that_is_older_than_the_stream_begins_with_its_first_sum(venue: str) -> None:
    desk = Desk(venue).live()
    show(desk, venue, filled(3, 3, created_ms=T))
    show(desk, venue, filled(4, 4, created_ms=T))
    desk.tick(5_000)
    assert gaps(desk) == []
    show(desk, venue, filled(6, 6, created_ms=T))
    desk.tick(9_000)
    assert [g.missing_quantity for g in gaps(desk)] == [1]


@pytest.mark.parametrize("venue", ["bhex", "mexc"])
def test_an_order_that_is_younger_than_the_stream_is_to_be_told_from_its_start(venue: str) -> None:
    desk = Desk(venue).live()
    show(desk, venue, new("1"))
    show(desk, venue, filled(3, 9, "2", created_ms=T + 5))
    desk.tick(5_000)
    assert [(g.order_id, g.missing_quantity) for g in gaps(desk)] == [("2", Decimal(2))]


def test_the_end_of_an_order_shows_what_was_missed_of_it() -> None:
    desk = Desk().live()
    show(desk, "binance", new())
    canceled = new(status="CANCELED", execution="CANCELED", cumulative_quantity="2", time_ms=T + 2)
    show(desk, "binance", canceled)
    assert desk.feed.proof(0) is None
    desk.tick(2_000)
    assert [g.missing_quantity for g in gaps(desk)] == [2]


def test_several_jumps_within_the_wait_are_one_gap() -> None:
    desk = Desk().live()
    for event in (new(), filled(2, 2), filled(4, 4)):
        show(desk, "binance", event)
    desk.tick(2_000)
    assert [(g.missing_quantity, g.to_ms) for g in gaps(desk)] == [(Decimal(2), T + 4)]


def test_an_order_that_was_forgotten_is_none_that_began_here() -> None:
    desk = Desk(orders=1).live()
    show(desk, "binance", new("1"))
    show(desk, "binance", new("2", 1))
    show(desk, "binance", filled(1, 2, "2", created_ms=T + 1))
    show(desk, "binance", new("3", 3))
    show(desk, "binance", filled(4, 4, "2", created_ms=T + 1))
    desk.tick(5_000)
    assert gaps(desk) == []


def test_in_a_window_sums_are_compared_once_they_are_in_order() -> None:
    desk = Desk(hold_ms=100).live()
    for event in (new(), filled(2, 2), filled(1, 1), filled(4, 4)):
        show(desk, "binance", event)
    desk.tick(100)
    assert len(fills(desk)) == 3
    desk.tick(2_100)
    assert [g.missing_quantity for g in gaps(desk)] == [1]


def test_what_is_missing_at_the_end_is_told_then() -> None:
    desk = Desk().live()
    show(desk, "binance", new())
    show(desk, "binance", filled(2, 2))
    last = events(told(desk.give(inputs.Stop())))
    assert [e.missing_quantity for e in last if isinstance(e, Gap)] == [1]


def test_where_rest_can_be_asked_it_is_asked_instead() -> None:
    desk = Desk(repair=True, reconcile_ms=600_000).live()
    desk.repaired(account=None)
    show(desk, "binance", new())
    show(desk, "binance", filled(2, 2))
    before = len(desk.done)
    desk.tick(2_000)
    assert gaps(desk) == []
    assert any(type(a).__name__ == "Ask" for a in desk.done[before:])


@pytest.mark.parametrize("venue", ["binance", "bhex"])
def test_where_rest_could_be_asked_and_never_is_a_jump_is_a_gap_too(venue: str) -> None:
    desk = Desk(venue, repair=True).live()
    desk.repaired(account=None)
    for event in (new(), filled(1, 1), filled(3, 3)):
        show(desk, venue, event)
    assert desk.feed.deadline() == 2_000
    desk.tick(1_999)
    assert gaps(desk) == []
    desk.tick(2_000)
    (gap,) = gaps(desk)
    assert (gap.scope, gap.symbol, gap.order_id) == (Scope.FILLS, "BTCUSDT", "7")
    assert gap.missing_quantity == 1
    assert (gap.from_ms or 0) <= T + 2 <= (gap.to_ms or 0)
    assert gap.why == "the order's sum jumped: filled without a fill"
    for event in (filled(2, 2), filled(4, 3), filled(6, 6, status="FILLED")):
        show(desk, venue, event)
    desk.tick(9_000)
    assert [g.missing_quantity for g in gaps(desk)] == [1, 1]
    desk.tick(20_000)
    assert len(gaps(desk)) == 2
    assert len(fills(desk, venue)) == 5


def test_what_comes_soon_is_not_missing_where_rest_is_never_asked_either() -> None:
    desk = Desk(repair=True, redundant=True).live()
    desk.repaired(account=None)
    for event in (new(), filled(2, 2), filled(1, 1)):
        show(desk, "binance", event)
    desk.tick(5_000)
    assert gaps(desk) == []


def test_a_fill_without_its_order_is_no_gap_where_rest_is_never_asked() -> None:
    desk = Desk(repair=True).live()
    desk.repaired(account=None)
    show(desk, "binance", filled(3, 3))
    desk.tick(5_000)
    assert gaps(desk) == []
    assert desk.feed.deadline() != 5_000


def test_what_our_own_servers_log_holds_whole_is_no_gap() -> None:
    desk = Desk(repair=True, heartbeat_s=10).live()
    desk.frame(said("us.heartbeat", 1))
    desk.repaired(account=None)
    for n, event in enumerate((new(), filled(3, 3)), start=2):
        (frame,) = frames("binance", event)
        desk.frame(marked(frame, n, n - 1))
    assert len(fills(desk)) == 1
    desk.tick(5_000)
    assert gaps(desk) == []
