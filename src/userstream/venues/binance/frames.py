"""The frames of Binance spot, both ways.

Doc: "User Data Streams for Binance (2017-12-01)", §Account Update and §Order Update.
"""

from __future__ import annotations

import msgspec

from userstream.events import AccountSnapshot, CommissionRates, Envelope, OrderUpdate, Permissions
from userstream.plain import Part, reader
from userstream.venue import Received, number_id
from userstream.venues._decimals import eight
from userstream.venues._frames import (
    COMMISSION,
    CREATED,
    SHOWN_STATUS,
    SPENT,
    STATUS,
    WORKING,
    ZERO,
    Asset,
    Expired,
    Position,
    Reader,
    assets,
    balances,
    encode_json,
    read_expired,
    read_position,
)


class AccountInfo(msgspec.Struct, gc=False):
    """Doc: §Account Update. The whole account; rates in basis points."""

    e: str
    E: int
    m: int
    t: int
    b: int
    s: int
    T: bool
    W: bool
    D: bool
    u: int
    B: list[Asset]


class Report(msgspec.Struct, gc=False):
    """Doc: §Order Update. All keys, in the document's order."""

    e: str
    E: int
    s: str
    c: str
    S: str
    o: str
    f: str
    q: str
    p: str
    P: str
    F: str
    g: int
    C: str | None
    x: str
    X: str
    r: str
    i: int
    l: str  # noqa: E741
    z: str
    L: str
    n: str
    N: str | None
    T: int
    t: int
    I: int  # noqa: E741
    w: bool
    m: bool
    M: bool


class Report2018(Report, gc=False):
    """The edition of 2018-07-18 adds the creation time and the cumulative quote amount."""

    O: int  # noqa: E741
    Z: str


class ReadReport(Report, gc=False):
    """As read: what later editions add is optional."""

    O: int | None = None  # noqa: E741
    Z: str | None = None


def encode_report(envelope: Envelope, o: OrderUpdate) -> Report:
    """The executionReport of an order event.

    Doc: §Order Update. On a cancel ``c`` is the id of the cancel request and ``C`` the order's
    own (rest-api.md); otherwise ``C`` is the text "null", as the sample shows it.
    """
    cancel_id = o.cancel_client_order_id
    status = o.status
    return Report(
        "executionReport",
        envelope.time_ms,
        o.symbol,
        cancel_id or o.client_order_id or "",
        o.side,
        o.order_type or "",
        o.time_in_force or "GTC",
        eight(o.quantity),
        eight(o.price),
        eight(o.stop_price),
        eight(o.iceberg_quantity),
        -1,
        (o.client_order_id or "") if cancel_id else "null",
        o.execution or status,
        SHOWN_STATUS.get(status, status),
        o.reject_reason or "NONE",
        number_id(o.order_id),
        eight(o.last_quantity),
        eight(o.cumulative_quantity),
        eight(o.last_price),
        "0" if o.commission is None or o.commission == "0" else eight(o.commission),
        o.commission_asset,
        o.time_ms,
        -1 if o.trade_id is None else number_id(o.trade_id),
        0 if o.execution_id is None else number_id(o.execution_id),
        status in {"NEW", "PARTIALLY_FILLED"} if o.working is None else o.working,
        bool(o.maker),
        False,
    )


_CLIENT_ID = ("text", "client_order_id", b'""')
REPORT: tuple[Part, ...] = (
    b'{"e":"executionReport","E":', ("published",),
    b',"s":', ("text", "symbol", None),
    b',"c":', ("text", "cancel_client_order_id", _CLIENT_ID),
    b',"S":', ("text", "side", None),
    b',"o":', ("text", "order_type", None),
    b',"f":', ("text", "time_in_force", b'"GTC"'),
    b',"q":', ("eight", "quantity", None),
    b',"p":', ("eight", "price", ZERO),
    b',"P":', ("eight", "stop_price", ZERO),
    b',"F":', ("eight", "iceberg_quantity", ZERO),
    b',"g":-1,"C":', ("given", "cancel_client_order_id", _CLIENT_ID, b'"null"'),
    b',"x":', ("text", "execution", None),
    b',"X":', STATUS,
    b',"r":', ("text", "reject_reason", b'"NONE"'),
    b',"i":', ("number", "order_id", None),
    b',"l":', ("eight", "last_quantity", ZERO),
    b',"z":', ("eight", "cumulative_quantity", None),
    b',"L":', ("eight", "last_price", ZERO),
    b',"n":', COMMISSION,
    b',"N":', ("text", "commission_asset", b"null"),
    b',"T":', ("bare", "time_ms", None),
    b',"t":', ("number", "trade_id", b"-1"),
    b',"I":', ("number", "execution_id", b"0"),
    b',"w":', WORKING,
    b',"m":', ("bare", "maker", b"false"),
    b',"M":false',
)  # fmt: skip
"""The same as a template, but for its end."""
REPORT_2018: tuple[Part, ...] = (*REPORT, b',"O":', CREATED, b',"Z":', SPENT)


def encode_info(envelope: Envelope, picture: AccountSnapshot) -> bytes:
    """The outboundAccountInfo of the whole account. Doc: §Account Update."""
    rates = picture.commission_rates or CommissionRates()
    may = picture.permissions or Permissions()
    return encode_json(
        AccountInfo(
            "outboundAccountInfo",
            envelope.time_ms,
            rates.maker,
            rates.taker,
            rates.buyer,
            rates.seller,
            may.can_trade,
            may.can_withdraw,
            may.can_deposit,
            picture.time_ms,
            assets(picture.balances, eight),
        )
    )


def with_2018(report: Report, o: OrderUpdate) -> Report2018:
    """The report with the keys of the edition of 2018-07-18."""
    created = o.time_ms if o.created_ms is None else o.created_ms
    return Report2018(**msgspec.structs.asdict(report), O=created, Z=eight(o.cumulative_quote))


def _read_report(r: ReadReport) -> Received:
    original = None if r.C in {"", "null"} else r.C  # later editions have null, then ""
    event = OrderUpdate(
        symbol=r.s,
        order_id=str(r.i),
        side=r.S,
        status=r.X,
        time_ms=r.T,
        execution=r.x,
        client_order_id=original or r.c or None,
        cancel_client_order_id=r.c or None if original else None,
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
        trade_id=None if r.t < 0 else str(r.t),
        execution_id=str(r.I),
        reject_reason=None if r.r in {"", "NONE"} else r.r,
        maker=r.m,
        working=r.w,
        created_ms=r.O,
    )
    return Received(event, r.E)


def _read_info(f: AccountInfo) -> Received:
    event = AccountSnapshot(
        time_ms=f.u,
        balances=balances(f.B),
        permissions=Permissions(can_trade=f.T, can_withdraw=f.W, can_deposit=f.D),
        commission_rates=CommissionRates(maker=f.m, taker=f.t, buyer=f.b, seller=f.s),
    )
    return Received(event, f.E)


_BEGIN: tuple[Part, ...] = (
    b'{"e":"executionReport","E":', ("time", ""),
    b',"s":', ("word", "symbol"),
    b',"c":',
)  # fmt: skip
_MIDDLE: tuple[Part, ...] = (
    b',"S":', ("word", "side"),
    b',"o":', ("word", "order_type"),
    b',"f":', ("word", "time_in_force"),
    b',"q":', ("amount", "quantity"),
    b',"p":', ("amount", "price"),
    b',"P":', ("amount", "stop_price"),
    b',"F":', ("amount", "iceberg_quantity"),
    b',"g":-1,"C":',
)  # fmt: skip
_END: tuple[Part, ...] = (
    b',"x":', ("word", "execution"),
    b',"X":', ("word", "status"),
    b',"r":"NONE","i":', ("id", "order_id"),
    b',"l":', ("amount", "last_quantity"),
    b',"z":', ("amount", "cumulative_quantity"),
    b',"L":', ("amount", "last_price"),
    b',"n":', ("amount", "commission"),
    b',"N":', ("text", "commission_asset"),
    b',"T":', ("time", "time_ms"),
    b',"t":', ("trade", "trade_id"),
    b',"I":', ("id", "execution_id"),
    b',"w":', ("flag", "working"),
    b',"m":', ("flag", "maker"),
    b',"M":', ("any_flag",),
)  # fmt: skip
_REPORT = (*_BEGIN, ("word", "client_order_id"), *_MIDDLE, ("nothing",), *_END)
"""An executionReport that is no refusal's, but for its end."""
_CANCEL = (
    *_BEGIN, ("word", "cancel_client_order_id"), *_MIDDLE, ("name", "client_order_id"), *_END,
)  # fmt: skip
"""One of a cancel that somebody asked for."""
_CREATED: tuple[Part, ...] = (
    b',"O":', ("time", "created_ms"), b',"Z":', ("amount", "cumulative_quote"),
)  # fmt: skip

decode = Reader(
    {
        "executionReport": (ReadReport, _read_report),
        "outboundAccountInfo": (AccountInfo, _read_info),
        "outboundAccountPosition": (Position, read_position),
        "listenKeyExpired": (Expired, read_expired),
    },
    reader(OrderUpdate, *_REPORT, b"}"),
    reader(OrderUpdate, *_REPORT, *_CREATED, b"}"),
    reader(OrderUpdate, *_CANCEL, b"}"),
    reader(OrderUpdate, *_CANCEL, *_CREATED, b"}"),
)
