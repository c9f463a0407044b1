"""Hole: what is done about what may be missing."""

from __future__ import annotations

from tests.core.client.values import half
from userstream.core.client import inputs
from userstream.core.client.actions import AbandonRepair, StartRepair, Tell
from userstream.core.client.bounds import Bounds
from userstream.core.client.clock import VenueClock
from userstream.core.client.hole import Hole
from userstream.core.client.told import Gap


def hole(*, repairs: bool = True, since_ms: int | None = 7, replayable: bool = True) -> Hole:
    it = Hole(Bounds(), half, clock(), repairs=repairs)
    it.open(since_ms, "lost", replayable=replayable)
    return it


def clock() -> VenueClock:
    return VenueClock(Bounds(), needed=True)


def test_it_is_repaired_where_that_can_be_done() -> None:
    it = hole()
    assert it.mend(0) == [StartRepair(7)]
    assert it.mending
    assert it.mend(0) == []
    assert it.mended(inputs.Repaired(), 1) == []
    assert (it.is_open, it.mending) == (False, False)
    assert it.mend(2) == []


def test_a_repair_that_fails_is_told_once_and_tried_again_later() -> None:
    it = hole()
    it.mend(0)
    it.mended(inputs.Unrepaired("HTTP 500"), 0)
    assert it.mend(749) == [Tell(Gap(why="HTTP 500", from_ms=7))]
    assert it.mend(749) == []
    assert it.mend(750) == [StartRepair(7)]
    it.mended(inputs.Unrepaired("HTTP 429", 9_000), 1_000)
    assert it.mend(9_999) == []
    assert it.mend(10_000) == [StartRepair(7)]


def test_without_repairs_it_is_told_and_stands_until_the_program_says_otherwise() -> None:
    it = hole(repairs=False, since_ms=None)
    assert it.mend(0) == [Tell(Gap(why="lost"))]
    assert it.mended(inputs.Repaired(), 1) == []
    assert it.mended(inputs.CaughtUp(), 1) == []
    assert it.mended(inputs.Unrepaired("no"), 1) == []
    assert it.is_open
    assert it.mended(inputs.Reconciled(), 1) == []
    assert not it.is_open


def test_a_program_that_made_sure_itself_ends_a_repair() -> None:
    it = hole()
    it.mend(0)
    assert it.mended(inputs.Reconciled(), 1) == [AbandonRepair()]
    assert not it.is_open


def test_another_break_makes_it_wider_and_ends_what_was_under_way() -> None:
    it = hole()
    it.mend(0)
    assert it.widen() == [AbandonRepair()]
    assert it.widen() == []
    assert (it.is_open, it.since_ms) == (True, 7)
    assert it.mend(1) == [StartRepair(7)]


def test_a_replay_closes_it_at_once_or_when_it_has_caught_up() -> None:
    it = hole()
    it.replay(whole=True)
    assert not it.is_open
    it = hole()
    it.replay(whole=False)
    assert it.mend(0) == []
    assert it.mended(inputs.CaughtUp(), 1) == []
    assert not it.is_open
    it.replay(whole=False)
    assert not it.replaying


def test_a_refused_replay_is_a_hole_for_certain() -> None:
    it = Hole(Bounds(), half, clock(), repairs=False)
    it.refuse("no replay: too_old", 5)
    assert it.mend(0) == [Tell(Gap(why="no replay: too_old", from_ms=5))]
    it = hole()
    it.replay(whole=False)
    it.refuse("no replay: epoch", 5)
    assert (it.since_ms, it.why, it.replaying) == (7, "no replay: epoch", False)


def test_what_an_earlier_run_had_is_in_the_venues_time() -> None:
    it = Hole(Bounds(), half, clock(), repairs=True)
    it.begin(1_700_000_000_000, replayable=False)
    assert it.mend(0) == [StartRepair(1_700_000_000_000)]


def test_it_is_asked_for_once_the_venues_clock_is_known() -> None:
    venue = clock()
    it = Hole(Bounds(), half, venue, repairs=True)
    it.open(7, "lost")
    venue.start(0, 3_600_000)
    venue.tick(0)
    assert it.mend(0) == []
    venue.answered(0, 0, 90_000)
    assert it.mend(0) == [StartRepair(90_007)]


def test_a_cursor_from_within_a_hole_does_not_close_it() -> None:
    it = hole(replayable=False)
    it.replay(whole=True)
    assert it.is_open
    it.replay(whole=False)
    assert not it.replaying
    it = hole()
    it.refuse("no replay: too_old", 5)
    it.replay(whole=True)
    assert it.is_open
    assert it.mend(0) == [StartRepair(7)]
