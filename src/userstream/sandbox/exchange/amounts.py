"""Exact arithmetic on amounts: nothing is rounded unless a fee says so."""

from __future__ import annotations

from decimal import (
    ROUND_DOWN,
    ROUND_UP,
    Context,
    Decimal,
    DivisionByZero,
    Inexact,
    InvalidOperation,
    Overflow,
)
from typing import Final

ZERO: Final = Decimal(0)
LARGEST: Final = Decimal(10) ** 20
"""Amounts stay below: the publishing schema has 20 digits before the point."""
MAX_PLACES: Final = 18

# A price and a quantity of 38 digits and a rate of 5 multiply in 81; a lost digit raises.
_EXACT = Context(prec=100, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow])
_UP = Context(prec=100, rounding=ROUND_UP)
_LOOSE = Context(prec=100, rounding=ROUND_DOWN, traps=[])
_FINEST = Decimal(1).scaleb(-MAX_PLACES)

plus = _EXACT.add
minus = _EXACT.subtract
times = _EXACT.multiply


def text(value: Decimal) -> str:
    """Plain decimal text without padding: ``10``, ``0.5``."""
    shown = str(value)  # three times as fast as a format; an exponent shows for tiny values only
    if "E" in shown:
        shown = format(value, "f")
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def is_multiple(value: Decimal, step: Decimal) -> bool:
    """Whether the finite value is a whole number of steps, however many digits it has."""
    return _LOOSE.remainder(value, step) == 0


def at_step(value: Decimal, step: Decimal) -> Decimal:
    """A multiple of the step, with the step's number of places."""
    return _EXACT.quantize(value, step)


def whole(amount: Decimal, step: Decimal) -> Decimal:
    """The amount without what exceeds whole steps."""
    return times(_EXACT.divide_int(amount, step), step)


def affordable(amount: Decimal, price: Decimal, lot: Decimal) -> Decimal:
    """The largest quantity in whole lots that costs no more than the amount."""
    return times(_EXACT.divide_int(amount, times(price, lot)), lot)


def rounded_up(value: Decimal, places: int) -> Decimal:
    """The value, or the next one above it that has so many places."""
    return _UP.quantize(value, Decimal(1).scaleb(-places))


def publishable(value: Decimal) -> Decimal | None:
    """The value in at most 18 places, or ``None`` where the publishing schema cannot show it."""
    if not value.is_finite() or value.is_signed() or value >= LARGEST:
        return None
    cut = _LOOSE.quantize(value, _FINEST)
    return cut if cut == value else None
