"""The pair: both ends' cores over a link that lags, loses, repeats and breaks, on a virtual clock.

At the end every fault is over; then each fill was told once, or a gap says how much was not.
"""

from __future__ import annotations

import itertools
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.model.pair import World
from userstream.core.client.identity import fill_of
from userstream.core.client.told import Gap, OrderEvent, State
from userstream.core.closing import End
from userstream.events import TERMINAL
from userstream.venue import FillKey
from userstream.venues import load, names

VOUCHING = {State.LIVE, State.DEGRADED}
MINUTE = 60_000
TIMES = st.sampled_from([1, 1, 1, 2])
LOST = st.sampled_from([None, None, None, None, 0, 1])
"""Which frame of an event does not arrive; MEXC has two of a fill."""
LATE_MS = st.sampled_from([0, 0, 0, 0, 50, 200])


class PairModel(RuleBasedStateMachine):
    """Rules are what can happen to a stream; invariants hold after each."""

    venue = "binance"
    extension = False
    asks = True

    def __init__(self) -> None:
        super().__init__()
        self.world: World
        self.forgotten = False

    @initialize(seed=st.integers(0, 9))
    def begin(self, seed: int) -> None:
        self.world = World(self.venue, seed, extension=self.extension, asks=self.asks)
        self.world.advance(2_000)
        assert self.world.state is State.LIVE

    @rule(times=TIMES, lost=LOST, late_ms=LATE_MS)
    def place(self, **fate: Any) -> None:
        world = self.world
        world.publish(world.truth.place(world.server_ms), **fate)

    @precondition(lambda self: self.world.truth.open)
    @rule(
        which=st.integers(0, 99), count=st.integers(1, 3), times=TIMES, lost=LOST, late_ms=LATE_MS
    )
    def fill(self, which: int, count: int, **fate: Any) -> None:
        world = self.world
        for _ in range(count):
            if world.truth.open:
                order_id = world.truth.open[which % len(world.truth.open)]
                world.publish(world.truth.fill(order_id, world.server_ms), **fate)

    @precondition(lambda self: self.world.truth.open)
    @rule(which=st.integers(0, 99), lost=LOST, late_ms=LATE_MS)
    def cancel(self, which: int, **fate: Any) -> None:
        world = self.world
        order_id = world.truth.open[which % len(world.truth.open)]
        world.publish(world.truth.cancel(order_id, world.server_ms), **fate)

    @rule(free=st.integers(0, 9), lost=LOST, late_ms=LATE_MS)
    def move_balance(self, free: int, **fate: Any) -> None:
        world = self.world
        world.publish(world.truth.move(str(free), world.server_ms), **fate)

    @rule(ms=st.sampled_from([0, 1, 39, 40, 41, 80, 500, 3_000, 30_000, 14 * MINUTE]))
    def advance(self, ms: int) -> None:
        self.world.advance(ms)

    @rule(ms=st.sampled_from([0, 100, 1_500]))
    def lag(self, ms: int) -> None:
        self.world.lag_ms = ms

    @rule(silently=st.booleans())
    def cut(self, silently: bool) -> None:
        self.world.cut(silently=silently)

    @rule(end=st.sampled_from([End.SHUTDOWN, End.SLOW, End.MAX_AGE]))
    def end_sockets(self, end: End) -> None:
        for socket in list(self.world.wires):
            self.world.served.end(socket, end)

    @rule(silently=st.booleans())
    def delete_keys(self, silently: bool) -> None:
        self.world.served.delete_keys(silently=silently)

    @rule(ms=st.sampled_from([0, 10, 4_000, 3 * MINUTE]))
    def restart(self, ms: int) -> None:
        self.world.restart(ms)

    @rule(count=st.integers(1, 12))
    def rest_fails(self, count: int) -> None:
        self.world.rest_fails = count

    @rule(ms=st.sampled_from([-90_000, 90_000, 3_600_000]))
    def skew(self, ms: int) -> None:
        self.world.drift_ms += ms

    @rule(ms=st.sampled_from([3_000, 30 * MINUTE, 130 * MINUTE]))
    def sleep(self, ms: int) -> None:
        self.world.sleep(ms)

    @precondition(lambda self: self.extension)
    @rule()
    def forget(self) -> None:
        """The server does not retain what was published so far."""
        self.world.served.oldest = len(self.world.served.log) + 1
        self.forgotten = True

    @rule()
    def a_day(self) -> None:
        self.world.advance(70 * MINUTE)

    @invariant()
    def it_never_vouches_on_a_dead_key_or_without_a_socket(self) -> None:
        feed, now = self.world.feed, self.world.now
        if feed.stream.state in VOUCHING:
            assert feed.stream.keys.lives(now)
            assert any(link.ready for link in feed.stream.fleet.sockets)

    @invariant()
    def it_always_knows_when_to_look_again(self) -> None:
        due = self.world.feed.deadline()
        assert due is not None
        assert due <= self.world.now + 5_000

    @invariant()
    def it_asks_for_a_key_at_most_every_five_seconds(self) -> None:
        posts = self.world.posts
        assert all(b - a >= 5_000 for a, b in itertools.pairwise(posts))

    @invariant()
    def what_it_holds_is_bounded(self) -> None:
        assert len(list(self.world.feed.stream.fleet.sockets)) <= 4
        assert self.world.most_buffered <= 10_000

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        world = self.world
        world.rest_fails, world.lag_ms = 0, 0
        world.advance((5 if self.extension else 25) * MINUTE)
        assert world.state is State.LIVE
        self._every_fill_was_told()
        self._no_order_came_back()
        self._the_picture_is_the_truth()
        if self.extension and not self.forgotten:
            self._the_log_was_told()

    @property
    def _events(self) -> list[OrderEvent]:
        return [e for e in self.world.told if isinstance(e, OrderEvent)]

    def _every_fill_was_told(self) -> None:
        world = self.world
        key = world.venue.stream.fill_key
        fills = [e for e in self._events if e.update.execution in {None, "TRADE"}]
        if key is FillKey.NONE:
            self._sums(fills)
            return
        told = Counter(k for e in fills if (k := fill_of(e.update, key)) is not None)
        assert told == Counter(fill_of(f, key) for f in world.truth.fills)
        assert not [g for g in world.told if isinstance(g, Gap) and g.missing_quantity is not None]
        for order_id in world.truth.orders:
            mine = [e for e in fills if e.order_id == order_id and not e.late]
            keys = [Decimal(k.number) for e in mine if (k := fill_of(e.update, key)) is not None]
            assert keys == sorted(keys)

    def _sums(self, fills: list[OrderEvent]) -> None:
        """Without ids: what was told for certain, and what gaps name, is what happened."""
        for order_id, order in self.world.truth.orders.items():
            mine = [
                f
                for f in fills
                if f.order_id == order_id and Decimal(f.update.last_quantity or 0) > 0
            ]
            sure = sum(1 for f in mine if not f.ambiguous)
            gaps = [
                g.missing_quantity
                for g in self.world.told
                if isinstance(g, Gap) and g.order_id == order_id and g.missing_quantity
            ]
            happened = Decimal(order.cumulative_quantity or 0)
            assert sure <= happened <= len(mine) + sum(gaps, Decimal(0)), order_id

    def _no_order_came_back(self) -> None:
        """Nothing but what is marked says of an order that is over that it is not."""
        for order_id in self.world.truth.orders:
            said = [e for e in self._events if e.order_id == order_id and e.status]
            over = [e.status in TERMINAL for e in said if not e.late]
            assert over == sorted(over)
            if said and order_id not in self.world.truth.open:
                assert any(e.status in TERMINAL for e in said)

    def _the_picture_is_the_truth(self) -> None:
        world = self.world
        assert sorted(world.feed.picture.orders) == sorted(world.truth.open)
        held = world.feed.picture.account.get("BTC")
        assert str(0 if held is None else held.free.normalize()) == world.truth.free

    def _the_log_was_told(self) -> None:
        """All that was published since the first socket, in order, once each."""
        cursors = [c for e in self.world.told if (c := getattr(e, "cursor", None)) is not None]
        places = [(c.seq, c.part) for c in cursors]
        assert places == sorted(set(places))
        assert {c.seq for c in cursors} == {
            seq for seq, frames in enumerate(self.world.served.log, 1) if frames
        }
        assert not [t for t in self.world.told if isinstance(t, Gap)]


class Unasked(PairModel):
    """Without a secret REST cannot be asked: then a gap says what a sum shows and no fill told."""

    asks = False

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        world = self.world
        world.lag_ms = 0
        world.advance(25 * MINUTE)
        assert world.state in {State.LIVE, State.BLIND}
        if world.state is State.BLIND:
            assert any(isinstance(t, Gap) and t.to_ms is None for t in world.told)
        for order_id in world.truth.orders:
            self._what_its_sums_show_was_told(order_id)

    def _what_its_sums_show_was_told(self, order_id: str) -> None:
        key = self.world.venue.stream.fill_key
        mine = [e for e in self._events if e.order_id == order_id]
        if not mine or mine[0].cumulative_quantity is None:
            return
        fills = [k for e in mine if (k := fill_of(e.update, key)) is not None]
        assert len(fills) == len(set(fills))
        shown = max(e.cumulative_quantity or 0 for e in mine)
        before = mine[0].cumulative_quantity - (fill_of(mine[0].update, key) is not None)
        gaps = [
            g.missing_quantity
            for g in self.world.told
            if isinstance(g, Gap) and g.order_id == order_id and g.missing_quantity
        ]
        assert shown - before <= len(fills) + sum(gaps)
        late = sum(e.late for e in mine)
        # MEXC: the frame with the sum may be lost, and that with the fill come.
        filled = Decimal(self.world.truth.orders[order_id].cumulative_quantity or 0)
        assert len(fills) + sum(gaps) <= filled + late


def run(name: str, *, extension: bool, examples: int, steps: int, asks: bool = True) -> None:
    kind = PairModel if asks else Unasked
    model: type[PairModel] = type("Pair", (kind,), {"venue": name, "extension": extension})
    lengths = settings(max_examples=examples, stateful_step_count=steps, deadline=None)
    run_state_machine_as_test(model, settings=lengths)


@pytest.mark.timeout(180)  # under coverage, on a busy machine
@pytest.mark.parametrize("extension", [False, True], ids=["venue", "ours"])
@pytest.mark.parametrize("name", names())
def test_the_pair(name: str, extension: bool) -> None:
    run(name, extension=extension, examples=3, steps=16)


SUMMED = [name for name in names() if load(name).stream.fill_key is not FillKey.NONE]
"""Venues whose frames show an order's sum."""


@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", SUMMED)
def test_the_pair_without_a_secret(name: str) -> None:
    run(name, extension=False, examples=5, steps=16, asks=False)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", SUMMED)
def test_the_pair_without_a_secret_at_length(name: str) -> None:
    run(name, extension=False, examples=100, steps=25, asks=False)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("extension", [False, True], ids=["venue", "ours"])
@pytest.mark.parametrize("name", names())
def test_the_pair_at_length(name: str, extension: bool) -> None:
    run(name, extension=extension, examples=100, steps=25)


@pytest.mark.parametrize("name", names())
def test_what_is_lost_right_after_the_stream_is_live_is_found(name: str) -> None:
    world = World(name, 0, extension=False)
    world.advance(2_000)
    assert world.state is State.LIVE
    world.publish(world.truth.place(world.server_ms), lost=0, late_ms=0, times=1)
    world.advance(20 * MINUTE)
    assert sorted(world.feed.picture.orders) == sorted(world.truth.open)


@pytest.mark.parametrize("name", SUMMED)
def test_without_a_secret_a_lost_fill_is_a_gap(name: str) -> None:
    model = type("Pair", (Unasked,), {"venue": name})()
    world = model.world = World(name, 0, asks=False)
    world.advance(2_000)
    assert world.state is State.LIVE
    world.publish(world.truth.place(world.server_ms), lost=None, late_ms=0, times=1)
    deal = 1 if name == "mexc" else 0
    for lost in (None, deal, None):
        world.advance(1_000)
        world.publish(world.truth.fill("1", world.server_ms), lost=lost, late_ms=0, times=1)
    model.teardown()
    assert [g.missing_quantity for g in world.told if isinstance(g, Gap)] == [1]


@pytest.mark.parametrize("name", SUMMED)
def test_of_two_fills_of_one_moment_the_one_that_comes_second_is_marked(name: str) -> None:
    model = type("Pair", (PairModel,), {"venue": name})()
    world = model.world = World(name, 0)
    world.advance(2_000)
    world.publish(world.truth.place(world.server_ms))
    world.publish(world.truth.fill("1", world.server_ms), late_ms=50)
    world.publish(world.truth.fill("1", world.server_ms))
    model.teardown()
