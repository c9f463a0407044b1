from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.sandbox.exchange.desk import BUY, SELL, Desk, listing, reason, request
from userstream.errors import InvalidSettings
from userstream.markets import SANDBOX_MARKETS
from userstream.sandbox.exchange import Listing, OrderType, Reason, TimeInForce
from userstream.sandbox.exchange.filters import screen

NARROW = listing(
    min_price="1", max_price="1000", min_quantity="0.01", max_quantity="10",
    min_notional="5", max_notional="5000",
)  # fmt: skip
LIMIT, MARKET, MAKER = OrderType.LIMIT, OrderType.MARKET, OrderType.LIMIT_MAKER
STOP = OrderType.STOP_LOSS_LIMIT


@pytest.mark.parametrize(
    ("order_type", "fields", "refusal"),
    [
        (LIMIT, {"quantity": "1"}, (Reason.MISSING_FIELD, "price")),
        (LIMIT, {"price": "1"}, (Reason.MISSING_FIELD, "quantity")),
        (MAKER, {"quantity": "1"}, (Reason.MISSING_FIELD, "price")),
        (STOP, {"quantity": "1", "price": "1"}, (Reason.MISSING_FIELD, "stop_price")),
        (MARKET, {}, (Reason.MISSING_FIELD, "quantity")),
        (MARKET, {"quantity": "1", "price": "1"}, (Reason.FIELD_NOT_ALLOWED, "price")),
        (
            MARKET,
            {"quantity": "1", "quote_quantity": "9"},
            (Reason.FIELD_NOT_ALLOWED, "quote_quantity"),
        ),
        (
            MARKET,
            {"quantity": "1", "time_in_force": TimeInForce.GTC},
            (Reason.FIELD_NOT_ALLOWED, "time_in_force"),
        ),
        (
            LIMIT,
            {"quantity": "1", "price": "9", "stop_price": "9"},
            (Reason.FIELD_NOT_ALLOWED, "stop_price"),
        ),
        (
            LIMIT,
            {"quantity": "1", "price": "9", "quote_quantity": "9"},
            (Reason.FIELD_NOT_ALLOWED, "quote_quantity"),
        ),
        (
            MAKER,
            {"quantity": "1", "price": "9", "time_in_force": TimeInForce.GTC},
            (Reason.FIELD_NOT_ALLOWED, "time_in_force"),
        ),
    ],
)
def test_fields(order_type: OrderType, fields: dict[str, Any], refusal: tuple[Reason, str]) -> None:
    desk = Desk(NARROW)
    assert reason(desk.try_("alice", BUY, order_type, **fields)) == refusal


@pytest.mark.parametrize(
    ("quantity", "price", "refusal"),
    [
        ("1", "0.99", (Reason.PRICE_TOO_LOW, "price")),
        ("1", "1000.01", (Reason.PRICE_TOO_HIGH, "price")),
        ("1", "1E+999", (Reason.PRICE_TOO_HIGH, "price")),
        ("1", "100.001", (Reason.PRICE_OFF_TICK, "price")),
        ("1", "0", (Reason.BAD_AMOUNT, "price")),
        ("1", "-1", (Reason.BAD_AMOUNT, "price")),
        ("1", "NaN", (Reason.BAD_AMOUNT, "price")),
        ("1", "Infinity", (Reason.BAD_AMOUNT, "price")),
        ("0.009", "100", (Reason.QUANTITY_TOO_LOW, "quantity")),
        ("10.001", "100", (Reason.QUANTITY_TOO_HIGH, "quantity")),
        ("1.0001", "100", (Reason.QUANTITY_OFF_LOT, "quantity")),
        ("0", "100", (Reason.BAD_AMOUNT, "quantity")),
        ("sNaN", "100", (Reason.BAD_AMOUNT, "quantity")),
        ("0.049", "100", (Reason.NOTIONAL_TOO_LOW, None)),
        ("10", "500.01", (Reason.NOTIONAL_TOO_HIGH, None)),
    ],
)
def test_amounts(quantity: str, price: str, refusal: tuple[Reason, str | None]) -> None:
    desk = Desk(NARROW)
    assert reason(desk.try_("alice", BUY, quantity=quantity, price=price)) == refusal
    assert not desk.exchange.open_orders("alice")


@pytest.mark.parametrize(("quantity", "price"), [("0.05", "100"), ("10", "500"), ("5", "1.000")])
def test_bounds_are_inclusive(quantity: str, price: str) -> None:
    Desk(NARROW).limit("alice", BUY, quantity, price)


def test_stop_prices_keep_to_the_price_filter() -> None:
    stop = {"quantity": "1", "price": "100"}
    desk = Desk(NARROW)
    assert reason(desk.try_("alice", BUY, STOP, stop_price="0.5", **stop)) == (
        Reason.PRICE_TOO_LOW,
        "stop_price",
    )


@pytest.mark.parametrize(
    ("amount", "refusal"),
    [
        ("0", (Reason.BAD_AMOUNT, "quote_quantity")),
        ("-1", (Reason.BAD_AMOUNT, "quote_quantity")),
        ("NaN", (Reason.BAD_AMOUNT, "quote_quantity")),
        ("1E+21", (Reason.BAD_AMOUNT, "quote_quantity")),
        ("10.000000001", (Reason.BAD_AMOUNT, "quote_quantity")),
        ("4.99", (Reason.NOTIONAL_TOO_LOW, None)),
        ("5000.01", (Reason.NOTIONAL_TOO_HIGH, None)),
    ],
)
def test_quote_amounts(amount: str, refusal: tuple[Reason, str | None]) -> None:
    desk = Desk(NARROW)
    desk.limit("bob", SELL, "1", "100")
    assert reason(desk.try_("alice", BUY, MARKET, quote_quantity=amount)) == refusal


def test_quote_amounts_are_bounded_in_quantity_too() -> None:
    desk = Desk(NARROW)
    desk.limit("bob", SELL, "1", "1000")
    low = desk.try_("alice", BUY, MARKET, quote_quantity="5")
    assert reason(low) == (Reason.QUANTITY_TOO_LOW, "quote_quantity")
    desk.limit("bob", SELL, "10", "1")
    high = desk.try_("alice", BUY, MARKET, quote_quantity="5000")
    assert reason(high) == (Reason.QUANTITY_TOO_HIGH, "quote_quantity")


def test_the_notional_of_a_market_order_is_at_the_best_counter_price() -> None:
    desk = Desk(NARROW)
    desk.limit("bob", SELL, "1", "400")
    assert reason(desk.try_("alice", BUY, MARKET, quantity="0.012")) == (
        Reason.NOTIONAL_TOO_LOW,
        None,
    )


def test_a_quote_amount_of_less_than_a_lot() -> None:
    desk = Desk()
    desk.limit("bob", SELL, "1", "100")
    tiny = desk.try_("alice", BUY, MARKET, quote_quantity="0.09")
    assert reason(tiny) == (Reason.QUANTITY_TOO_LOW, "quote_quantity")


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, "é", "line\n"])
def test_client_order_ids_are_words(name: str) -> None:
    outcome = Desk().try_("alice", BUY, quantity="1", price="1", client_order_id=name)
    assert reason(outcome) == (Reason.BAD_CLIENT_ORDER_ID, "client_order_id")


def test_what_is_screened_has_the_places_of_its_steps_and_its_defaults() -> None:
    asked = request(quantity="1." + "0" * 99, price="100")
    assert screen(listing(), asked) == request(
        quantity="1.000", price="100.00", time_in_force=TimeInForce.GTC
    )
    screened = screen(listing(), asked)
    assert str(getattr(screened, "quantity")) == "1.000"  # noqa: B009 - either type
    by_amount = screen(listing(), request(BUY, MARKET, quote_quantity="7." + "0" * 99))
    assert str(getattr(by_amount, "quote_quantity")) == "7.00000000"  # noqa: B009


@pytest.mark.parametrize(
    ("bounds", "match"),
    [
        ({"tick": "0"}, "tick"),
        ({"lot": "-1"}, "lot"),
        ({"max_price": "1E+12", "max_quantity": "1E+9"}, "10\\^20"),
        ({"max_price": "1E-9", "max_quantity": "1E+21"}, "10\\^20"),
        ({"max_notional": "1E+20"}, "10\\^20"),
        ({"tick": "1E-10", "lot": "1E-5"}, "18 places"),
        ({"lot": "1E-15"}, "18 places"),
    ],
)
def test_a_listing_that_cannot_be(bounds: dict[str, Any], match: str) -> None:
    with pytest.raises(InvalidSettings, match=match):
        listing(**bounds)


def test_a_symbol_has_two_assets() -> None:
    with pytest.raises(InvalidSettings, match="both"):
        listing("BTCBTC")


def test_listings_of_the_settings_table() -> None:
    for symbol in SANDBOX_MARKETS.symbols.values():
        made = Listing.of(symbol, max_price=Decimal(5000), max_open_orders=7)
        assert (made.symbol, made.base, made.quote) == (symbol.name, symbol.base, symbol.quote)
        assert (made.filters.tick, made.filters.lot) == (Decimal(symbol.tick), Decimal(symbol.lot))
        assert made.filters.max_open_orders == 7
        assert made.filters.max_price == Decimal(5000)
        assert made.filters.min_notional == Decimal(symbol.min_notional)


def test_steps_of_ten_and_more() -> None:
    desk = Desk(listing(tick="1E+1", lot="10"))
    assert desk.limit("alice", BUY, "10", "100")[1] == "alice: ENTRUST_PLACE USDT -1000/1000"
