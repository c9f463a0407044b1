"""The publishing schema: what is refused, and with which words."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from tests.venues.orders import BALANCE, ORDER, order
from tests.venues.strategies import events
from userstream import schema
from userstream.errors import InvalidEvent
from userstream.events import (
    MAX_TIME_MS,
    AccountSnapshot,
    AccountUpdate,
    Balance,
    Event,
    OrderUpdate,
)

AMOUNT_FIELDS = schema._ORDER_AMOUNTS
WORD_FIELDS = schema._ORDER_WORDS


@given(events)
def test_what_an_exchange_may_publish_passes(event: Event) -> None:
    schema.check(event)
    schema.check_amounts(event)


def refused(event: Event, match: str) -> None:
    with pytest.raises(InvalidEvent, match=match):
        schema.check(event)


# ── orders ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", AMOUNT_FIELDS)
@pytest.mark.parametrize(
    "wrong",
    ["", "-1", "+1", "1e5", ".5", "1.", "1" * 21, f"0.{'1' * 19}", "1,5", "NaN", "1;1", "1\n", "١"],
)
def test_an_amount_is_a_plain_decimal_and_the_refusal_names_the_field(
    name: str, wrong: str
) -> None:
    refused(order(**{name: wrong}), f"^{name} is ")


@pytest.mark.parametrize("name", AMOUNT_FIELDS)
def test_an_amount_may_have_20_digits_and_18_places(name: str) -> None:
    schema.check(order(**{name: f"{'9' * 20}.{'9' * 18}"}))


@pytest.mark.parametrize("name", WORD_FIELDS)
@pytest.mark.parametrize("wrong", ["", "a b", " ", "a\n", "é", "x" * 65, "\x7f"])
def test_a_word_is_printable_ascii_and_the_refusal_names_the_field(name: str, wrong: str) -> None:
    refused(order(**{name: wrong}), f"^{name} is ")


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"side": "HOLD"}, "side is 'HOLD'; allowed are BUY, SELL"),
        ({"status": "GONE"}, "status is 'GONE'"),
        ({"execution": "DONE"}, "execution is 'DONE'"),
        ({"execution": None}, "execution is missing"),
        ({"quantity": None}, "quantity and cumulative_quantity are mandatory"),
        ({"cumulative_quantity": None}, "quantity and cumulative_quantity are mandatory"),
        ({"order_type": None}, "order_type is mandatory"),
        ({"time_ms": -1}, "time_ms is -1"),
        ({"time_ms": MAX_TIME_MS + 1}, "time_ms is "),
        ({"created_ms": -1}, "created_ms is -1"),
    ],
)
def test_a_wrong_order_is_refused_with_the_field_and_what_is_allowed(
    changes: dict[str, Any], match: str
) -> None:
    refused(order(**changes), match)


@pytest.mark.parametrize("absent", ["last_quantity", "last_price", "trade_id"])
def test_a_trade_needs_its_fill(absent: str) -> None:
    fill: dict[str, Any] = {"last_quantity": "1", "last_price": "1", "trade_id": "1"}
    schema.check(order(execution="TRADE", **fill))
    refused(order(execution="TRADE", **fill | {absent: None}), f"needs {absent}$")


def test_a_long_wrong_value_is_not_repeated_whole() -> None:
    with pytest.raises(InvalidEvent) as caught:
        schema.check(order(symbol="x" * 10_000))
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("name", AMOUNT_FIELDS)
@pytest.mark.parametrize("wrong", ["", "-1", "1e5", "1" * 41, "1;1"])
def test_a_decoded_amount_is_a_decimal_and_the_refusal_names_the_field(
    name: str, wrong: str
) -> None:
    longest = dict.fromkeys(AMOUNT_FIELDS, f"{'9' * 40}.{'9' * 40}")
    schema.check_amounts(order(**longest))
    with pytest.raises(InvalidEvent, match=f"^{name} is "):
        schema.check_amounts(order(**longest | {name: wrong}))


# ── accounts ────────────────────────────────────────────────────────────────────────────────────


def account(**changes: Any) -> AccountUpdate:
    fields: dict[str, Any] = {"time_ms": 1, "balances": (BALANCE,)}
    return AccountUpdate(**fields | changes)


def balance(**changes: Any) -> tuple[Balance, ...]:
    fields: dict[str, Any] = {"asset": "BTC", "free": "1", "locked": "0"}
    return (Balance(**fields | changes),)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"balances": balance(asset="")}, "asset is ''"),
        ({"balances": (BALANCE, BALANCE)}, "balances lists USDT twice"),
        ({"balances": balance(free="-1")}, "balances of BTC: free and locked"),
        ({"balances": balance(locked="")}, "balances of BTC: free and locked"),
        ({"balances": balance(free_change="+1")}, "balances of BTC: a change"),
        ({"balances": balance(locked_change="")}, "balances of BTC: a change"),
        ({"cause": "two words"}, "cause is 'two words'"),
        ({"time_ms": -1}, "time_ms is -1"),
        ({"created_ms": MAX_TIME_MS + 1}, "created_ms is "),
    ],
)
def test_a_wrong_account_is_refused_with_the_field_and_what_is_allowed(
    changes: dict[str, Any], match: str
) -> None:
    refused(account(**changes), match)


def test_changes_may_be_negative() -> None:
    schema.check(account(balances=balance(free_change="-1.5", locked_change="1.5")))


def test_a_decoder_is_held_to_amounts_only() -> None:
    schema.check_amounts(OrderUpdate(symbol="", order_id="", side="", status="NEW?", time_ms=-1))
    schema.check_amounts(AccountSnapshot(time_ms=-1, balances=(BALANCE, BALANCE)))
    with pytest.raises(InvalidEvent):
        schema.check_amounts(account(balances=balance(free="x")))


def test_the_sample_order_is_good() -> None:
    schema.check(ORDER)
