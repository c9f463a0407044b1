"""The JSON of MEXC's text frames: pushes under the names of push.proto, those of 2024, answers.

Doc: spot v3 §Websocket User Data Streams; for the short keys its edition of October 2024, whose
amounts are JSON numbers in places. No number passes through a float.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, TypeAlias

import msgspec


class Account(msgspec.Struct, gc=False):
    """``privateAccount``."""

    vcoinName: str | None = None
    balanceAmount: Decimal | None = None
    balanceAmountChange: Decimal | None = None
    frozenAmount: Decimal | None = None
    frozenAmountChange: Decimal | None = None
    type: str | None = None
    time: int | None = None


class Deals(msgspec.Struct, gc=False):
    """``privateDeals``."""

    price: Decimal | None = None
    quantity: Decimal | None = None
    amount: Decimal | None = None
    tradeType: int = 0
    isMaker: bool = False
    isSelfTrade: bool = False
    tradeId: str | None = None
    clientOrderId: str | None = None
    orderId: str | None = None
    feeAmount: Decimal | None = None
    feeCurrency: str | None = None
    time: int | None = None


class Orders(msgspec.Struct, gc=False):
    """``privateOrders``. The stop orders of 2024 have a word for a status."""

    id: str | None = None
    clientId: str | None = None
    price: Decimal | None = None
    quantity: Decimal | None = None
    amount: Decimal | None = None
    avgPrice: Decimal | None = None
    orderType: int = 0
    tradeType: int = 0
    isMaker: bool = False
    lastDealQuantity: Decimal | None = None
    cumulativeQuantity: Decimal | None = None
    cumulativeAmount: Decimal | None = None
    status: int | str = 0
    createTime: int | None = None
    triggerPrice: Decimal | None = None


Body: TypeAlias = Account | Deals | Orders


class Push(msgspec.Struct, gc=False):
    """The wrapper."""

    channel: str
    symbol: str | None = None
    createTime: int | None = None
    sendTime: int | None = None
    privateAccount: Account | None = None
    privateDeals: Deals | None = None
    privateOrders: Orders | None = None


class Legacy(msgspec.Struct, gc=False):
    """The wrapper of 2024."""

    c: str
    d: dict[str, Any]
    s: str | None = None
    t: int | None = None


class Shape(msgspec.Struct, gc=False):
    """What tells the three kinds of text frames apart."""

    channel: str | None = None
    c: str | None = None
    code: int | None = None
    msg: str | None = None


_LEGACY_BODIES: dict[str, tuple[type[Body], dict[str, str]]] = {
    "spot@private.account.v3.api": (
        Account,
        {
            "a": "vcoinName",
            "f": "balanceAmount",
            "fd": "balanceAmountChange",
            "l": "frozenAmount",
            "ld": "frozenAmountChange",
            "o": "type",
            "c": "time",
        },
    ),
    "spot@private.deals.v3.api": (
        Deals,
        {
            "p": "price",
            "v": "quantity",
            "a": "amount",
            "S": "tradeType",
            "m": "isMaker",
            "st": "isSelfTrade",
            "t": "tradeId",
            "c": "clientOrderId",
            "i": "orderId",
            "n": "feeAmount",
            "N": "feeCurrency",
            "T": "time",
        },
    ),
    "spot@private.orders.v3.api": (
        Orders,
        {
            "i": "id",
            "c": "clientId",
            "p": "price",
            "v": "quantity",
            "a": "amount",
            "ap": "avgPrice",
            "o": "orderType",
            "S": "tradeType",
            "m": "isMaker",
            "lv": "lastDealQuantity",  # seen on the live service in 2025
            "cv": "cumulativeQuantity",
            "ca": "cumulativeAmount",
            "s": "status",
            "O": "createTime",
            "P": "triggerPrice",
        },
    ),
}

# Not strict: canonical proto-JSON writes 64-bit integers as text, 2024 wrote 0 and 1 for bools.
shape = msgspec.json.Decoder(Shape, strict=False).decode
push = msgspec.json.Decoder(Push, strict=False).decode
legacy = msgspec.json.Decoder(Legacy, strict=False, float_hook=Decimal).decode


def body(frame: Push) -> Body | None:
    """The body of a push, or ``None`` for one that is not known."""
    return frame.privateAccount or frame.privateDeals or frame.privateOrders


def legacy_body(frame: Legacy) -> Body | None:
    """The body of a push of 2024 under today's names, or ``None`` for a channel not known."""
    form, names = _LEGACY_BODIES.get(frame.c, (None, {}))
    if form is None:
        return None
    fields = {names[key]: value for key, value in frame.d.items() if key in names}
    return msgspec.convert(fields, form, strict=False)
