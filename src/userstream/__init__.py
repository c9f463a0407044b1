"""The user data stream of an exchange, both ends of it.

Everything that a program of yours needs can be imported from here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from userstream.errors import (
    InvalidEvent,
    InvalidSettings,
    MalformedFrame,
    PublishError,
    PublishRefused,
    PublishUnproven,
    StoreError,
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
    from userstream.client.publisher import Publisher

__version__ = VERSION

__all__ = [
    "AccountSnapshot",
    "AccountUpdate",
    "Balance",
    "CommissionRates",
    "Envelope",
    "Event",
    "InvalidEvent",
    "InvalidSettings",
    "ListenKeyExpired",
    "MalformedFrame",
    "OrderUpdate",
    "Permissions",
    "PublishError",
    "PublishRefused",
    "PublishUnproven",
    "Publisher",
    "StoreError",
    "UnknownEvent",
    "UserStreamError",
    "__version__",
]


def __getattr__(name: str) -> object:
    # Only who publishes pays for an HTTP client: the server imports this package too.
    if name == "Publisher":
        from userstream.client.publisher import Publisher  # noqa: PLC0415

        return Publisher
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
