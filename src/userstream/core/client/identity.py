"""What makes two events the same event."""

from __future__ import annotations

from collections.abc import Hashable

import msgspec

from userstream.events import OrderUpdate
from userstream.venue import FillKey, Received


class Identity(msgspec.Struct, frozen=True, gc=False):
    """``unique``: no two events have that key. Else equal ones can only be counted."""

    key: Hashable
    unique: bool


_FILLS = frozenset({None, "TRADE"})


def fill_of(order: OrderUpdate, fill_key: FillKey) -> tuple[str, str, str] | None:
    """The key of an order event's fill; ``None`` without a fill, or where nothing tells it.

    A dialect without trade ids may show them on some frames: then they count.
    """
    quantity = order.last_quantity
    if quantity is None or order.execution not in _FILLS or not quantity.strip("0."):
        return None
    if fill_key is FillKey.CUMULATIVE and order.cumulative_quantity is not None:
        return order.symbol, order.order_id, plain(order.cumulative_quantity)
    return None if order.trade_id is None else (order.symbol, order.order_id, order.trade_id)


def plain(amount: str) -> str:
    """A decimal text without the zeros that change nothing, to compare with others."""
    return amount.rstrip("0").rstrip(".") if "." in amount else amount


def identity(received: Received, fill_key: FillKey) -> Identity:
    """The identity of an event: its fill where that is unique, else all that it says."""
    event = received.event
    if isinstance(event, OrderUpdate):
        fill = fill_of(event, fill_key)
        if fill is not None:
            return Identity(fill, True)
    return Identity((event, received.time_ms), False)
