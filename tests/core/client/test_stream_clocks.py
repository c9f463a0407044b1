"""Stream: clocks that are wrong, machines that sleep, and what is proved meanwhile."""

from __future__ import annotations

import pytest

from tests.core.client.rig import Rig, changes
from tests.core.client.values import HOUR, T
from userstream.core.client import inputs
from userstream.core.client.actions import MeasureClock, StartRepair
from userstream.core.client.keylife import AskKey
from userstream.core.client.link import CloseSocket, OpenSocket, SendPing
from userstream.core.client.plan import Proof
from userstream.core.client.requests import Answer, Verdict
from userstream.core.client.told import State
from userstream.venue import Call


def test_a_refused_timestamp_measures_the_clock_and_is_tried_again_soon() -> None:
    rig = Rig("bhex", clock=True)
    assert MeasureClock() in rig.start()
    assert MeasureClock() not in rig.answer(Answer(Verdict.CLOCK))
    rig.now = 200
    rig.give(inputs.ClockAnswered(100, T + HOUR))
    assert rig.stream.clock.at(200) == T + HOUR + 50
    rig.until(5_000)
    assert rig.last(AskKey).number == 2
    assert MeasureClock() in rig.answer(Answer(Verdict.CLOCK))


def test_a_clock_that_nobody_told_is_asked_for_again() -> None:
    rig = Rig("bhex", clock=True)
    rig.start()
    rig.give(inputs.ClockAnswered(0, None))
    rig.until(5_000)
    assert rig.count(MeasureClock) == 2


def test_a_machine_that_slept_renews_asks_the_time_and_doubts_its_sockets() -> None:
    rig = Rig("bhex", clock=True).live()
    rig.give(inputs.ClockAnswered(0, T))
    rig.until(60_000)
    rig.drift = 2 * HOUR
    actions = rig.until(65_000, alive=False)
    assert MeasureClock() in actions
    assert SendPing(1) in actions
    assert [a.call for a in actions if isinstance(a, AskKey)] == [Call.CREATE]
    rig.grant("new")
    rig.open()
    assert rig.last(OpenSocket).key == "new"


def test_a_wall_that_is_set_back_costs_a_measurement_and_nothing_else() -> None:
    rig = Rig("bhex", clock=True).live()
    rig.give(inputs.ClockAnswered(0, T))
    rig.drift = -90_000
    actions = rig.until(6_000)
    assert actions == [MeasureClock()]
    assert rig.state is State.LIVE


@pytest.mark.parametrize("moved_ms", [-90_000, 90_000, HOUR])
def test_a_wall_that_steps_moves_nothing_that_was_proved(moved_ms: int) -> None:
    rig = Rig("bhex", clock=True, repair=True).live()
    rig.give(inputs.ClockAnswered(0, T))
    rig.give(inputs.Repaired())
    rig.until(10_000)
    rig.drift = moved_ms
    rig.until(40_000, alive=False)
    rig.grant("new")
    rig.open()
    assert rig.count(StartRepair) == 1
    rig.give(inputs.ClockAnswered(rig.now, T + rig.now))
    assert rig.last(StartRepair).since_ms == T + 10_000


def test_a_machine_that_stood_still_proves_nothing_of_that_time() -> None:
    rig = Rig(repair=True).live()
    rig.give(inputs.Repaired())
    rig.until(10_000)
    rig.now = 130_000
    rig.tick()
    rig.give(inputs.Closed(1))
    rig.until(140_000)
    rig.open()
    assert T + 5_000 <= (rig.last(StartRepair).since_ms or 0) <= T + 10_000


def test_a_question_whose_timestamp_is_refused_measures_the_clock() -> None:
    rig = Rig(clock=True, repair=True).live()
    rig.give(inputs.ClockAnswered(0, T))
    assert rig.give(inputs.TimestampRefused()) == [MeasureClock()]


def test_nothing_is_proved_to_a_later_run_before_the_venues_clock_is_known() -> None:
    rig = Rig(clock=True).live()
    assert rig.stream.proof(0) is None
    rig.give(inputs.ClockAnswered(0, T + HOUR))
    assert rig.stream.proof(0) == Proof(T + HOUR)


def test_sockets_that_are_left_unread_are_not_given_up_for_their_silence() -> None:
    rig = Rig().live()
    rig.until(10_000)
    heard = rig.stream.proof(rig.now)
    assert changes(rig.give(inputs.Stalled(True))) == [State.DEGRADED]
    actions = rig.until(120_000, alive=False)
    assert not [a for a in actions if isinstance(a, CloseSocket)]
    assert rig.stream.proof(rig.now) == heard
    assert changes(rig.give(inputs.Stalled(False))) == [State.LIVE]
    actions = rig.until(160_000, alive=False)
    assert CloseSocket(1, "silent") in actions


def test_how_far_nothing_is_missing() -> None:
    rig = Rig()
    rig.start()
    assert rig.stream.proof(0) is None
    rig.grant()
    rig.open()
    rig.until(10_000)
    assert rig.stream.proof(10_000) == Proof(T + 10_000)
    rig.give(inputs.Closed(1))
    assert rig.stream.proof(10_000) is None


def test_what_a_healthy_socket_did_not_bring_is_repaired() -> None:
    rig = Rig(repair=True).live()
    rig.give(inputs.Repaired())
    rig.until(30_000)
    actions = rig.give(inputs.Missed(20_000))
    assert changes(actions) == [State.REPLAYING]
    assert StartRepair(T + 20_000) in actions
