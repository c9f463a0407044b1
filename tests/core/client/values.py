"""Values that tests of the client's core share."""

from __future__ import annotations

from typing import Any

from userstream.core.client import inputs
from userstream.core.client.requests import Answer, Verdict
from userstream.core.client.sequencer import Shown
from userstream.core.closing import End
from userstream.events import AccountSnapshot, AccountUpdate, Balance, OrderUpdate
from userstream.venue import Cursor, Mark, Received

T = 1_700_000_000_000
"""A time of the venue, in ms."""
MIN = 60_000
HOUR = 60 * MIN
RENEWAL = 750_000
"""When a key of an hour is renewed, with half of the jitter."""
UNKNOWN = Answer(Verdict.KEY_UNKNOWN, status=400, code=-1125)
DENIED = Answer(Verdict.DENIED, status=401, code=-2015)
CURSOR = Cursor("epoch000", 7, 1)


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


def closed(end: End, socket: int = 1) -> inputs.Closed:
    return inputs.Closed(socket, end.value.code, end.value.text)


def mark(kind: str, seq: int = 7, reason: str | None = None) -> Mark:
    return Mark("epoch000", seq, kind=kind, reason=reason)
