"""Decimal text in the form that a venue writes it. No value passes through a float."""

from __future__ import annotations

from decimal import ROUND_DOWN, Context, Decimal

_EXACT = Context(prec=80, rounding=ROUND_DOWN)  # products of two 38-digit amounts stay exact
_ZERO = Decimal(0)
_EIGHTH = Decimal("0.00000001")


def places(text: str | None, count: int) -> str:
    """The amount with exactly ``count`` places: padded, or cut towards zero; nothing is zero."""
    if text is None:
        return f"0.{'0' * count}" if count else "0"
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction[:count]:0<{count}}" if count else whole


def eight(text: str | None) -> str:
    """The amount with eight places, as Binance's and BHEX's samples have it."""
    if text is None:
        return "0.00000000"
    if text[-9:-8] == ".":
        return text
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction[:8]:0<8}"


def plain(value: str | Decimal | None) -> str:
    """The amount without padding, as MEXC writes it: ``10``, ``0.5``."""
    if value is None:
        return "0"
    text = value if isinstance(value, str) else format(value, "f")
    if "." not in text:
        return text
    return text.rstrip("0").rstrip(".")


def product(a: str | None, b: str | None) -> Decimal:
    """``a`` times ``b``, exactly; an absent factor is zero."""
    return _EXACT.multiply(Decimal(a or 0), Decimal(b or 0))


def difference(a: str | None, b: str | None) -> Decimal:
    """``a`` minus ``b``, exactly, not below zero; an absent term is zero."""
    return max(_EXACT.subtract(Decimal(a or 0), Decimal(b or 0)), _ZERO)


def quotient(a: Decimal, b: Decimal) -> str:
    """``a`` divided by ``b``, cut after eight places and without padding; by zero it is zero."""
    if not b:
        return "0"
    return plain(_EXACT.divide(a, b).quantize(_EIGHTH, rounding=ROUND_DOWN, context=_EXACT))
