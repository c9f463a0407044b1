"""Session: the server's side of one connection: its life, its limits, its subscriptions."""

from __future__ import annotations

from enum import Enum, auto
from typing import Final, NamedTuple, TypeAlias

from userstream.core.closing import End
from userstream.core.limits import Limits
from userstream.venue import Subscriber, Venue


class State(Enum):
    """``UNBOUND``: nothing subscribed yet; ``BOUND``: events flow; ``ENDED``: a reason is set."""

    UNBOUND = auto()
    BOUND = auto()
    ENDED = auto()


class Step(Enum):
    """What moves a session from state to state."""

    BIND = auto()
    UNBIND = auto()
    END = auto()


TRANSITIONS: Final = {
    (State.UNBOUND, Step.BIND): State.BOUND,
    (State.UNBOUND, Step.UNBIND): State.UNBOUND,
    (State.UNBOUND, Step.END): State.ENDED,
    (State.BOUND, Step.BIND): State.BOUND,
    (State.BOUND, Step.UNBIND): State.UNBOUND,
    (State.BOUND, Step.END): State.ENDED,
}
"""Every legal step; the docs' diagram and the exhaustive test are made from it."""


class TextIn(NamedTuple):
    """A whole text message of the client."""

    text: str
    subscriber: Subscriber


class BinaryIn(NamedTuple):
    """A whole binary message of the client."""


class ControlIn(NamedTuple):
    """A ping or pong of the client; a pong answers ours or is unsolicited, which is the same."""

    pong: bool


class Tick(NamedTuple):
    """The deadline has come."""


class Ended(NamedTuple):
    """The connection is over, for a reason that lies outside the session."""

    end: End


Input: TypeAlias = TextIn | BinaryIn | ControlIn | Tick | Ended


class Send(NamedTuple):
    """Send a text message."""

    payload: bytes


class Ping(NamedTuple):
    """Send a protocol ping."""


class Beat(NamedTuple):
    """Send the heartbeat of the extension."""


class Subscribe(NamedTuple):
    """The channels, or listen keys, of this connection from now on."""

    channels: frozenset[str]


class Close(NamedTuple):
    """End the connection with that reason."""

    end: End


Action: TypeAlias = Send | Ping | Beat | Subscribe | Close


class Session:
    """The machine of one connection. Times are the server's, in milliseconds.

    A network does not become faster because a clock does: ``pace`` is how many milliseconds of the
    server pass in a real one, and pings, heartbeats and idle rules wait that many times longer.

    ``early_ms`` is how much sooner it ends than at the venue's greatest age: streams that were
    opened together, after a restart, would all be opened anew together a day later.

    The hot path does not pass through ``handle``: the shell writes frames itself and tells the
    time of the last one by setting ``sent_ms``.
    """

    __slots__ = (
        "_beat_every_ms",
        "_beat_ms",
        "_control_count",
        "_count",
        "_ends_ms",
        "_json_ping_ms",
        "_life_ms",
        "_limits",
        "_pace",
        "_ping_ms",
        "_second",
        "_since_ms",
        "_stream",
        "end",
        "sent_ms",
        "state",
        "venue",
    )

    def __init__(
        self,
        venue: Venue,
        limits: Limits,
        now_ms: int,
        *,
        bound: bool,
        pace: float = 1.0,
        heartbeat_s: int | None = None,
        early_ms: int = 0,
    ) -> None:
        self._pace = pace
        self.venue = venue
        self._stream = stream = venue.stream
        self._limits = limits
        self.state = State.BOUND if bound else State.UNBOUND
        self.end: End | None = None
        self._ends_ms = now_ms + stream.max_age_ms - early_ms
        self._life_ms = self._since_ms = self.sent_ms = now_ms
        self._ping_ms = self._after(now_ms, stream.ping_every_ms)
        self._json_ping_ms = self._after(now_ms, stream.json_ping_every_ms)
        self._beat_every_ms = None if heartbeat_s is None else heartbeat_s * 1_000
        self._beat_ms = self._after(now_ms, self._beat_every_ms)
        self._second = self._count = self._control_count = 0

    def __repr__(self) -> str:
        return f"<Session {self.venue.name} {self.state.name}>"

    def handle(self, given: Input, now_ms: int) -> list[Action]:
        """What to do about an input; nothing once the session has ended."""
        if self.state is State.ENDED:
            return []
        match given:
            case TextIn(text, subscriber):
                return self._text(text, subscriber, now_ms)
            case ControlIn(pong):
                return self._control(pong, now_ms)
            case Tick():
                return self._tick(now_ms)
            case BinaryIn():
                return self._close(End.BINARY)
            case _:
                return self._close(given.end)

    def deadline(self) -> int | None:
        """When ``Tick`` is due next, or ``None``."""
        if self.state is State.ENDED:
            return None
        due = self._ends_ms
        for at in (self._ping_ms, self._json_ping_ms, self._beat_ms, self._silence_ends()):
            if at is not None and at < due:
                due = at
        if self._ping_ms is not None:
            due = min(due, self._dies())
        return due

    def rebase(self, before_ms: int, after_ms: int, pace: float) -> None:
        """The clock was changed: it had been ``before_ms``, is ``after_ms``, and has that pace.

        Pings and idle rules go on as if nothing had happened; the age of the connection does not.
        """
        factor = pace / self._pace
        self._pace = pace

        def moved(at_ms: int) -> int:
            return after_ms + round((at_ms - before_ms) * factor)

        self._life_ms = moved(self._life_ms)
        self._since_ms = moved(self._since_ms)
        self.sent_ms = moved(self.sent_ms)
        self._ping_ms = None if self._ping_ms is None else moved(self._ping_ms)
        self._json_ping_ms = None if self._json_ping_ms is None else moved(self._json_ping_ms)
        self._beat_ms = None if self._beat_ms is None else moved(self._beat_ms)

    def _silence_ends(self) -> int | None:
        stream = self._stream
        if self.state is State.UNBOUND:
            return self._after(self._since_ms, stream.subscribe_within_ms)
        # Heartbeats are sent for ever: with them only what comes back shows that somebody is there.
        last_ms = self.sent_ms if self._beat_every_ms is None else self._life_ms
        return self._after(max(last_ms, self._since_ms), stream.idle_after_ms)

    def _dies(self) -> int:
        return self._life_ms + round(self._stream.dead_after_ms * self._pace)

    def _after(self, at_ms: int, wait_ms: int | None) -> int | None:
        return None if wait_ms is None else at_ms + max(round(wait_ms * self._pace), 1)

    def _tick(self, now_ms: int) -> list[Action]:
        stream = self._stream
        if now_ms >= self._ends_ms:
            return self._close(End.MAX_AGE)
        if self._ping_ms is not None and now_ms >= self._dies():
            return self._close(End.NO_PONG)
        silence_ends = self._silence_ends()
        if silence_ends is not None and now_ms >= silence_ends:
            return self._close(End.NO_SUBSCRIPTION if self.state is State.UNBOUND else End.IDLE)
        actions: list[Action] = []
        if self._ping_ms is not None and now_ms >= self._ping_ms:
            self._ping_ms = self._after(now_ms, stream.ping_every_ms)
            actions.append(Ping())
        if self._json_ping_ms is not None and now_ms >= self._json_ping_ms:
            self._json_ping_ms = self._after(now_ms, stream.json_ping_every_ms)
            actions.append(Send(b'{"ping":%d}' % now_ms))
        if self._beat_ms is not None and now_ms >= self._beat_ms:
            self._beat_ms = self._after(now_ms, self._beat_every_ms)
            actions.append(Beat())
        return actions

    def _text(self, text: str, subscriber: Subscriber, now_ms: int) -> list[Action]:
        self._life_ms = now_ms
        self._new_second(now_ms)
        self._count += 1
        most = self._stream.max_messages_per_s
        if most is not None and self._count > most:
            return self._close(End.TOO_MANY_MESSAGES)
        control = self.venue.control(text, subscriber)
        actions: list[Action] = [Send(reply) for reply in control.replies]
        if control.counts_as_life and self.state is State.BOUND:
            self._since_ms = now_ms
        channels = control.channels
        if channels is not None and channels != subscriber.channels:
            if bool(channels) != (self.state is State.BOUND):
                self._since_ms = now_ms
            self.state = TRANSITIONS[self.state, Step.BIND if channels else Step.UNBIND]
            actions.insert(0, Subscribe(channels))
        return actions

    def _control(self, pong: bool, now_ms: int) -> list[Action]:
        self._life_ms = now_ms
        self._new_second(now_ms)
        self._control_count += 1
        if self._control_count > self._limits.control_frames_per_s:
            return self._close(End.TOO_MANY_MESSAGES)
        return []

    def _new_second(self, now_ms: int) -> None:
        second = now_ms // 1000
        if second != self._second:
            self._second, self._count, self._control_count = second, 0, 0

    def _close(self, end: End) -> list[Action]:
        self.state = TRANSITIONS[self.state, Step.END]
        self.end = end
        return [Close(end)]
