"""Refusals in the codes and texts of MEXC's error table.

Doc: spot v3 §Error Code. Where the live service says something else, its text stands here, since
clients compare it. HTTP numbers that nobody states are our choice; a refusal that the table does
not have repeats its HTTP number as its code, as the table does for 403, 429, 500 and 503.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from userstream.venue import ErrorForm, Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

_MANDATORY = ErrorForm(
    400, 700004, "Mandatory parameter '{}' was not sent, was empty/null, or malformed."
)
_OUTSIDE = ErrorForm(400, 700003, "Timestamp for this request is outside of the recvWindow.")
_PARAMETER = ErrorForm(400, 33333, "param is error")

FORMS: Mapping[Refusal, ErrorForm] = MappingProxyType(
    {
        Refusal.API_KEY_MISSING: ErrorForm(400, 400, "api key required"),
        Refusal.API_KEY_MALFORMED: ErrorForm(400, 700001, "API-key format invalid"),
        Refusal.API_KEY_REJECTED: ErrorForm(400, 10072, "Api key info invalid"),  # seen live
        Refusal.PARAMETER_MISSING: _MANDATORY,
        Refusal.PARAMETER_EMPTY: _MANDATORY,
        Refusal.PARAMETER_ILLEGAL: ErrorForm(400, 700008, "Illegal characters found in parameter"),
        Refusal.PARAMETER_SURPLUS: _PARAMETER,
        Refusal.PARAMETER_DUPLICATE: _PARAMETER,
        # Not in the document's table, which stops at 730707; seen live.
        Refusal.LISTEN_KEY_UNKNOWN: ErrorForm(400, 730708, "listen key information error"),
        Refusal.LISTEN_KEYS_EXHAUSTED: ErrorForm(400, 26, "operation not allowed"),
        Refusal.SOCKETS_EXHAUSTED: ErrorForm(403, 403, "Access Denied"),
        Refusal.TIMESTAMP_OUTSIDE: _OUTSIDE,
        Refusal.TIMESTAMP_AHEAD: _OUTSIDE,
        Refusal.RECV_WINDOW: ErrorForm(400, 700005, "recvWindow must less than 60000"),
        Refusal.SIGNATURE: ErrorForm(400, 700002, "Signature for this request is not valid."),
        Refusal.SIGNATURE_MISSING: _MANDATORY,  # seen live
        Refusal.TOO_MANY_REQUESTS: ErrorForm(429, 429, "Too Many Requests"),
        Refusal.BANNED: ErrorForm(418, 429, "Too Many Requests"),
        Refusal.FORBIDDEN: ErrorForm(403, 700007, "No permission to access the endpoint"),
        Refusal.NOT_FOUND: ErrorForm(404, 404, "Not Found"),
        Refusal.METHOD: ErrorForm(405, 405, "Method Not Allowed"),
        Refusal.TOO_LARGE: ErrorForm(413, 413, "Content Too Large"),
        Refusal.MALFORMED: _PARAMETER,
        Refusal.UNAVAILABLE: ErrorForm(503, 503, "service not available, please try again"),
        Refusal.INTERNAL: ErrorForm(500, 500, "Internal error"),
    }
)
