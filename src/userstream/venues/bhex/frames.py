"""The frames of the broker "openapi", both ways.

Doc: "User Data Streams" (/openapi), §Account Update and §Order Update. Keys that the page has
commented out are neither written nor read.
"""

from __future__ import annotations

from typing import Any

import msgspec

from userstream.errors import MalformedFrame
from userstream.events import AccountSnapshot, AccountUpdate, Envelope, OrderUpdate, Permissions
from userstream.plain import Part, reader
from userstream.venue import Received, number_id
from userstream.venues._decimals import eight
from userstream.venues._frames import (
    COMMISSION,
    CREATED,
    SHOWN_STATUS,
    SPENT,
    WORKING,
    ZERO,
    Asset,
    Expired,
    Reader,
    assets,
    balances,
    encode_json,
    read_expired,
)
from userstream.venues.bhex.heartbeats import beat_of

SHOWN = SHOWN_STATUS | {"EXPIRED": "CANCELED"}
"""The platform's list of statuses ends with CANCELED and REJECTED."""


class AccountInfo(msgspec.Struct, gc=False):
    """Doc: §Account Update. ``B`` holds the changed assets only."""

    e: str
    E: int
    T: bool
    W: bool
    D: bool
    B: list[Asset]


class Report(msgspec.Struct, gc=False):
    """Doc: §Order Update. The 21 keys that are not commented out, in the document's order."""

    e: str
    E: int
    s: str
    c: int | str
    S: str
    o: str
    f: str
    q: str
    p: str
    X: str
    i: int
    l: str  # noqa: E741
    z: str
    L: str
    n: str
    N: str | None
    u: bool
    w: bool
    m: bool
    O: int  # noqa: E741
    Z: str


class ReadReport(Report, kw_only=True, gc=False):
    """As read: what the document says to ignore can be anything."""

    u: Any = None


def _shown_id(text: str | None) -> int | str:
    """A number in the sample, text in the platform's SDK: a number where that loses nothing."""
    if text and text.isascii() and text.isdigit() and text == str(number_id(text)):
        return int(text)
    return text or ""


def encode_report(envelope: Envelope, o: OrderUpdate) -> bytes:
    """The executionReport of an order event. Doc: §Order Update."""
    status = o.status
    return encode_json(
        Report(
            "executionReport",
            envelope.time_ms,
            o.symbol,
            _shown_id(o.client_order_id),
            o.side,
            o.order_type or "",
            o.time_in_force or "GTC",
            eight(o.quantity),
            eight(o.price),
            SHOWN.get(status, status),
            number_id(o.order_id),
            eight(o.last_quantity),
            eight(o.cumulative_quantity),
            eight(o.last_price),
            "0" if o.commission is None or o.commission == "0" else eight(o.commission),
            o.commission_asset,
            True,
            status in {"NEW", "PARTIALLY_FILLED"} if o.working is None else o.working,
            bool(o.maker),
            o.time_ms if o.created_ms is None else o.created_ms,
            eight(o.cumulative_quote),
        )
    )


REPORT: tuple[Part, ...] = (
    b'{"e":"executionReport","E":', ("published",),
    b',"s":', ("text", "symbol", None),
    b',"c":', ("number_or_text", "client_order_id", b'""'),
    b',"S":', ("text", "side", None),
    b',"o":', ("text", "order_type", None),
    b',"f":', ("text", "time_in_force", b'"GTC"'),
    b',"q":', ("eight", "quantity", None),
    b',"p":', ("eight", "price", ZERO),
    b',"X":', ("choice", "status", {k.encode(): b'"%b"' % v.encode() for k, v in SHOWN.items()},
               ("text", "status", None)),
    b',"i":', ("number", "order_id", None),
    b',"l":', ("eight", "last_quantity", ZERO),
    b',"z":', ("eight", "cumulative_quantity", None),
    b',"L":', ("eight", "last_price", ZERO),
    b',"n":', COMMISSION,
    b',"N":', ("text", "commission_asset", b"null"),
    b',"u":true,"w":', WORKING,
    b',"m":', ("bare", "maker", b"false"),
    b',"O":', CREATED,
    b',"Z":', SPENT,
    b"}",
)  # fmt: skip
"""The same as a template."""


def encode_info(
    envelope: Envelope, event: AccountUpdate | AccountSnapshot, picture: AccountSnapshot | None
) -> bytes:
    """The outboundAccountInfo of the assets that an event lists. Doc: §Account Update.

    What the account may do is shown in every frame, so it comes from the whole account.
    """
    known = picture.permissions if picture else None
    may = known or event.permissions or Permissions()
    return encode_json(
        AccountInfo(
            "outboundAccountInfo",
            envelope.time_ms,
            may.can_trade,
            may.can_withdraw,
            may.can_deposit,
            assets(event.balances, eight),
        )
    )


def _read_report(r: ReadReport) -> Received:
    event = OrderUpdate(
        symbol=r.s,
        order_id=str(r.i),
        side=r.S,
        status=r.X,
        time_ms=r.E,
        client_order_id=str(r.c) or None,
        order_type=r.o,
        time_in_force=r.f,
        quantity=r.q,
        price=r.p,
        last_quantity=r.l,
        last_price=r.L,
        cumulative_quantity=r.z,
        cumulative_quote=r.Z,
        commission=r.n,
        commission_asset=r.N,
        maker=r.m,
        working=r.w,
        created_ms=r.O,
    )
    return Received(event, r.E)


def _read_info(f: AccountInfo) -> Received:
    event = AccountUpdate(
        time_ms=f.E,
        balances=balances(f.B),
        permissions=Permissions(can_trade=f.T, can_withdraw=f.W, can_deposit=f.D),
    )
    return Received(event, f.E)


_PLAIN: tuple[Part, ...] = (
    b'{"e":"executionReport","E":', ("time", "time_ms"),
    b',"s":', ("word", "symbol"),
    b',"c":', ("id_or_word", "client_order_id"),
    b',"S":', ("word", "side"),
    b',"o":', ("word", "order_type"),
    b',"f":', ("word", "time_in_force"),
    b',"q":', ("amount", "quantity"),
    b',"p":', ("amount", "price"),
    b',"X":', ("word", "status"),
    b',"i":', ("id", "order_id"),
    b',"l":', ("amount", "last_quantity"),
    b',"z":', ("amount", "cumulative_quantity"),
    b',"L":', ("amount", "last_price"),
    b',"n":', ("amount", "commission"),
    b',"N":', ("text", "commission_asset"),
    b',"u":', ("any_flag",),
    b',"w":', ("flag", "working"),
    b',"m":', ("flag", "maker"),
    b',"O":', ("time", "created_ms"),
    b',"Z":', ("amount", "cumulative_quote"),
    b"}",
)  # fmt: skip
"""An executionReport of one frame; in an array they are read in Python."""

_read = Reader(
    {
        "executionReport": (ReadReport, _read_report),
        "outboundAccountInfo": (AccountInfo, _read_info),
        "listenKeyExpired": (Expired, read_expired),
    },
    reader(OrderUpdate, *_PLAIN),
)
_elements = msgspec.json.Decoder(list[msgspec.Raw]).decode


def _read_one(data: bytes) -> tuple[Received, ...]:
    try:
        return _read(data)
    except MalformedFrame:
        if beat_of(data) is None:
            raise
    return ()


def decode(frame: bytes | str) -> tuple[Received, ...]:
    """The events of a frame: an object, or an array of them; a heartbeat holds none.

    The document prints objects, the platform's own SDK knows only arrays.

    Raises:
        MalformedFrame: not JSON, no ``e``, a field missing or of the wrong type.
    """
    plain = _read.plain(frame)
    if plain is not None:
        return plain
    data = frame.encode("utf-8", "surrogatepass") if isinstance(frame, str) else frame
    if data.lstrip()[:1] != b"[":
        return _read_one(data)
    try:
        elements = _elements(data)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as e:
        raise MalformedFrame(f"not a frame of this venue: {e}") from None
    return tuple(received for x in elements for received in _read_one(bytes(x)))
