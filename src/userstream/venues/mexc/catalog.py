"""MEXC's description of itself, which clients read before anything else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from userstream.venues._decimals import plain
from userstream.venues.mexc.words import TYPES

if TYPE_CHECKING:
    from collections.abc import Collection

    from userstream.markets import Markets, Symbol


def joined(_name: str, text: str) -> Collection[str]:
    """A symbol, or a list with commas between. Doc: spot v3 §Exchange Information."""
    return text.split(",")


def exchange_info(markets: Markets, now_ms: int) -> dict[str, Any]:
    """Body of ``exchangeInfo``. Doc: spot v3 §Exchange Information."""
    return {
        "timezone": "CST",
        "serverTime": now_ms,
        "rateLimits": [],
        "exchangeFilters": [],
        "symbols": [_symbol_info(s) for s in markets.symbols.values()],
    }


def _symbol_info(s: Symbol) -> dict[str, Any]:
    """One symbol.

    Two names mislead: ``baseSizePrecision`` is the least quantity of an order and
    ``quoteAmountPrecision`` its least amount. The steps are the two precisions in places.
    """
    base_places = len(plain(s.lot).partition(".")[2])
    quote_places = len(plain(s.tick).partition(".")[2])
    least, most = plain(s.min_notional), plain(s.max_notional)
    return {
        "symbol": s.name,
        "status": "1",  # online; "ENABLED" until August 2024
        "baseAsset": s.base,
        "baseAssetPrecision": base_places,
        "quoteAsset": s.quote,
        "quotePrecision": quote_places,
        "quoteAssetPrecision": quote_places,
        "baseCommissionPrecision": base_places,
        "quoteCommissionPrecision": quote_places,
        "orderTypes": list(TYPES),
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "permissions": ["SPOT"],
        "filters": [],
        "quoteAmountPrecision": least,
        "baseSizePrecision": plain(s.min_quantity),
        "maxQuoteAmount": most,
        "quoteAmountPrecisionMarket": least,
        "maxQuoteAmountMarket": most,
        "makerCommission": "0.001",  # what the sandbox charges; clients reckon with it
        "takerCommission": "0.001",
        "tradeSideType": "1",  # buy and sell
    }
