"""Refusals in the codes and texts of MEXC's error table.

Doc: spot v3 §Error Code. Where the live service says something else, its text stands here, since
clients compare it. HTTP numbers that nobody states are our choice; a refusal that the table does
not have repeats its HTTP number as its code, as the table does for 403, 429, 500 and 503.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from userstream.orders import Reason
from userstream.venue import ErrorForm, Refusal
from userstream.venues._orders import COMBINATION, INVALID_SYMBOL

if TYPE_CHECKING:
    from collections.abc import Mapping

MANDATORY = ErrorForm(
    400, 700004, "Mandatory parameter '{}' was not sent, was empty/null, or malformed."
)
_OUTSIDE = ErrorForm(400, 700003, "Timestamp for this request is outside of the recvWindow.")
_NOT_ALLOWED = ErrorForm(400, 26, "operation not allowed")
PARAMETER = ErrorForm(400, 33333, "param is error")

FORMS: Mapping[Refusal, ErrorForm] = MappingProxyType(
    {
        Refusal.API_KEY_MISSING: ErrorForm(400, 400, "api key required"),
        Refusal.API_KEY_MALFORMED: ErrorForm(400, 700001, "API-key format invalid"),
        Refusal.API_KEY_REJECTED: ErrorForm(400, 10072, "Api key info invalid"),  # seen live
        Refusal.PARAMETER_MISSING: MANDATORY,
        Refusal.PARAMETER_EMPTY: MANDATORY,
        Refusal.PARAMETER_ILLEGAL: ErrorForm(400, 700008, "Illegal characters found in parameter"),
        Refusal.PARAMETER_SURPLUS: PARAMETER,
        Refusal.PARAMETER_DUPLICATE: PARAMETER,
        Refusal.PARAMETER_COMBINATION: COMBINATION,
        Refusal.SYMBOL_UNKNOWN: ErrorForm(400, 10007, "bad symbol"),  # of market data; not orders
        # Not in the document's table, which stops at 730707; seen live.
        Refusal.LISTEN_KEY_UNKNOWN: ErrorForm(400, 730708, "listen key information error"),
        Refusal.LISTEN_KEYS_EXHAUSTED: _NOT_ALLOWED,
        Refusal.SOCKETS_EXHAUSTED: ErrorForm(403, 403, "Access Denied"),
        Refusal.TIMESTAMP_OUTSIDE: _OUTSIDE,
        Refusal.TIMESTAMP_AHEAD: _OUTSIDE,
        Refusal.RECV_WINDOW: ErrorForm(400, 700005, "recvWindow must less than 60000"),
        Refusal.SIGNATURE: ErrorForm(400, 700002, "Signature for this request is not valid."),
        Refusal.SIGNATURE_MISSING: MANDATORY,  # seen live
        Refusal.TOO_MANY_REQUESTS: ErrorForm(429, 429, "Too Many Requests"),
        Refusal.BANNED: ErrorForm(418, 429, "Too Many Requests"),
        Refusal.FORBIDDEN: ErrorForm(403, 700007, "No permission to access the endpoint"),
        Refusal.NOT_FOUND: ErrorForm(404, 404, "Not Found"),
        Refusal.METHOD: ErrorForm(405, 405, "Method Not Allowed"),
        Refusal.TOO_LARGE: ErrorForm(413, 413, "Content Too Large"),
        Refusal.URL_TOO_LONG: ErrorForm(414, 414, "URI Too Long"),
        Refusal.HEADERS_TOO_LARGE: ErrorForm(431, 431, "Request Header Fields Too Large"),
        Refusal.MALFORMED: PARAMETER,
        Refusal.UNAVAILABLE: ErrorForm(503, 503, "service not available, please try again"),
        Refusal.INTERNAL: ErrorForm(500, 500, "Internal error"),
    }
)

NO_ORDER = ErrorForm(400, -2013, "Order does not exist")
EITHER = ErrorForm(
    400,
    700004,
    "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null",
)
NO_AMOUNT = ErrorForm(400, 10095, "amount cannot be null")
BAD_AMOUNT = ErrorForm(400, 10097, "amount is error")
ZERO_AMOUNT = ErrorForm(400, 10102, "amount cannot be zero or negative")
OVERSOLD = ErrorForm(400, 30005, "Oversold")
BAD_TYPE = ErrorForm(400, 30041, "current order type can not place order")

_PLACES = ErrorForm(400, 10096, "amount decimal places is too long")
_PRICE = ErrorForm(400, 30010, "no valid trade price")
UNKNOWN_ORDER = ErrorForm(400, -2011, "Unknown order sent")
_BANNED = ErrorForm(400, 70011, "Pair user ban trade apikey")
# The table says neither for a maker that would take nor for a duplicate what they are.
REASONS: Mapping[Reason, ErrorForm] = MappingProxyType(
    {
        Reason.UNKNOWN_ACCOUNT: _NOT_ALLOWED,
        Reason.DUPLICATE_ACCOUNT: _NOT_ALLOWED,
        Reason.UNKNOWN_SYMBOL: INVALID_SYMBOL,
        Reason.UNKNOWN_ASSET: INVALID_SYMBOL,
        Reason.MISSING_FIELD: MANDATORY,
        Reason.FIELD_NOT_ALLOWED: PARAMETER,
        Reason.BAD_AMOUNT: _PLACES,  # zero and what is no number were refused before
        Reason.BAD_CLIENT_ORDER_ID: PARAMETER,
        Reason.PRICE_TOO_LOW: _PRICE,
        Reason.PRICE_TOO_HIGH: _PRICE,
        Reason.PRICE_OFF_TICK: _PLACES,
        Reason.QUANTITY_TOO_LOW: BAD_AMOUNT,
        Reason.QUANTITY_TOO_HIGH: BAD_AMOUNT,
        Reason.QUANTITY_OFF_LOT: _PLACES,
        # The colon is the full-width one of the live service.
        Reason.NOTIONAL_TOO_LOW: ErrorForm(
            400, 30002, "The minimum transaction volume cannot be less than：{}"
        ),
        Reason.NOTIONAL_TOO_HIGH: ErrorForm(
            400, 30003, "The maximum transaction volume cannot be greater than：{}"
        ),
        Reason.TOO_MANY_OPEN_ORDERS: ErrorForm(400, 30029, "Cannot exceed the maximum order limit"),
        Reason.DUPLICATE_CLIENT_ORDER_ID: _NOT_ALLOWED,
        Reason.WOULD_TAKE: BAD_TYPE,
        Reason.WOULD_TRIGGER: BAD_TYPE,
        Reason.NO_COUNTER_ORDERS: ErrorForm(400, 30025, "no exist opponent order"),
        Reason.INSUFFICIENT_BALANCE: ErrorForm(400, 30004, "Insufficient position"),
        Reason.TRADING_DISABLED: _BANNED,
        Reason.WITHDRAWALS_DISABLED: _NOT_ALLOWED,
        Reason.DEPOSITS_DISABLED: _NOT_ALLOWED,
        Reason.REJECTED: _NOT_ALLOWED,
        Reason.UNKNOWN_ORDER: UNKNOWN_ORDER,
        Reason.ORDER_FINISHED: UNKNOWN_ORDER,
    }
)
"""The exchange's refusals. The two of an order's worth take the bound with its asset."""
