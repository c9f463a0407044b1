"""The house: it quotes both sides of each book, and takes the orders that come near."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from itertools import takewhile

import msgspec

from userstream.errors import InvalidSettings
from userstream.events import OrderUpdate
from userstream.orders import AccountEvent, OrderRequest, OrderState, OrderType, Refused, Side
from userstream.sandbox.exchange import Exchange
from userstream.sandbox.exchange.amounts import ZERO, affordable, minus, plus
from userstream.sandbox.market.prices import STYLES, Style
from userstream.sandbox.market.quotes import Quotes, opposite
from userstream.sandbox.market.takings import WHOLE, Resting, Takings, share

MAKER, TAKER = "house-maker", "house-taker"
HOUSE = frozenset({MAKER, TAKER})
"""The accounts of the house."""
_FUNDS = Decimal(10) ** 15


class MakerRules(msgspec.Struct, frozen=True, kw_only=True):
    """Which symbols the house trades, and how; on others clients are among themselves.

    ``percent`` of a client's order is taken unless a rule says otherwise; 0 takes none.

    Raises:
        InvalidSettings: the percent is not from 0 to 100.
    """

    styles: Mapping[str, Style] = msgspec.field(default_factory=lambda: STYLES)
    percent: Decimal = WHOLE

    def __post_init__(self) -> None:
        if not 0 <= self.percent <= WHOLE:
            raise InvalidSettings(f"percent is {self.percent}; allowed are 0 to 100")


class Maker:
    """Trades for the house inside an exchange. The same calls with the same seed do the same.

    Each method returns the events that it led to, those of the house among them. ``after`` wants
    the events of every command on orders; ``act`` wants to be called at ``due_ms``.

    Near orders are taken in less than a second: in one to three parts, first come first served,
    each filling what other clients have before it by price and time. Where a rule holds another
    client's order back, those behind it wait as well. Orders that are further away rest.
    """

    def __init__(self, exchange: Exchange, rules: MakerRules | None = None, seed: int = 0) -> None:
        rules = MakerRules() if rules is None else rules
        self.exchange = exchange
        self._takings = Takings(seed, rules.percent)
        self._paused: set[str] = set()
        self._looked_at: dict[str, Decimal] = {}
        self._quotes = {
            symbol: Quotes(exchange, MAKER, exchange.listings[symbol], style, seed)
            for symbol, style in rules.styles.items()
            if symbol in exchange.listings
        }

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols that the house trades."""
        return tuple(self._quotes)

    def price(self, symbol: str) -> Decimal:
        """The reference price.

        Raises:
            KeyError: the house does not trade the symbol.
        """
        return self._quotes[symbol].reference.price

    def least(self, symbol: str, price: Decimal) -> Decimal:
        """The smallest quantity that an order at that price may have.

        Raises:
            KeyError: the house does not trade the symbol.
        """
        return self._quotes[symbol].least(price)

    def open(self, now_ms: int) -> list[AccountEvent]:
        """Opens the house's accounts and quotes; before clients have orders.

        Raises:
            InvalidSettings: an account of a client has such a name.
        """
        listings = self.exchange.listings.values()
        assets = sorted({asset for one in listings for asset in (one.base, one.quote)})
        events: list[AccountEvent] = []
        for account in (MAKER, TAKER):
            opened = self.exchange.funds.open(account, dict.fromkeys(assets, _FUNDS), now_ms)
            if isinstance(opened, Refused):
                raise InvalidSettings(f"account {account} cannot be opened: {opened.reason}")
            events += opened.events
        for quotes in self._quotes.values():
            events += quotes.fill_up(now_ms)
        return events

    def before(self, account: str, request: OrderRequest, now_ms: int) -> list[AccountEvent]:
        """Makes room for an order of which a rule lets only a part be filled.

        The house quotes just that part against it; what other clients offer fills it as well.
        Stops meet the book as it is when they trigger.
        """
        symbol = request.symbol
        percent = self._takings.percent(account, symbol)
        if percent == WHOLE or symbol not in self._quotes or symbol in self._paused:
            return []
        if request.order_type not in {OrderType.LIMIT, OrderType.MARKET}:
            return []
        quotes, side = self._quotes[symbol], opposite(request.side)
        best = next(iter(quotes.reference.levels(side)), None)
        if best is None or self.exchange.check(account, request) is not None:
            return []
        if request.price is not None and not _meets(request.side, request.price, best):
            return []
        lot = quotes.listing.filters.lot
        quantity = request.quantity
        if quantity is None:
            quantity = affordable(request.quote_quantity or ZERO, best, lot)
        part = share(quantity, percent, lot)
        events = quotes.withdraw(side, now_ms)
        return events + list(quotes.quote(side, best, part, now_ms)) if part else events

    def after(self, events: Iterable[AccountEvent], now_ms: int) -> list[AccountEvent]:
        """Quotes anew what a command has used up, and plans to take what has come near."""
        more: list[AccountEvent] = []
        for symbol, traded in self._follow(events).items():
            if traded and symbol in self._quotes:
                self._quotes[symbol].reference.step()
            more += self._restore(symbol, now_ms)
        return more

    def due_ms(self) -> int | None:
        """When ``act`` wants to be called; ``None`` while no order is near."""
        return self._takings.due_ms()

    def act(self, now_ms: int) -> list[AccountEvent]:
        """Takes all that is due."""
        events: list[AccountEvent] = []
        while (due := self._takings.take_due(now_ms)) is not None:
            events += self._take(*due, now_ms)
        return events

    def pause(self, symbol: str, now_ms: int) -> list[AccountEvent]:
        """Withdraws from a symbol until it is resumed; nothing is taken there."""
        self._paused.add(symbol)
        return [e for side in Side for e in self._quotes[symbol].withdraw(side, now_ms)]

    def resume(self, symbol: str, now_ms: int) -> list[AccountEvent]:
        """Quotes and takes again."""
        self._paused.discard(symbol)
        self._looked_at.pop(symbol, None)
        return self._restore(symbol, now_ms)

    def take_percent(
        self, percent: Decimal, account: str | None, symbol: str | None, now_ms: int
    ) -> None:
        """Takes only so much of the orders of an account on a symbol; ``None`` is any.

        The rule that names most holds. What was filled already counts.
        """
        self._takings.set_percent(percent, account, symbol)
        self._takings.forget()
        self._looked_at.clear()
        for quotes in self._quotes.values():
            self._plan(quotes, now_ms)

    def ahead(self, order: OrderState | Resting) -> list[OrderState]:
        """The orders of clients that fill before a resting one."""
        resting = self.exchange.resting(order.symbol, order.side, order.price)
        before = takewhile(lambda other: other.order_id != order.order_id, resting)
        return [other for other in before if other.account not in HOUSE]

    def fill(
        self, order: OrderState | Resting, quantity: Decimal, now_ms: int
    ) -> list[AccountEvent]:
        """Fills a resting order by a quantity, and before it what is ahead of it.

        The house's own better quotes step aside for that.
        """
        events: list[AccountEvent] = []
        if order.symbol in self._quotes:
            quotes = self._quotes[order.symbol]
            events += quotes.withdraw(order.side, now_ms, limit=order.price)
        for other in self.ahead(order):
            quantity = plus(quantity, minus(other.quantity, other.cumulative_quantity))
        price = order.price or ZERO
        events += self.exchange.take(
            TAKER, order.symbol, opposite(order.side), quantity, price, now_ms
        ).events
        return events + self.after(events, now_ms)

    def sweep(self, symbol: str, side: Side, price: Decimal, now_ms: int) -> list[AccountEvent]:
        """Buys or sells all that clients offer up to a price, and moves the market there.

        The last trade is at that price, so stops trigger.

        Raises:
            KeyError: the house does not trade the symbol.
        """
        quotes, counter = self._quotes[symbol], opposite(side)
        events = [e for one in Side for e in quotes.withdraw(one, now_ms)]
        events += quotes.quote(counter, price, quotes.least(price), now_ms)
        quantity = ZERO
        for other in self.exchange.resting(symbol, counter, price):
            quantity = plus(quantity, minus(other.quantity, other.cumulative_quantity))
        events += self.exchange.take(TAKER, symbol, side, quantity, price, now_ms).events
        self._follow(events)
        quotes.reference.move_to(price)
        return events + self._restore(symbol, now_ms)

    def _follow(self, events: Iterable[AccountEvent]) -> dict[str, bool]:
        """The symbols that the events are of, and whether there were trades."""
        touched: dict[str, bool] = {}
        for account, event in events:
            if not isinstance(event, OrderUpdate):
                continue
            symbol = event.symbol
            touched[symbol] = touched.get(symbol, False) or event.execution == "TRADE"
            if account not in HOUSE:
                self._takings.follow(account, event)
            elif symbol in self._quotes:
                self._quotes[symbol].follow(event)
        return touched

    def _restore(self, symbol: str, now_ms: int) -> list[AccountEvent]:
        if symbol not in self._quotes or symbol in self._paused:
            return []
        quotes = self._quotes[symbol]
        self._plan(quotes, now_ms)
        return quotes.fill_up(now_ms)

    def _plan(self, quotes: Quotes, now_ms: int) -> None:
        listing = quotes.listing
        if listing.symbol in self._paused:
            return
        price = quotes.reference.price
        moved = self._looked_at.get(listing.symbol) != price
        self._looked_at[listing.symbol] = price
        near = quotes.reference.reach()
        for order in self._takings.unplanned(listing.symbol, near, all_=moved):
            self._takings.plan(order, listing.filters.lot, now_ms)

    def _take(self, order: Resting, goal: Decimal, now_ms: int) -> list[AccountEvent]:
        if goal <= order.filled or order.symbol in self._paused:
            return []
        for other in self.ahead(order):
            if self._takings.percent(other.account, other.symbol) != WHOLE:
                return []
        return self.fill(order, minus(goal, order.filled), now_ms)


def _meets(side: Side, price: Decimal, counter: Decimal) -> bool:
    return price >= counter if side is Side.BUY else price <= counter
