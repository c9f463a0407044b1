"""What makes two events the same event."""

from __future__ import annotations

import msgspec

from userstream.events import OrderUpdate, StreamEvent
from userstream.venue import FillKey


class Fill(msgspec.Struct, frozen=True, gc=False):
    """The key of a fill: no two fills of an account have the same. No tuple: see ADR 16."""

    symbol: str
    order_id: str
    number: str
    """The trade id, or the order's sum after the fill; both rise with each fill of an order."""


class Said(msgspec.Struct, frozen=True, gc=False):
    """All that an event says. Two events may say the same: equal ones can only be counted."""

    event: StreamEvent
    time_ms: int | None


_FILLS = frozenset({None, "TRADE"})


def fill_of(order: OrderUpdate, fill_key: FillKey) -> Fill | None:
    """The key of an order event's fill; ``None`` without a fill, or where nothing tells it.

    A dialect without trade ids may show them on some frames: then they count.
    """
    quantity = order.last_quantity
    if quantity is None or order.execution not in _FILLS or not quantity.strip("0."):
        return None
    if fill_key is FillKey.CUMULATIVE and order.cumulative_quantity is not None:
        return Fill(order.symbol, order.order_id, plain(order.cumulative_quantity))
    trade_id = order.trade_id
    return None if trade_id is None else Fill(order.symbol, order.order_id, trade_id)


def plain(amount: str) -> str:
    """A decimal text without the zeros that change nothing, to compare with others."""
    return amount.rstrip("0").rstrip(".") if "." in amount else amount
