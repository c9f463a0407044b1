"""The venue's clock by measurement, and jumps of ours."""

from __future__ import annotations

from userstream.core.client.actions import MeasureClock
from userstream.core.client.bounds import Bounds
from userstream.core.client.clock import VenueClock

HOUR = 3_600_000


def clock(*, needed: bool = True) -> VenueClock:
    return VenueClock(Bounds(), needed=needed)


def measured(offset_ms: int = 5_000) -> VenueClock:
    it = clock()
    it.start(0, 0)
    assert it.tick(0) == [MeasureClock()]
    it.answered(0, 0, offset_ms)
    return it


def test_until_it_is_measured_the_wall_stands_in() -> None:
    it = clock()
    it.start(10, 1_010)
    assert (it.at(20), it.measured, it.sure) == (1_020, False, False)
    assert clock(needed=False).sure


def test_half_the_way_is_assumed_each_way() -> None:
    it = clock()
    it.answered(100, 120, 5_000)
    assert (it.at(110), it.measured, it.sure) == (5_000, True, True)


def test_a_wall_that_moves_against_the_steady_clock_jumped() -> None:
    it = clock()
    it.start(0, 1_000)
    assert it.look(500, 1_500) == 0
    assert it.look(600, 8_600) == 7_000
    assert it.look(700, 1_700) == -7_000


def test_it_is_asked_once_at_a_time_and_again_after_an_hour() -> None:
    it = measured()
    assert it.settled
    assert it.deadline() == HOUR
    assert it.tick(HOUR - 1) == []
    assert it.tick(HOUR) == [MeasureClock()]
    assert not it.settled
    assert (it.tick(HOUR), it.deadline()) == ([], HOUR + 20_000)
    it.answered(HOUR, HOUR, None)
    assert it.deadline() == HOUR + 5_000
    assert it.at(HOUR) == HOUR + 5_000


def test_an_answer_that_does_not_come_is_given_up() -> None:
    it = clock()
    it.start(0, 0)
    it.tick(0)
    assert it.tick(19_999) == []
    assert it.tick(20_000) == [MeasureClock()]


def test_who_needs_no_time_asks_none_unless_it_is_refused() -> None:
    it = clock(needed=False)
    it.start(0, 0)
    assert (it.tick(0), it.deadline()) == ([], None)
    it.refused(5)
    assert it.tick(5) == [MeasureClock()]


def test_a_moment_before_a_jump_stays_where_it_was_measured() -> None:
    it = measured()
    it.look(10_000, 10_000 + HOUR)
    assert not it.measured
    assert it.at(9_000) == 14_000
    assert it.at(10_001) == 10_001 + HOUR
    it.answered(10_000, 10_000, 10_000 + 5_000 + HOUR)  # it slept
    assert it.at(9_000) == 14_000
    it.look(20_000, 20_000 + HOUR - 90_000)
    it.answered(20_000, 20_000, 20_000 + 5_000 + HOUR)  # the wall was set
    assert it.at(9_000) == 14_000
    assert it.at(15_000) == 15_000 + 5_000 + HOUR


def test_a_moment_that_nothing_was_measured_for_is_never_told_too_late() -> None:
    it = clock()
    it.start(0, 0)
    it.look(10_000, 10_000 + HOUR)
    it.refused(10_000)
    assert it.at(9_000) == 9_000
    it.answered(10_000, 10_000, 10_000 + 5_000)
    assert it.at(9_000) == 9_000 + 5_000 - HOUR


def test_any_number_of_jumps_leaves_a_moment_no_later_than_it_was() -> None:
    it = measured()
    for n in range(1, 100):
        it.look(n * 10_000, n * (10_000 + HOUR))
        it.answered(n * 10_000, n * 10_000, n * (10_000 + HOUR) + 5_000)
        assert it.at(9_000) == 14_000
        before = max(n - 5, 1)
        assert it.at(before * 10_000) <= before * (10_000 + HOUR) + 5_000
    assert it.at(985_000) == 985_000 + 98 * HOUR + 5_000


def test_a_jump_that_the_wall_hid_shows_when_it_is_measured_again() -> None:
    it = measured()
    it.look(HOUR, HOUR)
    it.answered(HOUR, HOUR, 3 * HOUR)
    assert it.at(HOUR - 1) == HOUR - 1 + 5_000
    assert it.at(HOUR + 1) == 3 * HOUR + 1
