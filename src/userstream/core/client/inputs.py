"""What happens to a stream. ``now_ms`` beside each is of a clock that never steps."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from userstream.core.client.requests import Answer
from userstream.venue import Mark, Notice


class Start(NamedTuple):
    """Begin. The machine's wall clock may be wrong by hours."""

    wall_ms: int


class Stop(NamedTuple):
    """End; ``delete_key`` as the program says, ``None``: only a key that nobody shares."""

    delete_key: bool | None = None


class Tick(NamedTuple):
    """The deadline has come."""

    wall_ms: int


class KeyAnswered(NamedTuple):
    """The answer to ``AskKey``; ``NO_ANSWER`` where none came."""

    number: int
    answer: Answer


class ClockAnswered(NamedTuple):
    """The venue's time, between sending and answer; ``None`` where it did not say."""

    sent_ms: int
    venue_ms: int | None


class Opened(NamedTuple):
    """The handshake of a socket is done."""

    socket: int


class Refused(NamedTuple):
    """The handshake was refused, or nobody answered (``NO_ANSWER``)."""

    socket: int
    answer: Answer


class Closed(NamedTuple):
    """A socket is over; ``code`` is ``None`` without a close frame."""

    socket: int
    code: int | None = None
    text: str = ""


class Pong(NamedTuple):
    """A pong, or a ping that the shell answered by itself."""

    socket: int


class Heard(NamedTuple):
    """A frame without events came: an answer, or a wish of the server's."""

    socket: int
    notice: Notice


class Expired(NamedTuple):
    """The venue says that the listen key of that socket died."""

    socket: int


class Controlled(NamedTuple):
    """A control frame of our own server; ``whole``: nothing before it is missing."""

    socket: int
    mark: Mark
    whole: bool


class Holed(NamedTuple):
    """A frame of that socket shows that something before it is missing."""

    socket: int


class CaughtUp(NamedTuple):
    """All that was missed came by replay."""


class Repaired(NamedTuple):
    """All that was missed came by REST, or was told as a gap."""


class Unrepaired(NamedTuple):
    """The repair failed: again later."""

    why: str
    retry_after_ms: int | None = None


class Missed(NamedTuple):
    """REST shows what a healthy socket did not bring, of that moment of ours or later."""

    since_ms: int


class TimestampRefused(NamedTuple):
    """The venue refused the timestamp of a question of a repair."""


class Stalled(NamedTuple):
    """Whether sockets are left unread, since the program takes nothing."""

    stalled: bool


class Reconciled(NamedTuple):
    """The program itself made sure of what was missed."""


Input: TypeAlias = (
    Start
    | Stop
    | Tick
    | KeyAnswered
    | ClockAnswered
    | Opened
    | Refused
    | Closed
    | Pong
    | Heard
    | Expired
    | Controlled
    | Holed
    | CaughtUp
    | Repaired
    | Unrepaired
    | Missed
    | TimestampRefused
    | Reconciled
    | Stalled
)
