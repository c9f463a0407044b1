"""What a program is told: exact amounts, and nothing where nothing was said."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.core.client.values import account, balance, fill, order, whole
from userstream.core.client.told import AccountEvent, Holding, OrderEvent, Origin
from userstream.events import AccountSnapshot, CommissionRates, OrderUpdate, Permissions


def test_an_order_shows_its_words_and_its_amounts() -> None:
    update = fill("7", "0.10", cumulative_quantity="0.3", trade_id="9", client_order_id="mine")
    event = OrderEvent(update=update)
    assert (event.symbol, event.order_id, event.side) == ("BTCUSDT", "7", "BUY")
    assert (event.status, event.client_order_id, event.trade_id) == (
        "PARTIALLY_FILLED",
        "mine",
        "9",
    )
    assert (event.last_quantity, event.cumulative_quantity) == (Decimal("0.10"), Decimal("0.3"))
    assert event.price is None
    assert (event.late, event.ambiguous, event.origin) == (False, False, Origin.STREAM)


def test_every_amount_of_an_update_is_there_as_a_decimal() -> None:
    amounts = {
        name
        for name, kind in OrderUpdate.__annotations__.items()
        if str(kind) == "DecimalText | None"
    }
    event = OrderEvent(update=order(**dict.fromkeys(amounts, "1.5")))
    for name in amounts:
        assert getattr(event, name) == Decimal("1.5"), name


def test_balances() -> None:
    rates, may = CommissionRates(maker=1), Permissions(can_trade=False)
    event = AccountEvent(update=account(balance("BTC", "1.5", "2")))
    assert (event.balances, event.whole) == ({"BTC": Holding(Decimal("1.5"), Decimal(2))}, False)
    assert (event.permissions, event.commission_rates) == (None, None)
    assert AccountEvent(update=whole()).whole
    update = AccountSnapshot(time_ms=0, permissions=may, commission_rates=rates)
    shown = AccountEvent(update=update)
    assert (shown.permissions, shown.commission_rates) == (may, rates)


def test_a_told_event_cannot_be_changed() -> None:
    event = OrderEvent(update=fill())
    with pytest.raises(AttributeError):
        event.late = True  # type: ignore[misc]
