"""One order and one account, to be varied by the tests of single venues."""

from __future__ import annotations

from typing import Any

import msgspec

from userstream.events import AccountSnapshot, AccountUpdate, Balance, Envelope, Event, OrderUpdate
from userstream.venue import Subscriber, Venue

ORDER = OrderUpdate(
    symbol="BTCUSDT",
    order_id="288274",
    side="BUY",
    status="NEW",
    time_ms=1_000,
    execution="NEW",
    client_order_id="own",
    order_type="LIMIT",
    quantity="1",
    price="64000",
    cumulative_quantity="0",
)
BALANCE = Balance(asset="USDT", free="10.5", locked="0")
UPDATE = AccountUpdate(time_ms=1_000, balances=(BALANCE,))
SNAPSHOT = AccountSnapshot(
    time_ms=900, balances=(BALANCE, Balance(asset="A", free="0", locked="0"))
)


def order(**changes: Any) -> OrderUpdate:
    """The order with some fields changed."""
    return msgspec.structs.replace(ORDER, **changes)


def frames(
    venue: Venue, event: Event, picture: AccountSnapshot | None = None, time_ms: int = 2_000
) -> list[Any]:
    """The JSON of an event's frames."""
    encoded = venue.encode(Envelope(1, "alice", "epoch000", 1, time_ms, event), picture)
    return [msgspec.json.decode(f.payload) for f in encoded]


def frame(venue: Venue, event: Event, picture: AccountSnapshot | None = None) -> Any:
    """The JSON of an event's only frame."""
    (only,) = frames(venue, event, picture)
    return only


def subscriber(*channels: str, live: frozenset[str] = frozenset()) -> Subscriber:
    """A socket that is subscribed to these; ``live`` keys may be added."""
    return Subscriber(frozenset(channels), bool(channels), live.__contains__)
