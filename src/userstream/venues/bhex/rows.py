"""How a client asks a broker of BHEX for what its stream did not bring.

Doc: REST API §Account endpoints. No call needs a symbol.
"""

from __future__ import annotations

import msgspec

from userstream.events import OrderUpdate
from userstream.venue import Ask, Fetch, FillsBy, RepairDialect, Rows, What
from userstream.venues._forms import CLOCK
from userstream.venues._rows import (
    OrderRow,
    TradeRow,
    Unread,
    number,
    order,
    read_orders,
    read_trades,
)
from userstream.venues._talks import Fills, Script, named, one_order, talks, whole_account

_PAGE = 500  # Doc: "Default 500; max 1000"; what a broker takes for more is not known


def _same(row: OrderRow) -> OrderRow:
    """The quantity of a market buy is what it spends. Doc: hbtc.js of ccxt, createOrder."""
    if row.type != "MARKET" or row.side != "BUY":
        return row
    return msgspec.structs.replace(row, origQty=None, origQuoteOrderQty=row.origQty)


def _open_orders(ask: Ask, now_ms: int) -> Script:
    """Asks for all open orders. Doc: §Current open orders; ``orderId``: those below it."""
    orders: dict[str, OrderUpdate] = {}
    before: int | None = None
    while True:
        fields = named(ask, orderId=before, limit=_PAGE)
        page = read_orders((yield Fetch("/openapi/v1/openOrders", fields)))
        known = len(orders)
        orders |= {str(row.orderId): order(_same(row), now_ms) for row in page}
        if len(page) < _PAGE:
            return Rows(ask.number, orders=tuple(orders.values()))
        if len(orders) == known:
            raise Unread("a full page without anything new")
        before = min(number(row.orderId) for row in page)


def _fills(ask: Ask, _: int) -> Script:
    """Asks for all fills. Doc: §Account trade list.

    ``fromId`` is the upper bound and goes downwards, ``toId`` the lower one and goes upwards, and
    neither is included; without both the newest come. Whether a window turns that around is not
    said, so a page's own order says where the rest lies. The id at its end is asked for once more.
    """
    fills = Fills()
    fields = window = named(ask, symbol=None, startTime=ask.since_ms, limit=_PAGE)
    while True:
        page = read_trades((yield Fetch("/openapi/v1/myTrades", fields)))
        if fills.take(page, _PAGE):
            break
        first, last = number(page[0].id), number(page[-1].id)
        if first < last:
            fields = window | {"toId": str(last - 1)}
        elif _oldest(page) < (ask.since_ms or 0):
            break
        else:
            fields = window | {"fromId": str(last + 1)}
    return Rows(ask.number, fills=fills.since(ask.since_ms or 0, None))


def _oldest(page: list[TradeRow]) -> int:
    return min(row.time for row in page)


REPAIR = RepairDialect(
    fills_by=FillsBy.ACCOUNT,
    converse=talks(
        {
            What.OPEN_ORDERS: _open_orders,
            What.ORDER: one_order("/openapi/v1/order", _same, by_symbol=False),
            What.FILLS: _fills,
            What.ACCOUNT: whole_account("/openapi/v1/account"),
        },
        CLOCK,
    ),
)
