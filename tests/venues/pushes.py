"""MEXC's private pushes: what an event becomes, and what is read of one."""

from __future__ import annotations

from typing import Any

from tests.venues.orders import order
from userstream.events import Envelope, Event, OrderUpdate
from userstream.venue import Venue
from userstream.venues.mexc import VENUE
from userstream.venues.mexc.push_pb2 import PrivateOrders, Push

ORDERS = "spot@private.orders.v3.api.pb"
DEALS = "spot@private.deals.v3.api.pb"
ACCOUNT = "spot@private.account.v3.api.pb"
TRADE = order(
    status="PARTIALLY_FILLED",
    execution="TRADE",
    quantity="2",
    cumulative_quantity="0.5",
    last_quantity="0.5",
    last_price="63999.9",
    trade_id="505979017439002624X1",
)


def pushes(event: Event, venue: Venue = VENUE) -> list[Push]:
    """The bodies of an event's frames."""
    encoded = venue.encode(Envelope(1, "alice", "epoch000", 1, 2_000, event), None)
    return [Push.FromString(f.payload) for f in encoded]


def shown(event: OrderUpdate) -> PrivateOrders:
    """The first of an order event."""
    return pushes(event)[0].privateOrders


def read(push: Push) -> Event:
    """What is read of one; it must be an event."""
    (received,) = VENUE.decode(push.SerializeToString())
    assert isinstance(received.event, Event)
    return received.event


def read_order(**fields: Any) -> OrderUpdate:
    """What is read of an orders frame with these fields, and no others."""
    body = PrivateOrders(id="1", **fields)
    event = read(Push(channel=ORDERS, symbol="A", sendTime=1, privateOrders=body))
    assert isinstance(event, OrderUpdate)
    return event
