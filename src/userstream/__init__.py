"""The user data stream of an exchange, both ends of it.

Everything that a program of yours needs can be imported from here.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from userstream.errors import (
    InvalidEvent,
    InvalidSettings,
    MalformedFrame,
    NotLive,
    PublishError,
    PublishRefused,
    PublishUnproven,
    StoreError,
    StreamError,
    StreamOver,
    StreamRefused,
    Unacknowledged,
    UserStreamError,
)
from userstream.events import (
    AccountSnapshot,
    AccountUpdate,
    Balance,
    CommissionRates,
    Envelope,
    Event,
    ListenKeyExpired,
    OrderUpdate,
    Permissions,
    UnknownEvent,
)
from userstream.version import VERSION

if TYPE_CHECKING:
    from userstream.client.blocking import BlockingUserStream
    from userstream.client.publisher import Publisher
    from userstream.core.client.health import Health
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
    from userstream.entrance import UserStream

__version__ = VERSION

__all__ = [
    "AccountEvent",
    "AccountSnapshot",
    "AccountUpdate",
    "Balance",
    "BlockingUserStream",
    "CommissionRates",
    "Envelope",
    "Event",
    "Gap",
    "Health",
    "Holding",
    "InvalidEvent",
    "InvalidSettings",
    "ListenKeyExpired",
    "MalformedFrame",
    "NotLive",
    "OrderEvent",
    "OrderUpdate",
    "Origin",
    "OtherEvent",
    "Permissions",
    "PublishError",
    "PublishRefused",
    "PublishUnproven",
    "Publisher",
    "Scope",
    "State",
    "StateChange",
    "StoreError",
    "StreamError",
    "StreamOver",
    "StreamRefused",
    "Told",
    "Unacknowledged",
    "UnknownEvent",
    "UserStream",
    "UserStreamError",
    "__version__",
]


_LATER = {
    "Publisher": "userstream.client.publisher",
    "BlockingUserStream": "userstream.client.blocking",
    "Health": "userstream.core.client.health",
    "UserStream": "userstream.entrance",
    **dict.fromkeys(
        (
            "AccountEvent", "Gap", "Holding", "OrderEvent", "Origin", "OtherEvent", "Scope",
            "State", "StateChange", "Told",
        ),
        "userstream.core.client.told",
    ),
}  # fmt: skip


def __getattr__(name: str) -> object:
    # Only who asks for it pays for a client: the server imports this package too.
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(importlib.import_module(_LATER[name]), name)
    return found
