"""Shards that go from process to process, against slow routes, deaths and stops."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.server.nats.processes import NAMES, World, world_of
from tests.server.nats.virtual import VirtualLoop, run_virtually
from userstream.core.publishing import Refused

WHO = st.integers(0, 2)
PUBLISH = st.tuples(
    st.just("publish"), WHO, st.integers(0, 1), st.lists(st.sampled_from(NAMES), min_size=1)
)
FLOW = st.tuples(st.just("flow"), WHO, st.integers(1, 40))
WAIT = st.tuples(st.just("wait"), st.sampled_from([0.0005, 0.0015, 0.01, 0.3, 1.1, 3.0]))
LEAVE = st.tuples(st.just("leave"), WHO, st.sampled_from([0.0, 0.0, 0.01, 0.3, 3.0]))
CALM = st.lists(
    st.one_of(
        PUBLISH,
        st.tuples(st.just("flow"), WHO, st.sampled_from([5, 40, 400])),
        WAIT,
        st.tuples(st.just("late"), WHO, st.sampled_from([0.0, 0.002, 0.05])),
        st.tuples(st.just("slow"), WHO, st.sampled_from([0.001, 0.003, 0.05])),
        st.tuples(st.just("deaf"), WHO, st.sampled_from([0.001, 0.003, 0.05])),
        LEAVE,
    ),
    min_size=8,
    max_size=30,
)
STEPS = st.lists(
    st.one_of(
        PUBLISH,
        PUBLISH,
        FLOW,
        WAIT,
        st.tuples(st.just("late"), WHO, st.sampled_from([0.0, 0.002, 0.05, 0.4, 1.4])),
        st.tuples(st.just("slow"), WHO, st.sampled_from([0.001, 0.003, 0.05, 0.3])),
        st.tuples(st.just("deaf"), WHO, st.sampled_from([0.001, 0.003, 0.05, 0.3])),
        st.tuples(st.just("drop"), st.sampled_from([1, 2, 5])),
        st.tuples(st.just("cut"), WHO),
        st.tuples(st.just("die"), WHO),
        st.tuples(st.just("stop"), WHO),
        LEAVE,
    ),
    min_size=8,
    max_size=30,
)


EVERYWHERE = [("flow", 0, 2_000), ("flow", 1, 2_000), ("flow", 2, 2_000), ("wait", 3.0)]
"""Nothing goes wrong; but an heir publishes, too."""


@settings(max_examples=25, deadline=None)
@example(steps=EVERYWHERE)
@given(steps=STEPS)
def test_nothing_is_stored_twice_or_lost_while_shards_go_from_process_to_process(
    steps: list[tuple[Any, ...]],
) -> None:
    run_virtually(partial(_lives, steps))


STOPS = [("flow", 0, 800), ("flow", 1, 800), ("leave", 2, 0.0), ("wait", 1.1), ("leave", 0, 0.0)]
"""Two of three stop, one behind the other, while there are shards to be given."""


@settings(max_examples=25, deadline=None)
@example(steps=STOPS)
@given(steps=CALM)
def test_nothing_is_refused_while_processes_start_and_stop_as_they_should(
    steps: list[tuple[Any, ...]],
) -> None:
    world = run_virtually(partial(_lives, steps))
    for name, ticket, i in world.told:
        assert not isinstance(ticket.outcomes[i], Refused), (name, ticket.outcomes[i])


async def _lives(steps: list[tuple[Any, ...]], loop: VirtualLoop) -> World:
    world = await world_of(loop, 3)
    await asyncio.sleep(1.9)
    for step in steps:
        await world.step(*step)
    await world.heal()
    world.check()
    return world
