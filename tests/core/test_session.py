"""Session: every state with every input, subscriptions and floods."""

from __future__ import annotations

import itertools

import pytest

from tests.core.sessions import DAY, DEALS, ORDERS, PING, SUBSCRIBE, UNSUBSCRIBE, T, session, text
from userstream.core.closing import End
from userstream.core.session import (
    TRANSITIONS,
    BinaryIn,
    Close,
    ControlIn,
    Ended,
    Input,
    Send,
    Session,
    State,
    Step,
    Subscribe,
    Tick,
)
from userstream.venue import Venue
from userstream.venues import load, names

# ── states and inputs ───────────────────────────────────────────────────────────────────────────


def test_the_table_has_every_step_of_every_state_but_the_last() -> None:
    alive = [s for s in State if s is not State.ENDED]
    assert set(TRANSITIONS) == set(itertools.product(alive, Step))


def in_state(state: State) -> Session:
    it = session("mexc", bound=state is not State.UNBOUND)
    if state is State.ENDED:
        it.handle(Ended(End.SHUTDOWN), T)
    assert it.state is state
    return it


STEPS: list[tuple[Step, Input]] = [
    (Step.BIND, text(SUBSCRIBE % ORDERS)),
    (Step.BIND, text(SUBSCRIBE % DEALS, ORDERS)),
    (Step.UNBIND, text(UNSUBSCRIBE % ORDERS, ORDERS)),
    (Step.END, BinaryIn()),
    *((Step.END, Ended(end)) for end in End),
]


@pytest.mark.parametrize("state", [State.UNBOUND, State.BOUND])
@pytest.mark.parametrize(("step", "given"), STEPS)
def test_a_step_leads_where_the_table_says(state: State, step: Step, given: Input) -> None:
    it = in_state(state)
    it.handle(given, T + 1)
    assert it.state is TRANSITIONS[state, step]


STAYING: list[Input] = [
    ControlIn(pong=True),
    ControlIn(pong=False),
    Tick(),
    text("", ORDERS),
    text("no json", ORDERS),
    text("{}", ORDERS),
    text(PING, ORDERS),
    text(SUBSCRIBE % "spot@private.none", ORDERS),
    text(SUBSCRIBE % ORDERS, ORDERS),
    text(UNSUBSCRIBE % DEALS, ORDERS),
    text("[" * 2_000, ORDERS),
    text('{"id":%s,"method":"PING"}' % ("9" * 3_000), ORDERS),
]


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("given", STAYING)
def test_every_other_input_leaves_the_state_as_it_is(state: State, given: Input) -> None:
    it = in_state(state)
    it.handle(given, T + 1)
    assert it.state is state


@pytest.mark.parametrize("given", [given for _, given in STEPS] + STAYING)
def test_nothing_follows_the_end(given: Input) -> None:
    it = in_state(State.ENDED)
    assert it.handle(given, T + 10 * DAY) == []
    assert it.state is State.ENDED
    assert it.end is End.SHUTDOWN
    assert it.deadline() is None


@pytest.mark.parametrize("end", End)
def test_an_end_from_outside_is_kept_with_its_reason(end: End) -> None:
    it = session("binance")
    assert it.handle(Ended(end), T) == [Close(end)]
    assert it.end is end


@pytest.mark.parametrize("venue", names())
def test_a_binary_message_ends_the_session(venue: str) -> None:
    assert session(venue).handle(BinaryIn(), T) == [Close(End.BINARY)]


def test_a_session_shows_its_venue_and_state() -> None:
    assert repr(session("binance", bound=False)) == "<Session binance UNBOUND>"


# ── subscriptions ───────────────────────────────────────────────────────────────────────────────


def test_channels_are_taken_before_the_answer_is_sent() -> None:
    it = session("mexc", bound=False)
    ack = Send(b'{"id":0,"code":0,"msg":"%b"}' % ORDERS.encode())
    assert it.handle(text(SUBSCRIBE % ORDERS), T) == [Subscribe(frozenset({ORDERS})), ack]
    assert it.handle(text(SUBSCRIBE % ORDERS, ORDERS), T) == [ack]


def test_a_listen_key_that_lives_is_subscribed_to_on_binance() -> None:
    it = session("binance", bound=False)
    request = '{"method":"SUBSCRIBE","params":["livekey"],"id":1}'
    done = Send(b'{"result":null,"id":1}')
    assert it.handle(text(request), T) == [Subscribe(frozenset({"livekey"})), done]
    assert it.state is State.BOUND
    request = '{"method":"UNSUBSCRIBE","params":["livekey"],"id":1}'
    assert it.handle(text(request, "livekey"), T) == [Subscribe(frozenset()), done]
    assert repr(it) == "<Session binance UNBOUND>"


def test_a_dead_listen_key_is_not_subscribed_to() -> None:
    it = session("binance", bound=False)
    (answer,) = it.handle(text('{"method":"SUBSCRIBE","params":["dead"],"id":1}'), T)
    assert isinstance(answer, Send)
    assert b"-1125" in answer.payload
    assert it.state is State.UNBOUND


# ── floods ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("venue", "most"), [("binance", 5), ("bhex", 5), ("spacedex", 5), ("mexc", 100)]
)
def test_more_messages_in_a_second_than_may_be_end_the_session(venue: str, most: int) -> None:
    it = session(venue)
    for now in (T, T + 999, T + 1_000, T + 1_999):
        if now % 1000 == 0:
            for _ in range(most - 1):
                assert Close(End.TOO_MANY_MESSAGES) not in it.handle(text("x"), now)
        else:
            assert Close(End.TOO_MANY_MESSAGES) not in it.handle(text("x"), now)
    assert it.handle(text(PING), T + 1_999) == [Close(End.TOO_MANY_MESSAGES)]


@pytest.mark.parametrize("venue", names())
def test_control_frames_have_a_flood_limit_of_their_own(venue: str) -> None:
    it = session(venue)
    for i in range(20):
        assert it.handle(ControlIn(pong=i % 2 == 0), T) == []
    for _ in range(5):
        assert Close(End.TOO_MANY_MESSAGES) not in it.handle(text("x"), T)
    assert it.handle(ControlIn(pong=True), T + 999) == [Close(End.TOO_MANY_MESSAGES)]


def test_control_frames_of_the_next_second_are_counted_anew() -> None:
    it = session("binance")
    for i in range(100):
        assert it.handle(ControlIn(pong=True), T + 50 * i) == []


def test_a_venue_without_a_message_limit_has_none() -> None:
    venue = load("binance")
    fields = {n: getattr(venue.stream, n) for n in type(venue.stream).__dataclass_fields__}
    stream = type(venue.stream)(**(fields | {"max_messages_per_s": None}))
    fields = {n: getattr(venue, n) for n in type(venue).__dataclass_fields__}
    it = session(Venue(**(fields | {"stream": stream})))
    for _ in range(1_000):
        assert it.handle(text("x"), T) == []
