"""How a client asks MEXC for what its stream did not bring.

Doc: spot v3 §Spot Account/Trade.
"""

from __future__ import annotations

from collections.abc import Generator

import msgspec

from userstream.venue import Ask, Fetch, FillsBy, Refusal, RepairDialect, Rows, What
from userstream.venues._rows import OrderRow, TradeRow, Unread, read_orders, read_trades
from userstream.venues._talks import Fills, Script, all_open, named, one_order, talks, whole_account
from userstream.venues.mexc.forms import FORMS
from userstream.venues.mexc.words import TYPES

_PAGE = 100  # Doc: §Account trade list, "max 100"
_REACH_MS = 30 * 86_400_000  # Doc: §Account trade list, "1 month"
_ORDERS_PAGE = 1_000  # Doc: §All orders, "max 1000"
_ORDERS_REACH_MS = 7 * 86_400_000  # Doc: §All orders
_AHEAD_MS = 2_000
"""How far a window ends after now: what took place while the request was under way."""


def _same(row: OrderRow) -> OrderRow:
    """The time in force is folded into the type. Doc: §Enum definitions, order type."""
    folded = TYPES.get(row.type or "")
    if folded is None:
        return row
    order_type, time_in_force = folded
    return msgspec.structs.replace(
        row, type=order_type.value, timeInForce=time_in_force and time_in_force.value
    )


def _fills(ask: Ask, now_ms: int) -> Script:
    """Asks for a symbol's fills, from now back. Doc: §Account trade list; ids lead nowhere.

    Windows include both ends. That the newest come first is not said: a page's own order says
    where the rest lies. Where a page has nothing but one millisecond, the orders that may have
    been filled in it are asked for one by one.
    """
    since_ms, until_ms = ask.since_ms or 0, now_ms + _AHEAD_MS
    if since_ms < now_ms - _REACH_MS:
        raise Unread("fills of more than a month ago are not shown")
    fills = Fills()
    windows = [(since_ms, until_ms)]
    while windows:
        start, end = windows.pop()
        page = yield from _page(ask, fills, start, end)
        if not page:
            continue
        first, last = page[0].time, page[-1].time
        if first == last:
            for order_id in (yield from _filled_at(ask, now_ms, first)):
                if (yield from _page(ask, fills, first, first, order_id)):
                    raise Unread("an order with more fills in a millisecond than a page has")
            windows += [w for w in ((first + 1, end), (start, first - 1)) if w[0] <= w[1]]
        else:
            windows.append((last, end) if first < last else (start, last))
    return Rows(ask.number, fills=fills.since(since_ms, ask.symbol))


def _page(
    ask: Ask, fills: Fills, start: int, end: int, order_id: str | None = None
) -> Generator[Fetch, bytes, list[TradeRow]]:
    """A page of a window; empty where nothing is left to ask for in it."""
    fields = named(ask, orderId=order_id, startTime=start, endTime=end, limit=_PAGE)
    page = read_trades((yield Fetch("/api/v3/myTrades", fields)))
    return [] if fills.take(page, _PAGE) else page


def _filled_at(ask: Ask, now_ms: int, time_ms: int) -> Generator[Fetch, bytes, list[str]]:
    """The orders that may have been filled in a millisecond. Doc: §All orders."""
    start = now_ms - _ORDERS_REACH_MS
    if time_ms < start:
        raise Unread("orders of more than seven days ago are not shown")
    fields = named(ask, startTime=start, endTime=time_ms, limit=_ORDERS_PAGE)
    rows = read_orders((yield Fetch("/api/v3/allOrders", fields)))
    if len(rows) >= _ORDERS_PAGE:
        raise Unread("more orders than a page has")
    return [
        str(row.orderId)
        for row in rows
        if row.executedQty and (row.updateTime is None or row.updateTime >= time_ms)
    ]


REPAIR = RepairDialect(
    fills_by=FillsBy.SYMBOL,
    converse=talks(
        {
            # Doc: §Current open orders; the symbol was mandatory until 2025.
            What.OPEN_ORDERS: all_open("/api/v3/openOrders", _same),
            What.ORDER: one_order("/api/v3/order", _same),
            What.FILLS: _fills,
            What.ACCOUNT: whole_account("/api/v3/account"),
        },
        frozenset({FORMS[Refusal.TIMESTAMP_OUTSIDE].code}),
    ),
)
