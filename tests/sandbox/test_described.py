"""Events in a line for people: what a venue does not tell is not made up."""

from __future__ import annotations

import pytest

from tests.venues.orders import order
from userstream.events import OrderUpdate
from userstream.sandbox.order import described


def fill(**told: str | None) -> OrderUpdate:
    return order(
        order_id="7",
        side="BUY",
        **{"last_quantity": "1", "last_price": "2", "status": "FILLED"} | told,
    )


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (
            fill(execution="TRADE", cumulative_quantity="3"),
            "TRADE 1 at 2: order 7 BUY BTCUSDT is FILLED, 3 filled",
        ),
        (
            fill(execution=None, cumulative_quantity=None),  # SpaceDEX
            "UPDATE 1 at 2: order 7 BUY BTCUSDT is FILLED",
        ),
        (
            fill(execution="TRADE", status="", cumulative_quantity=None),  # MEXC's deals
            "TRADE 1 at 2: order 7 BUY BTCUSDT",
        ),
        (
            fill(execution="NEW", status="NEW", last_quantity="0.00", cumulative_quantity="0"),
            "NEW: order 7 BUY BTCUSDT is NEW, 0 filled",
        ),
    ],
)
def test_an_order_event_in_a_line(event: OrderUpdate, line: str) -> None:
    assert described(event) == line
