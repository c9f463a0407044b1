"""Binance's order endpoints, as of December 2017 and with what came until 2020.

Doc: rest-api.md 2017-12 §Account endpoints, §Filters; errors.md; CHANGELOG.md for later parts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from userstream.markets import Markets
from userstream.orders import OrderRequest, OrderState, OrderType, Side, TimeInForce
from userstream.trading import (
    Arguments,
    Declined,
    Empty,
    Endpoint,
    OrderLimit,
    Param,
    Refusals,
    TradingAccount,
    TradingDialect,
)
from userstream.venue import Auth, Need
from userstream.venues._orders import (
    ANY_SYMBOL,
    BINANCE_REASONS,
    FIELDS,
    FROM_ID,
    ICEBERG,
    INVALID_TYPE,
    MISSING,
    NEW_ID,
    NO_ICEBERG,
    NOT_REQUIRED,
    ORDER_ID,
    ORIGINAL_ID,
    PAGE,
    PRICE,
    QUANTITY,
    QUOTE_QUANTITY,
    SIDE,
    STOP_PRICE,
    SURPLUS,
    SYMBOL,
    TIME_IN_FORCE,
    TOO_MANY_ORDERS,
    UNKNOWN_ORDER,
    Body,
    check_order,
    check_places,
    created,
    known_symbol,
    order_found,
    order_named,
    page,
    rejected,
    trades_asked,
)
from userstream.venues.binance.bodies import Bodies, Level


class OrderOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an operator may set for the order endpoints of this venue."""

    level: Literal[2017, 2018, 2020] = 2020
    """Which keys answers have: those of 2017-12, 2018-07 or 2020-04."""


_REFUSALS = Refusals(BINANCE_REASONS, FIELDS)
_TIMED = frozenset({OrderType.LIMIT, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT})
# Doc: errors.md, "Messages for -1010, -2010 and -2011".
_NOT_TRADED = {
    "STOP_LOSS": rejected("Stop loss orders are not supported for this symbol."),
    "TAKE_PROFIT": rejected("Take profit orders are not supported for this symbol."),
}
_TYPE = Param(
    name="type",
    words=(*(t.value for t in OrderType), *_NOT_TRADED),
    required=True,
    form=INVALID_TYPE,
)
_ANSWER = Param(name="newOrderRespType", words=("ACK", "RESULT", "FULL"))
_NEW = (
    SYMBOL, SIDE, _TYPE, TIME_IN_FORCE, QUANTITY, QUOTE_QUANTITY, PRICE, NEW_ID, STOP_PRICE,
    ICEBERG, _ANSWER,
)  # fmt: skip


def read_order(args: Arguments, account: TradingAccount) -> OrderRequest:
    """The order that a call asks for. Doc: §New order."""
    check_places(args, ("quantity", "quoteOrderQty", "price", "stopPrice", "icebergQty"))
    kind = args.required("type")
    if kind in _NOT_TRADED:
        raise Declined(_NOT_TRADED[kind])
    order_type = OrderType(kind)
    if order_type in _TIMED and "timeInForce" not in args:
        raise Declined(MISSING, "timeInForce")
    if order_type is OrderType.MARKET and "price" in args:
        raise Declined(NOT_REQUIRED, "price")
    if args.decimal("icebergQty"):
        raise Declined(NO_ICEBERG)
    time_in_force = args.text("timeInForce")
    return OrderRequest(
        symbol=args.required("symbol"),
        side=Side(args.required("side")),
        order_type=order_type,
        quantity=args.decimal("quantity"),
        quote_quantity=args.decimal("quoteOrderQty"),
        price=args.decimal("price"),
        stop_price=args.decimal("stopPrice"),
        time_in_force=TimeInForce(time_in_force) if time_in_force else None,
        client_order_id=args.text("newClientOrderId") or account.new_client_order_id(),
    )


class _Calls:
    """What the calls of one edition do."""

    def __init__(self, level: Level) -> None:
        self._bodies = Bodies(level)
        self._most = 500 if level == 2017 else 1000

    def place(self, args: Arguments, account: TradingAccount) -> Body:
        done = _REFUSALS.accepted(account.place(read_order(args, account)))
        answer = args.text("newOrderRespType")
        return self._bodies.placed(answer, done.named, done.trades, account.now_ms)

    def test(self, args: Arguments, account: TradingAccount) -> Body:
        return check_order(read_order(args, account), account, _REFUSALS)

    def query(self, args: Arguments, account: TradingAccount) -> Body:
        return self._bodies.order(order_found(args, account, ORIGINAL_ID.name))

    def cancel(self, args: Arguments, account: TradingAccount) -> Body:
        symbol = known_symbol(args, account)
        cancel_id = args.text("newClientOrderId") or account.new_client_order_id()
        named = order_named(args, ORIGINAL_ID.name)
        done = _REFUSALS.accepted(account.cancel(named, symbol=symbol, cancel_id=cancel_id))
        return self._bodies.canceled(done.named, cancel_id)

    def cancel_all(self, args: Arguments, account: TradingAccount) -> list[Body]:
        canceled = list(
            self._cancel_each(account.open_orders(known_symbol(args, account)), account)
        )
        if not canceled:
            raise Declined(UNKNOWN_ORDER)
        return canceled

    def _cancel_each(self, states: Sequence[OrderState], account: TradingAccount) -> Iterator[Body]:
        for state in states:
            cancel_id = account.new_client_order_id()
            done = _REFUSALS.accepted(account.cancel(state.order_id, cancel_id=cancel_id))
            yield self._bodies.canceled(done.named, cancel_id)

    def open_orders(self, args: Arguments, account: TradingAccount) -> list[Body]:
        return [self._bodies.order(o) for o in account.open_orders(known_symbol(args, account))]

    def all_orders(self, args: Arguments, account: TradingAccount) -> list[Body]:
        asked = page(args, default=500, most=self._most)
        rows = asked.window(account.all_orders(known_symbol(args, account)), created)
        return [self._bodies.order(o) for o in asked.rows(rows, _order_id, args.number("orderId"))]

    def account(self, _: Arguments, account: TradingAccount) -> Body:
        return self._bodies.account(account)

    def trades(self, args: Arguments, account: TradingAccount) -> list[Body]:
        return [self._bodies.trade(t) for t in trades_asked(args, account, most=self._most)]


def _order_id(o: OrderState) -> int:
    return o.order_id


def _endpoints(level: Level) -> Iterator[Endpoint]:
    calls = _Calls(level)
    one = (SYMBOL, ORDER_ID, ORIGINAL_ID)
    for v in ("v3", "v1"):  # v1 was never documented, and served until 2019-09-03
        order, many = f"/api/{v}/order", f"/api/{v}/openOrders"
        yield Endpoint(
            method="POST", path=order, summary="New order", params=_NEW, serve=calls.place,
            places_order=True,
        )  # fmt: skip
        yield Endpoint(
            method="POST", path=f"{order}/test", summary="Test new order", params=_NEW,
            serve=calls.test,
        )  # fmt: skip
        yield Endpoint(
            method="GET", path=order, summary="Query order", params=one, serve=calls.query
        )
        yield Endpoint(
            method="DELETE", path=order, summary="Cancel order", params=(*one, NEW_ID),
            serve=calls.cancel,
        )  # fmt: skip
        yield Endpoint(
            method="GET", path=many, summary="Current open orders", params=(ANY_SYMBOL,),
            serve=calls.open_orders, bare_weight=40,
        )  # fmt: skip
        yield Endpoint(
            method="DELETE", path=many, summary="Cancel all open orders on a symbol",
            params=(SYMBOL,), serve=calls.cancel_all,
        )  # fmt: skip
        yield Endpoint(
            method="GET", path=f"/api/{v}/allOrders", summary="All orders",
            params=(SYMBOL, ORDER_ID, *PAGE), serve=calls.all_orders, weight=5,
        )  # fmt: skip
        yield Endpoint(
            method="GET", path=f"/api/{v}/account", summary="Account information",
            serve=calls.account, weight=5,
        )  # fmt: skip
        yield Endpoint(
            method="GET", path=f"/api/{v}/myTrades", summary="Account trade list",
            params=(SYMBOL, ORDER_ID, FROM_ID, *PAGE), serve=calls.trades, weight=5,
        )  # fmt: skip


def build_orders(options: OrderOptions, _: Markets) -> TradingDialect:
    """The order endpoints as an operator set them up."""
    return TradingDialect(
        document="Binance rest-api.md (2017-12)",
        endpoints=tuple(_endpoints(options.level)),
        # Doc: §SIGNED endpoint security.
        auth=Auth(header="X-MBX-APIKEY", timestamp=Need.REQUIRED, signature=Need.REQUIRED),
        empty=Empty.REFUSED,
        surplus=SURPLUS,
        order_limits=(  # Doc: exchangeInfo sample, ORDERS; headers since 2019-08
            OrderLimit(10, 1_000, "SECOND", "X-MBX-ORDER-COUNT-1S"),
            OrderLimit(100_000, 86_400_000, "DAY", "X-MBX-ORDER-COUNT-1D"),
        ),
        too_many_orders=TOO_MANY_ORDERS,
    )
