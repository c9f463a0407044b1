"""What a stream gives to a program. The types are the core's; this is where to import them."""

from __future__ import annotations

from userstream.core.client.told import (
    AccountEvent,
    Gap,
    Holding,
    OrderEvent,
    Origin,
    OtherEvent,
    Scope,
    State,
    StateChange,
    Told,
)
from userstream.venue import Cursor

__all__ = [
    "AccountEvent",
    "Cursor",
    "Gap",
    "Holding",
    "OrderEvent",
    "Origin",
    "OtherEvent",
    "Scope",
    "State",
    "StateChange",
    "Told",
]
