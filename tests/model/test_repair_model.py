"""Fills at every moment between the break, the new socket and each answer: told once, each."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.model.pair import World
from userstream.core.client.identity import fill_of
from userstream.core.client.told import Gap, OrderEvent, Origin, State
from userstream.venue import FillKey
from userstream.venues import names

STEP_MS = 10
"""A quarter of the way of any message, so that every interleaving of two can come about."""
MOMENTS = 80


@pytest.mark.parametrize("name", names())
@settings(max_examples=60, deadline=None)
@given(
    moments=st.lists(st.tuples(st.integers(0, MOMENTS), st.sampled_from("pfffc")), max_size=12),
    lag_ms=st.sampled_from([0, 15, 200]),
    silently=st.booleans(),
)
def test_nothing_is_lost_and_nothing_doubled(
    name: str, moments: list[tuple[int, str]], lag_ms: int, silently: bool
) -> None:
    world = World(name)
    world.advance(2_000)
    world.publish(world.truth.place(world.server_ms))
    world.advance(100)
    world.lag_ms = lag_ms
    planned = Counter(moments)
    world.cut(silently=silently)
    if silently:
        world.advance(28_000 - 10 * STEP_MS)
    for moment in range(MOMENTS + 1):
        for (at, what), count in planned.items():
            for _ in range(count if at == moment else 0):
                _do(world, what)
        world.advance(STEP_MS)
    world.advance(120_000)
    assert world.state is State.LIVE
    _check(world)


def _do(world: World, what: str) -> None:
    if what == "p" or not world.truth.open:
        world.publish(world.truth.place(world.server_ms))
    elif what == "f":
        world.publish(world.truth.fill(world.truth.open[-1], world.server_ms))
    else:
        world.publish(world.truth.cancel(world.truth.open[0], world.server_ms))


def _check(world: World) -> None:
    fill_key = world.venue.stream.fill_key
    events = [e for e in world.told if isinstance(e, OrderEvent)]
    gaps = [g for g in world.told if isinstance(g, Gap)]
    assert sorted(world.feed.picture.orders) == sorted(world.truth.open)
    if fill_key is not FillKey.NONE:
        told = Counter(k for e in events if (k := fill_of(e.update, fill_key)) is not None)
        assert told == Counter(fill_of(f, fill_key) for f in world.truth.fills)
        assert gaps == []
        return
    assert not any(
        e.origin is Origin.REST and Decimal(e.update.last_quantity or 0) > 0 for e in events
    )
    shown = sum(Decimal(e.update.last_quantity or 0) > 0 for e in events)
    missing = sum((g.missing_quantity or Decimal(0) for g in gaps), Decimal(0))
    assert shown + missing == len(world.truth.fills)
