"""Symbols and assets: what the venues' number formats and ids depend on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_QUOTES = ("USDT", "USDC", "FDUSD", "BTC", "ETH", "BNB", "EUR", "USD")


@dataclass(frozen=True, slots=True, kw_only=True)
class Symbol:
    """A trading pair. ``tick`` is the smallest price step, ``lot`` the smallest quantity step.

    The bounds on orders are inclusive; the notional is price times quantity, in quote. The least
    price is the tick and the least quantity the lot unless said, the largest notional that of the
    largest price and quantity.
    """

    name: str
    base: str
    quote: str
    tick: str = "0.01"
    lot: str = "0.000001"
    min_quantity: str = ""
    max_quantity: str = "10000000"
    min_price: str = ""
    max_price: str = "10000000"
    min_notional: str = "0"
    max_notional: str = "100000000000000"

    def __post_init__(self) -> None:
        if not self.min_quantity:
            object.__setattr__(self, "min_quantity", self.lot)
        if not self.min_price:
            object.__setattr__(self, "min_price", self.tick)

    @property
    def price_places(self) -> int:
        """Decimal places of the tick."""
        return len(self.tick.partition(".")[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class Markets:
    """The pairs and coin ids that an operator lists, with a stated fallback for the rest.

    An unlisted pair is split at the first known quote asset that ends it (else in halves) and
    has eight places; an unlisted coin id is 32 hex digits derived from the asset's name, so it is
    the same on every node and after every restart.
    """

    symbols: Mapping[str, Symbol] = field(default_factory=dict)
    coin_ids: Mapping[str, str] = field(default_factory=dict)

    def symbol(self, name: str) -> Symbol:
        """The listed pair of that name, or the fallback."""
        listed = self.symbols.get(name)
        if listed is not None:
            return listed
        for quote in _QUOTES:
            if name.endswith(quote) and len(name) > len(quote):
                return Symbol(name=name, base=name[: -len(quote)], quote=quote, tick=_EIGHT)
        half = (len(name) + 1) // 2
        return Symbol(name=name, base=name[:half], quote=name[half:], tick=_EIGHT)

    def coin_id(self, asset: str) -> str:
        """The coin id of an asset (MEXC shows it): 32 lower-case hex digits."""
        listed = self.coin_ids.get(asset)
        if listed is not None:
            return listed
        return hashlib.blake2b(asset.encode(), digest_size=16, person=b"coin-id").hexdigest()


_EIGHT = "0.00000001"

SANDBOX_MARKETS = Markets(
    symbols=MappingProxyType(
        {
            s.name: s
            for s in (
                Symbol(
                    name="BTCUSDT",
                    base="BTC",
                    quote="USDT",
                    tick="0.01",
                    lot="0.00001",
                    max_quantity="10000",
                    max_price="1000000",
                    min_notional="1",
                    max_notional="10000000000",
                ),
                Symbol(
                    name="ETHBTC",
                    base="ETH",
                    quote="BTC",
                    tick="0.000001",
                    lot="0.01",
                    max_quantity="100000",
                    max_price="100",
                    min_notional="0.0001",
                    max_notional="10000000",
                ),
                Symbol(
                    name="LTCBTC",
                    base="LTC",
                    quote="BTC",
                    tick="0.000001",
                    lot="0.01",
                    max_quantity="100000",
                    max_price="100",
                    min_notional="0.0001",
                    max_notional="10000000",
                ),
                Symbol(
                    name="ETHUSDT",
                    base="ETH",
                    quote="USDT",
                    tick="0.01",
                    lot="0.0001",
                    max_quantity="100000",
                    max_price="100000",
                    min_notional="1",
                    max_notional="10000000000",
                ),
                Symbol(
                    name="MXUSDT",
                    base="MX",
                    quote="USDT",
                    tick="0.0001",
                    lot="0.01",
                    max_quantity="10000000",
                    max_price="100000",
                    min_notional="1",
                    max_notional="1000000000000",
                ),
            )
        }
    ),
    coin_ids=MappingProxyType({"USDT": "128f589271cb4951b03e71e6323eb7be"}),
)
"""The pairs that the sandbox lists; an operator's own table replaces them."""
