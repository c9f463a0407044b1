"""Bodies of the exchanges' self-descriptions, which clients read before anything else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from userstream.venues._decimals import eight

if TYPE_CHECKING:
    from collections.abc import Sequence

    from userstream.markets import Markets, Symbol

_ORDER_TYPES = ("LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT")


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
