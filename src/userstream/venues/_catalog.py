"""Bodies of the exchanges' self-descriptions, which clients read before anything else."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from userstream.venue import Denied, Refusal
from userstream.venues._decimals import eight

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from userstream.markets import Markets, Symbol
    from userstream.venue import Info

_ORDER_TYPES = ("LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT")

_NAME = re.compile("^[A-Z0-9_]{1,20}$")
_NAMES = re.compile(r"""^\["[A-Z0-9_]{1,20}"(,"[A-Z0-9_]{1,20}")*\]$""")


def filtered(
    markets: Markets,
    describe: Callable[[Markets, int], object],
    read: Callable[[str, str], Collection[str] | Denied],
) -> Info:
    """A self-description that shows only the symbols that ``symbol`` or ``symbols`` names.

    ``read`` gives the symbols of a parameter's name and its text, which is not empty.
    """

    def info(now_ms: int, given: Mapping[str, str]) -> object | Denied:
        named = [name for name in ("symbol", "symbols") if name in given]
        if not named:
            return describe(markets, now_ms)
        if len(named) > 1:
            return Denied(Refusal.PARAMETER_COMBINATION)
        name = named[0]
        if not given[name]:
            return Denied(Refusal.PARAMETER_EMPTY, (name,))
        wanted = read(name, given[name])
        if isinstance(wanted, Denied):
            return wanted
        if any(symbol not in markets.symbols for symbol in wanted):
            return Denied(Refusal.SYMBOL_UNKNOWN)
        shown = {symbol: s for symbol, s in markets.symbols.items() if symbol in wanted}
        return describe(replace(markets, symbols=shown), now_ms)

    return info


def quoted(name: str, text: str) -> Collection[str] | Denied:
    """A symbol, or a list as JSON without spaces. Doc: rest-api.md, since 2021-05."""
    legal = _NAME if name == "symbol" else _NAMES
    if legal.fullmatch(text) is None:
        return Denied(Refusal.PARAMETER_ILLEGAL, (name, legal.pattern))
    return text.strip('["]').split('","')


def exchange_info(
    markets: Markets, now_ms: int, order_types: Sequence[str] = _ORDER_TYPES
) -> dict[str, Any]:
    """Body of ``exchangeInfo``. Doc: rest-api.md §Exchange information; PRICE_FILTER is first."""
    limits = [
        {"rateLimitType": "REQUESTS", "interval": "MINUTE", "limit": 1200},
        {"rateLimitType": "ORDERS", "interval": "SECOND", "limit": 10},
        {"rateLimitType": "ORDERS", "interval": "DAY", "limit": 100000},
    ]
    return {
        "timezone": "UTC",
        "serverTime": now_ms,
        "rateLimits": limits,
        "exchangeFilters": [],
        "symbols": [symbol_info(s, order_types) for s in markets.symbols.values()],
    }


def symbol_info(s: Symbol, order_types: Sequence[str] = _ORDER_TYPES) -> dict[str, Any]:
    """One symbol of ``exchangeInfo``."""
    return {
        "symbol": s.name,
        "status": "TRADING",
        "baseAsset": s.base,
        "baseAssetPrecision": 8,
        "quoteAsset": s.quote,
        "quotePrecision": 8,
        "orderTypes": list(order_types),
        "icebergAllowed": False,
        "permissions": ["SPOT"],
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": eight(s.min_price),
                "maxPrice": eight(s.max_price),
                "tickSize": eight(s.tick),
            },
            {
                "filterType": "LOT_SIZE",
                "minQty": eight(s.min_quantity),
                "maxQty": eight(s.max_quantity),
                "stepSize": eight(s.lot),
            },
            {"filterType": "MIN_NOTIONAL", "minNotional": eight(s.min_notional)},
        ],
    }
