"""The fee rule: who pays how much, in which asset."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum

import msgspec

from userstream.errors import InvalidSettings
from userstream.events import CommissionRates
from userstream.sandbox.exchange.amounts import MAX_PLACES, rounded_up, times

RATE_PLACES = 4
"""Places of a basis point."""


class FeeAsset(Enum):
    """Which asset a fee is charged in."""

    RECEIVED = "received"
    """What the fill brings: the base asset to a buyer, the quote asset to a seller."""
    QUOTE = "quote"
    """The quote asset on both sides; a buyer's lock holds it on top of the price."""


class FeeRule(msgspec.Struct, frozen=True, kw_only=True):
    """Fees in basis points of what is charged. ``places`` rounds up; ``None`` charges exactly.

    A fee is never more than what is there for it: all that the fill brings, or what the buyer's
    lock holds beyond the price.

    Raises:
        InvalidSettings: a rate is not from 0 to 10000, or ``places`` not from 0 to 18.
    """

    maker: int = 10
    taker: int = 10
    asset: FeeAsset = FeeAsset.RECEIVED
    places: int | None = 8

    def __post_init__(self) -> None:
        for name, rate in (("maker", self.maker), ("taker", self.taker)):
            if not 0 <= rate <= 10_000:
                raise InvalidSettings(f"{name} is {rate}; allowed are 0 to 10000 basis points")
        if self.places is not None and not 0 <= self.places <= MAX_PLACES:
            raise InvalidSettings(f"places is {self.places}; allowed are 0 to {MAX_PLACES}")

    @property
    def rates(self) -> CommissionRates:
        """The rates as account events show them."""
        return CommissionRates(maker=self.maker, taker=self.taker)

    def fee(self, amount: Decimal, rate: int) -> Decimal:
        """The fee on an amount at a rate in basis points."""
        exact = times(amount, Decimal(rate).scaleb(-RATE_PLACES))
        return exact if self.places is None else rounded_up(exact, self.places)
