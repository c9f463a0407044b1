"""Heads of requests that are beyond their bound, and answers that end a connection."""

from __future__ import annotations

import http
from email.utils import formatdate
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from userstream.venue import ErrorForm, Refusal

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping

PLAIN_FORMS: Mapping[Refusal, ErrorForm] = MappingProxyType(
    {
        Refusal.URL_TOO_LONG: ErrorForm(414, 414, "The URL is too long."),
        Refusal.HEADERS_TOO_LARGE: ErrorForm(431, 431, "The headers are too large."),
    }
)
"""Where no venue has a form of its own."""


class TooLong(NamedTuple):
    """What is too long, and the path that the request names; cut where that is it."""

    refusal: Refusal
    path: str


def read_too_long(head: bytes) -> TooLong | None:
    """Which part of a head that is beyond its bound is too long; ``None``: it is no HTTP."""
    line, end, _ = head.partition(b"\r\n")
    method, _, target = line.partition(b" ")
    if not (method.isalpha() and target.startswith(b"/")):
        return None
    path = target.partition(b" ")[0].partition(b"?")[0].decode("latin-1")
    return TooLong(Refusal.HEADERS_TOO_LARGE if end else Refusal.URL_TOO_LONG, path)


def answer_last(
    transport: asyncio.Transport, status: int, body: bytes, retry_after_s: int | None = None
) -> None:
    """Answers, and ends our half first: to close while the client sends would take the answer."""
    wait = "" if retry_after_s is None else f"Retry-After: {retry_after_s}\r\n"
    head = (
        f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}\r\n"
        f"Date: {formatdate(usegmt=True)}\r\n{wait}"
        "Content-Type: application/json;charset=UTF-8\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Cache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    transport.write(head.encode() + body)
    if transport.can_write_eof():
        transport.write_eof()
    else:
        transport.close()
