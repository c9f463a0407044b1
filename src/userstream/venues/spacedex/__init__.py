"""SpaceDEX (fexwave), as its API reference has it.

Doc: "API Reference, WebSocket, User Data Stream". The page names two events and prints one; what
it does not say follows Binance, whose names and sentences the venue uses throughout.
"""

from __future__ import annotations

from functools import partial
from types import MappingProxyType
from typing import Literal

import msgspec

from userstream.events import OrderUpdate
from userstream.markets import Markets
from userstream.venue import (
    Auth,
    Call,
    ErrorForm,
    ExpiryNotice,
    FillKey,
    KeyPlace,
    KeyPolicy,
    OrderTime,
    Refusal,
    RestDialect,
    Route,
    StreamDialect,
    StreamPath,
    Venue,
)
from userstream.venues._catalog import exchange_info, filtered, quoted
from userstream.venues._forms import BINANCE_FORMS
from userstream.venues._subscriptions import ignore
from userstream.venues.spacedex.frames import ReadReport, Report, decode, encoder
from userstream.venues.spacedex.rows import REPAIR

__all__ = ["ORDER_TYPES", "VENUE", "Options", "ReadReport", "Report", "build", "decode"]

ORDER_TYPES = ("LIMIT", "MARKET")
"""Doc: §Place an Order."""


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an operator may set for this venue."""

    ping: Literal["20s", "3min"] = "20s"
    """Pings every 20 s, dead after 60 s; or every 3 min, dead after 10 min: not said."""
    expiry_notice: bool = True
    """Whether ``listenKeyExpired`` comes before the close."""


_PATH = "/api/v1/userDataStream"
_ROUTES = (
    Route(method="POST", path=_PATH, call=Call.CREATE),  # Doc: §1. Create a listen key
    Route(method="PUT", path=_PATH, call=Call.RENEW),  # Doc: §3. Keep it alive
    Route(method="DELETE", path=_PATH, call=Call.DELETE),  # Doc: §3; the path is implied
    Route(method="GET", path="/api/v1/ping", call=Call.PING),
    Route(method="GET", path="/api/v1/time", call=Call.TIME),
    Route(method="GET", path="/api/v1/exchangeInfo", call=Call.INFO, weight=10),
)

# Doc: the reference's errors page; it has no code of its own for an empty parameter.
_ERRORS = MappingProxyType(
    dict(BINANCE_FORMS)
    | {
        Refusal.PARAMETER_EMPTY: ErrorForm(
            400, -1102, "Mandatory parameter '{}' was not sent, was empty/null, or malformed."
        ),
    }
)
_PINGS = {"20s": (20_000, 60_000), "3min": (180_000, 600_000)}
_LOST_ORDER = frozenset(OrderUpdate.__struct_fields__) - {
    "symbol",
    "order_id",
    "side",
    "status",
    "time_ms",
    "last_quantity",
    "last_price",
    "commission",
    "commission_asset",
}
_LOST_ACCOUNT = frozenset({"cause", "created_ms", "permissions", "commission_rates"})


def build(options: Options, markets: Markets) -> Venue:
    """The venue as an operator set it up."""
    ping_every_ms, dead_after_ms = _PINGS[options.ping]
    return Venue(
        name="spacedex",
        document="API Reference, WebSocket, User Data Stream",
        rest_url="https://api.spacedex.com",
        stream_url="wss://stream.spacedex.com",
        rest=RestDialect(
            routes=_ROUTES,
            # Doc: authentication page; "API_KEY" needs no signature. A timestamp exactly one
            # second ahead is good here and nowhere else.
            auth=Auth(header="X-SDX-APIKEY", ahead_inclusive=True),
            info=filtered(markets, partial(exchange_info, order_types=ORDER_TYPES), quoted),
        ),
        keys=KeyPolicy(length=64),  # Doc: "valid for 60 minutes"; the sample is elided
        stream=StreamDialect(
            paths=(
                StreamPath("/ws/", KeyPlace.PATH),  # Doc: §2. Connect
                StreamPath("/stream", KeyPlace.STREAMS),  # Doc: the page on market streams
            ),
            max_age_ms=86_400_000,  # Doc: the page on market streams
            ping_every_ms=ping_every_ms,
            dead_after_ms=dead_after_ms,
            expiry_notice=ExpiryNotice.EVENT if options.expiry_notice else ExpiryNotice.NONE,
            order_time=OrderTime.CHANGED,  # Doc: §Events, the sample has T and no E
            fill_key=FillKey.NONE,  # Doc: §Events, the sample has neither t nor z
        ),
        errors=_ERRORS,
        encode=encoder(markets),
        decode=decode,
        control=ignore,
        repair=REPAIR,
        lost={
            "order_update": _LOST_ORDER,
            "account_update": _LOST_ACCOUNT,
            "account_snapshot": _LOST_ACCOUNT,
        },
    )


VENUE = build(Options(), Markets())
