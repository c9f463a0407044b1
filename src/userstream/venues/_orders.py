"""Order endpoints: what several venues share of parameters, errors and lists."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias, TypeVar

from userstream.orders import OrderRequest, OrderState, Reason, Side, Trade
from userstream.trading import Arguments, Declined, Kind, Param, Refusals, TradingAccount
from userstream.venue import ErrorForm
from userstream.venues._decimals import eight

T = TypeVar("T")
Body: TypeAlias = dict[str, Any]

_MANDATORY = "Mandatory parameter '{}' was not sent, was empty/null, or malformed."
MISSING = ErrorForm(400, -1102, _MANDATORY)
INVALID_SYMBOL = ErrorForm(400, -1121, "Invalid symbol.")
INVALID_TYPE = ErrorForm(400, -1116, "Invalid orderType.")
NO_ORDER = ErrorForm(400, -2013, "Order does not exist.")
UNKNOWN_ORDER = ErrorForm(400, -2011, "Unknown order sent.")
EITHER = ErrorForm(400, -1102, "Param '{}' or '{}' must be sent, but both were empty/null!")
NOT_REQUIRED = ErrorForm(400, -1106, "Parameter '{}' sent when not required.")
NOT_VALID = ErrorForm(400, -1130, "Data sent for parameter '{}' is not valid.")
COMBINATION = ErrorForm(400, -1128, "Combination of optional parameters invalid.")
PRECISION = ErrorForm(400, -1111, "Precision is over the maximum defined for this asset.")
SURPLUS = ErrorForm(
    400, -1104, "Not all sent parameters were read; read '{}' parameter(s) but was sent '{}'."
)
TOO_MANY_ORDERS = ErrorForm(429, -1015, "Too many new orders; current limit is {} orders per {}.")

SYMBOL = Param(name="symbol", kind=Kind.SYMBOL, required=True)
ANY_SYMBOL = Param(name="symbol", kind=Kind.SYMBOL)
ORDER_ID = Param(name="orderId", kind=Kind.WHOLE)
ORIGINAL_ID = Param(name="origClientOrderId", kind=Kind.CLIENT_ID)
NEW_ID = Param(name="newClientOrderId", kind=Kind.CLIENT_ID)
QUANTITY = Param(name="quantity", kind=Kind.DECIMAL)
QUOTE_QUANTITY = Param(name="quoteOrderQty", kind=Kind.DECIMAL)
PRICE = Param(name="price", kind=Kind.DECIMAL)
STOP_PRICE = Param(name="stopPrice", kind=Kind.DECIMAL)
ICEBERG = Param(name="icebergQty", kind=Kind.DECIMAL)
SIDE = Param(
    name="side",
    words=("BUY", "SELL"),
    required=True,
    form=ErrorForm(400, -1117, "Invalid side."),
)
TIME_IN_FORCE = Param(
    name="timeInForce",
    words=("GTC", "IOC", "FOK"),
    form=ErrorForm(400, -1115, "Invalid timeInForce."),
)
START = Param(name="startTime", kind=Kind.WHOLE)
END = Param(name="endTime", kind=Kind.WHOLE)
LIMIT = Param(name="limit", kind=Kind.WHOLE)
PAGE = (START, END, LIMIT)
FROM_ID = Param(name="fromId", kind=Kind.WHOLE)


def rejected(text: str) -> ErrorForm:
    """An order that the exchange does not take. Doc: errors.md, -2010."""
    return ErrorForm(400, -2010, text)


NO_ICEBERG = rejected("Iceberg orders are not supported for this symbol.")


def _filter(name: str) -> ErrorForm:
    # Doc: errors.md files these under "-9xxx Filter failures"; the live code is -1013.
    return ErrorForm(400, -1013, f"Filter failure: {name}")


DISABLED = rejected("This action disabled is on this account.")
# Doc: Binance errors.md 2017-12-01, "Messages for -1010, -2010 and -2011".
BINANCE_REASONS: Mapping[Reason, ErrorForm] = MappingProxyType(
    {
        Reason.UNKNOWN_ACCOUNT: DISABLED,
        Reason.DUPLICATE_ACCOUNT: DISABLED,
        Reason.UNKNOWN_SYMBOL: INVALID_SYMBOL,
        Reason.UNKNOWN_ASSET: INVALID_SYMBOL,
        Reason.MISSING_FIELD: MISSING,
        Reason.FIELD_NOT_ALLOWED: NOT_REQUIRED,
        Reason.BAD_AMOUNT: rejected("Price * QTY is zero or less."),
        Reason.BAD_CLIENT_ORDER_ID: NOT_VALID,
        Reason.PRICE_TOO_LOW: _filter("PRICE_FILTER"),
        Reason.PRICE_TOO_HIGH: _filter("PRICE_FILTER"),
        Reason.PRICE_OFF_TICK: _filter("PRICE_FILTER"),
        Reason.QUANTITY_TOO_LOW: _filter("LOT_SIZE"),
        Reason.QUANTITY_TOO_HIGH: _filter("LOT_SIZE"),
        Reason.QUANTITY_OFF_LOT: _filter("LOT_SIZE"),
        Reason.NOTIONAL_TOO_LOW: _filter("MIN_NOTIONAL"),
        Reason.NOTIONAL_TOO_HIGH: _filter("NOTIONAL"),
        Reason.TOO_MANY_OPEN_ORDERS: _filter("MAX_NUM_ORDERS"),
        Reason.DUPLICATE_CLIENT_ORDER_ID: rejected("Duplicate order sent."),
        Reason.WOULD_TAKE: rejected("Order would immediately match and take."),
        Reason.WOULD_TRIGGER: rejected("Order would trigger immediately."),
        Reason.NO_COUNTER_ORDERS: ErrorForm(400, -1112, "No orders on book for symbol."),
        Reason.INSUFFICIENT_BALANCE: rejected(
            "Account has insufficient balance for requested action."
        ),
        Reason.TRADING_DISABLED: DISABLED,
        Reason.WITHDRAWALS_DISABLED: DISABLED,
        Reason.DEPOSITS_DISABLED: DISABLED,
        Reason.REJECTED: rejected("NEW_ORDER_REJECTED"),
        Reason.UNKNOWN_ORDER: UNKNOWN_ORDER,
        Reason.ORDER_FINISHED: UNKNOWN_ORDER,
    }
)
"""The exchange's refusals in Binance's codes; sister venues change single rows."""

FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "quote_quantity": "quoteOrderQty",
        "stop_price": "stopPrice",
        "time_in_force": "timeInForce",
        "client_order_id": "newClientOrderId",
    }
)


class Page(NamedTuple):
    """Which rows of a list are asked for. Times in ms, both inclusive."""

    limit: int
    start_ms: int
    end_ms: int | None

    def window(self, rows: Iterable[T], time_of: Callable[[T], int]) -> list[T]:
        """The rows whose time is asked for; the limit is left to the caller."""
        end = self.end_ms
        return [
            row
            for row in rows
            if self.start_ms <= time_of(row) and (end is None or time_of(row) <= end)
        ]

    def rows(self, rows: Sequence[T], id_of: Callable[[T], int], first: int | None) -> Sequence[T]:
        """At most ``limit`` rows, ascending.

        The first from the id ``first`` or the start of the window on, where one was named; else
        the most recent.
        """
        if first is not None:
            return [row for row in rows if id_of(row) >= first][: self.limit]
        return rows[: self.limit] if self.start_ms else rows[-self.limit :]

    def since(self, start_ms: int) -> Page:
        """The page without what is older."""
        return self._replace(start_ms=max(self.start_ms, start_ms))

    def newest(self, rows: Sequence[T]) -> Sequence[T]:
        """At most ``limit`` rows, descending, the most recent ones."""
        return rows[::-1][: self.limit]


def known_symbol(args: Arguments, account: TradingAccount) -> str | None:
    """The symbol that a call names, where it names one.

    Raises:
        Declined: it is not traded.
    """
    symbol = args.text("symbol")
    if symbol is not None and account.symbol(symbol) is None:
        raise Declined(INVALID_SYMBOL)
    return symbol


def order_named(args: Arguments, *client_names: str) -> int | str:
    """The order id of a call, or else its client order id, under the first name that was sent.

    Raises:
        Declined: none was sent.
    """
    order_id = args.number("orderId")
    if order_id is not None:
        return order_id
    for name in client_names:
        named = args.text(name)
        if named is not None:
            return named
    raise Declined(EITHER, client_names[0], "orderId")


def order_found(args: Arguments, account: TradingAccount, *client_names: str) -> OrderState:
    """The order that a call names.

    Raises:
        Declined: none is named, its symbol is not traded, or there is no such order.
    """
    symbol = known_symbol(args, account)
    state = account.order(order_named(args, *client_names), symbol=symbol)
    if state is None:
        raise Declined(NO_ORDER)
    return state


def check_order(request: OrderRequest, account: TradingAccount, refusals: Refusals) -> Body:
    """The answer to a test order.

    Raises:
        Declined: the order would be refused, whatever the funds and the book.
    """
    refused = account.check(request)
    if refused is not None:
        raise refusals.declined(refused)
    return {}


def page(args: Arguments, *, default: int, most: int, form: ErrorForm = NOT_VALID) -> Page:
    """The page that a call asks for; a limit above ``most`` means ``most``.

    Raises:
        Declined: the limit is zero, in this form.
    """
    limit = args.number("limit")
    if limit == 0:
        raise Declined(form, "limit")
    return Page(min(limit or default, most), args.number("startTime") or 0, args.number("endTime"))


def shown(value: Decimal | None) -> str:
    """An amount with eight places; nothing is zero."""
    return eight(None if value is None else format(value, "f"))


def check_places(args: Arguments, names: Sequence[str]) -> None:
    """Amounts have at most eight places, padding aside.

    Raises:
        Declined: one has more.
    """
    for name in names:
        if len((args.text(name) or "").partition(".")[2].rstrip("0")) > 8:
            raise Declined(PRECISION)


def created(o: OrderState) -> int:
    """When an order was placed, in ms."""
    return o.created_ms


def traded(t: Trade) -> int:
    """When a fill took place, in ms."""
    return t.time_ms


def trades_asked(args: Arguments, account: TradingAccount, *, most: int) -> Sequence[Trade]:
    """The fills that Binance's trade list shows: by symbol, order, window or first id.

    Raises:
        Declined: no such symbol, a limit of zero, or an id together with a window.
    """
    asked = page(args, default=500, most=most)
    first = args.number("fromId")
    if first is not None and ("startTime" in args or "endTime" in args):
        raise Declined(COMBINATION)
    rows = asked.window(account.trades(known_symbol(args, account)), traded)
    order_id = args.number("orderId")
    rows = [t for t in rows if order_id in {None, t.order_id}]
    return asked.rows(rows, _trade_id, first)


def _trade_id(t: Trade) -> int:
    return t.trade_id


def trade_body(t: Trade) -> Body:
    """A row of Binance's trade list with all keys that it had by 2020."""
    return {
        "symbol": t.symbol,
        "id": t.trade_id,
        "orderId": t.order_id,
        "orderListId": -1,
        "price": shown(t.price),
        "qty": shown(t.quantity),
        "quoteQty": shown(t.quote),
        "commission": shown(t.commission),
        "commissionAsset": t.commission_asset,
        "time": t.time_ms,
        "isBuyer": t.side is Side.BUY,
        "isMaker": t.maker,
        "isBestMatch": True,
    }
