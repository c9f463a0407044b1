"""Sequencer: the venue's order within the window, and marks for what comes behind."""

from __future__ import annotations

from typing import Any

from tests.core.client.values import T, account, fill, order, shown, whole
from userstream.core.client.bounds import Bounds
from userstream.core.client.sequencer import Placed, Sequencer
from userstream.events import UnknownEvent
from userstream.venue import FillKey, OrderTime, StreamDialect


def sequencer(**options: Any) -> Sequencer:
    bounds = Bounds(**{k: v for k, v in options.items() if k in Bounds.__struct_fields__})
    dialect = {k: v for k, v in options.items() if k not in Bounds.__struct_fields__}
    it = Sequencer(StreamDialect(paths=(), **dialect), bounds)
    it.copies.ask(1)
    return it


def ids(placed: list[Placed]) -> list[Any]:
    return [p.shown.received.event.order_id for p in placed]  # type: ignore[union-attr]


def test_without_a_window_everything_goes_out_at_once_and_late_ones_are_marked() -> None:
    it = sequencer()
    assert it.put(1, shown(order("1"), T + 5), 0) == [
        Placed(shown(order("1"), T + 5), T + 5, False)
    ]
    (late,) = it.put(1, shown(order("1", status="PENDING_CANCEL"), T + 4), 0)
    assert late.late
    (same,) = it.put(1, shown(order("1", status="PARTIALLY_FILLED"), T + 5), 0)
    assert not same.late
    assert it.deadline() is None


def test_what_an_old_socket_brings_of_another_order_is_not_late() -> None:
    it = sequencer()
    it.put(2, shown(order("2"), T + 5), 0)
    for status in ("NEW", "CANCELED"):
        (placed,) = it.put(1, shown(order("1", status=status), T + 4), 0)
        assert not placed.late
    it.put(2, shown(order("2", status="CANCELED"), T + 6), 0)


def test_orders_and_accounts_are_late_by_their_own_clock() -> None:
    it = sequencer()
    it.put(1, shown(order(), T + 5), 0)
    assert not it.put(1, shown(account(), T), 0)[0].late
    assert it.put(1, shown(whole(), T - 1), 0)[0].late


def test_a_window_goes_by_the_time_of_the_change_where_the_venue_does() -> None:
    it = sequencer(order_time=OrderTime.CHANGED, hold_ms=100)
    it.put(1, shown(order("1", time_ms=T + 2), T), 0)
    it.put(1, shown(order("2", time_ms=T + 1), T + 9), 0)
    assert ids(it.tick(100)) == ["2", "1"]


def test_what_has_no_time_is_never_late() -> None:
    it = sequencer()
    it.put(1, shown(order(), T), 0)
    (placed,) = it.put(1, shown(UnknownEvent(kind="x", frame=b"")), 0)
    assert placed == Placed(shown(UnknownEvent(kind="x", frame=b"")), None, False)


def test_the_dialect_says_which_time_counts() -> None:
    it = sequencer(order_time=OrderTime.CHANGED)
    assert it.put(1, shown(order(time_ms=T + 3), T), 0)[0].time_ms == T + 3
    assert it.put(1, shown(account(), T + 1), 0)[0].time_ms == T + 1


def test_of_one_time_a_smaller_sum_and_a_life_after_the_end_are_late() -> None:
    it = sequencer()
    steps = [
        (order(cumulative_quantity="2", status="PARTIALLY_FILLED"), False),
        (order(cumulative_quantity="1", status="PARTIALLY_FILLED"), True),
        (order(cumulative_quantity="2", status="FILLED"), False),
        (order(cumulative_quantity="2", status="PARTIALLY_FILLED"), True),
        (order(status="", time_ms=T), False),
        (order("2"), False),
    ]
    for event, late in steps:
        assert it.put(1, shown(event, T), 0)[0].late is late


def test_of_one_time_a_fill_without_a_sum_is_late_behind_a_larger_trade_id() -> None:
    it = sequencer()
    steps = [("9", 0, False), ("11", 0, False), ("10", 0, True), ("12", 1, False), ("8", 1, True)]
    for trade, ms, late in steps:
        event = fill(quantity="1", status="", trade_id=trade, time_ms=T + ms)
        assert it.put(1, shown(event, T + ms), 0)[0].late is late, trade


def test_only_so_many_orders_are_remembered() -> None:
    it = sequencer(orders=1)
    it.put(1, shown(order("1", status="FILLED"), T), 0)
    it.put(1, shown(order("2"), T), 0)
    assert not it.put(1, shown(order("1", status="PENDING_CANCEL"), T), 0)[0].late


def test_repeats_are_not_told_and_twins_are_marked() -> None:
    it = sequencer(fill_key=FillKey.NONE)
    it.copies.ask(2)
    assert len(it.put(1, shown(fill(), T), 0)) == 1
    assert it.put(2, shown(fill(), T), 0) == []
    (twin,) = it.put(2, shown(fill(), T), 0)
    assert twin.shown.ambiguous


def test_a_window_puts_events_in_order_of_time_and_then_of_arrival() -> None:
    it = sequencer(hold_ms=100)
    for number, (name, at) in enumerate([("3", T + 3), ("1", T + 1), ("2", T + 1)]):
        assert it.put(1, shown(order(name), at), number) == []
    assert it.deadline() == 100
    assert it.tick(99) == []
    assert ids(it.tick(100)) == ["1", "2", "3"]
    assert it.deadline() is None


def test_what_is_due_takes_with_it_what_belongs_before_it_and_nothing_else() -> None:
    it = sequencer(hold_ms=100)
    it.put(1, shown(order("2"), T + 2), 0)
    it.put(1, shown(order("3"), T + 3), 90)
    it.put(1, shown(order("1"), T + 1), 90)
    assert ids(it.tick(100)) == ["1", "2"]
    assert len(it) == 1
    assert ids(it.flush(0)) == ["3"]


def test_what_has_no_time_keeps_its_place_behind_the_newest() -> None:
    it = sequencer(hold_ms=100)
    it.put(1, shown(order("1"), T + 2), 0)
    it.put(1, shown(UnknownEvent(kind="x", frame=b"")), 0)
    it.put(1, shown(order("3"), T + 1), 0)
    kinds = [type(p.shown.received.event).__name__ for p in it.flush(0)]
    assert kinds == ["OrderUpdate", "OrderUpdate", "UnknownEvent"]


def test_of_one_time_an_order_goes_by_its_progress_and_others_keep_their_places() -> None:
    it = sequencer(hold_ms=100)
    steps = [
        fill(cumulative_quantity="2", trade_id="10", status="FILLED"),
        order("2"),
        fill(cumulative_quantity="1", trade_id="9"),
        order(),
    ]
    for event in steps:
        it.put(1, shown(event, T), 0)
    told = [p.shown.received.event for p in it.flush(0)]
    assert told == [steps[3], steps[1], steps[2], steps[0]]


def test_the_window_holds_only_so_many() -> None:
    it = sequencer(hold_ms=100, held_events=2)
    it.put(1, shown(order("2"), T + 2), 0)
    it.put(1, shown(order("3"), T + 3), 0)
    assert ids(it.put(1, shown(order("1"), T + 1), 0)) == ["1"]
    assert len(it) == 2


def test_what_rest_told_makes_older_words_of_the_stream_late() -> None:
    it = sequencer()
    it.learn(order(status="FILLED", cumulative_quantity="2"))
    (placed,) = it.put(1, shown(fill(trade_id="1", cumulative_quantity="1"), T), 0)
    assert placed.late
