"""MEXC spot v3.

Doc: MEXC "User Data Streams Account Updates", and the public API pages "spot v3" that it refers
to. The first shows pushes as JSON, the second (since 2025-02-24) and the live service as
protobuf; an option says which. The wrapper and the numbers of its fields are in push.proto.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from userstream.markets import SANDBOX_MARKETS, Markets
from userstream.venue import (
    Alphabet,
    Auth,
    Call,
    ExpiryNotice,
    FillKey,
    KeyPlace,
    KeyPolicy,
    Need,
    OnCreate,
    OrderTime,
    Reply,
    RestDialect,
    Route,
    StreamDialect,
    StreamPath,
    Venue,
    say,
    say_in_wrapper,
)
from userstream.venues._catalog import filtered
from userstream.venues.mexc.catalog import exchange_info, joined
from userstream.venues.mexc.control import acknowledgement, controller
from userstream.venues.mexc.forms import FORMS
from userstream.venues.mexc.frames import encoder, pack_json, pack_protobuf
from userstream.venues.mexc.reader import decode, mark
from userstream.venues.mexc.rows import REPAIR
from userstream.venues.mexc.words import CHANNELS


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an operator may set for this venue."""

    auth: Literal["optional", "required"] = "optional"
    """The document signs nothing on the listen-key calls, the live service wants a signature
    since 2024. ``optional``: checked when it is there; ``required``: 700004 without it."""
    push: Literal["protobuf", "json"] = "protobuf"
    """Binary frames as the live service has, or the JSON that the document's program parses."""


_PATH = "/api/v3/userDataStream"
_ROUTES = (
    Route(method="POST", path=_PATH, call=Call.CREATE),  # Doc: "Create listen key"
    Route(method="GET", path=_PATH, call=Call.LIST),  # spot v3 §Listen Key
    Route(method="PUT", path=_PATH, call=Call.RENEW),  # Doc: "PUT request extends validity"
    Route(method="DELETE", path=_PATH, call=Call.DELETE),  # Doc: "DELETE closes the stream"
    Route(method="GET", path="/api/v3/ping", call=Call.PING),
    Route(method="GET", path="/api/v3/time", call=Call.TIME),
    Route(method="GET", path="/api/v3/exchangeInfo", call=Call.INFO, weight=10),
)
_MAX_SUBSCRIPTIONS = 30  # spot v3 §Websocket Market Streams

_LOST_OF_ORDERS = frozenset(
    # No frame has these.
    {"cancel_client_order_id", "iceberg_quantity", "execution_id", "reject_reason", "working"}
    # Only a deals frame has these: nothing but a fill shows them.
    | {"execution", "commission", "commission_asset", "self_trade"}
    # A deals frame has no status, an orders frame no time of the change, and the time in force
    # is folded into the type of a limit order.
    | {"status", "time_ms", "time_in_force"}
)
_LOST_OF_ACCOUNTS = frozenset({"permissions", "commission_rates"})


_KEYS = KeyPolicy(
    length=64,
    alphabet=Alphabet.HEX,
    life_ms=3_600_000,  # Doc: "Valid for 60 minutes after creation"
    on_create=OnCreate.NEW,
    max_per_account=60,  # Doc: "Max 60 listen keys per UID"
    max_sockets=5,  # Doc: "Max 5 WebSocket connections per listen key"
)
_STREAM = StreamDialect(
    # Doc: "/ws?listenKey=". Without the parameter the socket opens too, for public channels; the
    # private ones are then refused.
    paths=(StreamPath("/ws", KeyPlace.QUERY),),
    max_age_ms=86_400_000,  # spot v3 §Websocket Market Streams
    ping_every_ms=None,  # clients die on a protocol ping; they send PING themselves
    subscribe_within_ms=30_000,
    idle_after_ms=60_000,
    client_ping='{"method":"PING"}',  # spot v3: a socket without data lives on by this alone
    order_time=OrderTime.PUSHED,  # createTime, else sendTime: not said
    fill_key=FillKey.TRADE_ID,  # Doc: private deals, tradeId
    max_messages_per_s=100,
    max_subscriptions=_MAX_SUBSCRIPTIONS,
    expiry_notice=ExpiryNotice.NONE,
    # Doc: the program's step 3, with all three channels.
    opening=msgspec.json.encode({"method": "SUBSCRIPTION", "params": sorted(CHANNELS)}).decode(),
)


_LOST = {
    "order_update": _LOST_OF_ORDERS,
    "account_update": _LOST_OF_ACCOUNTS,
    "account_snapshot": _LOST_OF_ACCOUNTS,
}


def build(options: Options, markets: Markets) -> Venue:
    """The venue as an operator set it up."""
    signed = Need.REQUIRED if options.auth == "required" else Need.OPTIONAL
    binary = options.push == "protobuf"
    pack = pack_protobuf if binary else pack_json
    return Venue(
        name="mexc",
        document='MEXC "User Data Streams Account Updates" (spot v3)',
        rest_url="https://api.mexc.com",
        stream_url="wss://wbs-api.mexc.com",
        rest=RestDialect(
            routes=_ROUTES,
            auth=Auth(
                header="X-MEXC-APIKEY",  # Doc: the program's headers
                timestamp=signed,
                signature=signed,
                lower_case_only=True,  # spot v3 §Signed
                max_recv_window_ms=60_000,
            ),
            json_body=True,  # spot v3 §General Info
            reply=Reply.KEY,  # spot v3 §Listen Key
            weight_per_window=500,  # spot v3 §Limits
            window_s=10,
            per_endpoint=True,
            info=filtered(markets, exchange_info, joined),
        ),
        keys=_KEYS,
        stream=_STREAM,
        errors=FORMS,
        encode=encoder(markets, pack, binary=binary),
        decode=decode,
        control=controller(CHANNELS, _MAX_SUBSCRIPTIONS),
        notice=acknowledgement,
        mark=mark,
        say=say_in_wrapper if binary else say,
        channels=CHANNELS,
        repair=REPAIR,
        lost=_LOST,
    )


VENUE = build(Options(), SANDBOX_MARKETS)  # the document's sample shows the coin id of USDT
