"""Binance spot as its document of 2017-12-01 has it.

Doc: "User Data Streams for Binance (2017-12-01)"; REST rules from rest-api.md and errors.md of
the same month. What came later (v3 paths, combined streams, SUBSCRIBE, weight headers, pings)
is served too where clients need it; each line says since when.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from userstream.events import AccountSnapshot, Envelope, OrderUpdate
from userstream.markets import Markets
from userstream.plain import template
from userstream.venue import (
    Auth,
    Call,
    Encoder,
    ExpiryNotice,
    FillKey,
    Frame,
    KeyPlace,
    KeyPolicy,
    OrderTime,
    RestDialect,
    Route,
    StreamDialect,
    StreamPath,
    Venue,
)
from userstream.venues._catalog import exchange_info, filtered, quoted
from userstream.venues._decimals import eight
from userstream.venues._forms import BINANCE_FORMS
from userstream.venues._frames import encode_json, position
from userstream.venues._subscriptions import by_listen_key
from userstream.venues.binance.frames import (
    REPORT,
    REPORT_2018,
    decode,
    encode_info,
    encode_report,
    with_2018,
)
from userstream.venues.binance.rows import REPAIR


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an operator may set for this venue."""

    account_events: Literal["both", "info", "position"] = "both"
    """``outboundAccountInfo`` (2017), ``outboundAccountPosition`` (2019), or both."""
    keys_2018: bool = False
    """Adds ``O`` and ``Z`` to executionReport."""
    key_length: Literal[60, 64] = 60
    """The document's sample has 64 characters, keys in the wild 60; two clients look for 60."""
    ping: Literal["20s", "3min"] = "20s"
    """Pings every 20 s, dead after 60 s (2025); or every 3 min, dead after 10 min (2018)."""
    used_weight_headers: bool = True
    """Whether ``X-MBX-USED-WEIGHT`` (2019) is sent; one client cannot start without it."""
    expiry_notice: bool = True
    """Whether ``listenKeyExpired`` (2021) comes before the close."""


def _encoder(options: Options) -> Encoder:
    info = options.account_events != "position"
    changed = options.account_events != "info"

    def encode(envelope: Envelope, picture: AccountSnapshot | None) -> tuple[Frame, ...]:
        event = envelope.event
        if isinstance(event, OrderUpdate):
            report = encode_report(envelope, event)
            if options.keys_2018:
                report = with_2018(report, event)
            return (Frame(encode_json(report)),)
        whole = picture or AccountSnapshot(time_ms=event.time_ms, balances=event.balances)
        frames = [Frame(encode_info(envelope, whole))] if info else []
        if changed and event.balances:
            frames.append(position(event, envelope.time_ms, eight))
        return tuple(frames)

    return encode


def _routes() -> tuple[Route, ...]:
    routes = []
    for version in ("v1", "v3"):  # v3 since 2019-09
        path = f"/api/{version}/userDataStream"
        routes += [
            Route(method="POST", path=path, call=Call.CREATE),  # Doc: §Create or return
            Route(method="PUT", path=path, call=Call.RENEW),  # Doc: §Ping/Keep-alive
            Route(method="DELETE", path=path, call=Call.DELETE),  # Doc: §Close a listenKey
            Route(method="GET", path=f"/api/{version}/ping", call=Call.PING),
            Route(method="GET", path=f"/api/{version}/time", call=Call.TIME),
            Route(method="GET", path=f"/api/{version}/exchangeInfo", call=Call.INFO),
        ]
    return tuple(routes)


_PATHS = (
    StreamPath("/ws/", KeyPlace.PATH),  # Doc: §General WSS information
    StreamPath("/stream", KeyPlace.STREAMS),  # documented for user streams since 2019-11-18
    StreamPath("/ws", KeyPlace.LATER),  # with SUBSCRIBE, since 2019-11-13
)
_PINGS = {"20s": (20_000, 60_000), "3min": (180_000, 600_000)}
_WEIGHT_HEADERS = ("X-MBX-USED-WEIGHT", "X-MBX-USED-WEIGHT-1M")  # 2019-03-12, 2019-08-15


def _lost(options: Options) -> dict[str, frozenset[str]]:
    """Fields of events that no frame shows."""
    later = set() if options.keys_2018 else {"cumulative_quote", "created_ms"}
    orders = {"quote_quantity", "last_quote", "average_price", "self_trade"} | later
    return {
        "order_update": frozenset(orders),
        "account_update": frozenset({"cause", "created_ms", "permissions", "commission_rates"}),
        "account_snapshot": frozenset({"cause", "created_ms"}),
    }


def build(options: Options, markets: Markets) -> Venue:
    """The venue as an operator set it up."""
    ping_every_ms, dead_after_ms = _PINGS[options.ping]
    return Venue(
        name="binance",
        document="User Data Streams for Binance (2017-12-01)",
        rest_url="https://api.binance.com",  # Doc: §General API Information
        stream_url="wss://stream.binance.com:9443",  # Doc: §General WSS information
        rest=RestDialect(
            routes=_routes(),
            auth=Auth(header="X-MBX-APIKEY"),  # Doc: rest-api.md §Endpoint security type
            refuse_surplus=True,  # seen live: -1101 on timestamp and signature
            used_weight_headers=_WEIGHT_HEADERS if options.used_weight_headers else (),
            weight_per_window=1_200,  # Doc: exchangeInfo sample, REQUESTS per MINUTE
            info=filtered(markets, exchange_info, quoted),
        ),
        keys=KeyPolicy(length=options.key_length),  # Doc: 60 min; "reused between clients"
        stream=StreamDialect(
            paths=_PATHS,
            max_age_ms=86_400_000,  # Doc: "only valid for 24 hours"
            ping_every_ms=ping_every_ms,
            dead_after_ms=dead_after_ms,
            expiry_notice=ExpiryNotice.EVENT if options.expiry_notice else ExpiryNotice.NONE,
            order_time=OrderTime.PUSHED,  # not said in 2017; its pages of 2018 and 2019: by E
            fill_key=FillKey.TRADE_ID,  # Doc: §Order Update, t
        ),
        errors=BINANCE_FORMS,
        encode=_encoder(options),
        decode=decode,
        control=by_listen_key,
        show_plain=template(*(REPORT_2018 if options.keys_2018 else REPORT), b"}"),
        repair=REPAIR,
        lost=_lost(options),
    )


VENUE = build(Options(), Markets())
