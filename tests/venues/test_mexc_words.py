"""MEXC: its words and numbers, and what an order event leaves to be computed."""

from __future__ import annotations

from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.venues.orders import order
from tests.venues.pushes import TRADE, pushes, read_order, shown

# ── words and numbers ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("order_type", "time_in_force", "number"),
    [
        ("LIMIT", None, 1),
        ("LIMIT", "GTC", 1),
        ("LIMIT_MAKER", None, 2),
        ("POST_ONLY", None, 2),
        ("LIMIT", "GTX", 2),
        ("LIMIT", "IOC", 3),
        ("IMMEDIATE_OR_CANCEL", None, 3),
        ("LIMIT", "FOK", 4),
        ("FILL_OR_KILL", None, 4),
        ("MARKET", "GTC", 5),
        ("STOP_LOSS", None, 100),
        ("TAKE_PROFIT_LIMIT", "GTC", 100),
        ("100", None, 100),
        ("TRAILING", None, 0),
        ("1234567890", None, 0),
        (None, None, 0),
    ],
)
def test_the_time_in_force_is_folded_into_the_order_type(
    order_type: str | None, time_in_force: str | None, number: int
) -> None:
    event = order(order_type=order_type, time_in_force=time_in_force)
    assert shown(event).orderType == number


@pytest.mark.parametrize(
    ("number", "order_type", "time_in_force"),
    [
        (0, None, None),
        (1, "LIMIT", "GTC"),
        (2, "LIMIT_MAKER", None),
        (3, "LIMIT", "IOC"),
        (4, "LIMIT", "FOK"),
        (5, "MARKET", None),
        (100, "100", None),
        (7, "7", None),
    ],
)
def test_an_order_type_is_read_with_its_time_in_force(
    number: int, order_type: str | None, time_in_force: str | None
) -> None:
    event = read_order(orderType=number)
    assert (event.order_type, event.time_in_force) == (order_type, time_in_force)


@pytest.mark.parametrize(
    ("status", "cumulative", "number"),
    [
        ("NEW", "0", 1),
        ("FILLED", "1", 2),
        ("PARTIALLY_FILLED", "0.5", 3),
        ("CANCELED", "0", 4),
        ("PARTIALLY_CANCELED", "0.5", 5),
        ("EXPIRED", "0.00", 4),
        ("EXPIRED", "0.5", 5),
        ("REJECTED", None, 4),
        ("PENDING_CANCEL", "0", 1),
        ("PENDING_CANCEL", "0.01", 3),
        ("9", "0", 9),
        ("", "0", 0),
        ("²", "0", 0),
    ],
)
def test_a_status_that_the_dialect_does_not_have_shows_as_the_nearest(
    status: str, cumulative: str | None, number: int
) -> None:
    assert shown(order(status=status, cumulative_quantity=cumulative)).status == number


@pytest.mark.parametrize(
    ("number", "status"),
    [
        (0, ""),
        (1, "NEW"),
        (2, "FILLED"),
        (3, "PARTIALLY_FILLED"),
        (4, "CANCELED"),
        (5, "PARTIALLY_CANCELED"),
        (6, "6"),
    ],
)
def test_a_status_is_read_as_a_word_and_an_unknown_one_as_its_digits(
    number: int, status: str
) -> None:
    assert read_order(status=number).status == status


@pytest.mark.parametrize(("side", "number"), [("BUY", 1), ("SELL", 2), ("3", 3), ("", 0)])
def test_a_side_is_one_or_two(side: str, number: int) -> None:
    assert shown(order(side=side)).tradeType == number
    assert read_order(tradeType=number).side == side


# ── what an order event leaves to be computed ───────────────────────────────────────────────────


def test_a_resting_order_remains_whole() -> None:
    body = shown(order(price="0.01099", quantity="702.230"))
    assert (body.amount, body.remainAmount) == ("7.7175077", "7.7175077")
    assert (body.quantity, body.remainQuantity) == ("702.23", "702.23")
    assert (body.avgPrice, body.cumulativeQuantity, body.cumulativeAmount) == ("0", "0", "0")
    assert body.createTime == 1_000
    assert not body.HasField("lastDealQuantity")
    assert not body.HasField("triggerPrice")


def test_the_remaining_amount_is_price_times_the_remaining_quantity() -> None:
    # Figures of a push seen on the live service in February 2025.
    event = order(
        price="0.01099",
        quantity="702.23",
        cumulative_quantity="100.09",
        cumulative_quote="1.0999891",
    )
    body = shown(event)
    assert (body.amount, body.remainAmount, body.remainQuantity) == (
        "7.7175077",
        "6.6175186",
        "602.14",
    )
    assert (body.avgPrice, body.cumulativeAmount) == ("0.01099", "1.0999891")


def test_an_order_that_filled_below_its_price_has_nothing_left() -> None:
    # Figures of a push seen on the live service in March 2025.
    body = shown(
        order(price="0.5", quantity="20", cumulative_quantity="20", average_price="0.2999")
    )
    assert (body.amount, body.remainAmount, body.remainQuantity) == ("10", "0", "0")
    assert (body.avgPrice, body.cumulativeAmount) == ("0.2999", "5.998")


def test_an_average_price_has_at_most_18_places() -> None:
    third = shown(order(quantity="3", cumulative_quantity="3", cumulative_quote="10"))
    assert third.avgPrice == "3.333333333333333333"
    none = shown(order(cumulative_quantity="99999999999999999999", cumulative_quote="0.1"))
    assert none.avgPrice == "0"
    tiny = shown(order(cumulative_quantity="10000000000", cumulative_quote="0.1"))
    assert tiny.avgPrice == "0.00000000001"


def test_a_market_order_has_the_amount_it_was_placed_with() -> None:
    done = {"order_type": "MARKET", "cumulative_quantity": "3", "cumulative_quote": "9.5"}
    by_amount = shown(order(quantity="0", quote_quantity="10", price=None, **done))
    assert (by_amount.amount, by_amount.remainAmount) == ("10", "0.5")
    assert (by_amount.price, by_amount.remainQuantity) == ("0", "0")
    by_quantity = shown(order(quantity="4", **done))
    assert (by_quantity.amount, by_quantity.remainAmount) == ("0", "0")
    assert by_quantity.remainQuantity == "1"


def test_an_amount_that_is_given_is_not_computed() -> None:
    body = shown(order(quote_quantity="70000.0", cumulative_quantity="0.25"))
    assert (body.amount, body.remainAmount) == ("70000", "48000")
    assert (body.avgPrice, body.cumulativeAmount) == ("0", "0")  # neither is said


@given(
    st.decimals("0", "1e12", places=8, allow_nan=False).map(lambda d: format(d, "f")),
    st.decimals("0", "1e12", places=8, allow_nan=False).map(lambda d: format(d, "f")),
)
def test_amounts_are_exact_plain_and_without_padding(price: str, quantity: str) -> None:
    body = shown(order(price=price, quantity=quantity))
    assert Fraction(body.amount) == Fraction(price) * Fraction(quantity)
    for text in (body.price, body.quantity, body.amount, body.remainAmount):
        assert "E" not in text
        assert "." not in text or text[-1] not in "0."


def test_a_fill_without_its_amount_is_price_times_quantity() -> None:
    _, deal = pushes(TRADE)
    assert deal.privateDeals.amount == "31999.95"
    _, deal = pushes(order(**{**msgspec.structs.asdict(TRADE), "last_quote": "31999.50"}))
    assert deal.privateDeals.amount == "31999.5"
