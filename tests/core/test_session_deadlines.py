"""Session: every deadline to the millisecond, whatever clocks do."""

from __future__ import annotations

import pytest

from tests.core.sessions import (
    DAY,
    DEALS,
    ORDERS,
    PING,
    PINGING,
    SUBSCRIBE,
    UNSUBSCRIBE,
    T,
    mexc_bound,
    session,
    text,
)
from userstream.core.closing import End
from userstream.core.limits import Limits
from userstream.core.session import (
    Beat,
    Close,
    ControlIn,
    Ended,
    Input,
    Ping,
    Send,
    Session,
    State,
    Subscribe,
    Tick,
)
from userstream.venues import load, names

# ── pings and age ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("venue", PINGING)
@pytest.mark.parametrize(
    ("option", "every", "dead"), [("20s", 20_000, 60_000), ("3min", 180_000, 600_000)]
)
def test_pings_go_out_and_silence_ends_the_session_to_the_millisecond(
    venue: str, option: str, every: int, dead: int
) -> None:
    it = session(venue, ping=option)
    for due in range(T + every, T + dead, every):
        assert it.deadline() == due
        assert it.handle(Tick(), due - 1) == []
        assert it.handle(Tick(), due) == [Ping()]
    assert it.deadline() == T + dead
    assert it.handle(Tick(), T + dead - 1) in ([], [Ping()])
    assert it.handle(Tick(), T + dead) == [Close(End.NO_PONG)]


@pytest.mark.parametrize("venue", PINGING)
@pytest.mark.parametrize("sign_of_life", [ControlIn(pong=True), ControlIn(pong=False), text("x")])
def test_any_frame_of_the_client_is_a_sign_of_life(venue: str, sign_of_life: Input) -> None:
    it = session(venue)
    it.handle(sign_of_life, T + 59_999)
    assert it.handle(Tick(), T + 60_000) == [Ping()]
    assert it.handle(Tick(), T + 119_998) == [Ping()]
    assert it.handle(Tick(), T + 119_999) == [Close(End.NO_PONG)]


def test_pings_that_fell_due_long_ago_are_sent_once() -> None:
    it = session("binance")
    it.handle(ControlIn(pong=True), T + 50_000)
    assert it.handle(Tick(), T + 55_000) == [Ping()]
    assert it.deadline() == T + 75_000


@pytest.mark.parametrize("venue", PINGING)
def test_a_session_ends_after_a_day_however_lively(venue: str) -> None:
    it = session(venue)
    for now in range(T, T + DAY, 50_000):
        it.handle(ControlIn(pong=True), now)
        assert Close(End.MAX_AGE) not in it.handle(Tick(), now)
    it.handle(ControlIn(pong=True), T + DAY - 1)
    assert it.handle(Tick(), T + DAY - 1) in ([], [Ping()])
    assert it.deadline() == T + DAY
    assert it.handle(Tick(), T + DAY) == [Close(End.MAX_AGE)]


def test_mexc_ends_after_a_day_too_and_never_pings() -> None:
    it = mexc_bound()
    for now in range(T, T + DAY, 50_000):
        it.sent_ms = now
        assert it.handle(Tick(), now) == []
        assert it.handle(ControlIn(pong=True), now) == []
    it.sent_ms = T + DAY - 1
    assert it.handle(Tick(), T + DAY - 1) == []
    assert it.deadline() == T + DAY
    assert it.handle(Tick(), T + DAY) == [Close(End.MAX_AGE)]


def test_frames_that_are_sent_are_no_sign_of_the_clients_life() -> None:
    it = session("binance")
    it.sent_ms = T + 59_999
    assert it.handle(Tick(), T + 60_000) == [Close(End.NO_PONG)]


def test_bhex_pings_in_json_where_that_is_set() -> None:
    it = session("bhex", json_ping_s=15)
    assert it.deadline() == T + 15_000
    assert it.handle(Tick(), T + 14_999) == []
    assert it.handle(Tick(), T + 15_000) == [Send(b'{"ping":1000015000}')]
    assert it.handle(Tick(), T + 15_001) == []
    assert it.deadline() == T + 20_000
    assert it.handle(Tick(), T + 20_000) == [Ping()]
    assert it.handle(Tick(), T + 30_000) == [Send(b'{"ping":1000030000}')]
    assert it.handle(text('{"pong":1000030000}'), T + 30_001) == []


def test_an_unbound_socket_of_binance_waits_for_its_subscription_without_limit() -> None:
    it = session("binance", bound=False)
    assert it.deadline() == T + 20_000
    it.handle(ControlIn(pong=True), T + 59_000)
    assert it.handle(Tick(), T + 60_000) == [Ping()]
    assert it.state is State.UNBOUND


# ── MEXC's rules of silence ─────────────────────────────────────────────────────────────────────


def test_mexc_without_a_subscription_ends_after_thirty_seconds() -> None:
    it = session("mexc", bound=False)
    assert it.deadline() == T + 30_000
    assert it.handle(Tick(), T + 29_999) == []
    assert it.handle(Tick(), T + 30_000) == [Close(End.NO_SUBSCRIPTION)]


@pytest.mark.parametrize("content", [PING, SUBSCRIBE % "spot@private.none", "x", ""])
def test_nothing_but_a_good_subscription_satisfies_the_rule_of_thirty_seconds(content: str) -> None:
    it = session("mexc", bound=False)
    it.handle(text(content), T + 29_000)
    it.handle(ControlIn(pong=True), T + 29_500)
    it.sent_ms = T + 29_999
    assert it.deadline() == T + 30_000
    assert it.handle(Tick(), T + 30_000) == [Close(End.NO_SUBSCRIPTION)]


def test_a_subscription_in_the_last_millisecond_is_in_time() -> None:
    it = session("mexc", bound=False)
    it.handle(text(SUBSCRIBE % ORDERS), T + 29_999)
    assert it.deadline() == T + 89_999


def test_mexc_ends_after_sixty_seconds_of_silence() -> None:
    it = mexc_bound()
    assert it.deadline() == T + 60_000
    assert it.handle(Tick(), T + 59_999) == []
    assert it.handle(Tick(), T + 60_000) == [Close(End.IDLE)]


def test_a_ping_rescues_from_the_rule_of_sixty_seconds() -> None:
    it = mexc_bound()
    pong = Send(b'{"id":0,"code":0,"msg":"PONG"}')
    assert it.handle(text(PING, ORDERS), T + 59_999) == [pong]
    assert it.deadline() == T + 119_999
    assert it.handle(Tick(), T + 119_998) == []
    assert it.handle(Tick(), T + 119_999) == [Close(End.IDLE)]


def test_events_that_are_sent_break_the_silence() -> None:
    it = mexc_bound()
    it.sent_ms = T + 40_000
    assert it.deadline() == T + 100_000
    assert it.handle(Tick(), T + 60_000) == []
    assert it.handle(Tick(), T + 100_000) == [Close(End.IDLE)]


@pytest.mark.parametrize("given", [ControlIn(pong=True), ControlIn(pong=False), text("x", ORDERS)])
def test_control_frames_and_nonsense_do_not_break_the_silence(given: Input) -> None:
    it = mexc_bound()
    it.handle(given, T + 59_000)
    assert it.deadline() == T + 60_000


def test_unsubscribing_from_all_begins_the_thirty_seconds_again() -> None:
    it = mexc_bound()
    actions = it.handle(text(UNSUBSCRIBE % ORDERS, ORDERS), T + 50_000)
    assert actions[0] == Subscribe(frozenset())
    assert it.deadline() == T + 80_000
    assert it.handle(Tick(), T + 80_000) == [Close(End.NO_SUBSCRIPTION)]


def test_a_second_channel_does_not_break_the_silence() -> None:
    it = mexc_bound()
    it.handle(text(SUBSCRIBE % DEALS, ORDERS), T + 50_000)
    assert it.deadline() == T + 60_000


# ── clocks that are changed ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("venue", ["binance", "mexc"])
def test_on_a_fast_clock_pings_and_idle_rules_wait_in_real_time(venue: str) -> None:
    slow = Session(load(venue), Limits(), T, bound=venue != "mexc")
    fast = Session(load(venue), Limits(), T, bound=venue != "mexc", pace=100)
    assert ((slow.deadline() or 0) - T) * 100 == (fast.deadline() or 0) - T


def test_after_a_change_of_pace_what_was_waited_for_stays_waited_for() -> None:
    it = Session(load("binance"), Limits(), T, bound=True)
    assert it.handle(Tick(), T + 20_000) == [Ping()]
    it.rebase(T + 30_000, T + 30_000, 10)  # the next ping had been due in 10 s
    assert it.deadline() == T + 30_000 + 100_000
    assert it.handle(Tick(), T + 130_000) == [Ping()]
    it.rebase(T + 130_000, T + 130_000, 1)  # of 60 s without a pong, 40 are over
    assert it.deadline() == T + 150_000
    assert it.handle(Tick(), T + 150_000) == [Close(End.NO_PONG)]


def test_a_jump_ages_a_session_and_does_not_cost_it_its_pong() -> None:
    it = session("bhex", json_ping_s=15)
    it.rebase(T, T + 3_600_000, 1)
    assert it.handle(Tick(), T + 3_600_000) == []
    assert it.deadline() == T + 3_600_000 + 15_000
    it.rebase(T + 3_600_000, T + 86_400_000, 1)
    assert it.handle(Tick(), T + 86_400_000) == [Close(End.MAX_AGE)]


# ── heartbeats of the extension ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("venue", names())
def test_heartbeats_come_so_often_as_asked_and_need_no_answer(venue: str) -> None:
    it = Session(load(venue), Limits(), T, bound=True, heartbeat_s=7)
    assert it.deadline() == T + 7_000
    assert it.handle(Tick(), T + 6_999) == []
    assert it.handle(Tick(), T + 7_000) == [Beat()]
    assert it.deadline() == T + 14_000
    assert it.handle(Tick(), T + 19_999) == [Beat()]
    it.handle(Ended(End.SHUTDOWN), T + 20_000)
    assert it.handle(Tick(), T + 40_000) == []


def test_on_a_fast_clock_heartbeats_come_in_real_time() -> None:
    it = Session(load("mexc"), Limits(), T, bound=True, pace=100, heartbeat_s=1)
    assert it.deadline() == T + 100_000
    it.rebase(T + 50_000, T + 50_000, 1)
    assert it.deadline() == T + 50_500


def test_what_a_dead_client_is_sent_does_not_keep_its_mexc_stream_open() -> None:
    """A proxy may acknowledge for it; nobody pings on MEXC, and the heartbeats go on."""
    it = Session(load("mexc"), Limits(), T, bound=True, heartbeat_s=10)
    it.handle(text(PING, ORDERS), T + 5_000)
    for beat in range(10_000, 65_000, 10_000):
        assert it.handle(Tick(), T + beat) == [Beat()]
        it.sent_ms = T + beat
    assert it.deadline() == T + 65_000
    assert it.handle(Tick(), T + 65_000) == [Close(End.IDLE)]


def test_a_client_with_heartbeats_that_says_anything_lives() -> None:
    it = Session(load("mexc"), Limits(), T, bound=True, heartbeat_s=60)
    it.handle(ControlIn(pong=True), T + 50_000)
    assert it.handle(Tick(), T + 60_000) == [Beat()]
    assert it.deadline() == T + 110_000
