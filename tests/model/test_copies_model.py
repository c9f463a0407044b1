"""The sequencer over one to three sockets that lose, repeat and shuffle, against plain counting."""

from __future__ import annotations

from collections import Counter, defaultdict

from hypothesis import given
from hypothesis import strategies as st

from tests.core.client.values import T, fill, shown
from userstream.core.client.bounds import Bounds
from userstream.core.client.sequencer import Placed, Sequencer
from userstream.events import OrderUpdate
from userstream.venue import FillKey, StreamDialect

# Few orders, quantities and times, so that equal events are common.
EVENTS = st.builds(
    lambda order_id, quantity, ms: (fill(order_id, quantity), T + ms),
    st.sampled_from("12"),
    st.sampled_from("12"),
    st.integers(0, 3),
)


@st.composite
def runs(draw: st.DrawFn) -> list[tuple[int, tuple[OrderUpdate, int]]]:
    """What sockets show: each its own part of what was published, by a common time."""
    published = sorted(draw(st.lists(EVENTS, max_size=20)), key=lambda e: e[1])
    sockets = draw(st.integers(1, 3))
    arrivals = []
    for socket in range(sockets):
        copies = draw(st.lists(st.sampled_from([0, 1, 1, 1, 2]), min_size=20, max_size=20))
        late = draw(st.lists(st.integers(0, 3), min_size=20, max_size=20))
        for place, event in enumerate(published):
            arrivals += [(place + late[place], socket, event)] * copies[place]
    arrivals.sort(key=lambda a: a[:2])
    return [(socket, event) for _, socket, event in arrivals]


def told(
    run: list[tuple[int, tuple[OrderUpdate, int]]], fill_key: FillKey, hold: int
) -> list[Placed]:
    sequencer = Sequencer(StreamDialect(paths=(), fill_key=fill_key), Bounds(hold_ms=hold))
    placed = []
    for now, (socket, (event, ms)) in enumerate(run):
        placed += sequencer.put(socket, shown(event, ms), now) + sequencer.tick(now)
    return placed + sequencer.flush(0)


def key(placed: Placed) -> tuple[object, int | None]:
    return placed.shown.received.event, placed.time_ms


@given(runs(), st.sampled_from([0, 5, 1_000]))
def test_as_many_as_any_one_socket_showed(
    run: list[tuple[int, tuple[OrderUpdate, int]]], hold: int
) -> None:
    naive: dict[int, Counter[tuple[object, int | None]]] = defaultdict(Counter)
    for socket, event in run:
        naive[socket][event] += 1
    most: Counter[tuple[object, int | None]] = Counter()
    for counts in naive.values():
        most |= counts
    placed = told(run, FillKey.NONE, hold)
    assert Counter(map(key, placed)) == most
    # What looks like a repeat is marked, and nothing else is.
    assert sum(p.shown.ambiguous for p in placed) == most.total() - len(most)


@given(runs(), st.sampled_from([0, 5, 1_000]))
def test_what_is_not_marked_late_is_in_its_orders_order_of_time(
    run: list[tuple[int, tuple[OrderUpdate, int]]], hold: int
) -> None:
    placed = told(run, FillKey.NONE, hold)
    for order_id in "12":
        times = [
            p.time_ms or 0
            for p in placed
            if not p.late
            and isinstance(p.shown.received.event, OrderUpdate)
            and p.shown.received.event.order_id == order_id
        ]
        assert times == sorted(times)
    if hold == 1_000:
        assert not any(p.late for p in placed)


@given(runs())
def test_a_sum_that_tells_fills_apart_is_told_once(
    run: list[tuple[int, tuple[OrderUpdate, int]]],
) -> None:
    summed = [
        (socket, (fill(e.order_id, "1", cumulative_quantity=str(ms - T)), ms))
        for socket, (e, ms) in run
    ]
    placed = told(summed, FillKey.CUMULATIVE, 0)
    assert Counter(map(key, placed)) == Counter({event for _, event in summed})
