"""The opening handshake of a stream: which venue, which listen keys, or why not."""

from __future__ import annotations

import asyncio
import http
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote_plus

import msgspec
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

from userstream.core.wishes import Unclear, Wishes, read_wishes
from userstream.server.framing import SILENT
from userstream.server.head import PLAIN_FORMS, answer_last, read_too_long
from userstream.venue import ErrorForm, KeyPlace, Refusal, StreamPath, Venue

if TYPE_CHECKING:
    from userstream.core.listenkeys import KeyRecord
    from userstream.core.mount import Mounts

_END_OF_HEAD = b"\r\n\r\n"
_PLAIN_FORM = ErrorForm(404, 404, "No venue is mounted here.")
_BROKEN_FORM = ErrorForm(400, 400, "A WebSocket handshake is due: GET with an upgrade.")


class Target(NamedTuple):
    """Where a handshake wants to go: a venue, and the listen keys that it names."""

    venue: Venue
    keys: tuple[str, ...] = ()
    wrapped: bool = False
    """Whether frames name their stream: ``{"stream":…,"data":…}``."""
    wishes: Wishes | None = None


class Refused(NamedTuple):
    """A refused handshake: the venue's form, and for whom it is counted."""

    form: ErrorForm
    venue: Venue | None = None
    refusal: Refusal | None = None
    details: tuple[object, ...] = ()
    retry_after_s: int | None = None


class Handshake:
    """Reads one handshake, however its bytes are cut."""

    __slots__ = ("_most", "_protocol", "_response", "_seen", "_size", "_tail", "request", "rest")

    def __init__(self, head_bytes: int) -> None:
        self._protocol = ServerProtocol(logger=SILENT)
        self._response: Response
        self._most = head_bytes
        self._size = 0
        self._seen = bytearray()  # no further than the bound
        self._tail = b""
        self.request: Request | None = None
        """The request; ``None`` where it was no HTTP, or too long."""
        self.rest = b""
        """What came behind the request: frames of a client in a hurry."""

    def feed(self, data: bytes) -> bool:
        """Takes bytes; whether the handshake can be decided now."""
        seen = self._tail + data
        end = seen.find(_END_OF_HEAD)
        size = len(data) if end < 0 else end + len(_END_OF_HEAD) - len(self._tail)
        self._tail = seen[1 - len(_END_OF_HEAD) :]
        self._seen += data[: max(0, self._most - self._size)]
        self._size += size
        if self._size > self._most:
            return True
        self._protocol.receive_data(data[:size])
        if self._protocol.handshake_exc is not None:
            return True
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self.request, self.rest = event, data[size:]
        return self.request is not None

    def refusal(self, mounts: Mounts) -> Refused:
        """Why there is no request."""
        over = read_too_long(bytes(self._seen)) if self._size > self._most else None
        if over is None:
            return broken()
        found = mounts.find("", over.path)
        if found is None:
            return Refused(PLAIN_FORMS[over.refusal], None, over.refusal)
        return Refused(found[0].errors[over.refusal], found[0], over.refusal)

    def is_upgrade(self) -> bool:
        """Whether the request is a WebSocket handshake as RFC 6455 §4.2.1 has it."""
        if self.request is None:
            return False
        self._response = self._protocol.accept(self.request)
        return self._response.status_code == http.HTTPStatus.SWITCHING_PROTOCOLS

    def accept(self) -> bytes:
        """The bytes of the 101 answer; only after ``is_upgrade`` said yes."""
        self._protocol.send_response(self._response)
        return b"".join(self._protocol.data_to_send())

    def close(self) -> None:
        """Lets the parser go, which holds itself: its memory is free now, not at a collection."""
        self._protocol.parser.close()


def find_target(request: Request, mounts: Mounts) -> Target | Refused:
    """The venue and the keys that a request line names."""
    path, _, query = request.path.partition("?")
    host = request.headers.get("Host", "") if len(request.headers.get_all("Host")) == 1 else ""
    found = mounts.find(host, path)
    if found is None:
        return Refused(_PLAIN_FORM)
    venue, rest = found
    for place in venue.stream.paths:
        target = _match(venue, place, rest, query)
        if target is not None:
            return _extended(target, query)
    return Refused(venue.errors[Refusal.NOT_FOUND], venue, Refusal.NOT_FOUND)


def _extended(target: Target, query: str) -> Target | Refused:
    """The target with what is asked of the extension."""
    wishes = read_wishes(query)
    if wishes is not None and len(target.keys) > 1:
        wishes = Unclear("a stream with us=1 has one listen key")
    if isinstance(wishes, Unclear):
        form = target.venue.errors[Refusal.PARAMETER_ILLEGAL]._replace(text=wishes.problem)
        return Refused(form, target.venue, Refusal.PARAMETER_ILLEGAL)
    return target._replace(wishes=wishes)


def _match(venue: Venue, stream: StreamPath, path: str, query: str) -> Target | None:
    if stream.place is KeyPlace.PATH:
        key = path.removeprefix(stream.path)
        if path.startswith(stream.path) and key and "/" not in key:
            return Target(venue, (key,))
        return None
    if path.rstrip("/") != stream.path:
        return None
    if stream.place is KeyPlace.LATER:
        return Target(venue)
    name = "listenKey" if stream.place is KeyPlace.QUERY else "streams"
    value = _parameter(query, name)
    wrapped = stream.place is KeyPlace.STREAMS
    if value is None:
        return Target(venue, (), wrapped)
    keys = tuple(dict.fromkeys(value.split("/"))) if wrapped else (value,)
    return Target(venue, keys, wrapped)


def _parameter(query: str, name: str) -> str | None:
    for field in query.split("&"):
        key, _, value = field.partition("=")
        if key == name:
            return unquote_plus(value)
    return None


def refuse(transport: asyncio.Transport, refused: Refused) -> None:
    """Answers a refused handshake with a whole HTTP response, the last of its connection."""
    form = refused.form
    text = form.text.format(*refused.details) if refused.details else form.text
    body = msgspec.json.encode({"code": form.code, "msg": text})
    answer_last(transport, form.status, body, refused.retry_after_s)


def broken(venue: Venue | None = None) -> Refused:
    """What a request gets that is not a WebSocket handshake."""
    return Refused(_BROKEN_FORM, venue, Refusal.MALFORMED)


class Opened(NamedTuple):
    """A handshake that may go on: the venue, the live keys, and how frames are wrapped."""

    venue: Venue
    records: tuple[tuple[str, KeyRecord], ...]
    wrapped: bool
    wishes: Wishes | None = None
