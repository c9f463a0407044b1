"""Events as MEXC pushes them: one wrapper a frame, as protobuf or as the JSON of the same names.

Doc: spot v3 §Websocket User Data Streams. An order event is an orders frame and, when it is a
fill, a deals frame after it; an account event is an account frame for each asset it lists.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_DOWN, Context, Decimal
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

from userstream.events import OrderUpdate
from userstream.venue import Encoder, Frame
from userstream.venues._decimals import plain
from userstream.venues.mexc.push_pb2 import PrivateAccount, PrivateDeals, PrivateOrders, Push
from userstream.venues.mexc.words import (
    ACCOUNT,
    DEALS,
    MARKET,
    ORDERS,
    side_number,
    status_number,
    type_number,
)

if TYPE_CHECKING:
    from userstream.events import AccountSnapshot, AccountUpdate, Balance, Envelope
    from userstream.markets import Markets

Pack: TypeAlias = Callable[[Push], bytes]

# Two 38-digit amounts multiply exactly. One context for all calls: making one costs more than a
# multiplication, and several of them stand in the path of every order event.
_EXACT = Context(prec=80)
_MEAN = Context(prec=19, Emin=0, rounding=ROUND_DOWN)  # 19 digits, at most 18 places
_ZERO = Decimal(0)

_encode = msgspec.json.Encoder().encode
_HEAD: Final = ("createTime", "sendTime", "symbol")
# Fields that proto3 leaves out while they are zero or empty are written here all the same, since
# programs read them by name; optional ones are written when they are set.
_WRITTEN = {
    form: tuple(f.name for f in form.DESCRIPTOR.fields if not f.has_presence)
    for form in (PrivateOrders, PrivateDeals, PrivateAccount)
}
_READ = {form: attrgetter(*names) for form, names in _WRITTEN.items()}


def pack_protobuf(push: Push) -> bytes:
    """The wrapper in protobuf, fields in the order of their numbers."""
    return push.SerializeToString()


def pack_json(push: Push) -> bytes:
    """The wrapper as JSON; 64-bit integers as numbers, as the document's program reads them."""
    fields: dict[str, Any] = {"channel": push.channel}
    fields.update((name, getattr(push, name)) for name in _HEAD if push.HasField(name))
    name = push.WhichOneof("body") or ""
    body = getattr(push, name)
    form = type(body)
    fields[name] = inner = dict(zip(_WRITTEN[form], _READ[form](body), strict=True))
    if form is PrivateOrders:
        inner.update((f.name, value) for f, value in body.ListFields() if f.has_presence)
    return _encode(fields)


def encoder(markets: Markets, pack: Pack, *, binary: bool) -> Encoder:
    """An encoder whose wrappers are packed that way."""

    def encode(envelope: Envelope, picture: AccountSnapshot | None) -> tuple[Frame, ...]:
        event = envelope.event
        now_ms = envelope.time_ms
        if not isinstance(event, OrderUpdate):
            return tuple(
                Frame(pack(_account(event, b, markets, now_ms)), ACCOUNT, binary)
                for b in event.balances
            )
        push = Push(channel=ORDERS, symbol=event.symbol, sendTime=now_ms)
        _fill_order(push.privateOrders, event)
        order = Frame(pack(push), ORDERS, binary)
        if event.execution != "TRADE":
            return (order,)
        push = Push(channel=DEALS, symbol=event.symbol, sendTime=now_ms)
        _fill_deal(push.privateDeals, event)
        return order, Frame(pack(push), DEALS, binary)

    return encode


def _account(
    event: AccountUpdate | AccountSnapshot, b: Balance, markets: Markets, now_ms: int
) -> Push:
    created_ms = now_ms if event.created_ms is None else event.created_ms
    push = Push(channel=ACCOUNT, createTime=created_ms, sendTime=now_ms)
    body = push.privateAccount
    body.vcoinName = b.asset
    body.coinId = markets.coin_id(b.asset)
    body.balanceAmount = plain(b.free)
    body.balanceAmountChange = _change(b.free_change)
    body.frozenAmount = plain(b.locked)
    body.frozenAmountChange = _change(b.locked_change)
    # Every word of the document claims a cause; a cause that nobody stated is not sent.
    body.type = event.cause or ""
    body.time = event.time_ms
    return push


def _change(value: str | None) -> str:
    text = plain(value)
    return "0" if text == "-0" else text


def _fill_order(body: PrivateOrders, o: OrderUpdate) -> None:
    kind = type_number(o)
    body.id = o.order_id
    body.clientId = o.client_order_id or ""
    body.price = plain(o.price)
    body.quantity = plain(o.quantity)
    body.orderType = kind
    body.tradeType = side_number(o.side)
    body.isMaker = o.maker is True
    if o.last_quantity is not None:
        body.lastDealQuantity = plain(o.last_quantity)
    body.cumulativeQuantity = plain(o.cumulative_quantity)
    body.status = status_number(o)
    body.createTime = o.time_ms if o.created_ms is None else o.created_ms
    if o.stop_price is not None:
        body.triggerPrice = plain(o.stop_price)
    _fill_figures(body, o, market=kind == MARKET)


def _fill_figures(body: PrivateOrders, o: OrderUpdate, *, market: bool) -> None:
    """What an order event may leave to be computed.

    The amount of a priced order is price times quantity, its remaining amount price times what
    remains; a market order has only the amount it was placed with (zero for a sell, as in the
    document's sample). Average price and cumulative amount give each other; with neither, both
    are zero.
    """
    price, quantity = Decimal(o.price or 0), Decimal(o.quantity or 0)
    given, spent, average = o.quote_quantity, o.cumulative_quote, o.average_price
    computed = given is None and not market
    amount = _text(_EXACT.multiply(price, quantity)) if computed else plain(given)
    body.amount = amount
    done = Decimal(o.cumulative_quantity or 0)
    if not done:
        body.avgPrice = plain(average)
        body.remainAmount = amount
        body.remainQuantity = body.quantity
        body.cumulativeAmount = plain(spent)
        return
    left = max(_EXACT.subtract(quantity, done), _ZERO)
    total = _EXACT.multiply(Decimal(average or 0), done) if spent is None else Decimal(spent)
    if market:
        left_amount = max(_EXACT.subtract(Decimal(amount), total), _ZERO)
    else:
        left_amount = _EXACT.multiply(price, left)
    body.avgPrice = _text(_MEAN.divide(total, done)) if average is None else plain(average)
    body.remainAmount = _text(left_amount)
    body.remainQuantity = _text(left)
    body.cumulativeAmount = _text(total) if spent is None else plain(spent)


def _text(value: Decimal) -> str:
    text = str(value)  # three times as fast as a format; an exponent shows for tiny values only
    return plain(value if "E" in text else text)


def _fill_deal(body: PrivateDeals, o: OrderUpdate) -> None:
    price, quantity = o.last_price, o.last_quantity
    body.price = plain(price)
    body.quantity = plain(quantity)
    if o.last_quote is None:
        body.amount = _text(_EXACT.multiply(Decimal(price or 0), Decimal(quantity or 0)))
    else:
        body.amount = plain(o.last_quote)
    body.tradeType = side_number(o.side)
    body.isMaker = o.maker is True
    body.isSelfTrade = o.self_trade is True
    body.tradeId = o.trade_id or ""
    body.clientOrderId = o.client_order_id or ""
    body.orderId = o.order_id
    body.feeAmount = plain(o.commission)
    body.feeCurrency = o.commission_asset or ""
    body.time = o.time_ms
