"""Stream: every state with every input, and what a stream does in each case that breaks others."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tests.core.client.rig import Rig
from tests.core.client.values import T
from userstream.core.client import inputs
from userstream.core.client.actions import AbandonRepair, Fail, MeasureClock, StartRepair, Tell
from userstream.core.client.keylife import AskKey
from userstream.core.client.link import CloseSocket, OpenSocket, SendPing, SendText
from userstream.core.client.plan import Proof
from userstream.core.client.requests import NO_ANSWER, Answer, Verdict
from userstream.core.client.states import TRANSITIONS, Step
from userstream.core.client.told import Gap, State, StateChange
from userstream.core.closing import End, Then
from userstream.venue import Call, Cursor, Mark, Notice
from userstream.venues import names

MIN = 60_000
HOUR = 60 * MIN
RENEWAL = 750_000
"""When a key of an hour is renewed, with half of the jitter."""
UNKNOWN = Answer(Verdict.KEY_UNKNOWN, status=400, code=-1125)
DENIED = Answer(Verdict.DENIED, status=401, code=-2015)
CURSOR = Cursor("epoch000", 7, 1)


def closed(end: End, socket: int = 1) -> inputs.Closed:
    return inputs.Closed(socket, end.value.code, end.value.text)


def mark(kind: str, seq: int = 7, reason: str | None = None) -> Mark:
    return Mark("epoch000", seq, kind=kind, reason=reason)


def changes(actions: list[Any]) -> list[State]:
    told = [a.what for a in actions if isinstance(a, Tell)]
    return [t.after for t in told if isinstance(t, StateChange)]


def gaps(actions: list[Any]) -> list[Gap]:
    return [a.what for a in actions if isinstance(a, Tell) and isinstance(a.what, Gap)]


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


# ── sockets ─────────────────────────────────────────────────────────────────────────────────────


def test_a_lost_socket_is_replaced_after_a_wait_and_what_was_missed_is_fetched() -> None:
    rig = Rig(repair=True).live()
    rig.give(inputs.Repaired())
    rig.until(30_000)
    assert changes(rig.give(inputs.Closed(1))) == [State.BLIND]
    rig.until(rig.now + 100)
    assert rig.last(OpenSocket).socket == 2
    rig.open()
    assert rig.last(StartRepair).since_ms == T + 30_000


def test_a_server_that_accepts_and_closes_is_left_alone_longer_and_longer() -> None:
    rig = Rig().live()
    times = []
    for number in range(1, 8):
        rig.give(inputs.Closed(number))
        before = rig.now
        while rig.last(OpenSocket).socket == number:
            rig.until(rig.stream.deadline() or 0)
        times.append(rig.now - before)
        rig.open()
    assert times == [750, 1_500, 3_000, 6_000, 12_000, 24_000, 45_000]


def test_retry_after_of_a_handshake_is_kept() -> None:
    rig = Rig()
    rig.start()
    rig.grant()
    rig.give(inputs.Refused(1, Answer(Verdict.BUSY, retry_after_ms=30_000)))
    rig.until(29_999)
    assert rig.count(OpenSocket) == 1
    rig.until(30_000)
    assert rig.count(OpenSocket) == 2


def test_a_silent_socket_is_noticed_and_blindness_told_within_30_seconds() -> None:
    rig = Rig().live()
    rig.until(28_000, alive=False)
    assert CloseSocket(1, "silent") in rig.done
    assert rig.state is State.BLIND
    assert rig.count(SendPing) == 2


def test_before_the_daily_cut_the_next_socket_is_there_first() -> None:
    rig = Rig().live()
    due = round(24 * HOUR * (1 - 1.5 / 48))
    rig.stream.keys.lives_until_ms = rig.stream.keys.due_ms = 25 * HOUR
    rig.until(due)
    assert rig.last(OpenSocket).socket == 2
    assert rig.state is State.LIVE
    assert CloseSocket(1, "replaced") not in rig.done
    rig.open()
    rig.until(rig.now + 1_999)
    assert CloseSocket(1, "replaced") not in rig.done
    rig.until(rig.now + 1)
    assert CloseSocket(1, "replaced") in rig.done
    assert changes(rig.done) == [State.LIVE]


def test_a_next_socket_that_does_not_come_is_told_while_the_old_one_lives_on() -> None:
    rig = Rig().live()
    rig.give(inputs.Controlled(1, mark("us.end", reason="shutdown"), True))
    for number in (2, 3):
        assert rig.state is State.LIVE
        assert rig.last(OpenSocket).socket == number
        rig.give(inputs.Refused(number, NO_ANSWER))
        rig.until(rig.now + 5_000)
    assert rig.state is State.DEGRADED


def test_an_announced_end_of_the_key_asks_for_another_before_the_close() -> None:
    rig = Rig().live()
    rig.now = 10_000
    actions = rig.give(inputs.Controlled(1, mark("us.end", reason="deleted"), True))
    assert [a.call for a in actions if isinstance(a, AskKey)] == [Call.CREATE]


def test_two_sockets_where_that_is_wanted() -> None:
    rig = Rig(redundant=True).live()
    assert rig.last(OpenSocket).socket == 2
    assert rig.state is State.DEGRADED
    rig.open()
    assert rig.state.value == "live"
    assert changes(rig.give(inputs.Closed(1))) == [State.DEGRADED]
    assert not gaps(rig.done)


def test_a_refused_subscription_is_tried_again_on_another_socket() -> None:
    rig = Rig("mexc")
    rig.start()
    rig.grant()
    rig.give(inputs.Opened(1))
    actions = rig.give(inputs.Heard(1, Notice(refused="Blocked!")))
    assert CloseSocket(1, "subscription refused: Blocked!") in actions
    rig.until(5_000)
    assert rig.last(OpenSocket).socket == 2


def test_the_program_stops_and_only_a_key_that_nobody_shares_is_deleted() -> None:
    assert Rig("binance").live().give(inputs.Stop())[:1] == [CloseSocket(1, "stopped")]
    for venue, asked, deleted in [
        ("binance", None, 0), ("binance", True, 1), ("mexc", None, 1), ("mexc", False, 0),
    ]:  # fmt: skip
        rig = Rig(venue).live()
        actions = rig.give(inputs.Stop(asked))
        assert sum(isinstance(a, AskKey) for a in actions) == deleted
        assert rig.stream.deadline() is None


# ── clocks ──────────────────────────────────────────────────────────────────────────────────────


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


# ── our own server ──────────────────────────────────────────────────────────────────────────────


def ours(**options: Any) -> Rig:
    rig = Rig(heartbeat_s=10, **options).live()
    rig.continuity.cursor = CURSOR
    return rig


def test_a_hole_is_filled_from_the_cursor() -> None:
    rig = ours()
    actions = rig.give(inputs.Controlled(1, mark("us.heartbeat", 9), False))
    assert CloseSocket(1, "a frame is missing") in actions
    assert OpenSocket(2, "key", 10, CURSOR) in actions
    assert rig.state is State.BLIND
    rig.give(inputs.Opened(2))
    actions = rig.give(inputs.Controlled(2, mark("us.resumed", 9), False))
    assert changes(actions) == [State.REPLAYING]
    assert changes(rig.give(inputs.CaughtUp())) == [State.LIVE]
    assert not gaps(rig.done)


def test_where_nothing_was_missed_it_is_live_at_once() -> None:
    rig = ours()
    rig.give(inputs.Holed(1))
    rig.give(inputs.Opened(2))
    assert changes(rig.give(inputs.Controlled(2, mark("us.resumed"), True))) == [State.LIVE]


def test_a_replay_that_breaks_off_is_begun_again() -> None:
    rig = ours()
    rig.give(inputs.Holed(1))
    rig.give(inputs.Opened(2))
    rig.give(inputs.Controlled(2, mark("us.resumed", 9), False))
    assert changes(rig.give(inputs.Closed(2))) == [State.BLIND]
    rig.until(rig.now + 1_000)
    assert rig.last(OpenSocket).resume == CURSOR


@pytest.mark.parametrize("reason", ["too_old", "epoch"])
def test_a_refused_replay_is_repaired_or_told(reason: str) -> None:
    rig = ours()
    rig.give(inputs.Holed(1))
    rig.give(inputs.Opened(2))
    actions = rig.give(inputs.Controlled(2, mark("us.refused", reason=reason), True))
    assert gaps(actions) == [Gap(why=f"no replay: {reason}", from_ms=T)]
    assert rig.state is State.BLIND
    rig = ours(repair=True)
    rig.give(inputs.Repaired())
    rig.give(inputs.Holed(1))
    rig.give(inputs.Opened(2))
    actions = rig.give(inputs.Controlled(2, mark("us.refused", reason=reason), True))
    assert StartRepair(T) in actions
    assert rig.state is State.REPLAYING


def test_what_was_refused_is_not_made_good_by_a_later_replay() -> None:
    rig = ours(repair=True)
    rig.give(inputs.Repaired())
    rig.give(inputs.Holed(1))
    rig.give(inputs.Opened(2))
    rig.give(inputs.Controlled(2, mark("us.refused", reason="too_old"), True))
    rig.give(inputs.Unrepaired("HTTP 500"))
    rig.give(inputs.Closed(2))
    rig.until(rig.now + 5_000)
    rig.give(inputs.Opened(3))
    rig.give(inputs.Controlled(3, mark("us.resumed"), True))
    assert rig.state is State.REPLAYING
    assert rig.last(StartRepair).since_ms == T
    assert changes(rig.give(inputs.Repaired())) == [State.LIVE]


def test_a_repair_is_abandoned_when_the_socket_goes() -> None:
    rig = Rig(repair=True).live()
    actions = rig.give(inputs.Closed(1))
    assert actions[0] == AbandonRepair()
    assert rig.give(inputs.Repaired()) == []
    rig.until(5_000)
    rig.open()
    assert rig.count(StartRepair) == 2
