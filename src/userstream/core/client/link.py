"""Link: the client's side of one socket: its acknowledgements, its pings, its silence, its age."""

from __future__ import annotations

from enum import Enum, auto
from typing import Final, NamedTuple, TypeAlias

from userstream.core.client.bounds import Bounds
from userstream.venue import Cursor, Notice, StreamDialect


class LinkState(Enum):
    """``SUBSCRIBING``: open, but not everything is acknowledged; ``READY``: events come."""

    OPENING = auto()
    SUBSCRIBING = auto()
    READY = auto()
    ENDED = auto()


class LinkStep(Enum):
    """What moves a socket on."""

    OPEN = auto()
    ACKNOWLEDGE = auto()
    END = auto()


LINK_TRANSITIONS: Final = {
    (LinkState.OPENING, LinkStep.OPEN): LinkState.SUBSCRIBING,
    (LinkState.OPENING, LinkStep.END): LinkState.ENDED,
    (LinkState.SUBSCRIBING, LinkStep.ACKNOWLEDGE): LinkState.READY,
    (LinkState.SUBSCRIBING, LinkStep.END): LinkState.ENDED,
    (LinkState.READY, LinkStep.END): LinkState.ENDED,
}
"""Every legal step; the docs' diagram and the exhaustive test are made from it."""


class OpenSocket(NamedTuple):
    """Open a socket on a listen key; with the extension, and from a cursor, where these are set."""

    socket: int
    key: str
    heartbeat_s: int | None = None
    resume: Cursor | None = None

    def __repr__(self) -> str:
        return f"<OpenSocket {self.socket} resume={self.resume}>"


class SendText(NamedTuple):
    """Send a text message."""

    socket: int
    payload: bytes


class SendPing(NamedTuple):
    """Send a protocol ping; any pong is reported."""

    socket: int


class CloseSocket(NamedTuple):
    """Close a socket; frames that were received before are still given."""

    socket: int
    why: str


LinkAction: TypeAlias = SendText | SendPing | CloseSocket


class Link:
    """The machine of one socket."""

    def __init__(
        self, asked: OpenSocket, stream: StreamDialect, bounds: Bounds, unit: float, now_ms: int
    ) -> None:
        self.number = asked.socket
        self.key = asked.key
        self.state = LinkState.OPENING
        self.retiring = False
        """Another one takes its place; it is closed once that has happened."""
        self.ready_ms: int | None = None
        self.heard_ms = now_ms
        """Since when silence is counted; ``doubt`` moves it."""
        self.proved_ms = now_ms
        """When it was last heard: all that it had to bring before was read."""
        self._stream = stream
        self._bounds = bounds
        self._unit = unit
        self._asked_ms = self._looked_ms = self._beat_ms = now_ms
        self._rotate_ms = self._ping_ms = now_ms
        self._heartbeat_s = asked.heartbeat_s
        self._channels: frozenset[str] = frozenset()
        self._resuming = asked.resume is not None

    def __repr__(self) -> str:
        return f"<Link {self.number} {self.state.name}>"

    @property
    def ready(self) -> bool:
        """Whether events come through it."""
        return self.state is LinkState.READY

    def opened(self, now_ms: int, wanted: frozenset[str]) -> list[LinkAction]:
        """The handshake is done."""
        if self.state is not LinkState.OPENING:
            return []
        self.state = LINK_TRANSITIONS[self.state, LinkStep.OPEN]
        self._channels = wanted
        self.heard_ms = self.proved_ms = self._looked_ms = self._beat_ms = now_ms
        self._ping_ms = now_ms + self._ping_every_ms()
        # Before the venue's own cut, by one to two 48ths of its length: 24 h end after 23 to 23.5.
        self._rotate_ms = now_ms + round(self._stream.max_age_ms * (1 - (1 + self._unit) / 48))
        self._settle(now_ms)
        opening = self._stream.opening
        return [] if opening is None else [SendText(self.number, opening.encode())]

    def heard(self, now_ms: int) -> None:
        """Anything came: a frame, or a pong."""
        self.heard_ms = self.proved_ms = self._looked_ms = now_ms

    def noticed(self, notice: Notice, now_ms: int) -> list[LinkAction]:
        """The server answered a frame of ours, or wants an answer."""
        if self.state is LinkState.SUBSCRIBING and notice.refused is not None:
            return [self.end(f"subscription refused: {notice.refused}")]
        self._channels -= notice.subscribed
        self._settle(now_ms)
        return [] if notice.reply is None else [SendText(self.number, notice.reply)]

    def resumed(self, now_ms: int) -> None:
        """The server goes on from the cursor, or said that it cannot."""
        self._resuming = False
        self._beat_ms = now_ms
        self._settle(now_ms)

    def beat(self, now_ms: int) -> None:
        """A heartbeat of our own server."""
        self._beat_ms = now_ms

    def doubt(self, now_ms: int) -> None:
        """The program or the machine stood still: what waits unread gets a moment to be heard."""
        latest = now_ms - self._bounds.silent_ms + self._bounds.grace_ms
        self.heard_ms = max(self.heard_ms, latest)
        self._beat_ms = max(self._beat_ms, latest)
        self._ping_ms = now_ms
        self._looked_ms = now_ms

    def suspect(self, now_ms: int) -> None:
        """The machine slept: the socket is dead unless it speaks within the grace."""
        self.doubt(now_ms)
        self.heard_ms = now_ms - self._bounds.silent_ms + self._bounds.grace_ms

    def tick(self, now_ms: int) -> list[LinkAction]:
        """Pings that are due; the end of a socket that is silent, or late to open."""
        if self.state in {LinkState.OPENING, LinkState.SUBSCRIBING}:
            if now_ms >= self._asked_ms + self._bounds.open_ms:
                return [self.end("not open in time")]
            return []
        if now_ms - self._looked_ms > 2 * self._bounds.check_ms:
            self.doubt(now_ms)
        self._looked_ms = now_ms
        if now_ms >= self.heard_ms + self._bounds.silent_ms:
            return [self.end("silent")]
        if self._heartbeat_s is not None and now_ms >= self._beats_until():
            return [self.end("no heartbeat")]
        if now_ms >= self._rotate_ms:
            self.retiring = True
        if now_ms < self._ping_ms:
            return []
        self._ping_ms = now_ms + self._ping_every_ms()
        text = self._stream.client_ping
        return [SendPing(self.number) if text is None else SendText(self.number, text.encode())]

    def deadline(self) -> int:
        """When ``tick`` is due."""
        if self.state is not LinkState.READY:
            return self._asked_ms + self._bounds.open_ms
        due = min(self.heard_ms + self._bounds.silent_ms, self._ping_ms)
        if self._heartbeat_s is not None:
            due = min(due, self._beats_until())
        return due if self.retiring else min(due, self._rotate_ms)

    def end(self, why: str) -> CloseSocket:
        """The socket is given up."""
        self.state = LINK_TRANSITIONS[self.state, LinkStep.END]
        return CloseSocket(self.number, why)

    def _beats_until(self) -> int:
        """Two heartbeats may be late; none may be for longer than any silence."""
        return self._beat_ms + min(
            self._bounds.silent_ms, (self._heartbeat_s or 0) * 2_500 + self._bounds.grace_ms
        )

    def _ping_every_ms(self) -> int:
        stream = self._stream
        return self._bounds.ping_ms if stream.client_ping is None else stream.client_ping_every_ms

    def _settle(self, now_ms: int) -> None:
        if self.state is LinkState.SUBSCRIBING and not self._channels and not self._resuming:
            self.state = LINK_TRANSITIONS[self.state, LinkStep.ACKNOWLEDGE]
            self.ready_ms = now_ms
