"""What a stream says of its key and its clock."""

from __future__ import annotations

import pytest

from userstream.core.client import inputs
from userstream.core.client.bounds import Bounds
from userstream.core.client.continuity import Continuity
from userstream.core.client.health import health_of
from userstream.core.client.plan import Plan
from userstream.core.client.requests import Answer, Verdict
from userstream.core.client.stream import Stream
from userstream.venues import load

WALL_MS = 1_000_000


@pytest.fixture
def stream() -> Stream:
    plan = Plan(clock=True)
    return Stream(load("binance"), plan, Bounds(), lambda: 0.0, Continuity())


def test_before_there_is_a_key_little_is_known(stream: Stream) -> None:
    assert health_of(stream, 0, WALL_MS)._asdict() == {
        "why": "start", "key_age_s": None, "key_due_s": 0, "key_left_s": None, "key_failures": 0,
        "clock_offset_ms": None, "clock_margin_ms": None,
    }  # fmt: skip


def test_a_key_ages_and_is_due(stream: Stream) -> None:
    stream.handle(inputs.Start(WALL_MS), 0)
    assert health_of(stream, 10, WALL_MS + 10).key_due_s is None  # an answer is awaited
    stream.handle(inputs.KeyAnswered(1, Answer(Verdict.GRANTED, "k" * 64)), 500)
    health = health_of(stream, 60_000, WALL_MS + 60_000)
    assert (health.key_age_s, health.key_due_s, health.key_left_s) == (60, 540.5, 3_540)
    stream.handle(inputs.Tick(WALL_MS + 601_000), 601_000)
    stream.handle(inputs.KeyAnswered(2, Answer(Verdict.GRANTED, None)), 601_000)
    health = health_of(stream, 601_000, WALL_MS)
    assert (health.key_age_s, health.key_due_s, health.key_left_s) == (601, 600, 3_600)


def test_a_machine_that_slept_has_an_older_key(stream: Stream) -> None:
    stream.handle(inputs.Start(WALL_MS), 0)
    stream.handle(inputs.KeyAnswered(1, Answer(Verdict.GRANTED, "k" * 64)), 0)
    stream.handle(inputs.Tick(WALL_MS + 905_000), 5_000)
    assert health_of(stream, 5_000, WALL_MS + 905_000).key_age_s == 905


def test_failures_count_and_the_end_has_no_next_request(stream: Stream) -> None:
    stream.handle(inputs.Start(WALL_MS), 0)
    stream.handle(inputs.KeyAnswered(1, Answer(Verdict.FAILED)), 100)
    assert health_of(stream, 100, WALL_MS).key_failures == 1
    stream.handle(inputs.Stop(None), 200)
    health = health_of(stream, 200, WALL_MS)
    assert (health.why, health.key_due_s, health.key_age_s) == ("start", None, None)


def test_the_clock_is_known_as_well_as_it_was_measured(stream: Stream) -> None:
    stream.handle(inputs.Start(WALL_MS), 0)
    stream.handle(inputs.ClockAnswered(0, WALL_MS + 2_010), 21)
    health = health_of(stream, 100, WALL_MS + 100)
    assert (health.clock_offset_ms, health.clock_margin_ms) == (2_000, 12)
    stream.handle(inputs.Tick(WALL_MS + 5_000 + 60_000), 5_000)
    assert health_of(stream, 5_000, WALL_MS).clock_offset_ms is None
