"""A venue's end of its streams: the server's cores, a log, and the way of each frame."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from userstream.core.client import inputs
from userstream.core.client.feed import FrameIn
from userstream.core.client.link import OpenSocket
from userstream.core.client.requests import NO_ANSWER, Answer, Verdict
from userstream.core.closing import End
from userstream.core.limits import Limits
from userstream.core.listenkeys import Issued, KeyTable
from userstream.core.session import (
    Beat,
    Close,
    ControlIn,
    Ended,
    Ping,
    Send,
    Session,
    State,
    Subscribe,
    TextIn,
    Tick,
)
from userstream.core.tokens import Minter
from userstream.core.track import Track, judge
from userstream.events import Envelope, Event
from userstream.venue import Call, Cursor, Frame, Mark, Subscriber, Venue

from .truth import Truth

EPOCH = "epoch000"
HALF_WAY_MS = 40


class Net(Protocol):
    """What both ends have between them."""

    now: int
    lag_ms: int

    @property
    def server_ms(self) -> int: ...

    def at(self, ms: int, what: Callable[[], None]) -> None: ...

    def give(self, given: Any) -> None: ...


class Wire:
    """The server's end of one socket, and what is under way to the client in order."""

    def __init__(self, session: Session, asked: OpenSocket) -> None:
        self.session = session
        self.key = asked.key
        self.resume = None if asked.resume is None else Cursor.parse(str(asked.resume))
        self.extended = asked.heartbeat_s is not None
        self.track: Track | None = None
        self.channels: frozenset[str] = frozenset()
        self.arrives_ms = 0
        self.up = True
        """False: half open; nothing gets through either way."""

    @property
    def bound(self) -> bool:
        return self.session.state is State.BOUND

    def shown(self, frames: Sequence[Frame]) -> list[Frame]:
        return [f for f in frames if not f.channel or f.channel in self.channels]


class Served:
    """One account's streams at one venue; with the extension wherever a socket asks for it."""

    def __init__(self, venue: Venue, net: Net, truth: Truth, unit: random.Random) -> None:
        self.venue = venue
        self.table = KeyTable(Minter(b"s" * 32), {venue.name: venue.keys})
        self.wires: dict[int, Wire] = {}
        self.up = True
        self.log: list[tuple[Frame, ...]] = []
        self.oldest = 1
        self._net = net
        self._truth = truth
        self._random = unit

    def deadlines(self) -> list[int]:
        """When ``tick`` is due, in the server's time."""
        times = [w.session.deadline() for w in self.wires.values()] + [self.table.deadline()]
        return [t for t in times if t is not None]

    def tick(self) -> None:
        now_ms = self._net.server_ms
        for record in self.table.expire(now_ms):
            self.end_key(self.table.key_of(record.venue, record.random), End.EXPIRED)
        for socket, wire in list(self.wires.items()):
            deadline = wire.session.deadline()
            if deadline is not None and deadline <= now_ms:
                self._serve(socket, wire.session.handle(Tick(), now_ms))

    def answer(self, call: Call, key: str) -> Answer:
        """A request for a listen key."""
        name, now = self.venue.name, self._net.server_ms
        if call is Call.CREATE:
            issued = self.table.create(name, "a", "api", self._random.randbytes(32), now)
        elif call is Call.RENEW:
            issued = self.table.renew(name, key, "a", now)
        else:
            issued = self.table.delete(name, key, "a", now)
        if isinstance(issued, Issued):
            return Answer(Verdict.GRANTED, issued.key)
        return Answer(Verdict.KEY_UNKNOWN)

    def accept(self, asked: OpenSocket) -> None:
        """A handshake."""
        socket, net = asked.socket, self._net
        if not self.up or not self._live(asked.key):
            answer = Answer(Verdict.KEY_UNKNOWN) if self.up else NO_ANSWER
            given = inputs.Refused(socket, answer)
            net.at(net.now + HALF_WAY_MS, lambda: net.give(given))
            return
        session = Session(
            self.venue,
            Limits(),
            net.server_ms,
            bound=not self.venue.channels,
            heartbeat_s=asked.heartbeat_s,
        )
        wire = self.wires[socket] = Wire(session, asked)
        self._reply(socket, inputs.Opened(socket))
        if wire.extended and wire.resume is None:
            wire.track = Track(EPOCH, len(self.log))
        if wire.bound:
            self._begin(socket, wire)

    def hear(self, socket: int, text: str | None) -> None:
        """A text of the client, or its ping."""
        wire = self.wires.get(socket)
        if wire is None or not wire.up:
            return
        now_ms = self._net.server_ms
        if text is None:
            self._serve(socket, wire.session.handle(ControlIn(pong=False), now_ms))
            self._reply(socket, inputs.Pong(socket))
            return
        subscriber = Subscriber(wire.channels, True, self._live)
        bound = wire.bound
        self._serve(socket, wire.session.handle(TextIn(text, subscriber), now_ms))
        if wire.bound and not bound:
            self._begin(socket, wire)

    def publish(
        self, event: Event, *, times: int = 1, lost: int | None = None, late_ms: int = 0
    ) -> None:
        """To every socket that is bound and whose key lives.

        Of its frames the one with the number ``lost`` does not arrive, and all come ``late_ms``
        after their turn.
        """
        envelope = Envelope(1, "a", EPOCH, len(self.log) + 1, self._net.server_ms, event)
        frames = tuple(self.venue.encode(envelope, self._truth.account(self._net.server_ms)))
        self.log.append(frames)
        for socket, wire in self.wires.items():
            if wire.track is not None and not (wire.track.live and self._live(wire.key)):
                continue
            if wire.track is None and not (wire.bound and self._live(wire.key)):
                continue
            for number, frame in enumerate(self._marked(wire, len(self.log))):
                if number != lost:
                    self._frame(socket, frame, times=times, late_ms=late_ms)

    def end(self, socket: int, end: End) -> None:
        """The server ends a socket; what is under way arrives before the end does."""
        wire = self.wires[socket]
        wire.session.handle(Ended(end), self._net.server_ms)
        track = wire.track
        if track is not None:
            mark = Mark(EPOCH, track.passed, track.last, kind="us.end", reason=end.label)
            self._frame(socket, self.venue.say(mark))
        closed = inputs.Closed(socket, end.value.code, end.value.text)

        def gone() -> None:
            if self.wires.pop(socket, None) is wire and wire.up:
                self._net.give(closed)

        self._net.at(self._turn(wire), gone)

    def end_key(self, key: str, end: End) -> None:
        """A key died: its sockets are told as the venue does it."""
        for socket, wire in list(self.wires.items()):
            if wire.key == key and wire.session.state is not State.ENDED:
                notice = self.venue.stream.expiry_notice.frame(self._net.server_ms, key)
                if notice is not None:
                    self._reply(socket, FrameIn(socket, notice.decode()), times=2)
                self.end(socket, end)

    def drop(self, socket: int, end: End) -> None:
        """A socket breaks, with all that is under way."""
        wire = self.wires.pop(socket, None)
        if wire is not None:
            wire.session.handle(Ended(end), self._net.server_ms)
            wire.up = False
        self._net.at(self._net.now, lambda: self._net.give(inputs.Closed(socket)))

    def delete_keys(self, *, silently: bool) -> None:
        """Another client deletes every key; ``silently``: the sockets stay, and say nothing."""
        for key in self.table.owned_by(self.venue.name, "a", self._net.server_ms):
            self.table.delete(self.venue.name, key, "a", self._net.server_ms)
            if not silently:
                self.end_key(key, End.DELETED)

    def _live(self, key: str) -> bool:
        return self.table.find(self.venue.name, key, self._net.server_ms) is not None

    def _begin(self, socket: int, wire: Wire) -> None:
        """Says where a stream begins, or goes on from a cursor, or says why not.

        Doc: reference/extension.md, Control frames and Resume.
        """
        cursor, wire.resume = wire.resume, None
        if cursor is None:
            if wire.track is not None:
                self._frame(socket, self.venue.say(wire.track.beat(len(self.log))))
            return
        head = len(self.log)
        reason = judge(cursor, EPOCH, head, self.oldest)
        if reason is not None:
            wire.track = Track(EPOCH, head)
            mark = Mark(EPOCH, head, head, kind="us.refused", reason=reason)
            self._frame(socket, self.venue.say(mark))
            return
        track = wire.track = Track.resuming(cursor)
        due = range(track.passed + 1, head + 1)
        last = max((s for s in due if track.due(s, wire.shown(self.log[s - 1]))), default=None)
        mark = Mark(EPOCH, head, track.passed if last is None else last, kind="us.resumed")
        self._frame(socket, self.venue.say(mark))
        for seq in due:
            for frame in track.show(seq, wire.shown(self.log[seq - 1])):
                self._frame(socket, frame)
        track.live = True

    def _marked(self, wire: Wire, seq: int) -> list[Frame]:
        frames = wire.shown(self.log[seq - 1])
        return frames if wire.track is None else wire.track.show(seq, frames)

    def _serve(self, socket: int, actions: list[Any]) -> None:
        wire = self.wires[socket]
        for action in actions:
            match action:
                case Send(payload):
                    self._frame(socket, Frame(payload))
                case Ping() if wire.up:
                    self._reply(socket, inputs.Pong(socket))
                    wire.session.handle(ControlIn(pong=True), self._net.server_ms)
                case Beat() if wire.track is not None:
                    self._frame(socket, self.venue.say(wire.track.beat(len(self.log))))
                case Subscribe(channels):
                    wire.channels = channels
                case Close(end):
                    self.end(socket, end)
                case _:
                    pass

    def _frame(self, socket: int, frame: Frame, *, times: int = 1, late_ms: int = 0) -> None:
        self.wires[socket].session.sent_ms = self._net.server_ms
        shown = frame.payload if frame.binary else frame.payload.decode()
        self._reply(socket, FrameIn(socket, shown), times, late_ms)

    def _turn(self, wire: Wire) -> int:
        """When what is sent now arrives: behind all that is under way."""
        wire.arrives_ms = max(wire.arrives_ms, self._net.now + HALF_WAY_MS + self._net.lag_ms)
        return wire.arrives_ms

    def _reply(self, socket: int, given: Any, times: int = 1, late_ms: int = 0) -> None:
        wire = self.wires[socket]

        def arrive() -> None:
            if wire.up and self.wires.get(socket) is wire:
                self._net.give(given)

        for _ in range(times):
            self._net.at(self._turn(wire) + late_ms, arrive)
