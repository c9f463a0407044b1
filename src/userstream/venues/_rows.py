"""Rows of order endpoints, as a client reads them: orders, fills, the account.

One shape for all venues: whatever a document or a live answer calls a field stands here, and what
a venue does not send is ``None``. Numbers may come as text and text as numbers; none passes
through a float. Unknown fields are ignored.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TypeAlias

import msgspec

from userstream.events import (
    MAX_TIME_MS,
    AccountSnapshot,
    Balance,
    CommissionRates,
    OrderUpdate,
    Permissions,
)

Id: TypeAlias = int | str
_MOST_DIGITS = 40


class Unread(Exception):
    """An answer that cannot be taken for what was asked; the message says why."""


class OrderRow(msgspec.Struct, gc=False):
    """An order. What every venue shows is mandatory."""

    symbol: str
    orderId: Id
    side: str
    status: str
    executedQty: Decimal
    clientOrderId: Id | None = None
    price: Decimal | None = None
    origQty: Decimal | None = None
    Qty: Decimal | None = None
    """``origQty`` in MEXC's sample of a query."""
    cummulativeQuoteQty: Decimal | None = None
    """Negative: not known. Doc: Binance rest-api.md 2018-07."""
    origQuoteOrderQty: Decimal | None = None
    avgPrice: Decimal | None = None
    stopPrice: Decimal | None = None
    icebergQty: Decimal | None = None
    timeInForce: str | None = None
    type: str | None = None
    time: int | None = None
    updateTime: int | None = None
    isWorking: bool | None = None


class Fee(msgspec.Struct, gc=False):
    """The fee of a fill, as live brokers of BHEX have it."""

    fee: Decimal | None = None
    feeTokenId: str | None = None


class TradeRow(msgspec.Struct, gc=False):
    """A fill."""

    id: Id
    orderId: Id
    price: Decimal
    qty: Decimal
    time: int
    isBuyer: bool
    symbol: str | None = None
    quoteQty: Decimal | None = None
    commission: Decimal | None = None
    commissionAsset: str | None = None
    feeAmount: Decimal | None = None
    feeTokenId: str | None = None
    fee: Fee | None = None
    isMaker: bool | None = None
    isSelfTrade: bool | None = None
    clientOrderId: Id | None = None


class AssetRow(msgspec.Struct, gc=False):
    """What is held of one asset."""

    asset: str
    free: Decimal
    locked: Decimal


class AccountRow(msgspec.Struct, gc=False):
    """The whole account. Rates are basis points; SpaceDEX's are fractions of another name."""

    balances: list[AssetRow]
    updateTime: int | None = None
    canTrade: bool | None = None
    canWithdraw: bool | None = None
    canDeposit: bool | None = None
    makerCommission: int | None = None
    takerCommission: int | None = None
    buyerCommission: int | None = None
    sellerCommission: int | None = None
    makerFee: Decimal | None = None
    takerFee: Decimal | None = None


read_order: Callable[[bytes], OrderRow] = msgspec.json.Decoder(OrderRow, strict=False).decode
read_orders: Callable[[bytes], list[OrderRow]] = msgspec.json.Decoder(
    list[OrderRow], strict=False
).decode
read_trades: Callable[[bytes], list[TradeRow]] = msgspec.json.Decoder(
    list[TradeRow], strict=False
).decode
read_account: Callable[[bytes], AccountRow] = msgspec.json.Decoder(AccountRow, strict=False).decode


def order(row: OrderRow, asked_ms: int) -> OrderUpdate:
    """The order as it stands; a row without any time of its own is of when it was asked for.

    Raises:
        Unread: an amount or a time is none, or the order has no name or status.
    """
    created_ms = instant(row.time)
    quote, spends = row.cummulativeQuoteQty, row.origQuoteOrderQty
    return OrderUpdate(
        symbol=_word("symbol", row.symbol),
        order_id=_word("orderId", row.orderId),
        side=_word("side", row.side),
        status=_word("status", row.status),
        time_ms=instant(row.updateTime) or created_ms or asked_ms,
        client_order_id=_name(row.clientOrderId),
        order_type=row.type or None,
        time_in_force=row.timeInForce or None,
        quantity=amount(row.Qty if row.origQty is None else row.origQty),
        quote_quantity=amount(spends) if spends else None,
        price=amount(row.price),
        stop_price=amount(row.stopPrice),
        iceberg_quantity=amount(row.icebergQty),
        cumulative_quantity=amount(row.executedQty),
        cumulative_quote=None if _is_negative(quote) else amount(quote),
        average_price=amount(row.avgPrice),
        working=row.isWorking,
        created_ms=created_ms,
    )


def fill(row: TradeRow, symbol: str | None) -> OrderUpdate:
    """The fill of a row; ``symbol`` is what was asked for, where rows do not name it.

    Raises:
        Unread: an amount or the time is none, or the fill has no symbol or id.
    """
    time_ms = instant(row.time)
    if time_ms is None:
        raise Unread("a fill without a time")
    fee = row.fee or Fee()
    return OrderUpdate(
        symbol=_word("symbol", row.symbol or symbol or ""),
        order_id=_word("orderId", row.orderId),
        side="BUY" if row.isBuyer else "SELL",
        status="",
        time_ms=time_ms,
        execution="TRADE",
        client_order_id=_name(row.clientOrderId),
        last_quantity=amount(row.qty),
        last_price=amount(row.price),
        last_quote=amount(row.quoteQty),
        commission=amount(_first(row.commission, row.feeAmount, fee.fee), signed=True),
        commission_asset=row.commissionAsset or row.feeTokenId or fee.feeTokenId or None,
        trade_id=_word("id", row.id),
        maker=row.isMaker,
        self_trade=row.isSelfTrade,
    )


def account(row: AccountRow, asked_ms: int) -> AccountSnapshot:
    """The whole account; without a time of its own it is of when it was asked for.

    Raises:
        Unread: an amount or the time is none, or an asset is listed twice.
    """
    balances = tuple(
        Balance(
            asset=_word("asset", held.asset),
            free=amount(held.free) or "0",
            locked=amount(held.locked) or "0",
        )
        for held in row.balances
    )
    if len({b.asset for b in balances}) < len(balances):
        raise Unread("an asset is listed twice")
    return AccountSnapshot(
        time_ms=instant(row.updateTime) or asked_ms,
        balances=balances,
        permissions=_permissions(row),
        commission_rates=_rates(row),
    )


def _permissions(row: AccountRow) -> Permissions | None:
    """What the account may do, where all of it is said."""
    if row.canTrade is None or row.canWithdraw is None or row.canDeposit is None:
        return None
    return Permissions(
        can_trade=row.canTrade, can_withdraw=row.canWithdraw, can_deposit=row.canDeposit
    )


def _rates(row: AccountRow) -> CommissionRates | None:
    maker, taker = row.makerCommission, row.takerCommission
    buyer, seller = row.buyerCommission, row.sellerCommission
    if maker is not None and taker is not None and buyer is not None and seller is not None:
        return CommissionRates(maker=maker, taker=taker, buyer=buyer, seller=seller)
    maker, taker = _basis_points(row.makerFee), _basis_points(row.takerFee)
    if maker is None or taker is None:
        return None
    return CommissionRates(maker=maker, taker=taker)


def _basis_points(fraction: Decimal | None) -> int | None:
    """A fraction as basis points; ``None`` where it is no whole number of them."""
    if amount(fraction, signed=True) is None or fraction is None:
        return None
    points = fraction.scaleb(4)
    return int(points) if points == points.to_integral_value() else None


def instant(time_ms: int | None) -> int | None:
    """A time; live BHEX brokers write 0 where there is none.

    Raises:
        Unread: it lies before 1970 or after the year 9999.
    """
    if not time_ms:
        return None
    if not 0 < time_ms <= MAX_TIME_MS:
        raise Unread("a time out of all bounds")
    return time_ms


def amount(value: Decimal | None, *, signed: bool = False) -> str | None:
    """An amount as decimal text, with the places that it came with.

    Raises:
        Unread: not finite, longer than any amount is, or negative where that makes no sense.
    """
    if value is None:
        return None
    exponent = value.as_tuple().exponent
    # An exponent in a text of a few bytes would else become gigabytes of zeros.
    if not isinstance(exponent, int) or value.adjusted() >= _MOST_DIGITS:
        raise Unread("not an amount")
    if exponent < -_MOST_DIGITS or (value < 0 and not signed):
        raise Unread("not an amount")
    return format(value or value.copy_abs(), "f")


def number(given: Id) -> int:
    """An id as the number by which pages are asked for.

    Raises:
        Unread: it is none.
    """
    text = str(given)
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        raise Unread("an id that is no number")
    return int(text)


def _is_negative(value: Decimal | None) -> bool:
    return value is not None and value.is_finite() and value < 0


def _first(*values: Decimal | None) -> Decimal | None:
    return next((v for v in values if v is not None), None)


def _word(name: str, given: Id) -> str:
    if given == "":
        raise Unread(f"no {name}")
    return str(given)


def _name(given: Id | None) -> str | None:
    return None if given is None else str(given) or None
