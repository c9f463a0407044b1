"""Order events: what an order tells its account at each change."""

from __future__ import annotations

from decimal import Decimal

from userstream.events import OrderUpdate
from userstream.orders import OrderRequest, Trade
from userstream.sandbox.exchange.amounts import publishable, text
from userstream.sandbox.exchange.orders import Order


def changed(
    order: Order, execution: str, now_ms: int, cancel_client_order_id: str | None = None
) -> OrderUpdate:
    """The order after a change that is no fill: new, triggered, canceled, expired."""
    return OrderUpdate(
        symbol=order.listing.symbol,
        order_id=str(order.order_id),
        side=order.side.value,
        status=order.status,
        time_ms=now_ms,
        execution=execution,
        client_order_id=order.client_order_id,
        cancel_client_order_id=cancel_client_order_id,
        order_type=order.order_type.value,
        time_in_force=order.time_in_force and order.time_in_force.value,
        quantity=order.quantity_text,
        quote_quantity=order.quote_text,
        price=order.price_text,
        stop_price=order.stop_text,
        cumulative_quantity=text(order.filled),
        cumulative_quote=text(order.spent),
        working=order.working and execution == "NEW",
        created_ms=order.created_ms,
    )


def traded(order: Order, trade: Trade) -> OrderUpdate:
    """The order after a fill."""
    charged = trade.commission > 0
    return OrderUpdate(
        symbol=trade.symbol,
        order_id=str(order.order_id),
        side=order.side.value,
        status=order.status,
        time_ms=trade.time_ms,
        execution="TRADE",
        client_order_id=order.client_order_id,
        order_type=order.order_type.value,
        time_in_force=order.time_in_force and order.time_in_force.value,
        quantity=order.quantity_text,
        quote_quantity=order.quote_text,
        price=order.price_text,
        stop_price=order.stop_text,
        last_quantity=text(trade.quantity),
        last_price=text(trade.price),
        last_quote=text(trade.quote),
        cumulative_quantity=text(order.filled),
        cumulative_quote=text(order.spent),
        commission=text(trade.commission) if charged else "0",
        commission_asset=trade.commission_asset if charged else None,
        trade_id=str(trade.trade_id),
        maker=trade.maker,
        self_trade=trade.self_trade,
        working=bool(order.left),
        created_ms=order.created_ms,
    )


def rejected(request: OrderRequest, order_id: int, reason: str, now_ms: int) -> OrderUpdate:
    """An order that never was. Amounts that no event can show are left out."""
    return OrderUpdate(
        symbol=request.symbol,
        order_id=str(order_id),
        side=request.side.value,
        status="REJECTED",
        time_ms=now_ms,
        execution="REJECTED",
        client_order_id=request.client_order_id,
        order_type=request.order_type.value,
        time_in_force=request.time_in_force and request.time_in_force.value,
        quantity=_shown(request.quantity) or "0",
        quote_quantity=_shown(request.quote_quantity),
        price=_shown(request.price),
        stop_price=_shown(request.stop_price),
        cumulative_quantity="0",
        cumulative_quote="0",
        reject_reason=reason,
        working=False,
        created_ms=now_ms,
    )


def _shown(value: Decimal | None) -> str | None:
    fitting = None if value is None else publishable(value)
    return None if fitting is None else text(fitting)
