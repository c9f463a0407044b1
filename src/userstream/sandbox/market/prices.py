"""Prices and sizes of the house, drawn from a seed: no draw depends on the time or on another."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

import msgspec

from userstream.errors import InvalidSettings
from userstream.orders import Side
from userstream.sandbox.exchange.amounts import at_step, minus, plus, times, whole

BASIS_POINTS = Decimal(10_000)
_BAND = 25
"""Steps that the reference price strays from where it was set."""


class Style(msgspec.Struct, frozen=True, kw_only=True):
    """How the house quotes a symbol.

    ``price`` is the first reference price. ``depth`` is the base quantity that always rests on
    each side at least; ``levels`` of it are ``step_bp`` basis points of the price apart. Clients'
    orders rest until taken where they are not further than ``reach_bp`` from the reference price.

    Raises:
        InvalidSettings: an amount is not above zero, or a count not in 1 to 50.
    """

    price: Decimal
    depth: Decimal
    levels: int = 5
    step_bp: int = 2
    reach_bp: int = 50

    def __post_init__(self) -> None:
        for name, amount in (("price", self.price), ("depth", self.depth)):
            if not amount > 0:
                raise InvalidSettings(f"{name} is {amount}; allowed is above 0")
        for name, bound in (("levels", 50), ("step_bp", 50), ("reach_bp", 5_000)):
            if not 1 <= getattr(self, name) <= bound:
                raise InvalidSettings(f"{name} is {getattr(self, name)}; allowed are 1 to {bound}")


STYLES: Mapping[str, Style] = MappingProxyType(
    {
        "BTCUSDT": Style(price=Decimal(64000), depth=Decimal(12)),
        "ETHBTC": Style(price=Decimal("0.05"), depth=Decimal(240)),
        "LTCBTC": Style(price=Decimal("0.0012"), depth=Decimal(10_000)),
        "ETHUSDT": Style(price=Decimal(3200), depth=Decimal(240)),
        "MXUSDT": Style(price=Decimal("3.5"), depth=Decimal(200_000)),
    }
)
"""For the sandbox's symbols: each side is good for 10 BTC and more."""


def draw(seed: int, below: int, *what: str | int) -> int:
    """A number from 0 up to ``below``, the same for the same words ever after."""
    words = "\0".join(map(str, (seed, *what))).encode()
    return int.from_bytes(hashlib.blake2b(words, digest_size=8).digest()) % below


class Reference:
    """The price around which the house quotes one symbol.

    It goes at most one step up or down for each command that traded on the symbol, and stays near
    where it was set; the quotes keep to one grid as it goes.
    """

    def __init__(self, seed: int, symbol: str, style: Style, tick: Decimal) -> None:
        self._seed = seed
        self._symbol = symbol
        self._style = style
        self._tick = tick
        self._moves = 0
        self.move_to(at_step(whole(style.price, tick), tick))

    def move_to(self, price: Decimal) -> None:
        """Sets the price, which is on the tick."""
        self._anchor = self.price = price
        self._offset = 0
        half = times(price, Decimal(self._style.step_bp) / BASIS_POINTS / 2)
        self._half = max(whole(half, self._tick), self._tick)

    def step(self) -> None:
        """Goes on by a draw."""
        self._moves += 1
        self._offset += draw(self._seed, 3, "step", self._symbol, self._moves) - 1
        self._offset = min(max(self._offset, -_BAND), _BAND)
        self.price = plus(self._anchor, times(self._half, Decimal(2 * self._offset)))

    def levels(self, side: Side) -> list[Decimal]:
        """Prices to quote on one side, best first; none may be left where the price is tiny."""
        steps = (times(self._half, Decimal(2 * n + 1)) for n in range(self._style.levels))
        if side is Side.SELL:
            return [plus(self.price, step) for step in steps]
        return [minus(self.price, step) for step in steps if step < self.price]

    def reach(self) -> tuple[Decimal, Decimal]:
        """The lowest bid and the highest ask of clients that are near enough to be taken."""
        reach = times(self.price, Decimal(self._style.reach_bp) / BASIS_POINTS)
        return minus(self.price, reach), plus(self.price, reach)
