"""Requests of clients on MEXC's sockets, and the answers to them.

Doc: spot v3 §Websocket Market Streams, live subscribing. A refusal has ``code`` 0 too and shows
in its text only, which was seen in public logs: two spaces, a full-width colon, a space at the
end. Nothing but these answers may ever be sent as text: clients die on anything else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from userstream.venue import Control, Notice
from userstream.venues.mexc.words import CHANNELS

if TYPE_CHECKING:
    from userstream.venue import Controller, Subscriber

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class Ack(msgspec.Struct, gc=False):
    """The answer to a request. ``id`` is the request's, or 0."""

    id: int
    code: int
    msg: str


def controller(channels: frozenset[str], most: int) -> Controller:
    """Answers to requests on a venue with these private channels, at most so many a socket."""

    def control(text: str, subscriber: Subscriber) -> Control:
        request = _request(text)
        number = _number(request.get("id"))
        method = request.get("method")
        method = method.upper() if isinstance(method, str) else None
        if method == "PING":
            return Control((_ack(number, "PONG"),), counts_as_life=True)
        wanted = request.get("params")
        if not isinstance(wanted, list) or not wanted or not all(map(_is_text, wanted)):
            return Control((_invalid(number),))
        asked = tuple(dict.fromkeys(wanted))
        if method == "SUBSCRIPTION":
            allowed = channels if subscriber.has_key else frozenset[str]()
            return _subscribe(number, asked, subscriber.channels, allowed, most)
        if method == "UNSUBSCRIPTION":
            replies = (_ack(number, ",".join(asked)),)
            return Control(replies, subscriber.channels.difference(asked))
        return Control((_invalid(number),))

    return control


def _subscribe(
    number: int, asked: tuple[str, ...], current: frozenset[str], allowed: frozenset[str], most: int
) -> Control:
    """Good channels in one answer, refused ones in a second.

    A channel that is subscribed to already is good, and takes no second place.
    """
    good: list[str] = []
    refused: list[str] = []
    channels = set(current)
    for channel in asked:
        if channel in allowed and (channel in channels or len(channels) < most):
            good.append(channel)
            channels.add(channel)
        else:
            refused.append(channel)
    texts = ([",".join(good)] if good else []) + ([_refusal(refused)] if refused else [])
    replies = tuple(_ack(number, text) for text in texts)
    return Control(replies, frozenset(channels) if good else None)


def _refusal(channels: list[str]) -> str:
    return f"Not Subscribed successfully! [{','.join(channels)}].  Reason： Blocked! "


def _request(text: str) -> dict[str, Any]:
    try:
        request = _decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return {}
    return request if isinstance(request, dict) else {}


def _number(given: object) -> int:
    """The request's ``id``. Doc: an unsigned integer; anything else is answered with 0."""
    if isinstance(given, int) and not isinstance(given, bool) and 0 <= given < 1 << 64:
        return given
    return 0


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _ack(number: int, text: str) -> bytes:
    return _encode(Ack(number, 0, text))


def _invalid(number: int) -> bytes:
    return _encode(Ack(number, 1, "invalid request"))


_decode_ack = msgspec.json.Decoder(Ack).decode


def acknowledgement(frame: bytes | str) -> Notice | None:
    """What an answer says: the channels that are on, or why not. ``PONG`` says neither.

    Doc: spot v3 §Websocket Market Streams. ``code`` is 0 for a refusal too: only a text that is
    nothing but names of channels is a yes.
    """
    try:
        ack = _decode_ack(frame)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    if ack.msg == "PONG":
        return Notice()
    names = ack.msg.split(",")
    if ack.code == 0 and CHANNELS.issuperset(names):
        return Notice(subscribed=frozenset(names))
    return Notice(refused=ack.msg)
