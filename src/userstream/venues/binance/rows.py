"""How a client asks Binance for what its stream did not bring.

Doc: rest-api.md §Account endpoints; CHANGELOG.md 2018-07 for ``startTime`` of the trade list.
"""

from __future__ import annotations

from userstream.venue import Ask, Fetch, FillsBy, RepairDialect, Rows, What
from userstream.venues._forms import CLOCK
from userstream.venues._rows import number, read_trades
from userstream.venues._talks import Fills, Script, all_open, named, one_order, talks, whole_account

_PAGE = 500  # Doc: §Account trade list, the most in 2017; since 2018 it is 1000


def _fills(ask: Ask, _: int) -> Script:
    """Asks for a symbol's fills, oldest first. Doc: §Account trade list.

    An id and a window exclude each other, so only the first page goes by time. The next ones
    begin with the last id once more: the two sides of a trade with oneself have the same.
    """
    fills = Fills()
    fields = named(ask, startTime=ask.since_ms, limit=_PAGE)
    while True:
        page = read_trades((yield Fetch("/api/v3/myTrades", fields)))
        if fills.take(page, _PAGE):
            return Rows(ask.number, fills=fills.since(ask.since_ms or 0, ask.symbol))
        fields = named(ask, fromId=max(number(row.id) for row in page), limit=_PAGE)


REPAIR = RepairDialect(
    fills_by=FillsBy.SYMBOL,
    converse=talks(
        {
            What.OPEN_ORDERS: all_open("/api/v3/openOrders"),
            What.ORDER: one_order("/api/v3/order"),
            What.FILLS: _fills,
            What.ACCOUNT: whole_account("/api/v3/account"),
        },
        CLOCK,
    ),
)
