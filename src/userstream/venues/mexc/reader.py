"""Events of MEXC's frames: protobuf, the JSON of the same names, and the JSON of 2024.

Doc: spot v3 §Websocket User Data Streams; the edition of October 2024 for ``{"c","d","s","t"}``.

An orders frame says what an order is, not what happened to it: ``execution`` is ``None``. A deals
frame is a fill and says nothing else of its order: ``status`` is ``""``. One published fill thus
comes back as two events, of which only the second counts as a fill.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import msgspec
from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet

from userstream.errors import InvalidEvent, MalformedFrame
from userstream.events import AccountUpdate, Balance, OrderUpdate, UnknownEvent
from userstream.schema import check_amounts
from userstream.venue import Mark, Received, read_mark
from userstream.venue.mark import FIELD, decode_mark
from userstream.venues.mexc import texts
from userstream.venues.mexc.push_pb2 import PrivateAccount, PrivateDeals, PrivateOrders, Push
from userstream.venues.mexc.words import side_word, status_word, type_words

if TYPE_CHECKING:
    from collections.abc import Callable

Amount: TypeAlias = Decimal | str | None
"""An amount as a frame has it; ``""`` is what proto3 gives for one that was not sent."""

_MOST_DIGITS = 40
_BROKEN = (
    msgspec.MsgspecError,
    DecodeError,
    InvalidEvent,
    ValueError,  # not UTF-8
    ArithmeticError,  # an exponent past all bounds
    RecursionError,
)
_BODIES = range(301, 316)
"""Numbers of the bodies that a wrapper can have; ours are three of them."""


class _Head(NamedTuple):
    symbol: str | None
    created_ms: int | None
    sent_ms: int | None

    @property
    def time_ms(self) -> int | None:
        """What frames are ordered by: the time of the message, else of the push."""
        return self.sent_ms if self.created_ms is None else self.created_ms


def decode(frame: bytes | str) -> tuple[Received, ...]:
    """The event of a frame; nothing for an answer to a request.

    Text, and bytes that begin like a JSON object, are read as JSON; other bytes as protobuf.

    Raises:
        MalformedFrame: neither, or a field that an event needs is missing or not of its type.
    """
    try:
        if isinstance(frame, str):
            return _read_text(frame.encode("utf-8", "surrogatepass"))
        if frame[:1] == b"{":
            return _read_text(frame)
        return _read_protobuf(frame)
    except _BROKEN as e:
        raise MalformedFrame(f"not a frame of this venue: {e}") from None


def _read_protobuf(frame: bytes) -> tuple[Received, ...]:
    push = Push.FromString(frame)
    # What was not sent is 0: of such a time alone it has to be asked whether it is there.
    created_ms, sent_ms = push.createTime, push.sendTime
    head = _Head(
        push.symbol or None,
        created_ms if created_ms or push.HasField("createTime") else None,
        sent_ms if sent_ms or push.HasField("sendTime") else None,
    )
    name = push.WhichOneof("body")
    if name is not None:
        return (_read_body(getattr(push, name), head),)
    # A wrapper that was cut before its body must not pass for a kind that we do not know.
    if push.channel and _has_unknown_body(push):
        return (Received(UnknownEvent(kind=push.channel, frame=frame), head.time_ms),)
    raise MalformedFrame("not a frame of this venue: no body")


def mark(frame: bytes | str) -> Mark | None:
    """What our own server adds: a field of its own in the wrapper, ``us`` in text."""
    if isinstance(frame, str) or frame[:1] == b"{":
        return read_mark(frame)
    try:
        fields = UnknownFieldSet(Push.FromString(frame))
    except _BROKEN:
        return None
    data = next(
        (fields[i].data for i in range(len(fields)) if fields[i].field_number == FIELD), b""
    )
    return decode_mark(data) if isinstance(data, bytes) else None


def _has_unknown_body(push: Push) -> bool:
    fields = UnknownFieldSet(push)
    return any(fields[i].field_number in _BODIES for i in range(len(fields)))


def _read_text(data: bytes) -> tuple[Received, ...]:
    shape = texts.shape(data)
    if shape.channel is not None:
        push = texts.push(data)
        head = _Head(push.symbol, push.createTime, push.sendTime)
        return (_read_json(texts.body(push), head, push.channel, data),)
    if shape.c is not None:
        legacy = texts.legacy(data)
        head = _Head(legacy.s, None, legacy.t)
        return (_read_json(texts.legacy_body(legacy), head, legacy.c, data),)
    if shape.code is None or shape.msg is None:
        raise MalformedFrame("not a frame of this venue: neither a push nor an answer")
    return ()


def _read_json(body: texts.Body | None, head: _Head, channel: str, data: bytes) -> Received:
    if body is None:
        return Received(UnknownEvent(kind=channel, frame=data), head.time_ms)
    return _read_body(body, head)


def _read_body(body: object, head: _Head) -> Received:
    event = _READERS[type(body)](body, head)
    check_amounts(event)
    return Received(event, head.time_ms)


def _read_account(a: PrivateAccount | texts.Account, head: _Head) -> AccountUpdate:
    balance = Balance(
        asset=_needed("asset", a.vcoinName),
        free=_needed("available balance", _amount(a.balanceAmount)),
        locked=_needed("frozen balance", _amount(a.frozenAmount)),
        free_change=_amount(a.balanceAmountChange),
        locked_change=_amount(a.frozenAmountChange),
    )
    return AccountUpdate(
        time_ms=_first(a.time, head.time_ms),
        balances=(balance,),
        cause=a.type or None,
        created_ms=head.created_ms,
    )


def _read_deals(d: PrivateDeals | texts.Deals, head: _Head) -> OrderUpdate:
    return OrderUpdate(
        symbol=_needed("symbol", head.symbol),
        order_id=_needed("order id", d.orderId),
        side=side_word(d.tradeType),
        status="",
        time_ms=_first(d.time, head.time_ms),
        execution="TRADE",
        client_order_id=d.clientOrderId or None,
        last_quantity=_needed("quantity", _amount(d.quantity)),
        last_price=_needed("price", _amount(d.price)),
        last_quote=_amount(d.amount),
        commission=_amount(d.feeAmount),
        commission_asset=d.feeCurrency or None,
        trade_id=_needed("trade id", d.tradeId),
        maker=d.isMaker,
        self_trade=d.isSelfTrade,
    )


def _read_orders(o: PrivateOrders | texts.Orders, head: _Head) -> OrderUpdate:
    order_type, time_in_force = type_words(o.orderType)
    return OrderUpdate(
        symbol=_needed("symbol", head.symbol),
        order_id=_needed("order id", o.id),
        side=side_word(o.tradeType),
        status=status_word(o.status),
        # The frame has no time of the change; that of the push is the nearest.
        time_ms=_first(head.time_ms, o.createTime),
        client_order_id=o.clientId or None,
        order_type=order_type,
        time_in_force=time_in_force,
        quantity=_amount(o.quantity),
        quote_quantity=_amount(o.amount),
        price=_amount(o.price),
        stop_price=_amount(o.triggerPrice),
        last_quantity=_amount(o.lastDealQuantity),
        cumulative_quantity=_amount(o.cumulativeQuantity),
        cumulative_quote=_amount(o.cumulativeAmount),
        average_price=_amount(o.avgPrice),
        maker=o.isMaker,
        created_ms=o.createTime,
    )


_READERS: dict[type, Callable[[Any, _Head], AccountUpdate | OrderUpdate]] = {
    PrivateAccount: _read_account,
    PrivateDeals: _read_deals,
    PrivateOrders: _read_orders,
    texts.Account: _read_account,
    texts.Deals: _read_deals,
    texts.Orders: _read_orders,
}


def _first(one_ms: int | None, other_ms: int | None) -> int:
    return (other_ms or 0) if one_ms is None else one_ms


def _amount(value: Amount) -> str | None:
    if not isinstance(value, Decimal):
        return value or None
    # An exponent in a text of a few bytes would else become gigabytes of zeros.
    if not (value.is_finite() and abs(value.adjusted()) <= _MOST_DIGITS):
        raise MalformedFrame("not a frame of this venue: not an amount")
    return format(value, "f")


def _needed(name: str, value: str | None) -> str:
    if not value:
        raise MalformedFrame(f"not a frame of this venue: no {name}")
    return value
