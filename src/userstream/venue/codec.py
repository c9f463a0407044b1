"""What a dialect's encoder, decoder and control function take and give."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import msgspec

from userstream.events import AccountSnapshot, Envelope, StreamEvent
from userstream.venue.mark import Mark


class Frame(NamedTuple):
    """One outgoing message. ``channel`` is empty where the venue has no channels."""

    payload: bytes
    channel: str = ""
    binary: bool = False


class Received(msgspec.Struct, frozen=True, gc=False):
    """One decoded event, with the venue's own time of it where the dialect carries one."""

    event: StreamEvent
    time_ms: int | None = None


class Subscriber(NamedTuple):
    """What ``control`` may know of the socket that sent a frame."""

    channels: frozenset[str]
    has_key: bool
    is_live_key: Callable[[str], bool]


class Control(NamedTuple):
    """What a client's text frame asks for: replies in order, and its channels from now on."""

    replies: tuple[bytes, ...] = ()
    channels: frozenset[str] | None = None
    """``None``: unchanged."""
    counts_as_life: bool = False
    """Whether the frame ends the silence that idle rules measure."""


class Notice(NamedTuple):
    """What a frame of the server says to the client itself, beside events."""

    reply: bytes | None = None
    """What the client must send back."""
    subscribed: frozenset[str] = frozenset()
    """Channels that are subscribed to from now on."""
    refused: str | None = None
    """Why a subscription was refused, in the venue's words."""


Encoder: TypeAlias = Callable[[Envelope, AccountSnapshot | None], tuple[Frame, ...]]
"""Frames of one event. The account after the event comes along for account events."""
Decoder: TypeAlias = Callable[[bytes | str], tuple[Received, ...]]
"""Events of one frame; ``MalformedFrame`` for whatever the document does not describe."""
Controller: TypeAlias = Callable[[str, Subscriber], Control]
"""Answer to one text frame of a client."""
Noticer: TypeAlias = Callable[[bytes | str], Notice | None]
"""What a frame says to the client itself; ``None`` for a frame of events. Never raises."""
Marker: TypeAlias = Callable[[bytes | str], Mark | None]
"""The extension's field of a frame; ``None`` where there is none. Never raises."""


def no_notice(frame: bytes | str) -> Notice | None:
    """For dialects whose frames hold events and nothing else."""
    return None
