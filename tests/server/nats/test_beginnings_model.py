"""Accounts that begin to be followed, against copies that lag, losses, purges, changes of mind."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.server.nats.world import World, in_world

WHO = st.sampled_from([*"aaabc"])
LAGS = st.sampled_from([0, 1, 3, 9, 1_000])
SOON = st.sampled_from([0.0005, 0.0011, 0.0022, 0.0033, 0.06])
ANEW = st.tuples(
    st.just("anew"), WHO, st.integers(0, 3), st.lists(LAGS, max_size=3), SOON, st.booleans()
)
STEPS = st.lists(
    st.one_of(
        *[ANEW] * 4,
        st.tuples(st.just("publish"), WHO, st.sampled_from([1, 2, 300]), st.booleans()),
        st.tuples(st.just("publish"), WHO, st.sampled_from([1, 1, 2]), st.just(True)),
        st.tuples(st.just("settle"), WHO),
        st.tuples(st.just("settle"), WHO),
        st.tuples(st.just("purge")),
        st.tuples(st.just("purge")),
        st.tuples(st.just("follow"), WHO),
        st.tuples(st.just("follow"), WHO),
        st.tuples(st.just("unfollow"), WHO),
        st.tuples(st.just("leave"), WHO),
        st.tuples(st.just("resume"), WHO, st.integers(0, 4)),
        st.tuples(st.just("resume"), WHO, st.integers(0, 4)),
        st.tuples(st.just("wait"), st.sampled_from([0.0005, 0.0011, 0.0022, 0.0033, 0.06, 1.0])),
        st.tuples(st.just("wait"), st.sampled_from([0.0005, 0.0011, 0.0022, 0.0033, 0.06, 7.0])),
        st.tuples(st.just("lag"), st.sampled_from(["events", "heads"]), st.lists(LAGS, max_size=6)),
        st.tuples(st.just("fail"), st.integers(1, 3)),
        st.tuples(st.just("cut")),
    ),
    min_size=6,
    max_size=30,
)
AHEAD = [
    ("follow", "a"), ("wait", 7.0), ("publish", "a", 2, False), ("resume", "a", 0), ("wait", 7.0),
]  # fmt: skip
"""A cursor of events that another node showed already."""
NONE_YET = [
    ("publish", "a", 2, True), ("follow", "a"), ("wait", 0.06),
    ("lag", "events", [1_000]), ("resume", "a", 1), ("wait", 0.06),
]  # fmt: skip
"""A copy that has nothing of the account is asked for the first event."""


@settings(max_examples=60, deadline=None)
@example(steps=AHEAD)
@example(steps=NONE_YET)
@given(steps=STEPS)
def test_whoever_follows_is_shown_all_from_where_it_was_told(steps: list[tuple[Any, ...]]) -> None:
    async def test(world: World) -> None:
        for step in steps:
            await world.step(*step)
        await world.heal()

    in_world(test)
