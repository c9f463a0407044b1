"""The line that comes most, read fast: a plain order event, checked on the way in.

What is read here is exactly what ``schema.check`` allows, or a part of it. Whatever is not plain
gets ``None``, and goes the long way, which finds out what is wrong and says so.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, TypeAlias

import msgspec

from userstream.events import MAX_TIME_MS, OrderUpdate

_Word: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
_Amount: TypeAlias = Annotated[str, msgspec.Meta(min_length=1)]
_Time: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=MAX_TIME_MS)]
MAX_N = (1 << 63) - 1


class PlainOrder(
    OrderUpdate,
    frozen=True,
    kw_only=True,
    gc=False,
    forbid_unknown_fields=True,
    tag="order_update",
):
    """An order event whose words and enums were checked by the decoder."""

    symbol: _Word
    order_id: _Word
    side: Literal["BUY", "SELL"]
    status: Literal[
        "NEW",
        "PARTIALLY_FILLED",
        "FILLED",
        "CANCELED",
        "PARTIALLY_CANCELED",
        "PENDING_CANCEL",
        "REJECTED",
        "EXPIRED",
    ]
    execution: Literal["NEW", "CANCELED", "REPLACED", "REJECTED", "TRADE", "EXPIRED"]
    time_ms: _Time
    order_type: _Word
    quantity: _Amount
    cumulative_quantity: _Amount
    price: _Amount | None = None
    quote_quantity: _Amount | None = None
    stop_price: _Amount | None = None
    iceberg_quantity: _Amount | None = None
    last_quantity: _Amount | None = None
    last_price: _Amount | None = None
    last_quote: _Amount | None = None
    cumulative_quote: _Amount | None = None
    average_price: _Amount | None = None
    commission: _Amount | None = None
    client_order_id: _Word | None = None
    cancel_client_order_id: _Word | None = None
    time_in_force: _Word | None = None
    commission_asset: _Word | None = None
    trade_id: _Word | None = None
    execution_id: _Word | None = None
    reject_reason: _Word | None = None
    created_ms: _Time | None = None


class OrderLine(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, gc=False):
    """A publishing line that is a plain order event and asks for nothing special."""

    v: Literal[1]
    account: str
    source: str
    n: Annotated[int, msgspec.Meta(ge=1, le=MAX_N)]
    event: PlainOrder


_BLANK, _ESCAPE, _DELETE = b" \\\x7f"
_TYPE = b'"type":"order_update"'  # the decoder alone would do without it
_decode = msgspec.json.Decoder(OrderLine).decode
# Exactly twelve, so that a separator inside a field cannot pass for two; possessive, since there
# is nothing to try again.
_TWELVE_AMOUNTS = re.compile(r"(?:[0-9]{1,20}+(?:\.[0-9]{1,18}+)?+;){12}+").fullmatch


def read_order(text: bytes) -> OrderLine | None:
    """The line, where it is plain: compact ASCII without escapes, every field as it must be."""
    # Without blanks and escapes in the whole line there is none in its words either.
    if not text.isascii() or _BLANK in text or _ESCAPE in text or _DELETE in text:
        return None
    if _TYPE not in text:
        return None
    try:
        line = _decode(text)
    except msgspec.MsgspecError:
        return None
    o = line.event
    if o.execution == "TRADE" and (
        o.last_quantity is None or o.last_price is None or o.trade_id is None
    ):
        return None
    amounts = (
        f"{o.quantity};{o.price or 0};{o.last_quantity or 0};{o.last_price or 0};"
        f"{o.cumulative_quantity};{o.cumulative_quote or 0};{o.commission or 0};"
        f"{o.stop_price or 0};{o.iceberg_quantity or 0};{o.quote_quantity or 0};"
        f"{o.last_quote or 0};{o.average_price or 0};"
    )
    return line if _TWELVE_AMOUNTS(amounts) else None


class _Stored(msgspec.Struct, gc=False):
    event: OrderUpdate


_decode_stored = msgspec.json.Decoder(_Stored).decode


def order_of(text: bytes) -> OrderUpdate:
    """The event of a line that was accepted."""
    return _decode_stored(text).event
