"""What a venue says about a symbol is what the exchange holds its orders to."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from userstream import venues
from userstream.markets import SANDBOX_MARKETS, Markets, Symbol
from userstream.sandbox.exchange import Filters, Listing

ODD = Symbol(
    name="ODDUSDT", base="ODD", quote="USDT", tick="0.05", lot="0.2", min_quantity="0.6",
    max_quantity="77.4", min_price="0.15", max_price="99.95", min_notional="2.5",
    max_notional="7000",
)  # fmt: skip
MARKETS = Markets(symbols={**SANDBOX_MARKETS.symbols, "ODDUSDT": ODD})


def described(venue: str) -> dict[str, dict[str, Any]]:
    """The symbols of a venue's description of itself."""
    info: Any = venues.load(venue, {}, MARKETS).rest.info(1, {})
    return {s["symbol"]: s for s in info["symbols"]}


@pytest.fixture(params=MARKETS.symbols.values(), ids=lambda s: s.name)
def symbol(request: pytest.FixtureRequest) -> Symbol:
    """Each symbol in turn."""
    made: Symbol = request.param
    return made


@pytest.mark.parametrize("venue", ["binance", "bhex", "spacedex"])
def test_filters(venue: str, symbol: Symbol) -> None:
    listed = Listing.of(symbol).filters
    price, lot, notional = described(venue)[symbol.name]["filters"]
    said = Filters(
        tick=Decimal(price["tickSize"]),
        lot=Decimal(lot["stepSize"]),
        min_price=Decimal(price["minPrice"]),
        max_price=Decimal(price["maxPrice"]),
        min_quantity=Decimal(lot["minQty"]),
        max_quantity=Decimal(lot["maxQty"]),
        min_notional=Decimal(notional["minNotional"]),
        max_notional=listed.max_notional,
    )
    assert said == listed


def test_no_venue_hides_a_bound() -> None:
    """Most have no word for the largest notional, so it is what price and quantity allow."""
    for symbol in SANDBOX_MARKETS.symbols.values():
        listed = Listing.of(symbol).filters
        assert listed.max_notional == listed.max_price * listed.max_quantity


def test_mexc(symbol: Symbol) -> None:
    listed = Listing.of(symbol).filters
    said = described("mexc")[symbol.name]
    assert Decimal(said["baseSizePrecision"]) == listed.min_quantity
    for suffix in ("", "Market"):
        assert Decimal(said["quoteAmountPrecision" + suffix]) == listed.min_notional
        assert Decimal(said["maxQuoteAmount" + suffix]) == listed.max_notional
    places = (said["baseAssetPrecision"], said["quotePrecision"])
    steps = (listed.lot, listed.tick)
    assert places == tuple(-int(s.as_tuple().exponent) for s in steps)


def test_the_steps_of_brokerinfo(symbol: Symbol) -> None:
    listed = Listing.of(symbol).filters
    said = described("bhex")[symbol.name]
    assert Decimal(said["baseAssetPrecision"]) == listed.lot
    assert Decimal(said["quotePrecision"]) == listed.tick
