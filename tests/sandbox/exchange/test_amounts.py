from __future__ import annotations

from decimal import Decimal, Inexact

import pytest
from hypothesis import given
from hypothesis import strategies as st

from userstream.sandbox.exchange import amounts

decimals = st.decimals(0, 10**20, places=18, allow_nan=False)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("10", "10"),
        ("10.50", "10.5"),
        ("0.00", "0"),
        ("0E-9", "0"),
        ("1E-8", "0.00000001"),
        ("1E+5", "100000"),
        ("-0.50", "-0.5"),
        ("100", "100"),
    ],
)
def test_text_is_plain(value: str, text: str) -> None:
    assert amounts.text(Decimal(value)) == text


@given(decimals)
def test_text_is_exact(value: Decimal) -> None:
    assert Decimal(amounts.text(value)) == value


def test_a_lost_digit_raises() -> None:
    with pytest.raises(Inexact):
        amounts.plus(Decimal("1E+60"), Decimal("1E-60"))


@pytest.mark.parametrize(
    ("value", "step", "multiple"),
    [
        ("64000.01", "0.01", True),
        ("64000.015", "0.01", False),
        ("1." + "0" * 200, "0.01", True),
        ("1." + "0" * 200 + "1", "0.01", False),
        ("0.75", "0.25", True),
        ("15", "10", False),
        ("1E+999", "0.01", False),
    ],
)
def test_multiples(value: str, step: str, multiple: bool) -> None:
    assert amounts.is_multiple(Decimal(value), Decimal(step)) is multiple


def test_at_step_has_the_places_of_the_step() -> None:
    assert str(amounts.at_step(Decimal("1.000000"), Decimal("0.01"))) == "1.00"


@pytest.mark.parametrize(
    ("amount", "quantity"), [("100", "0.333"), ("299.99", "0.999"), ("300", "1"), ("0.29", "0")]
)
def test_affordable_is_in_whole_lots(amount: str, quantity: str) -> None:
    affordable = amounts.affordable(Decimal(amount), Decimal(300), Decimal("0.001"))
    assert amounts.text(affordable) == quantity


def test_rounded_up() -> None:
    assert amounts.rounded_up(Decimal("0.000000001"), 8) == Decimal("0.00000001")
    assert amounts.rounded_up(Decimal("0.1"), 8) == Decimal("0.1")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("1", "1"),
        ("0", "0"),
        ("99999999999999999999.999999999999999999", "99999999999999999999.999999999999999999"),
        ("1." + "0" * 40, "1"),
        ("100000000000000000000", None),
        ("0.0000000000000000001", None),
        ("-1", None),
        ("NaN", None),
        ("sNaN", None),
        ("Infinity", None),
    ],
)
def test_publishable(value: str, shown: str | None) -> None:
    fitting = amounts.publishable(Decimal(value))
    assert (None if fitting is None else amounts.text(fitting)) == shown
