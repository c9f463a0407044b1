"""Requests as each venue wants them: listen keys and what their answers mean, and rows."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import NamedTuple
from urllib.parse import quote, urlencode

import msgspec

from userstream.core.signing import sign
from userstream.venue import Call, Fetch, Need, Refusal, Venue


class Verdict(Enum):
    """What an answer to a request, or to a handshake, means."""

    GRANTED = auto()
    KEY_UNKNOWN = auto()
    """The listen key is dead: another one is needed."""
    CLOCK = auto()
    """The timestamp is refused: the venue's clock has to be measured."""
    BUSY = auto()
    """Too many requests, or banned: not before ``Retry-After``."""
    DENIED = auto()
    """The API key, its signature or its address: the same request will be refused again."""
    FAILED = auto()
    """Anything else, and no answer at all: try again."""


class Access(NamedTuple):
    """An API key, and its secret where it is known. Never shown."""

    key: str
    secret: str | None = None

    def __repr__(self) -> str:
        return "<Access>"


class Request(NamedTuple):
    """One HTTP request: the query as it is to be sent, no body. Never shown: it has secrets."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.path}>"


def needs_clock(venue: Venue, access: Access) -> bool:
    """Whether listen-key requests carry a timestamp."""
    return _signs(venue, access) or venue.rest.auth.timestamp is Need.REQUIRED


def _signs(venue: Venue, access: Access) -> bool:
    return access.secret is not None and venue.rest.auth.signature is not Need.NONE


def key_request(
    venue: Venue, access: Access, call: Call, listen_key: str | None, venue_ms: int
) -> Request:
    """A request to make, renew or delete a listen key.

    Everything in the query, where every venue reads it for every method. A venue that knows no
    timestamp here refuses one, so it is sent only where it is known; signed when there is a
    secret and the venue looks at signatures. Doc: contracts, create and keep alive.
    """
    auth = venue.rest.auth
    route = next(r for r in venue.rest.routes if r.call is call)
    fields: dict[str, str] = {}
    if listen_key is not None:
        fields["listenKey"] = listen_key
    if needs_clock(venue, access):
        fields["timestamp"] = str(venue_ms)
    query = urlencode(fields, quote_via=quote)
    if access.secret is not None and _signs(venue, access):
        query += "&signature=" + sign(access.secret, query.encode())
    return Request(route.method, route.path, query, {auth.header: access.key})


class _Body(msgspec.Struct, gc=False):
    code: int | str | None = None
    listenKey: str | None = None  # noqa: N815 - as on the wire


class Answer(NamedTuple):
    """What a venue answered. ``key`` is the listen key that it gave, never shown."""

    verdict: Verdict
    key: str | None = None
    retry_after_ms: int | None = None
    status: int | None = None
    code: int | None = None

    def __repr__(self) -> str:
        return f"<Answer {self.verdict.name} HTTP {self.status} code {self.code}>"


NO_ANSWER = Answer(Verdict.FAILED)
"""The request did not get through, or its answer did not come in time."""
_decode = msgspec.json.Decoder(_Body, strict=False).decode
_BY_REFUSAL = {
    Refusal.LISTEN_KEY_UNKNOWN: Verdict.KEY_UNKNOWN,
    Refusal.TIMESTAMP_OUTSIDE: Verdict.CLOCK,
    Refusal.TIMESTAMP_AHEAD: Verdict.CLOCK,
    Refusal.TOO_MANY_REQUESTS: Verdict.BUSY,
    Refusal.BANNED: Verdict.BUSY,
    Refusal.API_KEY_MISSING: Verdict.DENIED,
    Refusal.API_KEY_MALFORMED: Verdict.DENIED,
    Refusal.API_KEY_REJECTED: Verdict.DENIED,
    Refusal.SIGNATURE: Verdict.DENIED,
    Refusal.SIGNATURE_MISSING: Verdict.DENIED,
}


def read_answer(venue: Venue, status: int, body: bytes, retry_after: str | None = None) -> Answer:
    """What an answer means, by its status and its ``code``.

    A ``code`` other than 0 and 200 is a refusal even with status 200, as on MEXC. ``Retry-After``
    is in seconds. Numbers may be text.
    """
    try:
        read = _decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        read = _Body()
    code = _code(read.code)
    wait = retry_after or ""
    wait_ms = int(wait) * 1_000 if wait.isascii() and wait.isdigit() and len(wait) < 8 else None
    if 200 <= status < 300 and code in {None, 0, 200}:
        return Answer(Verdict.GRANTED, read.listenKey, None, status, code)
    return Answer(_verdict(venue, status, code), None, wait_ms, status, code)


def _verdict(venue: Venue, status: int, code: int | None) -> Verdict:
    if status in {418, 429}:
        return Verdict.BUSY
    for refusal, verdict in _BY_REFUSAL.items():
        if code is not None and code == venue.errors[refusal].code:
            return verdict
    return Verdict.DENIED if status in {401, 403} else Verdict.FAILED


def _code(given: int | str | None) -> int | None:
    text = str(given)
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) < 10 else None


def row_request(venue: Venue, access: Access, fetch: Fetch, venue_ms: int) -> Request | None:
    """A request of a repair, signed; ``None`` without a secret.

    ``timestamp`` and ``recvWindow`` are good everywhere. Doc: SIGNED endpoint security.
    """
    if access.secret is None:
        return None
    auth = venue.rest.auth
    fields = dict(fetch.fields)
    fields["recvWindow"] = str(auth.recv_window_ms)
    fields["timestamp"] = str(venue_ms)
    query = urlencode(fields, quote_via=quote)
    query += "&signature=" + sign(access.secret, query.encode())
    return Request(fetch.method, fetch.path, query, {auth.header: access.key})
