"""Stream: every state with every input; how it comes to be live, and its key."""

from __future__ import annotations

import itertools

import pytest

from tests.core.client.rig import Rig, changes, gaps
from tests.core.client.values import DENIED, HOUR, MIN, RENEWAL, UNKNOWN, T, closed, mark
from userstream.core.client import inputs
from userstream.core.client.actions import Fail, StartRepair
from userstream.core.client.keylife import AskKey
from userstream.core.client.link import CloseSocket, OpenSocket, SendText
from userstream.core.client.requests import NO_ANSWER, Answer, Verdict
from userstream.core.client.states import TRANSITIONS, Step
from userstream.core.client.told import Gap, State
from userstream.core.closing import End, Then
from userstream.venue import Call, Notice
from userstream.venues import names

# ── states and inputs ───────────────────────────────────────────────────────────────────────────


def test_the_table_has_every_step_of_every_state_but_the_last() -> None:
    alive = [s for s in State if s is not State.STOPPED]
    assert set(TRANSITIONS) == set(itertools.product(alive, Step))


def in_state(state: State) -> Rig:
    rig = Rig(repair=True)
    rig.start()
    if state is not State.CONNECTING:
        rig.grant()
        rig.open()
    if state in {State.LIVE, State.DEGRADED}:
        rig.give(inputs.Repaired())
    if state is State.DEGRADED:
        rig.stream.keys.failures = 2
        rig.tick()
    if state is State.BLIND:
        rig.give(inputs.Unrepaired("HTTP 500"))
    if state is State.STOPPED:
        rig.give(inputs.Stop())
    assert rig.state is state
    return rig


LOST = {s: State.CONNECTING if s is State.CONNECTING else State.BLIND for s in State}
SAME = {s: s for s in State}
OVER = dict.fromkeys(State, State.STOPPED)
ENDED = {**OVER, State.CONNECTING: State.CONNECTING}
MENDED = {**SAME, State.REPLAYING: State.LIVE}
EXPECTED: list[tuple[inputs.Input, dict[State, State]]] = [
    (inputs.Start(T), SAME),
    (inputs.Stop(), OVER),
    (inputs.Tick(T), {**SAME, State.BLIND: State.BLIND}),
    (inputs.KeyAnswered(9, NO_ANSWER), SAME),
    (inputs.ClockAnswered(0, None), SAME),
    (inputs.ClockAnswered(0, T), SAME),
    (inputs.Opened(1), SAME),
    (inputs.Opened(9), SAME),
    (inputs.Refused(1, NO_ANSWER), LOST),
    (inputs.Refused(1, UNKNOWN), LOST),
    (inputs.Closed(1), LOST),
    (inputs.Closed(9), SAME),
    (inputs.Pong(1), SAME),
    (inputs.Heard(1, Notice()), SAME),
    (inputs.Expired(1), LOST),
    (inputs.Holed(1), LOST),
    (inputs.Controlled(1, mark("us.heartbeat"), True), SAME),
    (inputs.Controlled(1, mark("us.heartbeat"), False), LOST),
    (inputs.Controlled(1, mark("us.unknown"), True), SAME),
    (inputs.CaughtUp(), SAME),
    (inputs.Repaired(), MENDED),
    (inputs.Unrepaired("HTTP 500"), {**SAME, State.REPLAYING: State.BLIND}),
    (inputs.Missed(0), {**SAME, State.LIVE: State.REPLAYING, State.DEGRADED: State.REPLAYING}),
    (inputs.TimestampRefused(), SAME),
    (inputs.Stalled(True), {**SAME, State.LIVE: State.DEGRADED}),
    (inputs.Stalled(False), SAME),
    (inputs.Reconciled(), {**MENDED, State.BLIND: State.LIVE}),
    *((closed(end), ENDED if end.value.then is Then.STOP else LOST) for end in End),
]


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize(("given", "leads"), EXPECTED)
def test_every_input_in_every_state_leads_where_it_must(
    state: State, given: inputs.Input, leads: dict[State, State]
) -> None:
    rig = in_state(state)
    actions = rig.give(given)
    expected = leads[state]
    if state is State.STOPPED:
        assert (actions, expected) == ([], State.STOPPED) or rig.state is State.STOPPED
        return
    assert rig.state is expected
    assert rig.state in {TRANSITIONS[state, step] for step in Step}
    assert changes(actions) == ([] if expected is state else [expected])
    due = rig.stream.deadline()
    assert (due is None) is (rig.state is State.STOPPED)


def test_nothing_happens_before_the_start_and_after_the_end() -> None:
    rig = Rig()
    assert rig.give(inputs.Tick(T)) == []
    assert rig.stream.deadline() is None
    rig.start()
    rig.give(inputs.Stop())
    assert rig.start() == []
    assert repr(rig.stream) == "<Stream binance stopped>"


# ── from nothing to live, on every venue ────────────────────────────────────────────────────────


@pytest.mark.parametrize("venue", names())
def test_a_key_a_socket_and_what_the_venue_wants_beside(venue: str) -> None:
    rig = Rig(venue)
    assert rig.start() == [AskKey(1, Call.CREATE, None)]
    assert rig.grant() == [OpenSocket(1, "key")]
    opening = rig.venue.stream.opening
    actions = rig.open()
    texts = [a.payload for a in actions if isinstance(a, SendText)]
    assert texts == ([] if opening is None else [opening.encode()])
    assert changes(actions) == [State.LIVE]


def test_a_venue_that_can_be_asked_is_asked_before_it_is_live() -> None:
    rig = Rig(repair=True)
    rig.start()
    rig.grant()
    actions = rig.open()
    assert StartRepair(None) in actions
    assert changes(actions) == [State.REPLAYING]
    assert changes(rig.give(inputs.Repaired())) == [State.LIVE]


def test_what_an_earlier_run_had_is_where_the_repair_begins() -> None:
    rig = Rig(repair=True, since_ms=T - 5).live()
    assert rig.last(StartRepair).since_ms == T - 5
    rig = Rig(since_ms=T - 5).live()
    assert gaps(rig.done) == [Gap(why="start", from_ms=T - 5)]
    assert rig.state is State.CONNECTING
    assert changes(rig.give(inputs.Reconciled())) == [State.LIVE]


# ── keys ────────────────────────────────────────────────────────────────────────────────────────


def test_an_hour_passes_and_the_key_was_renewed() -> None:
    rig = Rig().live()
    for minute in range(0, 180, 5):
        rig.until(minute * MIN)
        if rig.stream.keys.state.name == "RENEWING":
            rig.answer(Answer(Verdict.GRANTED))
    assert rig.state is State.LIVE
    assert rig.count(OpenSocket) == 1


def test_two_failed_renewals_are_told_and_a_good_one_ends_it() -> None:
    rig = Rig().live()
    rig.until(RENEWAL)
    for _ in range(2):
        assert rig.state is State.LIVE
        rig.answer(NO_ANSWER)
        rig.until(rig.now + 5_000)
    assert rig.state is State.DEGRADED
    rig.answer(Answer(Verdict.GRANTED))
    assert rig.state.value == "live"


def test_it_is_never_live_on_a_key_that_outlived_its_life() -> None:
    rig = Rig().live()
    for _ in range(400):
        rig.until(rig.now + 10_000)
        if rig.stream.keys.key is not None:
            rig.answer(NO_ANSWER)
        if rig.now >= HOUR:
            break
    assert rig.state is State.BLIND
    actions = rig.grant("key")
    assert rig.state is State.BLIND
    assert gaps(actions)
    assert gaps(actions)[0].from_ms is not None


def test_a_dead_key_costs_one_new_one_and_one_overlapping_socket() -> None:
    rig = Rig(repair=True).live()
    rig.give(inputs.Repaired())
    rig.until(RENEWAL)
    actions = rig.answer(UNKNOWN)
    assert [a.call for a in actions if isinstance(a, AskKey)] == [Call.CREATE]
    assert changes(actions) == [State.BLIND]
    assert rig.grant("new") == [OpenSocket(2, "new")]
    actions = rig.open()
    assert changes(actions) == [State.REPLAYING]
    # Since the last moment at which the key was known to live, not since the last pong.
    assert rig.last(StartRepair).since_ms == T
    assert CloseSocket(1, "replaced") not in rig.done
    rig.until(rig.now + 2_000)
    assert CloseSocket(1, "replaced") in rig.done
    assert rig.count(OpenSocket) == 2


def test_an_event_proves_a_key_too() -> None:
    rig = Rig(repair=True).live()
    rig.give(inputs.Repaired())
    rig.until(RENEWAL)
    rig.stream.heard(1, 12 * MIN)
    rig.stream.heard(9, RENEWAL)
    rig.answer(UNKNOWN)
    rig.grant("new")
    rig.open()
    assert rig.last(StartRepair).since_ms == T + 12 * MIN


def test_the_notice_of_a_dead_key_may_come_twice() -> None:
    rig = Rig().live()
    rig.now = 10_000
    assert rig.give(inputs.Expired(1))[0] == AskKey(2, Call.CREATE, None)
    rig.give(inputs.Expired(1))
    rig.grant("new")
    rig.give(inputs.Expired(1))
    rig.give(closed(End.EXPIRED))
    assert rig.stream.keys.key == "new"
    assert rig.count(AskKey) == 2


def test_a_handshake_that_does_not_know_the_key_asks_for_another() -> None:
    rig = Rig()
    rig.start()
    rig.grant()
    rig.now = 6_000
    actions = rig.give(inputs.Refused(1, UNKNOWN))
    assert [a.call for a in actions if isinstance(a, AskKey)] == [Call.CREATE]
    assert rig.state is State.CONNECTING


def test_who_is_not_let_in_is_told_at_once_but_not_in_the_middle_of_the_day() -> None:
    rig = Rig()
    rig.start()
    actions = rig.answer(DENIED)
    assert actions[-1] == Fail("HTTP 401, code -2015")
    assert rig.state is State.STOPPED
    rig = Rig().live()
    rig.until(RENEWAL)
    rig.answer(DENIED)
    assert rig.state is State.LIVE


@pytest.mark.parametrize("end", [e for e in End if e.value.code is not None])
def test_after_a_close_it_does_what_the_table_says(end: End) -> None:
    rig = Rig().live()
    actions = rig.give(closed(end))
    stops = end.value.then is Then.STOP
    assert (rig.state is State.STOPPED) == stops
    assert (Fail(end.value.text) in actions) == stops
