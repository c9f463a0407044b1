"""Parameters of MEXC's order calls, and the orders that they ask for or name.

Doc: spot v3 §Spot Account/Trade.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from userstream.orders import FeeAsset, OrderRequest, OrderState, OrderType, Side
from userstream.trading import Arguments, Declined, Kind, Param, TradingAccount
from userstream.venues._orders import INVALID_SYMBOL, PRICE, known_symbol
from userstream.venues.mexc import forms
from userstream.venues.mexc.words import TYPES

_MOST_SYMBOLS = 5  # Doc: changelog 2022-04-25
_NO_ID = -1
_TYPES = {**TYPES, "LIMIT_ORDER": TYPES["LIMIT"]}  # Doc: §Batch orders, the sample

SYMBOL = Param(name="symbol", kind=Kind.SYMBOL, required=True, form=INVALID_SYMBOL)
ANY_SYMBOL = Param(name="symbol", kind=Kind.SYMBOL, form=INVALID_SYMBOL)
SYMBOLS = Param(name="symbol", required=True)
ANY_SYMBOLS = Param(name="symbol")
ORDER_ID = Param(name="orderId")  # text of any shape: what is no number names no order
NEW_ID = Param(name="newClientOrderId", kind=Kind.SHORT_CLIENT_ID)
NEW = (
    SYMBOL,
    Param(name="side", words=("BUY", "SELL"), required=True, form=forms.PARAMETER),
    Param(name="type", words=tuple(_TYPES), required=True, form=forms.BAD_TYPE),
    Param(name="quantity", kind=Kind.DECIMAL, form=forms.BAD_AMOUNT),
    Param(name="quoteOrderQty", kind=Kind.DECIMAL, form=forms.BAD_AMOUNT),
    PRICE,
    NEW_ID,
)


class _Amounts(NamedTuple):
    quantity: Decimal | None = None
    quote_quantity: Decimal | None = None
    price: Decimal | None = None


def _read_amounts(args: Arguments, side: Side, order_type: OrderType) -> _Amounts:
    """The amounts that the type takes; others are passed over. Doc: §New order."""
    quantity, quote = args.decimal("quantity"), args.decimal("quoteOrderQty")
    if order_type is not OrderType.MARKET:
        amounts = _Amounts(quantity, price=args.decimal("price"))
        if amounts.price is None:
            raise Declined(forms.MANDATORY, "price")
    elif side is Side.BUY and quote is not None:
        amounts = _Amounts(quote_quantity=quote)
    else:
        amounts = _Amounts(quantity)
    if amounts.quantity is None and amounts.quote_quantity is None:
        raise Declined(forms.NO_AMOUNT)
    if 0 in amounts:
        raise Declined(forms.ZERO_AMOUNT)
    return amounts


def read_order(args: Arguments, account: TradingAccount) -> OrderRequest:
    """The order that a call asks for. Doc: §New order."""
    known_symbol(args, account)
    side = Side(args.required("side"))
    order_type, time_in_force = _TYPES[args.required("type")]
    amounts = _read_amounts(args, side, order_type)
    return OrderRequest(
        symbol=args.required("symbol"),
        side=side,
        order_type=order_type,
        quantity=amounts.quantity,
        quote_quantity=amounts.quote_quantity,
        price=amounts.price,
        time_in_force=time_in_force,
        client_order_id=args.text("newClientOrderId"),
        fee_asset=FeeAsset.QUOTE,  # Doc: §Account trade list, the sample of a buy
    )


def order_id(args: Arguments) -> int | None:
    """The order id of a call, if it names one; that of no order for what is no number."""
    text = args.text("orderId")
    if text is None:
        return None
    number = int(text) if text.isdecimal() else _NO_ID
    return number if str(number) == text else _NO_ID


def order_named(args: Arguments, account: TradingAccount) -> OrderState | None:
    """The order that a call names, by its id or else its client order id.

    Raises:
        Declined: neither was sent, or the symbol is not traded.
    """
    symbol = known_symbol(args, account)
    number, name = order_id(args), args.text("origClientOrderId")
    if number is not None:
        return account.order(number, symbol=symbol)
    if name is None:
        raise Declined(forms.EITHER)
    return account.order(name, symbol=symbol)


def symbols(args: Arguments, account: TradingAccount) -> tuple[str, ...]:
    """The symbols that a call lists with commas between, each once.

    Raises:
        Declined: too many, or one is not traded.
    """
    listed = tuple(dict.fromkeys((args.text("symbol") or "").split(",")))
    if len(listed) > _MOST_SYMBOLS:
        raise Declined(forms.PARAMETER)
    if any(account.symbol(name) is None for name in listed):
        raise Declined(INVALID_SYMBOL)
    return listed
