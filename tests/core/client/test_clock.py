"""The venue's clock by measurement, and jumps of ours."""

from __future__ import annotations

from userstream.core.client.clock import VenueClock


def test_until_it_is_measured_the_wall_stands_in() -> None:
    clock = VenueClock()
    assert clock.at(10) == 10
    assert clock.look(10, 1_010) == 0
    assert (clock.at(20), clock.measured) == (1_020, False)


def test_half_the_way_is_assumed_each_way() -> None:
    clock = VenueClock()
    clock.measure(100, 120, 5_000)
    assert (clock.at(110), clock.measured) == (5_000, True)
    clock.doubt()
    assert (clock.at(110), clock.measured) == (110, False)


def test_a_wall_that_moves_against_the_steady_clock_jumped() -> None:
    clock = VenueClock()
    clock.look(0, 1_000)
    assert clock.look(500, 1_500) == 0
    assert clock.look(600, 8_600) == 7_000
    assert clock.look(700, 1_700) == -7_000
