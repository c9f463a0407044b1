"""How a client asks SpaceDEX for what its stream did not bring.

Doc: API Reference, §Cancel & Query Orders, §Account. There is no list of fills: what was filled
is known as a sum. An order that came and went unseen stands in the list of a symbol's orders.
"""

from __future__ import annotations

from userstream.events import OrderUpdate
from userstream.venue import Ask, Fetch, FillsBy, RepairDialect, Rows, What
from userstream.venues._forms import CLOCK
from userstream.venues._rows import Unread, order, read_orders
from userstream.venues._talks import Script, all_open, named, one_order, talks, whole_account

_PAGE = 500  # Doc: "startTime, endTime, limit", without a number


def _orders(ask: Ask, now_ms: int) -> Script:
    """Asks for a symbol's orders since. Doc: §Cancel & Query Orders, all orders.

    Neither the order of rows nor what a window compares is said: a page's own order says where
    the rest lies, and the row at its end is asked for once more.
    """
    orders: dict[str, OrderUpdate] = {}
    start, end = ask.since_ms, None
    while True:
        fields = named(ask, startTime=start, endTime=end, limit=_PAGE)
        page = read_orders((yield Fetch("/api/v1/allOrders", fields)))
        known = len(orders)
        orders |= {str(row.orderId): order(row, now_ms) for row in page}
        if len(page) < _PAGE:
            return Rows(ask.number, orders=tuple(orders.values()))
        first, last = page[0].time, page[-1].time
        if len(orders) == known or first is None or last is None or first == last:
            raise Unread("a full page, and nothing to ask on from")
        start, end = (last, end) if first < last else (start, last)


REPAIR = RepairDialect(
    fills_by=FillsBy.NOTHING,
    converse=talks(
        {
            What.OPEN_ORDERS: all_open("/api/v1/openOrders"),
            What.ORDER: one_order("/api/v1/order"),
            What.ORDERS: _orders,
            What.ACCOUNT: whole_account("/api/v1/account"),
        },
        CLOCK,
    ),
)
