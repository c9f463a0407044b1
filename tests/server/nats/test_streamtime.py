"""The time of the stream: every node makes the same of the same ticks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from userstream.server.nats.streamtime import StreamTime, Tick

T = 1_499_827_319_559


def at(ms: int = T) -> StreamTime:
    time = StreamTime(2_000, 5_000, 3_000)
    time.hear("a", Tick(ms))
    return time


def test_time_goes_with_the_fastest_and_never_back() -> None:
    time = at()
    for node, ms, then in (("b", T - 9, T), ("a", T + 5, T + 5), ("b", T + 4, T + 5)):
        time.hear(node, Tick(ms))
        assert time.ms == then


def test_a_node_that_does_not_know_the_time_moves_nothing() -> None:
    time = StreamTime(2_000, 5_000, 3_000)
    time.hear("a", Tick())
    assert time.ms == 0
    time.hear("a", Tick(T))
    time.hear("b", Tick())
    assert time.ms == T
    assert time.nodes() == ["a", "b"]


def test_after_an_outage_time_stands_still_until_nodes_have_settled() -> None:
    time = at()
    for ms in (T + 60_000, T + 62_000, T + 64_999):
        time.hear("a", Tick(ms))
        assert time.ms == T
    time.hear("b", Tick(T + 65_000))
    assert time.ms == T + 65_000
    time.hear("b", Tick(T + 65_100))
    assert time.ms == T + 65_100


def test_one_clock_that_is_wrong_does_not_stop_the_time_of_the_others() -> None:
    time = at()
    time.hear("wrong", Tick(T + 300_000))
    assert time.ms == T
    time.hear("a", Tick(T + 250))
    assert time.ms == T + 250
    time.hear("wrong", Tick(T + 300_500))
    time.hear("a", Tick(T + 500))
    assert time.ms == T + 500


def test_a_node_that_comes_later_learns_the_time_that_others_made_of_theirs() -> None:
    time = StreamTime(2_000, 5_000, 3_000)
    time.hear("a", Tick(T + 60_000, T))  # after a leap: it has yet to settle
    assert time.ms == T


def test_a_node_is_dead_after_its_lease_or_when_it_says_so() -> None:
    time = at()
    time.hear("b", Tick(T))
    assert time.nodes() == ["a", "b"]
    for ms in (T + 1_500, T + 3_000, T + 3_001):
        time.hear("a", Tick(ms))
    assert (time.lives("a"), time.lives("b"), time.lives("c")) == (True, False, False)
    time.leave("a")
    time.leave("c")
    assert time.nodes() == []


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 20_000)), max_size=60))
def test_time_is_never_ahead_of_every_clock_and_never_back(ticks: list[tuple[str, int]]) -> None:
    time = StreamTime(2_000, 5_000, 3_000)
    latest = last = 0
    for node, after in ticks:
        time.hear(node, Tick(T + after, time.ms))
        latest = max(latest, T + after)
        assert last <= time.ms <= latest
        last = time.ms
