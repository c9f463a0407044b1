"""Amounts in the forms of the venues: exact, cut towards zero, never through a float."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.venues.strategies import amounts
from userstream.venues._decimals import difference, eight, places, plain, product, quotient


@pytest.mark.parametrize(
    ("text", "count", "shown"),
    [
        ("64000", 2, "64000.00"),
        ("64000.5", 2, "64000.50"),
        ("64000.559", 2, "64000.55"),
        ("64000.559", 0, "64000"),
        (None, 2, "0.00"),
        (None, 0, "0"),
    ],
)
def test_places_pads_or_cuts(text: str | None, count: int, shown: str) -> None:
    assert places(text, count) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (None, "0.00000000"),
        ("1", "1.00000000"),
        ("1.5", "1.50000000"),
        ("17366.18538083", "17366.18538083"),
        ("0.123456789", "0.12345678"),
        ("123456789", "123456789.00000000"),
        ("99999999999999999999.999999999999999999", "99999999999999999999.99999999"),
    ],
)
def test_eight_pads_or_cuts_to_eight_places(text: str | None, shown: str) -> None:
    assert eight(text) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "0"),
        ("10", "10"),
        ("10.00", "10"),
        ("0.50", "0.5"),
        ("100", "100"),
        (Decimal("1E+2"), "100"),
        (Decimal("1E-8"), "0.00000001"),
        (Decimal("2.50"), "2.5"),
    ],
)
def test_plain_drops_the_padding(value: str | Decimal | None, shown: str) -> None:
    assert plain(value) == shown


@given(amounts(places=18), st.integers(0, 18))
def test_cutting_never_adds_and_loses_less_than_the_last_place(text: str, count: int) -> None:
    lost = Decimal(text) - Decimal(places(text, count))
    assert 0 <= lost < Decimal(1).scaleb(-count)


@given(amounts(places=18))
def test_all_forms_of_an_amount_agree(text: str) -> None:
    assert eight(text) == places(text, 8)
    assert Decimal(plain(text)) == Decimal(text)
    assert plain(Decimal(text)) == plain(text)
    assert eight(eight(text)) == eight(text)


MOST = "99999999999999999999.999999999999999999"


def test_products_of_the_longest_amounts_are_exact() -> None:
    n = int(MOST.replace(".", ""))
    assert product(MOST, MOST) == Decimal(f"{n * n}E-36")
    assert product(None, MOST) == product(MOST, None) == 0


def test_differences_are_exact_and_not_below_zero() -> None:
    assert difference(MOST, "0.000000000000000001") == Decimal(
        "99999999999999999999.999999999999999998"
    )
    assert difference("1", MOST) == 0
    assert difference("1", None) == 1
    assert difference(None, None) == 0


def test_a_quotient_is_cut_after_eight_places() -> None:
    assert quotient(Decimal(2), Decimal(3)) == "0.66666666"
    assert quotient(Decimal(1000), Decimal("0.5")) == "2000"
    assert quotient(Decimal(0), Decimal(0)) == "0"
