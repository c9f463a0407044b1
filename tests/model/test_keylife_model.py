"""A listen key through REST calls that fail: it lives while any try succeeds in time."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from userstream.core.client.bounds import Bounds
from userstream.core.client.keylife import KeyLife
from userstream.core.client.requests import NO_ANSWER, Answer, Verdict
from userstream.venue import Call, KeyPolicy

HOUR = 3_600_000
GRANTED = Answer(Verdict.GRANTED, "key")
BUSY = Answer(Verdict.BUSY, retry_after_ms=60_000)
FAILURES = [NO_ANSWER, BUSY, Answer(Verdict.DENIED), Answer(Verdict.CLOCK), None]
"""``None``: nobody answers."""


def run(answers: list[Answer | None], units: list[float], hours: int) -> tuple[KeyLife, list[int]]:
    """A key life, with these answers and then good ones; and when a new key was asked for."""
    unit = itertools.cycle(units)
    life = KeyLife(KeyPolicy(length=60), Bounds(), lambda: next(unit))
    life.tick(0)
    life.answered(1, GRANTED, 50)
    left = iter(answers)
    posts, now = [0], 0
    while now < hours * HOUR:
        now = max(life.deadline() or 0, now)
        for asked in life.tick(now):
            posts += [now] if asked.call is Call.CREATE else []
            answer = next(left, GRANTED)
            if answer is not None:
                life.answered(asked.number, answer, now + 50)
    return life, posts


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("count", range(1, 21))
@pytest.mark.parametrize("unit", [0.0, 1.0])
def test_twenty_failures_in_a_row_of_any_kind_do_not_end_it(
    failure: Answer | None, count: int, unit: float
) -> None:
    life, posts = run([failure] * count, [unit], 3)
    assert posts == [0]
    assert life.failures == 0


@given(
    st.lists(st.sampled_from([*FAILURES, GRANTED, Answer(Verdict.KEY_UNKNOWN)]), max_size=300),
    st.lists(st.floats(0, 1), min_size=1, max_size=7),
)
def test_it_comes_back_from_anything_and_never_hurries(
    answers: list[Answer | None], units: list[float]
) -> None:
    life, posts = run(answers, units, 12)
    assert all(b - a >= 5_000 for a, b in itertools.pairwise(posts))
    assert life.lives(12 * HOUR)
    assert life.failures == 0
