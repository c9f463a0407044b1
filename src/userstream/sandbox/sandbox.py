"""The whole sandbox: an exchange with a market maker behind a server of all venues."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Self

from userstream.client.publisher import Publisher
from userstream.markets import SANDBOX_MARKETS, Markets
from userstream.sandbox.accounts import AccountDesk
from userstream.sandbox.desk import Desk
from userstream.sandbox.exchange import Exchange, Listing, Rules
from userstream.sandbox.feed import Feed
from userstream.sandbox.floor import Floor
from userstream.sandbox.leftovers import left_open
from userstream.sandbox.market import MakerRules, Market
from userstream.sandbox.options import SandboxOptions, traders_of
from userstream.sandbox.routes import DeskRoutes
from userstream.sandbox.service import SandboxService
from userstream.server.clock import Clock
from userstream.server.settings import Settings, markets_of
from userstream.trading import TradingDialect, with_orders
from userstream.venue import Venue
from userstream.venues import load_all, load_orders, names

SOURCE = "sandbox"
FUNDS: Mapping[str, Decimal] = {
    "BTC": Decimal(100),
    "ETH": Decimal(1_000),
    "LTC": Decimal(1_000),
    "MX": Decimal(100_000),
    "USDT": Decimal(10_000_000),
}
"""What every account starts with, as far as the settings list it; others get 1,000,000."""


class Sandbox:
    """One sandbox. ``async with`` opens its ports and accounts, and closes them.

    Raises:
        InvalidSettings: an option is not allowed, or a port is taken.
        StoreError: on entry, where the data folder cannot be used.
    """

    def __init__(self, options: SandboxOptions) -> None:
        settings = options.settings()
        self.traders = traders_of(options.accounts)
        self.seed = options.seed
        self._token = options.admin_token
        markets = markets_of(settings) if settings.symbols else SANDBOX_MARKETS
        dialects = {name: load_orders(name, _orders(settings, name), markets) for name in names()}
        self.venues = _venues(settings, markets, dialects)
        self.clock = Clock(settings.clock_speed)
        self.exchange = Exchange([Listing.of(s) for s in markets.symbols.values()], _rules(options))
        rules = MakerRules() if options.maker else MakerRules(styles={})
        market = Market(self.exchange, rules, options.seed)
        # Above all that an earlier run on the same folder published.
        self._feed = Feed(source=SOURCE, first_n=time.time_ns() // 1000)
        self.floor = Floor(
            market,
            markets,
            self._feed,
            self.clock,
            funds=_funds(markets),
            seed=options.seed,
        )
        self.desk = Desk(self.floor, dialects)
        self._accounts = AccountDesk(self.floor, lambda: self.service.accounts)
        routes = DeskRoutes(
            self.floor, self.desk, self.venues, dialects, lambda: self.service.urls["rest"]
        )
        self.service = SandboxService(
            settings,
            self.venues,
            options.seed,
            desk=self.desk,
            clock=self.clock,
            routes=[*self._accounts.routes, *routes.routes],
        )
        self._exits = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as exits:
            await exits.enter_async_context(self.service)
            url = self.service.urls["admin"]  # on this machine: past all proxies
            publisher = Publisher(url, token=self._token, source=SOURCE, trust_env=False)
            await exits.enter_async_context(publisher)
            self._feed.start(publisher)
            exits.push_async_callback(self._feed.stop)
            exits.callback(self.floor.stop)
            self.floor.start()
            await self._recover()
            for trader in self.traders:
                await self._accounts.open(*trader)
            self._exits = exits.pop_all()
        return self

    async def _recover(self) -> None:
        """Ends what an earlier run on the same folder left open."""
        for record in self.service.accounts.listed():
            left = await left_open(self.service.bus, record.name, SOURCE)
            if left:
                await asyncio.shield(self.floor.recover(record.name, left))

    async def __aexit__(self, *_: object) -> None:
        await self._exits.aclose()


def _orders(settings: Settings, name: str) -> Mapping[str, Any]:
    orders: Mapping[str, Any] = settings.venues.get(name, {}).get("orders", {})
    return orders


def _venues(
    settings: Settings, markets: Markets, dialects: Mapping[str, TradingDialect]
) -> dict[str, Venue]:
    loaded = load_all(settings.venues, markets)
    return {name: with_orders(loaded[name], dialect) for name, dialect in dialects.items()}


def _funds(markets: Markets) -> dict[str, Decimal]:
    assets = {a for s in markets.symbols.values() for a in (s.base, s.quote)}
    return {asset: FUNDS.get(asset, Decimal(1_000_000)) for asset in sorted(assets)}


def _rules(options: SandboxOptions) -> Rules:
    if not options.data:
        return Rules()
    # Orders and fills of an earlier run on the same folder must not get their ids again. No run
    # has a thousand in a ms, and for decades these are numbers that every JSON reader knows.
    first = (time.time_ns() // 1_000_000 - 1_700_000_000_000) * 1_000
    return Rules(first_order_id=first, first_trade_id=first)
