"""Values that tests of the client's core share."""

from __future__ import annotations

from typing import Any

from userstream.core.client.sequencer import Shown
from userstream.events import AccountSnapshot, AccountUpdate, Balance, OrderUpdate
from userstream.venue import Received

T = 1_700_000_000_000
"""A time of the venue, in ms."""


def order(order_id: str = "1", **fields: Any) -> OrderUpdate:
    known: dict[str, Any] = {"symbol": "BTCUSDT", "side": "BUY", "status": "NEW", "time_ms": T}
    return OrderUpdate(order_id=order_id, **(known | fields))


def fill(order_id: str = "1", quantity: str = "1", **fields: Any) -> OrderUpdate:
    known = {"execution": "TRADE", "status": "PARTIALLY_FILLED", "last_price": "2"}
    return order(order_id, **(known | {"last_quantity": quantity} | fields))


def balance(asset: str = "BTC", free: str = "1", locked: str = "0") -> Balance:
    return Balance(asset=asset, free=free, locked=locked)


def account(*balances: Balance, time_ms: int = T) -> AccountUpdate:
    return AccountUpdate(time_ms=time_ms, balances=balances or (balance(),))


def whole(*balances: Balance, time_ms: int = T) -> AccountSnapshot:
    return AccountSnapshot(time_ms=time_ms, balances=balances)


def shown(event: Any, time_ms: int | None = None) -> Shown:
    return Shown(Received(event, time_ms), b"{}")


def half() -> float:
    return 0.5
