"""Link: every state with every step, every deadline to the millisecond."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from userstream.core.client.bounds import Bounds
from userstream.core.client.link import (
    LINK_TRANSITIONS,
    CloseSocket,
    Link,
    LinkState,
    LinkStep,
    OpenSocket,
    SendPing,
    SendText,
)
from userstream.venue import Cursor, Notice, StreamDialect

DAY = 86_400_000
PLAIN = StreamDialect(paths=())
WORDY = StreamDialect(paths=(), opening="subscribe", client_ping="PING")
BOTH = frozenset({"orders", "deals"})
CURSOR = Cursor("epoch000", 7, 1)


def link(stream: StreamDialect = PLAIN, **asked: Any) -> Link:
    return Link(OpenSocket(1, "key", **asked), stream, Bounds(), 0.5, 0)


def ready(stream: StreamDialect = PLAIN, **asked: Any) -> Link:
    it = link(stream, **asked)
    it.opened(100, frozenset())
    it.resumed(100)
    assert it.ready
    return it


def in_state(state: LinkState) -> Link:
    it = link(WORDY)
    if state is not LinkState.OPENING:
        it.opened(0, BOTH)
    if state is LinkState.READY:
        it.noticed(Notice(subscribed=BOTH), 0)
    if state is LinkState.ENDED:
        it.end("test")
    assert it.state is state
    return it


def test_the_table_goes_one_way_and_can_end_everywhere() -> None:
    order = list(LinkState)
    assert all(order.index(a) < order.index(b) for (a, _), b in LINK_TRANSITIONS.items())
    ends = {s for s, step in LINK_TRANSITIONS if step is LinkStep.END}
    assert ends == set(LinkState) - {LinkState.ENDED}


@pytest.mark.parametrize(
    ("state", "step"),
    [x for x in itertools.product(LinkState, LinkStep) if x[0] is not LinkState.ENDED],
)
def test_a_step_leads_where_the_table_says_and_nowhere_else(
    state: LinkState, step: LinkStep
) -> None:
    it = in_state(state)
    if step is LinkStep.OPEN:
        it.opened(10, BOTH)
    elif step is LinkStep.ACKNOWLEDGE:
        it.noticed(Notice(subscribed=BOTH), 10)
    else:
        assert it.end("why") == CloseSocket(1, "why")
    assert it.state is LINK_TRANSITIONS.get((state, step), state)


def test_a_plain_socket_is_ready_when_it_is_open() -> None:
    it = link()
    assert it.deadline() == 15_000
    assert it.opened(100, frozenset()) == []
    assert (it.ready, it.ready_ms, it.deadline()) == (True, 100, 10_100)


def test_a_socket_that_needs_a_subscription_is_ready_when_every_channel_is_acknowledged() -> None:
    it = link(WORDY)
    assert it.opened(100, BOTH) == [SendText(1, b"subscribe")]
    assert it.noticed(Notice(subscribed=frozenset({"orders"})), 200) == []
    assert not it.ready
    it.noticed(Notice(subscribed=frozenset({"deals"})), 300)
    assert (it.ready, it.ready_ms) == (True, 300)


def test_a_refused_subscription_ends_it_and_a_later_refusal_of_anything_does_not() -> None:
    it = in_state(LinkState.SUBSCRIBING)
    assert it.noticed(Notice(refused="Blocked!"), 0) == [
        CloseSocket(1, "subscription refused: Blocked!")
    ]
    assert in_state(LinkState.READY).noticed(Notice(refused="Blocked!"), 0) == []


def test_what_the_server_wants_back_is_sent() -> None:
    assert ready().noticed(Notice(reply=b'{"pong":1}'), 0) == [SendText(1, b'{"pong":1}')]


def test_a_resume_is_awaited() -> None:
    it = link(heartbeat_s=10, resume=CURSOR)
    it.opened(0, frozenset())
    assert not it.ready
    it.resumed(50)
    assert it.ready


@pytest.mark.parametrize("state", [LinkState.OPENING, LinkState.SUBSCRIBING])
def test_a_socket_that_does_not_open_in_time_is_given_up(state: LinkState) -> None:
    it = in_state(state)
    assert it.deadline() == 15_000
    assert it.tick(14_999) == []
    assert it.tick(15_000) == [CloseSocket(1, "not open in time")]


def test_pings_go_out_and_silence_is_noticed_within_30_seconds() -> None:
    it = ready()
    assert it.tick(10_099) == []
    assert it.tick(10_100) == [SendPing(1)]
    it.heard(10_200)
    assert it.deadline() == 20_100
    assert it.tick(20_100) == [SendPing(1)]
    assert it.tick(30_100) == [SendPing(1)]
    assert it.deadline() == 10_200 + 28_000
    assert it.tick(38_199) == []
    assert it.tick(38_200) == [CloseSocket(1, "silent")]


def test_a_venue_that_wants_text_gets_it_every_20_seconds() -> None:
    it = in_state(LinkState.READY)
    assert it.deadline() == 20_000
    for now in (5_000, 10_000, 15_000):
        assert it.tick(now) == []
    assert it.tick(20_000) == [SendText(1, b"PING")]


def test_our_own_server_has_to_beat_whatever_its_pongs_say() -> None:
    it = ready(heartbeat_s=2)
    it.beat(1_000)
    for now in (5_000, 9_000):
        it.heard(now)
        assert it.tick(now) == []
    assert it.deadline() == 10_100
    it.heard(10_900)
    it.tick(10_100)
    assert it.deadline() == 11_000
    assert it.tick(11_000) == [CloseSocket(1, "no heartbeat")]
    slow = ready(heartbeat_s=60)
    assert slow._beats_until() == 100 + 28_000


def test_it_is_replaced_between_23_and_23_and_a_half_hours() -> None:
    it = ready()
    due = 100 + round(DAY * (1 - 1.5 / 48))
    it.heard(due - 1)
    it.tick(due - 1)
    it.heard(due - 1)
    assert not it.retiring
    assert it.deadline() == due
    it.tick(due)
    assert it.retiring
    assert it.deadline() > due


def test_a_program_that_stood_still_hears_what_waits_before_it_judges() -> None:
    it = ready()
    assert it.tick(90_000) == [SendPing(1)]
    assert it.heard_ms == 90_000 - 23_000
    assert it.tick(95_000) == [CloseSocket(1, "silent")]


def test_a_machine_that_slept_gives_a_socket_five_seconds() -> None:
    it = ready()
    it.heard(1_000)
    it.suspect(2_000)
    assert it.tick(2_000) == [SendPing(1)]
    assert it.deadline() == 7_000
    assert it.tick(7_000) == [CloseSocket(1, "silent")]
    it = ready()
    it.heard(1_000)
    it.doubt(2_000)
    assert it.heard_ms == 1_000


def test_nothing_secret_is_shown() -> None:
    assert repr(link()) == "<Link 1 OPENING>"
    assert repr(OpenSocket(1, "key", 10, CURSOR)) == "<OpenSocket 1 resume=epoch000:7:9999>"
