"""Quotes: the orders of the house that keep both sides of a symbol's book filled."""

from __future__ import annotations

from decimal import Decimal

from userstream.events import TERMINAL, OrderUpdate
from userstream.orders import Accepted, AccountEvent, OrderRequest, OrderType, Side
from userstream.sandbox.exchange import Exchange, Listing
from userstream.sandbox.exchange.amounts import affordable, minus, plus, times, whole
from userstream.sandbox.market.prices import Reference, Style, draw

_SPREAD = 50
"""Percent by which a level's size exceeds its least, at most."""


class _Quote:
    __slots__ = ("left", "order_id", "price", "side")

    def __init__(self, order_id: int, side: Side, price: Decimal, left: Decimal) -> None:
        self.order_id = order_id
        self.side = side
        self.price = price
        self.left = left


class Quotes:
    """The house's orders on one symbol.

    A level is quoted with twice its share of the depth and more, and anew when less than the share
    is left, so that the depth rests there always. Quotes never take: a level that a client's order
    is in the way of stays empty, and so does one that the symbol's filters do not allow.
    """

    def __init__(
        self, exchange: Exchange, account: str, listing: Listing, style: Style, seed: int
    ) -> None:
        self.reference = Reference(seed, listing.symbol, style, listing.filters.tick)
        self.listing = listing
        self._exchange = exchange
        self._account = account
        self._seed = seed
        lot = listing.filters.lot
        self._share = max(whole(style.depth / style.levels, lot), lot)
        self._placed = 0
        self._quotes: dict[int, _Quote] = {}

    def follow(self, update: OrderUpdate) -> None:
        """Takes in an event of one of these orders."""
        quote = self._quotes.get(int(update.order_id))
        if quote is not None and update.status in TERMINAL:
            del self._quotes[quote.order_id]
        elif quote is not None:
            filled = Decimal(update.cumulative_quantity or 0)
            quote.left = minus(Decimal(update.quantity or 0), filled)

    def fill_up(self, now_ms: int) -> list[AccountEvent]:
        """Quotes what is missing, and withdraws what has no place any more."""
        wanted = {side: self.reference.levels(side) for side in Side}
        events = self._cancel(
            [
                q
                for q in self._quotes.values()
                if q.price not in wanted[q.side] or q.left < self._share
            ],
            now_ms,
        )
        quoted = {(q.side, q.price) for q in self._quotes.values()}
        for side, prices in wanted.items():
            for price in prices:
                if (side, price) not in quoted:
                    events += self.quote(side, price, self._size(), now_ms)
        return events

    def quote(
        self, side: Side, price: Decimal, quantity: Decimal, now_ms: int
    ) -> tuple[AccountEvent, ...]:
        """Quotes one level, unless a client's order or a filter is in the way."""
        symbol = self.listing.symbol
        if next(self._exchange.resting(symbol, opposite(side), price), None) is not None:
            return ()
        request = OrderRequest(
            symbol=symbol,
            side=side,
            order_type=OrderType.LIMIT_MAKER,
            quantity=quantity,
            price=price,
        )
        outcome = self._exchange.place(self._account, request, now_ms)
        if isinstance(outcome, Accepted) and outcome.order is not None:
            order_id = outcome.order.order_id
            self._quotes[order_id] = _Quote(order_id, side, price, quantity)
        return outcome.events

    def withdraw(
        self, side: Side, now_ms: int, *, limit: Decimal | None = None
    ) -> list[AccountEvent]:
        """Withdraws one side, or what of it is no worse than a price."""
        return self._cancel(
            [q for q in self._quotes.values() if q.side is side and not _worse(q, limit)], now_ms
        )

    def least(self, price: Decimal) -> Decimal:
        """The smallest quantity that an order at that price may have."""
        filters = self.listing.filters
        least = affordable(filters.min_notional, price, filters.lot)
        if times(least, price) < filters.min_notional:
            least = plus(least, filters.lot)
        return max(least, filters.min_quantity, filters.lot)

    def _cancel(self, quotes: list[_Quote], now_ms: int) -> list[AccountEvent]:
        events: list[AccountEvent] = []
        for quote in quotes:
            del self._quotes[quote.order_id]
            events += self._exchange.cancel(self._account, quote.order_id, now_ms).events
        return events

    def _size(self) -> Decimal:
        self._placed += 1
        more = 100 + draw(self._seed, _SPREAD + 1, "size", self.listing.symbol, self._placed)
        size = times(self._share, Decimal(2 * more) / 100)
        return whole(size, self.listing.filters.lot)


def opposite(side: Side) -> Side:
    """The other side."""
    return Side.SELL if side is Side.BUY else Side.BUY


def _worse(quote: _Quote, limit: Decimal | None) -> bool:
    if limit is None:
        return False
    return quote.price < limit if quote.side is Side.BUY else quote.price > limit
