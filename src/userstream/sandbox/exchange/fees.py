"""The fee rule: who pays how much."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from userstream.errors import InvalidSettings
from userstream.events import CommissionRates
from userstream.sandbox.exchange.amounts import MAX_PLACES, rounded_up, times

RATE_PLACES = 4
"""Places of a basis point."""


class FeeRule(msgspec.Struct, frozen=True, kw_only=True):
    """Fees in basis points of what is charged. ``places`` rounds up; ``None`` charges exactly.

    A fee is never more than what is there for it: all that the fill brings; of a buyer who pays in
    quote, what is free then, beyond what the rest of a market order is going to cost.

    Raises:
        InvalidSettings: a rate is not from 0 to 10000, or ``places`` not from 0 to 18.
    """

    maker: int = 10
    taker: int = 10
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
