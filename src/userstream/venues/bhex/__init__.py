"""The broker "openapi" of BHEX (BlueHelix), as one document on several brokers' sites has it.

Doc: "User Data Streams" (/openapi). REST rules and errors are from the platform's public API
pages of 2018-09-25, whose list of errors is Binance's of that year.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from userstream.events import AccountSnapshot, Envelope, OrderUpdate
from userstream.markets import Markets
from userstream.plain import template
from userstream.venue import (
    Auth,
    Call,
    Encoder,
    ErrorForm,
    ExpiryNotice,
    FillKey,
    Frame,
    KeyPlace,
    KeyPolicy,
    Need,
    OrderTime,
    Refusal,
    RestDialect,
    Route,
    StreamDialect,
    StreamPath,
    Venue,
    say,
    say_in_array,
)
from userstream.venues._catalog import symbol_info
from userstream.venues._forms import BINANCE_FORMS
from userstream.venues.bhex.frames import REPORT, decode, encode_info, encode_report
from userstream.venues.bhex.heartbeats import answer, notice
from userstream.venues.bhex.rows import REPAIR

if TYPE_CHECKING:
    from userstream.markets import Symbol


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an operator may set for this venue."""

    frame: Literal["object", "array"] = "object"
    """Bare objects as the document prints them, or arrays of one, as the Java SDK expects."""
    signature: Literal["optional", "required"] = "optional"
    """The document asks for none, both SDKs sign; a signature that is sent is always checked."""
    ping: Literal["20s", "3min"] = "20s"
    """Pings every 20 s, dead after 60 s; or every 3 min, dead after 10 min."""
    json_ping_s: Annotated[int, msgspec.Meta(ge=0, le=3_600)] = 0
    """Seconds between the server's own ``{"ping":ms}`` text frames; 0: none are sent."""
    expiry_notice: bool = True
    """Whether ``listenKeyExpired`` comes before the close."""


def _encoder(options: Options) -> Encoder:
    in_array = options.frame == "array"

    def encode(envelope: Envelope, picture: AccountSnapshot | None) -> tuple[Frame, ...]:
        event = envelope.event
        if isinstance(event, OrderUpdate):
            payload = encode_report(envelope, event)
        elif event.balances or event.permissions or isinstance(event, AccountSnapshot):
            payload = encode_info(envelope, event, picture)
        else:  # a frame without a change would say nothing
            return ()
        return (Frame(b"[%b]" % payload if in_array else payload),)

    return encode


def _routes() -> tuple[Route, ...]:
    routes = [
        Route(method="GET", path="/openapi/v1/brokerInfo", call=Call.INFO, weight=0),
    ]
    for part in ("v1", "account/v1"):  # the Java SDK calls the latter
        path = f"/openapi/{part}/userDataStream"
        routes += [
            Route(method="POST", path=path, call=Call.CREATE),  # Doc: §Create a listenKey
            Route(method="PUT", path=path, call=Call.RENEW),  # Doc: §Ping/Keep-alive a listenKey
            Route(method="DELETE", path=path, call=Call.DELETE),  # Doc: §Close a listenKey
        ]
    for part in ("v1", "quote/v1"):  # the Java SDK calls the latter
        routes += [
            Route(method="GET", path=f"/openapi/{part}/ping", call=Call.PING, weight=0),
            Route(method="GET", path=f"/openapi/{part}/time", call=Call.TIME, weight=0),
        ]
    return tuple(routes)


def broker_info(markets: Markets, now_ms: int) -> dict[str, Any]:
    """Body of ``brokerInfo``. Doc: REST API §Broker information; precisions are steps."""
    return {
        "timezone": "UTC",
        "serverTime": now_ms,
        "rateLimits": [
            {"rateLimitType": "REQUESTS_WEIGHT", "interval": "MINUTE", "limit": 1500},
            {"rateLimitType": "ORDERS", "interval": "SECOND", "limit": 20},
            {"rateLimitType": "ORDERS", "interval": "DAY", "limit": 350000},
        ],
        "brokerFilters": [],
        "symbols": [_broker_symbol(s) for s in markets.symbols.values()],
    }


def _broker_symbol(s: Symbol) -> dict[str, Any]:
    return {
        "symbol": s.name,
        "status": "TRADING",
        "baseAsset": s.base,
        "baseAssetPrecision": s.lot,
        "quoteAsset": s.quote,
        "quotePrecision": s.tick,
        "icebergAllowed": False,
        "filters": symbol_info(s)["filters"],
    }


# Doc: the platform's errors.md. Its Python SDK takes any 400 for a good answer, so what an API key
# lacks is 401.
_ERRORS = MappingProxyType(
    dict(BINANCE_FORMS)
    | {
        Refusal.API_KEY_MISSING: ErrorForm(
            401, -1002, "You are not authorized to execute this request."
        ),
        # The broker's own SDK takes a 400 for a normal answer: a wrong sender gets 401.
        Refusal.SIGNATURE: ErrorForm(401, -1022, "Signature for this request is not valid."),
        Refusal.PARAMETER_SURPLUS: ErrorForm(400, -1103, "An unknown parameter was sent."),
        Refusal.TOO_MANY_REQUESTS: ErrorForm(
            429,
            -1003,
            "Too many requests; current limit is {} requests per minute. "
            "Please use the websocket for live updates to avoid polling the API.",
        ),
        Refusal.BANNED: ErrorForm(
            418,
            -1003,
            "Way too many requests; IP banned until {}. "
            "Please use the websocket for live updates to avoid bans.",
        ),
    }
)
_PINGS = {"20s": (20_000, 60_000), "3min": (180_000, 600_000)}
_LOST_ORDER = frozenset(
    {
        "time_ms",
        "execution",
        "cancel_client_order_id",
        "quote_quantity",
        "stop_price",
        "iceberg_quantity",
        "last_quote",
        "average_price",
        "trade_id",
        "execution_id",
        "reject_reason",
        "self_trade",
    }
)
_LOST_ACCOUNT = frozenset({"time_ms", "cause", "commission_rates", "created_ms"})


_NOTICES = {"object": ExpiryNotice.EVENT, "array": ExpiryNotice.EVENT_IN_ARRAY}


def _stream(options: Options) -> StreamDialect:
    ping_every_ms, dead_after_ms = _PINGS[options.ping]
    return StreamDialect(
        paths=(StreamPath("/openapi/ws/", KeyPlace.PATH),),  # Doc: §General WSS information
        max_age_ms=86_400_000,  # Doc: "only valid for 24 hours"
        ping_every_ms=ping_every_ms,
        dead_after_ms=dead_after_ms,
        json_ping_every_ms=options.json_ping_s * 1_000 or None,
        expiry_notice=_NOTICES[options.frame] if options.expiry_notice else ExpiryNotice.NONE,
        order_time=OrderTime.PUSHED,  # Doc: §Order Update, "order your updates using E"
        fill_key=FillKey.CUMULATIVE,  # Doc: §Order Update, t is commented out, z is not
    )


def build(options: Options, markets: Markets) -> Venue:
    """The venue as an operator set it up."""
    required = options.signature == "required"
    return Venue(
        name="bhex",
        document="User Data Streams (/openapi)",
        rest=RestDialect(
            routes=_routes(),
            auth=Auth(
                header="X-BH-APIKEY",  # Doc: REST API §Endpoint security type
                timestamp=Need.REQUIRED,  # Doc: parameter tables of the three calls
                signature=Need.REQUIRED if required else Need.OPTIONAL,
                recv_window_ms=5_000,  # Doc: REST API §Timing security
                max_recv_window_ms=60_000,  # not said; a sister venue's figure
            ),
            weight_per_window=1_500,  # Doc: brokerInfo sample, REQUESTS_WEIGHT per MINUTE
            info=lambda now_ms, _: broker_info(markets, now_ms),  # no parameter is documented
        ),
        keys=KeyPolicy(length=64),  # Doc: sample of §Create a listenKey; 60 minutes
        stream=_stream(options),
        errors=_ERRORS,
        encode=_encoder(options),
        decode=decode,
        control=answer,
        show_plain=template(*((b"[", *REPORT, b"]") if options.frame == "array" else REPORT)),
        notice=notice,
        repair=REPAIR,
        say=say_in_array if options.frame == "array" else say,
        lost={
            "order_update": _LOST_ORDER,
            "account_update": _LOST_ACCOUNT,
            "account_snapshot": _LOST_ACCOUNT,
        },
    )


VENUE = build(Options(), Markets())
