"""SpaceDEX (fexwave), as its API reference has it.

Doc: "API Reference, WebSocket, User Data Stream". The page names two events and prints one; what
it does not say follows Binance, whose names and sentences the venue uses throughout.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Literal

import msgspec

from userstream.errors import MalformedFrame
from userstream.events import AccountSnapshot, Envelope, OrderUpdate
from userstream.markets import Markets
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
    OrderTime,
    Received,
    Refusal,
    RestDialect,
    Route,
    StreamDialect,
    StreamPath,
    Venue,
    number_id,
)
from userstream.venues._catalog import exchange_info
from userstream.venues._decimals import eight, places, plain
from userstream.venues._forms import BINANCE_FORMS
from userstream.venues._frames import (
    SHOWN_STATUS,
    Expired,
    Position,
    Reader,
    encode_json,
    position,
    read_expired,
    read_position,
)
from userstream.venues._subscriptions import ignore


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an operator may set for this venue."""

    ping: Literal["20s", "3min"] = "20s"
    """Pings every 20 s, dead after 60 s; or every 3 min, dead after 10 min: not said."""
    expiry_notice: bool = True
    """Whether ``listenKeyExpired`` comes before the close."""


class Report(msgspec.Struct, gc=False):
    """Doc: §Events. The ten keys of the sample, in its order."""

    e: str
    s: str
    i: int
    S: str
    X: str
    l: str  # noqa: E741
    L: str
    n: str
    N: str | None
    T: int


class ReadReport(Report, gc=False):
    """As read: the sample may be abridged, so every other key of Binance's report is optional."""

    E: int | None = None
    c: int | str | None = None
    o: str | None = None
    f: str | None = None
    q: str | None = None
    p: str | None = None
    P: str | None = None
    F: str | None = None
    C: str | None = None
    x: str | None = None
    r: str | None = None
    z: str | None = None
    t: int | None = None
    w: bool | None = None
    m: bool | None = None
    O: int | None = None  # noqa: E741
    Z: str | None = None


def _encoder(markets: Markets) -> Encoder:
    def encode(envelope: Envelope, picture: AccountSnapshot | None) -> tuple[Frame, ...]:
        event = envelope.event
        if isinstance(event, OrderUpdate):
            price_places = markets.symbol(event.symbol).price_places
            return (Frame(encode_json(_report(event, price_places))),)
        if event.balances or isinstance(event, AccountSnapshot):
            return (position(event, envelope.time_ms, eight),)
        return ()

    return encode


def _report(o: OrderUpdate, price_places: int) -> Report:
    """The executionReport of an order event. Doc: §Events; the price has the tick's places."""
    return Report(
        "executionReport",
        o.symbol,
        number_id(o.order_id),
        o.side,
        SHOWN_STATUS.get(o.status, o.status),
        eight(o.last_quantity),
        places(o.last_price, price_places),
        plain(o.commission),
        o.commission_asset,
        o.time_ms,
    )


def _read_report(r: ReadReport) -> Received:
    own = None if r.C in {"", "null"} else r.C
    shown = None if r.c in {None, ""} else str(r.c)
    event = OrderUpdate(
        symbol=r.s,
        order_id=str(r.i),
        side=r.S,
        status=r.X,
        time_ms=r.T,
        execution=r.x,
        client_order_id=own or shown,
        cancel_client_order_id=shown if own else None,
        order_type=r.o,
        time_in_force=r.f,
        quantity=r.q,
        price=r.p,
        stop_price=r.P,
        iceberg_quantity=r.F,
        last_quantity=r.l,
        last_price=r.L,
        cumulative_quantity=r.z,
        cumulative_quote=r.Z,
        commission=r.n,
        commission_asset=r.N,
        trade_id=None if r.t is None or r.t < 0 else str(r.t),
        reject_reason=None if r.r in {"", "NONE"} else r.r,
        maker=r.m,
        working=r.w,
        created_ms=r.O,
    )
    return Received(event, r.T if r.E is None else r.E)


_read = Reader(
    {
        "executionReport": (ReadReport, _read_report),
        "outboundAccountPosition": (Position, read_position),
        "listenKeyExpired": (Expired, read_expired),
    }
)


class _Combined(msgspec.Struct, gc=False):
    """A frame of ``/stream?streams=``."""

    stream: str
    data: msgspec.Raw


_combined = msgspec.json.Decoder(_Combined).decode


def decode(frame: bytes | str) -> tuple[Received, ...]:
    """The event of a frame, bare or of a combined stream.

    Raises:
        MalformedFrame: not JSON, no ``e``, a field missing or of the wrong type.
    """
    try:
        return _read(frame)
    except MalformedFrame as malformed:
        try:
            inner = bytes(_combined(frame).data)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            raise malformed from None
    return _read(inner)


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
        rest=RestDialect(
            routes=_ROUTES,
            # Doc: authentication page; "API_KEY" needs no signature. A timestamp exactly one
            # second ahead is good here and nowhere else.
            auth=Auth(header="X-SDX-APIKEY", ahead_inclusive=True),
            info=lambda now_ms: exchange_info(markets, now_ms),
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
        encode=_encoder(markets),
        decode=decode,
        control=ignore,
        lost={
            "order_update": _LOST_ORDER,
            "account_update": _LOST_ACCOUNT,
            "account_snapshot": _LOST_ACCOUNT,
        },
    )


VENUE = build(Options(), Markets())
