"""Heartbeats of the broker "openapi", in text frames: ``{"ping":n}`` and ``{"pong":n}``.

Doc: "User Data Streams" (/openapi).
"""

from __future__ import annotations

from typing import Any

import msgspec

from userstream.venue import Control, Notice, Subscriber
from userstream.venues._frames import encode_json

_MAX_ECHO_BYTES = 64


class Heartbeat(msgspec.Struct, gc=False):
    """A ping or pong in a text frame; sister venues add ``channelId`` and others."""

    e: Any = msgspec.UNSET
    ping: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    pong: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    channelId: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_decode = msgspec.json.Decoder(Heartbeat).decode


def beat_of(data: bytes | str) -> Heartbeat | None:
    """The ping or pong that a frame is; ``None``: it is none."""
    try:
        beat = _decode(data)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    if beat.e is not msgspec.UNSET or (beat.ping is msgspec.UNSET and beat.pong is msgspec.UNSET):
        return None
    return beat


def answer(text: str, subscriber: Subscriber) -> Control:
    """Answers ``{"ping":n}`` with the same ``n``; all other text is ignored.

    The platform's Java SDK sends a subscription after opening, which asks for nothing here.
    """
    beat = beat_of(text)
    if beat is None:
        return Control()
    pong = _pong(beat)
    return Control(() if pong is None else (pong,), counts_as_life=True)


def notice(frame: bytes | str) -> Notice | None:
    """The answer that a client owes to the server's own ``{"ping":n}``."""
    beat = beat_of(frame)
    return None if beat is None else Notice(reply=_pong(beat))


def _pong(beat: Heartbeat) -> bytes | None:
    if isinstance(beat.ping, msgspec.UnsetType):
        return None
    parts = {"pong": beat.ping}
    if not isinstance(beat.channelId, msgspec.UnsetType):
        parts["channelId"] = beat.channelId
    if any(len(bytes(raw)) > _MAX_ECHO_BYTES for raw in parts.values()):
        return None
    return encode_json(parts)
