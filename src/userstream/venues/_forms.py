"""Refusals in the codes and texts of Binance's errors page of December 2017.

BHEX and SpaceDEX kept this list and changed single rows, which they state themselves. HTTP
numbers that the page does not give were seen in public issue threads, or are our choice.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from userstream.venue import ErrorForm, Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

_ILLEGAL = "Illegal characters found in parameter '{}'; legal range is '{}'."
_MANDATORY = "Mandatory parameter '{}' was not sent, was empty/null, or malformed."
_OUTSIDE = "Timestamp for this request is outside of the recvWindow."
_UNSUPPORTED = "This operation is not supported."

# Doc: Binance errors.md 2017-12-01, 10xx and 20xx.
BINANCE_FORMS: Mapping[Refusal, ErrorForm] = MappingProxyType(
    {
        Refusal.API_KEY_MISSING: ErrorForm(401, -2014, "API-key format invalid."),
        Refusal.API_KEY_MALFORMED: ErrorForm(401, -2014, "API-key format invalid."),
        Refusal.API_KEY_REJECTED: ErrorForm(
            401, -2015, "Invalid API-key, IP, or permissions for action."
        ),
        Refusal.PARAMETER_MISSING: ErrorForm(400, -1102, _MANDATORY),
        Refusal.PARAMETER_EMPTY: ErrorForm(400, -1105, "Parameter '{}' was empty."),
        Refusal.PARAMETER_ILLEGAL: ErrorForm(400, -1100, _ILLEGAL),
        Refusal.PARAMETER_SURPLUS: ErrorForm(
            400, -1101, "Too many parameters; expected '{}' and received '{}'."
        ),
        Refusal.PARAMETER_DUPLICATE: ErrorForm(
            400, -1101, "Duplicate values for a parameter detected."
        ),
        Refusal.PARAMETER_COMBINATION: ErrorForm(
            400, -1128, "Combination of optional parameters invalid."
        ),
        Refusal.SYMBOL_UNKNOWN: ErrorForm(400, -1121, "Invalid symbol."),
        Refusal.LISTEN_KEY_UNKNOWN: ErrorForm(400, -1125, "This listenKey does not exist."),
        Refusal.LISTEN_KEYS_EXHAUSTED: ErrorForm(400, -1020, _UNSUPPORTED),
        Refusal.SOCKETS_EXHAUSTED: ErrorForm(
            403, -1002, "You are not authorized to execute this request."
        ),
        Refusal.TIMESTAMP_OUTSIDE: ErrorForm(400, -1021, _OUTSIDE),
        Refusal.TIMESTAMP_AHEAD: ErrorForm(
            400, -1021, "Timestamp for this request was 1000ms ahead of the server's time."
        ),
        Refusal.RECV_WINDOW: ErrorForm(400, -1130, "Data sent for parameter '{}' is not valid."),
        Refusal.SIGNATURE: ErrorForm(400, -1022, "Signature for this request is not valid."),
        Refusal.SIGNATURE_MISSING: ErrorForm(400, -1102, _MANDATORY),
        Refusal.TOO_MANY_REQUESTS: ErrorForm(
            429, -1003, "Too many requests; current limit is {} requests per minute."
        ),
        Refusal.BANNED: ErrorForm(418, -1003, "Way too many requests; IP banned until {}."),
        Refusal.FORBIDDEN: ErrorForm(403, -1002, "You are not authorized to execute this request."),
        Refusal.NOT_FOUND: ErrorForm(404, -1020, _UNSUPPORTED),
        Refusal.METHOD: ErrorForm(405, -1020, _UNSUPPORTED),
        Refusal.TOO_LARGE: ErrorForm(413, -1020, "The request is too large."),
        Refusal.URL_TOO_LONG: ErrorForm(414, -1020, "The URL is too long."),
        Refusal.HEADERS_TOO_LARGE: ErrorForm(431, -1020, "The headers are too large."),
        Refusal.MALFORMED: ErrorForm(400, -1100, _ILLEGAL),
        Refusal.UNAVAILABLE: ErrorForm(
            500, -1001, "Internal error; unable to process your request. Please try again."
        ),
        Refusal.INTERNAL: ErrorForm(
            500, -1000, "An unknown error occured while processing the request."
        ),
    }
)

CLOCK = frozenset(
    {BINANCE_FORMS[r].code for r in (Refusal.TIMESTAMP_OUTSIDE, Refusal.TIMESTAMP_AHEAD)}
)
"""The codes by which a timestamp is refused."""
