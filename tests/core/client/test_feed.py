"""Feed: from frames and answers to what a program is told, with nothing held back for ever."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from tests.core.client.values import T, account, fill, half, order, whole
from userstream.core.client import inputs
from userstream.core.client.actions import Fail
from userstream.core.client.bounds import Bounds
from userstream.core.client.feed import Feed, FrameIn
from userstream.core.client.identity import Fill
from userstream.core.client.keylife import AskKey
from userstream.core.client.link import CloseSocket, OpenSocket, SendText
from userstream.core.client.mender import Deliver
from userstream.core.client.plan import Plan, Proof
from userstream.core.client.requests import Answer, Verdict
from userstream.core.client.told import (
    AccountEvent,
    Gap,
    OrderEvent,
    Origin,
    OtherEvent,
    State,
    StateChange,
    Told,
)
from userstream.events import AccountSnapshot, Envelope
from userstream.venue import Ask, Cursor, FillsBy, NoRows, NotThere, Rows, What
from userstream.venues import load, names

FULL = {
    "execution": "NEW", "order_type": "LIMIT", "time_in_force": "GTC", "quantity": "5",
    "price": "2", "cumulative_quantity": "0", "commission": "0", "client_order_id": "c",
}  # fmt: skip


def frames(venue: str, event: Any, seq: int = 1) -> list[bytes | str]:
    picture = AccountSnapshot(time_ms=T)
    envelope = Envelope(1, "a", "epoch000", seq, T + seq, event)
    return [
        frame.payload if frame.binary else frame.payload.decode()
        for frame in load(venue).encode(envelope, picture)
    ]


def marked(frame: bytes | str, seq: int, prev: int, part: int = 1, parts: int = 1) -> str:
    fields = msgspec.json.decode(frame)
    mark = {"epoch": "epoch000", "seq": seq, "prev": prev, "part": part, "parts": parts}
    return msgspec.json.encode(fields | {"us": mark}).decode()


def said(kind: str, seq: int, **fields: Any) -> str:
    mark = {"epoch": "epoch000", "seq": seq} | fields
    return msgspec.json.encode({"e": kind, "us": mark}).decode()


class Desk:
    """A feed, and all that it did."""

    def __init__(
        self, venue: str = "binance", *, symbols: Sequence[str] = (), **given: Any
    ) -> None:
        plan = Plan(**{k: v for k, v in given.items() if k in Plan._fields})
        bounds = Bounds(**{k: v for k, v in given.items() if k in Bounds.__struct_fields__})
        self.feed = Feed(
            load(venue), plan, half, bounds=bounds, symbols=symbols, fills_by=FillsBy.SYMBOL
        )
        self.now = 0
        self.done: list[Any] = []

    def give(self, given: Any) -> list[Any]:
        actions = self.feed.handle(given, self.now)
        self.done += actions
        return [*actions]

    def frame(self, frame: bytes | str, socket: int = 1) -> list[Told]:
        return told(self.give(FrameIn(socket, frame)))

    def event(self, event: Any, seq: int = 1, socket: int = 1) -> list[Told]:
        return [t for f in frames("binance", event, seq) for t in self.frame(f, socket)]

    def tick(self, at: int) -> list[Any]:
        self.now = at
        return self.give(inputs.Tick(T + at))

    def live(self) -> Desk:
        self.give(inputs.Start(T))
        self.grant()
        self.give(inputs.Opened(1))
        return self

    def grant(self, key: str = "key") -> None:
        asked = next(a for a in reversed(self.done) if isinstance(a, AskKey))
        self.give(inputs.KeyAnswered(asked.number, Answer(Verdict.GRANTED, key)))

    def answer(self, **rows: Any) -> list[Any]:
        asked = next(a for a in reversed(self.done) if isinstance(a, Ask))
        return self.give(Rows(asked.number, **rows))

    def repaired(self, **account: Any) -> list[Any]:
        """Answers every question of a repair with nothing."""
        actions: list[Any] = []
        while self.feed._mender._repair is not None:
            actions += self.answer(**account)
        return actions


def told(actions: list[Any]) -> list[Told]:
    return [a.what for a in actions if isinstance(a, Deliver)]


def events(things: list[Told]) -> list[Told]:
    return [t for t in things if not isinstance(t, StateChange)]


@pytest.mark.parametrize("venue", names())
def test_a_frame_becomes_a_typed_event_with_its_frame(venue: str) -> None:
    desk = Desk(venue).live()
    for event in (order(**FULL), account()):
        for frame in frames(venue, event):
            (what,) = desk.frame(frame)
            assert isinstance(what, OrderEvent | AccountEvent)
            assert (what.raw, what.late, what.origin) == (frame, False, Origin.STREAM)
            assert what.received_ms == T
    # Nobody can be asked what is missing of it.
    assert (desk.feed.picture.orders, desk.feed.picture.account) == ({}, {})


def test_what_cannot_be_read_is_handed_on_as_it_came() -> None:
    desk = Desk().live()
    (unknown,) = desk.frame('{"e":"balanceUpdate","x":1}')
    assert isinstance(unknown, OtherEvent)
    assert (unknown.kind, unknown.problem) == ("balanceUpdate", None)
    for frame in ("", "{", b"\xff"):
        (broken,) = desk.frame(frame)
        assert isinstance(broken, OtherEvent)
        assert broken.raw == frame
        assert broken.problem


def test_a_frame_for_the_client_itself_is_no_event() -> None:
    desk = Desk("bhex").live()
    assert desk.give(FrameIn(1, '{"ping":7}')) == [SendText(1, b'{"pong":7}')]
    assert desk.give(FrameIn(1, "[]")) == []
    desk = Desk("mexc").live()
    channels = ",".join(sorted(load("mexc").channels))
    desk.give(FrameIn(1, '{"id":0,"code":0,"msg":"%s"}' % channels))  # noqa: UP031
    assert desk.feed.stream.state is State.LIVE


def test_two_sockets_tell_once_and_what_one_missed_comes_from_the_other() -> None:
    desk = Desk(redundant=True).live()
    desk.give(inputs.Opened(2))
    one, two = fill(trade_id="1", **FULL | {"execution": "TRADE"}), order("2", **FULL)
    assert len(desk.event(one, 1, 1)) == 1
    assert desk.event(one, 1, 2) == []
    assert len(desk.event(two, 2, 2)) == 1
    desk.give(inputs.Closed(1))
    assert desk.event(two, 2, 1) == []


def test_a_dead_key_is_seen_in_the_stream_and_is_no_event() -> None:
    desk = Desk().live()
    desk.now = 6_000
    actions = desk.give(FrameIn(1, '{"e":"listenKeyExpired","E":1}'))
    assert [t for t in told(actions) if not isinstance(t, StateChange)] == []
    assert sum(isinstance(a, AskKey) for a in actions) == 1


def test_the_window_is_emptied_by_time_and_at_the_end() -> None:
    desk = Desk(hold_ms=100).live()
    assert desk.event(order("1", **FULL), 2) == []
    assert desk.feed.deadline() == 100
    assert len(events(told(desk.tick(100)))) == 1
    desk.event(order("2", **FULL), 3)
    assert len(events(told(desk.give(inputs.Stop())))) == 1
    assert desk.feed.deadline() is None


# ── repairs ─────────────────────────────────────────────────────────────────────────────────────


def test_nothing_newer_is_shown_before_what_was_missed() -> None:
    desk = Desk(repair=True, since_ms=T - 5, symbols=["BTCUSDT"]).live()
    assert desk.event(fill(trade_id="8", **FULL | {"execution": "TRADE"})) == []
    desk.answer()
    missed = fill(trade_id="7", status="", time_ms=T - 4)
    assert [a.what for a in desk.answer(fills=(missed,)) if isinstance(a, Ask)] == [What.ACCOUNT]
    desk.answer(account=whole())
    things = told(desk.repaired())
    assert [(t.trade_id, t.origin, t.ambiguous) for t in things if isinstance(t, OrderEvent)] == [
        ("7", Origin.REST, True), ("8", Origin.STREAM, False),
    ]  # fmt: skip
    assert isinstance(things[-1], StateChange)
    assert things[-1].after is State.LIVE


def test_what_streams_show_and_what_is_told_is_remembered_once() -> None:
    desk = Desk(repair=True, since_ms=T - 5, symbols=["BTCUSDT"]).live()
    shown = Fill("BTCUSDT", "1", "8")
    assert desk.event(fill(trade_id="8", **FULL | {"execution": "TRADE"})) == []
    assert (len(desk.feed.sequencer.fills), shown in desk.feed.sequencer.fills) == (1, False)
    desk.answer()
    desk.answer()
    desk.answer(account=whole())
    desk.repaired()
    assert (len(desk.feed.sequencer.fills), shown in desk.feed.sequencer.fills) == (1, True)


async def test_what_a_repair_holds_back_is_not_proved_and_acknowledging_it_is_free() -> None:
    desk = Desk(repair=True, symbols=["BTCUSDT"]).live()
    desk.event(order(**FULL))
    assert desk.feed.proof(0) is None
    things = [t for t in told(desk.repaired()) if isinstance(t, OrderEvent)]
    assert desk.feed.proof(0) == Proof(T)
    called: list[int] = []
    for receipt in (None, lambda: called.append(1)):
        await msgspec.structs.replace(things[0], receipt=receipt).ack()
    assert called == [1]


def test_an_order_that_the_venue_does_not_know_leaves_the_picture() -> None:
    desk = Desk(repair=True).live()
    desk.repaired()
    desk.event(order(**FULL))
    desk.give(inputs.Closed(1))
    desk.tick(5_000)
    desk.give(inputs.Opened(2))
    desk.answer()
    things: list[Told] = []
    for at in range(10_000, 60_000, 5_000):
        asked = next(a for a in reversed(desk.done) if isinstance(a, Ask))
        if asked.what is What.ORDER:
            things += told(desk.give(NotThere(asked.number)))
            things += told(desk.tick(at))
    things += told(desk.repaired())
    assert [t.order_id for t in things if isinstance(t, Gap)] == ["1"]
    assert desk.feed.picture.orders == {}


def test_a_broken_repair_lets_go_what_it_held_and_is_tried_again() -> None:
    desk = Desk(repair=True)
    assert desk.give(NoRows(1, "not asked")) == []
    desk.live()
    assert desk.event(order(**FULL)) == []
    things: list[Told] = []
    for at in (5_000, 10_000, 15_000):
        asked = next(a for a in reversed(desk.done) if isinstance(a, Ask))
        things += told(desk.give(NoRows(asked.number, "HTTP 500")))
        desk.tick(at)
    kinds = [type(t).__name__ for t in things]
    assert kinds == ["OrderEvent", "Gap", "StateChange"]
    assert desk.give(NoRows(99, "late")) == []
    assert desk.feed.stream.state is State.REPLAYING
    asked = next(a for a in reversed(desk.done) if isinstance(a, Ask))
    assert asked.number > 3
    desk.repaired()
    assert desk.feed.stream.state.value == "live"


def test_a_question_without_an_answer_ends_by_itself() -> None:
    desk = Desk(repair=True).live()
    at = 0
    while desk.feed.stream.state is State.REPLAYING:
        at = desk.feed.deadline() or 0
        desk.feed.stream.heard(1, at)
        desk.tick(at)
    assert at < 70_000
    assert desk.feed.stream.state is State.BLIND


def test_too_much_for_the_buffer_ends_the_repair_and_loses_nothing() -> None:
    desk = Desk(repair=True, held_events=3).live()
    things = [t for n in range(3) for t in desk.event(order(str(n), **FULL), n)]
    assert [t.order_id for t in things if isinstance(t, OrderEvent)] == ["0", "1", "2"]
    assert [t.why for t in things if isinstance(t, Gap)] == ["too much came meanwhile"]


def test_a_stop_or_another_break_lets_go_what_was_held() -> None:
    for end in (inputs.Stop(), inputs.Closed(1), inputs.Closed(1, 1008, "api key revoked")):
        desk = Desk(repair=True).live()
        desk.event(order(**FULL))
        actions = desk.give(end)
        assert len(events(told(actions))) == 1
    assert any(isinstance(a, Fail) for a in actions)


# ── our own server ──────────────────────────────────────────────────────────────────────────────


def test_events_carry_their_cursor_and_repeats_are_dropped_by_it() -> None:
    desk = Desk(heartbeat_s=10).live()
    (frame,) = frames("binance", order(**FULL))
    (what,) = desk.frame(marked(frame, 7, 6))
    assert isinstance(what, OrderEvent)
    assert what.cursor == Cursor("epoch000", 7, 1, 1)
    assert desk.frame(marked(frame, 7, 6)) == []
    (what,) = desk.frame(marked('{"e":"listenKeyExpired"}', 8, 7))
    assert isinstance(what, OtherEvent)
    assert what.kind == "listenKeyExpired"


def test_a_hole_is_replayed_in_order_and_nothing_is_told_twice() -> None:
    desk = Desk(heartbeat_s=10).live()
    one, two, three = (frames("binance", order(str(n), **FULL))[0] for n in (1, 2, 3))
    desk.frame(said("us.heartbeat", 6))
    desk.frame(marked(one, 7, 6))
    actions = desk.give(FrameIn(1, marked(three, 9, 8)))
    assert CloseSocket(1, "a frame is missing") in actions
    opened = [a for a in actions if isinstance(a, OpenSocket)]
    assert opened == [OpenSocket(2, "key", 10, Cursor("epoch000", 7, 1, 1))]
    desk.give(inputs.Opened(2))
    desk.frame(said("us.resumed", 9), 2)
    assert desk.feed.stream.state is State.REPLAYING
    (replayed,) = desk.frame(marked(two, 8, 7), 2)
    assert isinstance(replayed, OrderEvent)
    assert (replayed.order_id, replayed.origin) == ("2", Origin.REPLAY)
    things = desk.frame(marked(three, 9, 8), 2)
    assert [type(t).__name__ for t in things] == ["OrderEvent", "StateChange"]
    assert desk.feed.stream.state.value == "live"


def test_a_heartbeat_shows_what_no_frame_would() -> None:
    desk = Desk(heartbeat_s=10).live()
    desk.frame(said("us.heartbeat", 6))
    assert desk.frame(said("us.heartbeat", 9, prev=6)) == []
    desk.frame(said("us.heartbeat", 12, prev=11))
    assert desk.feed.stream.state is State.BLIND
    desk.give(inputs.Opened(2))
    desk.frame(said("us.resumed", 9), 2)
    assert desk.feed.stream.state.value == "live"


def test_a_server_that_cannot_go_on_is_told_and_begun_anew() -> None:
    desk = Desk(heartbeat_s=10, cursor=Cursor("epoch000", 7, 1)).live()
    things = desk.frame(said("us.refused", 99, reason="too_old"))
    assert [t.why for t in things if isinstance(t, Gap)] == ["no replay: too_old"]
    (frame,) = frames("binance", order(**FULL))
    assert len(desk.frame(marked(frame, 100, 99))) == 1


def test_an_announced_end_brings_the_next_socket_before_it_comes() -> None:
    desk = Desk(heartbeat_s=10).live()
    actions = desk.give(FrameIn(1, said("us.end", 6, reason="shutdown")))
    assert [a.socket for a in actions if isinstance(a, OpenSocket)] == [2]
    assert desk.feed.stream.state is State.LIVE


def test_a_frame_without_a_mark_is_taken_as_a_venues() -> None:
    desk = Desk(heartbeat_s=10).live()
    assert len(desk.event(order(**FULL))) == 1


def test_it_shows_its_venue_and_state_and_no_secret() -> None:
    assert repr(Desk().live().feed) == "<Feed binance live>"


@pytest.mark.parametrize("repair", [False, True])
def test_what_is_told_leaves_nothing_for_the_collector(repair: bool) -> None:
    desk = Desk(repair=repair).live()
    if repair:
        desk.repaired(account=whole())
    shown = [
        frame
        for n in range(600)
        for frame in frames("binance", fill(str(n), trade_id=str(n), status="FILLED"), n + 1)
    ]
    gc.collect()
    gc.disable()
    try:
        before = gc.get_count()[0]
        given = sum(len(told(desk.feed.handle(FrameIn(1, frame), 0))) for frame in shown)
        grown = gc.get_count()[0] - before
    finally:
        gc.enable()
    assert given == len(shown)
    assert grown < given // 20


def test_the_frames_of_a_read_are_told_in_their_order() -> None:
    desk = Desk().live()
    shown = [f for n in (1, 2) for f in frames("binance", order(str(n), **FULL), n)]
    given = told(desk.feed.frames(1, shown, 5))
    assert [e.order_id for e in given if isinstance(e, OrderEvent)] == ["1", "2"]
