"""What stands on a line for each kind of event."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.cli.watch.views import NOON_MS, balances, fill, order
from userstream.cli.watch.words import amount, clean, marks, moment, some, span, told
from userstream.core.client.told import (
    AccountEvent,
    Gap,
    OrderEvent,
    Origin,
    OtherEvent,
    Scope,
    State,
    StateChange,
)

SELL = order("7", "SELL", "BTCUSDT")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("0.01000000", "0.01"), ("0.00000000", "0"), ("100", "100"), (Decimal("1E+3"), "1000"),
        ("1E-8", "0.00000001"), ("-0.50", "-0.5"), (None, "?"), ("much", "?"),
    ],
)  # fmt: skip
def test_amounts_have_no_exponent_and_no_idle_zeros(value: Any, shown: str) -> None:
    assert amount(value) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0s"), (59.9, "59s"), (60, "1m 00s"), (3_599, "59m 59s"), (3_660, "1h 01m"),
     (90_000, "1d 01h")],
)  # fmt: skip
def test_spans_have_two_units(seconds: float, shown: str) -> None:
    assert span(seconds) == shown


def test_moments_are_utc_and_any_number_is_one() -> None:
    assert moment(NOON_MS + 7) == "12:00:00.007"
    assert moment(NOON_MS, exact=False) == "12:00:00"
    assert moment(-1) == "00:00:00.000"
    assert moment(1 << 70) == "23:59:59.999"


def test_a_count_has_its_plural() -> None:
    assert [some(n, "gap") for n in (0, 1, 2)] == ["0 gaps", "1 gap", "2 gaps"]


@pytest.mark.parametrize(
    ("event", "kind", "text"),
    [
        (OrderEvent(update=SELL), "new", "SELL BTCUSDT 0.01 at 64006.4 #7"),
        (
            OrderEvent(update=order("7", "BUY", "X", price="0", reject_reason="NONE")),
            "new",
            "BUY X 0.01 #7",
        ),
        (
            OrderEvent(update=order("7", "BUY", "X", status="REJECTED", reject_reason="FUNDS")),
            "rejected",
            "BUY X 0.01 at 64006.4 FUNDS #7",
        ),
        (
            OrderEvent(update=fill(SELL, "0.004", "0.004", "PARTIALLY_FILLED")),
            "part filled",
            "SELL BTCUSDT 0.004 at 64006.4 (0.004 of 0.01) #7",
        ),
        (
            OrderEvent(update=order("7", "BUY", "X", status="", quantity=None,
                                    last_quantity="2", last_price="3")),
            "fill",
            "BUY X 2 at 3 #7",
        ),
        (
            AccountEvent(update=balances(BTC=("1.50", "0"), USDT=("2", "3.0"))),
            "balances",
            "BTC 1.5, USDT 2 (3 locked)",
        ),
        (AccountEvent(update=balances()), "balances", "nothing is listed"),
        (Gap(why="reset", from_ms=NOON_MS), "gap", "account from 12:00:00.000 on: reset"),
        (
            Gap(why="no price", to_ms=NOON_MS, scope=Scope.FILLS, order_id="7",
                missing_quantity=Decimal("0.10")),
            "gap",
            "fills of order 7 the begin to 12:00:00.000, 0.1 unexplained: no price",
        ),
        (
            StateChange(before=State.LIVE, after=State.BLIND, why="reset"),
            "state",
            "live to blind: reset",
        ),
        (OtherEvent(kind="listStatus"), "other", "listStatus"),
        (OtherEvent(kind="", problem="cut"), "other", "a frame that cannot be read: cut"),
    ],
)  # fmt: skip
def test_an_event_says_what_its_venue_said(event: Any, kind: str, text: str) -> None:
    assert told(event) == (kind, text)


def test_how_an_event_came_is_marked() -> None:
    assert marks(OrderEvent(update=SELL)) == ()
    assert marks(OrderEvent(update=SELL, origin=Origin.REST, late=True, ambiguous=True)) == (
        "rest", "late", "ambiguous",
    )  # fmt: skip
    assert marks(Gap(why="x")) == ()


def test_no_text_of_a_venue_moves_the_cursor() -> None:
    evil = "\x1b[2J\r\nBTC\x9b1m\u202e"
    assert clean(evil) == "?[2J??BTC?1m?"
    update = order(evil, evil, evil, status=evil, reject_reason=evil)
    for event in (
        OrderEvent(update=update),
        AccountEvent(update=balances(**{evil: ("1", "1")})),
        OtherEvent(kind=evil, problem=evil),
        StateChange(before=State.LIVE, after=State.BLIND, why=evil),
        Gap(why=evil, order_id=evil, from_ms=0),
    ):
        assert all(part.isprintable() for part in told(event))
