"""Timestamps and signatures of requests: what is signed, and when a timestamp is good."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from userstream.venue import Auth, Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

_PREFIX = b"signature="


def signed_message(query: bytes, body: bytes) -> bytes:
    """What a signature covers: query and body as sent, joined without a separator.

    The signature itself is not signed, wherever it stands.
    Doc: Binance rest-api.md §SIGNED endpoint security; BHEX and MEXC say the same.
    """
    return _without_signature(query) + _without_signature(body)


def _without_signature(part: bytes) -> bytes:
    if _PREFIX not in part:
        return part
    return b"&".join(p for p in part.split(b"&") if not p.startswith(_PREFIX))


def sign(secret: str, message: bytes) -> str:
    """HMAC-SHA256 of a message, in lower-case hex."""
    return hmac.digest(secret.encode(), message, hashlib.sha256).hex()


def is_signed(secret: str, message: bytes, signature: str, *, lower_case_only: bool) -> bool:
    """Whether a signature is the right one; letter case counts only where the venue says so."""
    given = signature if lower_case_only else signature.lower()
    return hmac.compare_digest(sign(secret, message).encode(), given.encode())


def check_timestamp(auth: Auth, parameters: Mapping[str, str], now_ms: int) -> Refused | None:
    """Why a request's ``timestamp`` and ``recvWindow`` are refused, or ``None``.

    Doc: Binance rest-api.md §Timing security; SpaceDEX differs at exactly one second ahead.
    """
    window_ms = auth.recv_window_ms
    if "recvWindow" in parameters:
        given = _number(parameters["recvWindow"])
        if given is None:
            return Refusal.PARAMETER_ILLEGAL, ("recvWindow", DIGITS)
        if auth.max_recv_window_ms is not None and given > auth.max_recv_window_ms:
            return Refusal.RECV_WINDOW, ("recvWindow",)
        window_ms = given
    timestamp = _number(parameters["timestamp"])
    if timestamp is None:
        return Refusal.PARAMETER_ILLEGAL, ("timestamp", DIGITS)
    ahead_ms = timestamp - now_ms
    if ahead_ms > auth.ahead_ms or (ahead_ms == auth.ahead_ms and not auth.ahead_inclusive):
        return Refusal.TIMESTAMP_AHEAD, ()
    if -ahead_ms > window_ms:
        return Refusal.TIMESTAMP_OUTSIDE, ()
    return None


DIGITS = "^[0-9]{1,20}$"
Refused = tuple[Refusal, tuple[object, ...]]
"""A refusal and the details that its text takes."""


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 20 else None
