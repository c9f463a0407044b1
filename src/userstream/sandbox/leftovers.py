"""Orders that an earlier run on the same folder left open: no book has them any more."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from userstream.events import TERMINAL, OrderUpdate
from userstream.orders import OrderState, OrderType, Side, TimeInForce
from userstream.sandbox.exchange.amounts import ZERO
from userstream.server.bus import Bus

_PAGE = 1_000


async def left_open(bus: Bus, account: str, source: str) -> list[OrderUpdate]:
    """The last event of each open order of the account, oldest order first.

    Only of those that the source published, and as far back as the log goes.
    """
    found: dict[str, OrderUpdate] = {}
    seq = 0
    while stored := await bus.history(account, seq + 1, _PAGE):
        seq = stored[-1].seq
        for one in stored:
            event = one.record.line.event
            if not isinstance(event, OrderUpdate) or one.record.line.source != source:
                continue
            if event.status in TERMINAL:
                found.pop(event.order_id, None)
            else:
                found[event.order_id] = event
    return sorted(found.values(), key=lambda order: int(order.order_id))


def canceled(order: OrderUpdate, now_ms: int) -> OrderUpdate:
    """The event that ends it."""
    filled = Decimal(order.cumulative_quantity or 0) > 0
    return OrderUpdate(
        symbol=order.symbol,
        order_id=order.order_id,
        side=order.side,
        status="PARTIALLY_CANCELED" if filled else "CANCELED",
        time_ms=now_ms,
        execution="CANCELED",
        client_order_id=order.client_order_id,
        order_type=order.order_type,
        time_in_force=order.time_in_force,
        quantity=order.quantity,
        quote_quantity=order.quote_quantity,
        price=order.price,
        stop_price=order.stop_price,
        cumulative_quantity=order.cumulative_quantity,
        cumulative_quote=order.cumulative_quote,
        working=False,
        created_ms=order.created_ms,
    )


def ended(account: str, orders: Iterable[OrderUpdate]) -> list[OrderState]:
    """The orders as queries show them, from the events that ended them."""
    return [
        OrderState(
            order_id=int(o.order_id),
            account=account,
            symbol=o.symbol,
            side=Side(o.side),
            order_type=OrderType(o.order_type or OrderType.LIMIT),
            time_in_force=TimeInForce(o.time_in_force) if o.time_in_force else None,
            client_order_id=o.client_order_id,
            price=_decimal(o.price),
            stop_price=_decimal(o.stop_price),
            quantity=_decimal(o.quantity) or ZERO,
            quote_quantity=_decimal(o.quote_quantity),
            status=o.status,
            working=False,
            cumulative_quantity=_decimal(o.cumulative_quantity) or ZERO,
            cumulative_quote=_decimal(o.cumulative_quote) or ZERO,
            locked=ZERO,
            created_ms=o.created_ms or o.time_ms,
            updated_ms=o.time_ms,
        )
        for o in orders
    ]


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
