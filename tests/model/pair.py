"""Both ends of a stream on one virtual clock: the server's cores, a link with faults, the client's.

``World.advance`` is the only clock. What the network does is a list of things that are due.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from userstream.core.client import inputs
from userstream.core.client.actions import Fail, MeasureClock
from userstream.core.client.feed import Deliver, Feed, FrameIn
from userstream.core.client.keylife import AskKey
from userstream.core.client.link import CloseSocket, OpenSocket, SendPing, SendText
from userstream.core.client.plan import Plan
from userstream.core.client.requests import NO_ANSWER, Answer, Verdict
from userstream.core.client.told import State, Told
from userstream.core.closing import End
from userstream.core.limits import Limits
from userstream.core.listenkeys import Issued, KeyTable
from userstream.core.session import Close, ControlIn, Ended, Ping, Send, Session, Subscribe, TextIn
from userstream.core.session import State as SessionState
from userstream.core.session import Tick as SessionTick
from userstream.core.tokens import Minter
from userstream.events import AccountSnapshot, Envelope, Event
from userstream.venue import Ask, Call, FillsBy, Subscriber
from userstream.venues import load

from .truth import Truth

T = 1_700_000_000_000
FILLS_BY = {"bhex": FillsBy.ACCOUNT, "spacedex": FillsBy.NOTHING}
HALF_WAY_MS = 40
HOUR_MS = 3_600_000


class Wire:
    """The server's end of one socket, and what is under way to the client in order."""

    def __init__(self, session: Session, key: str, channels: frozenset[str]) -> None:
        self.session = session
        self.key = key
        self.channels = channels
        self.arrives_ms = 0
        self.up = True
        """False: half open; nothing gets through either way."""


class World:
    """One account on one venue."""

    def __init__(self, name: str, seed: int = 0) -> None:
        venue = load(name)
        # A day of two hours: the same cut, and fewer ticks on the way to it.
        self.venue = replace(venue, stream=replace(venue.stream, max_age_ms=2 * HOUR_MS))
        self.table = KeyTable(Minter(b"s" * 32), {name: self.venue.keys})
        self.random = random.Random(seed)
        self.truth = Truth()
        plan = Plan(repair=True, clock=True)
        fills_by = FILLS_BY.get(name, FillsBy.SYMBOL)
        self.feed = Feed(
            self.venue, plan, self.random.random, symbols=["BTCUSDT"], fills_by=fills_by
        )
        self.now = 0
        self.drift_ms = 0
        self.wires: dict[int, Wire] = {}
        self.told: list[Told] = []
        self.posts: list[int] = []
        self.lag_ms = 0
        self.rest_fails = 0
        self.most_buffered = 0
        self._agenda: list[tuple[int, int, Callable[[], None]]] = []
        self._count = itertools.count(1)
        self._seq = 0
        self.give(inputs.Start(self.server_ms))

    @property
    def server_ms(self) -> int:
        return T + self.now

    @property
    def state(self) -> State:
        return self.feed.stream.state

    def at(self, ms: int, what: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (ms, next(self._count), what))

    def advance(self, ms: int) -> None:
        """Everything that is due within that time happens, in order."""
        end = self.now + ms
        while True:
            due = [self._agenda[0][0]] if self._agenda else []
            sessions = [w.session.deadline() for w in self.wires.values()]
            due += [t - T for t in [*sessions, self.table.deadline()] if t is not None]
            deadline = self.feed.deadline()
            due += [] if deadline is None else [deadline]
            if not due or min(due) > end:
                break
            self.now = max(self.now, min(due))
            self._happen()
        self.now = end

    def _happen(self) -> None:
        while self._agenda and self._agenda[0][0] <= self.now:
            heapq.heappop(self._agenda)[2]()
        for record in self.table.expire(self.server_ms):
            self.end_key(self.table.key_of(record.venue, record.random), End.EXPIRED)
        for socket, wire in list(self.wires.items()):
            deadline = wire.session.deadline()
            if deadline is not None and deadline <= self.server_ms:
                self._serve(socket, wire.session.handle(SessionTick(), self.server_ms))
        deadline = self.feed.deadline()
        if deadline is not None and deadline <= self.now:
            self.give(inputs.Tick(self.server_ms + self.drift_ms))
            after = self.feed.deadline()
            assert after is None or after > self.now, "no progress"

    # ── the client's shell ──────────────────────────────────────────────────────────────────────

    def give(self, given: Any) -> None:
        for action in self.feed.handle(given, self.now):
            match action:
                case Deliver(what):
                    self.told.append(what)
                case AskKey():
                    self._ask_key(action)
                case Ask():
                    self._ask_rows(action)
                case OpenSocket(socket, key):
                    self.at(self.now + HALF_WAY_MS, partial(self._accept, socket, key))
                case SendText(socket, payload):
                    text = payload.decode()
                    self.at(self.now + HALF_WAY_MS, partial(self._hear, socket, text))
                case SendPing(socket):
                    self.at(self.now + HALF_WAY_MS, partial(self._hear, socket, None))
                case CloseSocket(socket):
                    self._drop(socket, End.CLIENT)
                case MeasureClock():
                    sent = self.now
                    answer = inputs.ClockAnswered(sent, self.server_ms + HALF_WAY_MS)
                    self.at(sent + 2 * HALF_WAY_MS, partial(self.give, answer))
                case Fail(why):
                    raise AssertionError(why)
        self.most_buffered = max(self.most_buffered, len(self.feed._buffer))

    def _fails(self) -> bool:
        self.rest_fails = max(self.rest_fails - 1, -1)
        return self.rest_fails >= 0

    def _ask_key(self, asked: AskKey) -> None:
        if asked.call is Call.CREATE:
            self.posts.append(self.now)
        answer = NO_ANSWER if self._fails() else self._key_answer(asked)
        given = inputs.KeyAnswered(asked.number, answer)
        self.at(self.now + 2 * HALF_WAY_MS, lambda: self.give(given))

    def _key_answer(self, asked: AskKey) -> Answer:
        name, now = self.venue.name, self.server_ms
        if asked.call is Call.CREATE:
            issued = self.table.create(name, "a", "api", self.random.randbytes(32), now)
        elif asked.call is Call.RENEW:
            issued = self.table.renew(name, asked.key or "", "a", now)
        else:
            issued = self.table.delete(name, asked.key or "", "a", now)
        if isinstance(issued, Issued):
            return Answer(Verdict.GRANTED, issued.key)
        return Answer(Verdict.KEY_UNKNOWN)

    def _ask_rows(self, asked: Ask) -> None:
        fails = self._fails()

        def answer() -> None:
            given = self.truth.answer(asked, self.server_ms, fails=fails)
            self.at(self.now + HALF_WAY_MS, lambda: self.give(given))

        self.at(self.now + HALF_WAY_MS, answer)

    # ── the server's shell ──────────────────────────────────────────────────────────────────────

    def _live(self, key: str) -> bool:
        return self.table.find(self.venue.name, key, self.server_ms) is not None

    def _accept(self, socket: int, key: str) -> None:
        if not self._live(key):
            given = inputs.Refused(socket, Answer(Verdict.KEY_UNKNOWN))
            self.at(self.now + HALF_WAY_MS, lambda: self.give(given))
            return
        bound = not self.venue.channels
        session = Session(self.venue, Limits(), self.server_ms, bound=bound)
        self.wires[socket] = Wire(session, key, frozenset())
        self._reply(socket, inputs.Opened(socket))

    def _hear(self, socket: int, text: str | None) -> None:
        wire = self.wires.get(socket)
        if wire is None or not wire.up:
            return
        if text is None:
            self._serve(socket, wire.session.handle(ControlIn(pong=False), self.server_ms))
            self._reply(socket, inputs.Pong(socket))
            return
        subscriber = Subscriber(wire.channels, True, self._live)
        self._serve(socket, wire.session.handle(TextIn(text, subscriber), self.server_ms))

    def _serve(self, socket: int, actions: list[Any]) -> None:
        wire = self.wires[socket]
        for action in actions:
            match action:
                case Send(payload):
                    wire.session.sent_ms = self.server_ms
                    self._reply(socket, FrameIn(socket, payload.decode()))
                case Ping() if wire.up:
                    self._reply(socket, inputs.Pong(socket))
                    wire.session.handle(ControlIn(pong=True), self.server_ms)
                case Subscribe(channels):
                    wire.channels = channels
                case Close(end):
                    self.end(socket, end)
                case _:
                    pass

    def _reply(self, socket: int, given: Any, times: int = 1) -> None:
        """Sends to the client, behind all that is under way."""
        wire = self.wires[socket]
        wire.arrives_ms = max(wire.arrives_ms, self.now + HALF_WAY_MS + self.lag_ms)

        def arrive() -> None:
            if wire.up and (self.wires.get(socket) is wire or isinstance(given, inputs.Closed)):
                self.give(given)

        for _ in range(times):
            self.at(wire.arrives_ms, arrive)

    def publish(self, event: Event, *, times: int = 1) -> None:
        """To every socket that is bound and whose key lives."""
        self._seq += 1
        envelope = Envelope(1, "a", "epoch000", self._seq, self.server_ms, event)
        frames = self.venue.encode(envelope, AccountSnapshot(time_ms=self.server_ms))
        for socket, wire in self.wires.items():
            if wire.session.state is SessionState.BOUND and self._live(wire.key):
                for frame in frames:
                    if not frame.channel or frame.channel in wire.channels:
                        wire.session.sent_ms = self.server_ms
                        shown = frame.payload if frame.binary else frame.payload.decode()
                        self._reply(socket, FrameIn(socket, shown), times)

    def end(self, socket: int, end: End) -> None:
        """The server ends a socket; what is under way arrives before the end does."""
        wire = self.wires[socket]
        wire.session.handle(Ended(end), self.server_ms)
        closed = inputs.Closed(socket, end.value.code, end.value.text)

        def gone() -> None:
            if self.wires.pop(socket, None) is wire and wire.up:
                self.give(closed)

        wire.arrives_ms = max(wire.arrives_ms, self.now + HALF_WAY_MS + self.lag_ms)
        self.at(wire.arrives_ms, gone)

    def end_key(self, key: str, end: End) -> None:
        """A key died: its sockets are told as the venue does it."""
        for socket, wire in list(self.wires.items()):
            if wire.key == key and wire.session.state is not SessionState.ENDED:
                notice = self.venue.stream.expiry_notice.frame(self.server_ms, key)
                if notice is not None:
                    self._reply(socket, FrameIn(socket, notice.decode()), times=2)
                self.end(socket, end)

    def _drop(self, socket: int, end: End) -> None:
        wire = self.wires.pop(socket, None)
        if wire is not None:
            wire.session.handle(Ended(end), self.server_ms)
            wire.up = False
        self.at(self.now, lambda: self.give(inputs.Closed(socket)))

    # ── faults ──────────────────────────────────────────────────────────────────────────────────

    def cut(self, *, silently: bool) -> None:
        """Every connection breaks with all that is under way; ``silently``: nobody is told."""
        for socket, wire in list(self.wires.items()):
            wire.up = False
            if not silently:
                self._drop(socket, End.LOST)

    def delete_keys(self, *, silently: bool) -> None:
        """Another client deletes every key; ``silently``: the sockets stay, and say nothing."""
        for key in self.table.owned_by(self.venue.name, "a", self.server_ms):
            self.table.delete(self.venue.name, key, "a", self.server_ms)
            if not silently:
                self.end_key(key, End.DELETED)
