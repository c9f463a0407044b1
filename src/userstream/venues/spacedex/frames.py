"""The frames of SpaceDEX, both ways.

Doc: "API Reference, WebSocket, User Data Stream", §Events.
"""

from __future__ import annotations

import msgspec

from userstream.errors import MalformedFrame
from userstream.events import AccountSnapshot, Envelope, OrderUpdate
from userstream.markets import Markets
from userstream.plain import Part, reader
from userstream.venue import Encoder, Frame, Received, number_id
from userstream.venues._decimals import eight, places, plain
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


def encoder(markets: Markets) -> Encoder:
    """Writes the frames of an event; prices have the places of the pair's tick."""

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


_PLAIN: tuple[Part, ...] = (
    b'{"e":"executionReport","s":', ("word", "symbol"),
    b',"i":', ("id", "order_id"),
    b',"S":', ("word", "side"),
    b',"X":', ("word", "status"),
    b',"l":', ("amount", "last_quantity"),
    b',"L":', ("amount", "last_price"),
    b',"n":', ("amount", "commission"),
    b',"N":', ("text", "commission_asset"),
    b',"T":', ("time", "time_ms"),
    b"}",
)  # fmt: skip
"""The executionReport of the sample."""

_read = Reader(
    {
        "executionReport": (ReadReport, _read_report),
        "outboundAccountPosition": (Position, read_position),
        "listenKeyExpired": (Expired, read_expired),
    },
    reader(OrderUpdate, *_PLAIN),
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
