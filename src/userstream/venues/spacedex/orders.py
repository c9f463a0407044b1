"""SpaceDEX's order endpoints.

Doc: API Reference, §Place an Order, §Cancel & Query Orders, §Account, §Errors. The reference prints
the answer to a new order and the account; what else is answered follows these, and Binance.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

import msgspec

from userstream.markets import Markets
from userstream.orders import FeeAsset, OrderRequest, OrderType, Reason, Side, TimeInForce
from userstream.trading import (
    Arguments,
    Declined,
    Endpoint,
    Kind,
    OrderLimit,
    Param,
    Refusals,
    TradingAccount,
    TradingDialect,
)
from userstream.venue import Auth, ErrorForm, Need
from userstream.venues._orders import (
    ANY_SYMBOL,
    BINANCE_REASONS,
    COMBINATION,
    FIELDS,
    FROM_ID,
    INVALID_TYPE,
    MISSING,
    NOT_VALID,
    ORDER_ID,
    PAGE,
    PRICE,
    QUANTITY,
    QUOTE_QUANTITY,
    SIDE,
    SYMBOL,
    TIME_IN_FORCE,
    TOO_MANY_ORDERS,
    UNKNOWN_ORDER,
    Body,
    check_order,
    created,
    known_symbol,
    order_found,
    order_named,
    page,
    trade_body,
    trades_asked,
)
from userstream.venues.spacedex import ORDER_TYPES
from userstream.venues.spacedex.bodies import Bodies


class OrderOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an operator may set for the order endpoints of this venue."""

    mytrades: bool = False
    """Adds ``myTrades`` as Binance has it; the reference has no such call."""


_CLIENT_ID = Param(name="clientOrderId", kind=Kind.CLIENT_ID)
_TYPE = Param(name="type", words=ORDER_TYPES, required=True, form=INVALID_TYPE)
_NEW = (SYMBOL, SIDE, _TYPE, QUANTITY, QUOTE_QUANTITY, PRICE, TIME_IN_FORCE, _CLIENT_ID)
_MOST = 1000
# Doc: §Errors. There -2010 is what an account lacks, so an amount that is none has another code.
_REASONS: Mapping[Reason, ErrorForm] = MappingProxyType(
    dict(BINANCE_REASONS) | {Reason.FIELD_NOT_ALLOWED: COMBINATION, Reason.BAD_AMOUNT: NOT_VALID}
)
_REFUSALS = Refusals(_REASONS, dict(FIELDS) | {"client_order_id": _CLIENT_ID.name})


def read_order(args: Arguments, account: TradingAccount) -> OrderRequest:
    """The order that a call asks for. Doc: §Place an Order, the parameters."""
    side, order_type = Side(args.required("side")), OrderType(args.required("type"))
    _check_amounts(args, by_quote=order_type is OrderType.MARKET and side is Side.BUY)
    time_in_force = args.text("timeInForce")
    if order_type is OrderType.LIMIT and time_in_force is None:
        raise Declined(MISSING, "timeInForce")
    return OrderRequest(
        symbol=args.required("symbol"),
        side=side,
        order_type=order_type,
        quantity=args.decimal("quantity"),
        quote_quantity=args.decimal("quoteOrderQty"),
        price=args.decimal("price"),
        time_in_force=TimeInForce(time_in_force) if time_in_force else None,
        client_order_id=args.text("clientOrderId") or account.new_client_order_id(),
        fee_asset=FeeAsset.QUOTE,  # Doc: §executionReport, the sample of a buy
    )


def _check_amounts(args: Arguments, *, by_quote: bool) -> None:
    """A market buy has one of the two amounts, any other order the quantity alone."""
    if "quoteOrderQty" not in args:
        if "quantity" not in args:
            raise Declined(MISSING, "quoteOrderQty" if by_quote else "quantity")
    elif not by_quote or "quantity" in args:
        raise Declined(COMBINATION)


class _Calls:
    """What the calls do."""

    def __init__(self, markets: Markets) -> None:
        self._bodies = Bodies(markets)

    def place(self, args: Arguments, account: TradingAccount) -> Body:
        done = _REFUSALS.accepted(account.place(read_order(args, account)))
        return self._bodies.placed(done.named, account.now_ms)

    def test(self, args: Arguments, account: TradingAccount) -> Body:
        return check_order(read_order(args, account), account, _REFUSALS)

    def query(self, args: Arguments, account: TradingAccount) -> Body:
        return self._bodies.order(order_found(args, account, _CLIENT_ID.name))

    def cancel(self, args: Arguments, account: TradingAccount) -> Body:
        symbol = known_symbol(args, account)
        named = order_named(args, _CLIENT_ID.name)
        done = _REFUSALS.accepted(account.cancel(named, symbol=symbol))
        return self._bodies.placed(done.named, account.now_ms)

    def cancel_all(self, args: Arguments, account: TradingAccount) -> list[Body]:
        states = account.open_orders(known_symbol(args, account))
        if not states:
            raise Declined(UNKNOWN_ORDER)
        done = [_REFUSALS.accepted(account.cancel(o.order_id)) for o in states]
        return [self._bodies.placed(d.named, account.now_ms) for d in done]

    def open_orders(self, args: Arguments, account: TradingAccount) -> list[Body]:
        return [self._bodies.order(o) for o in account.open_orders(known_symbol(args, account))]

    def all_orders(self, args: Arguments, account: TradingAccount) -> list[Body]:
        asked = page(args, default=500, most=_MOST)
        rows = asked.window(account.all_orders(known_symbol(args, account)), created)
        return [self._bodies.order(o) for o in asked.rows(rows, created, None)]

    def account(self, _: Arguments, account: TradingAccount) -> Body:
        return self._bodies.account(account)

    def trades(self, args: Arguments, account: TradingAccount) -> list[Body]:
        return [trade_body(t) for t in trades_asked(args, account, most=_MOST)]


def _endpoints(options: OrderOptions, markets: Markets) -> Iterator[Endpoint]:
    calls = _Calls(markets)
    yield from _order_calls(calls, "/api/v1/order")
    yield from _list_calls(calls, "/api/v1/openOrders")
    if options.mytrades:
        yield Endpoint(
            method="GET", path="/api/v1/myTrades", summary="Own trades on a symbol",
            params=(SYMBOL, ORDER_ID, FROM_ID, *PAGE), serve=calls.trades, weight=10,
        )  # fmt: skip


def _order_calls(calls: _Calls, order: str) -> Iterator[Endpoint]:
    yield Endpoint(
        method="POST", path=order, summary="Place an order", params=_NEW, serve=calls.place,
        places_order=True,
    )  # fmt: skip
    yield Endpoint(
        method="POST", path=f"{order}/test", summary="Validate an order", params=_NEW,
        serve=calls.test,
    )  # fmt: skip
    yield Endpoint(
        method="GET", path=order, summary="Query an order", params=(SYMBOL, ORDER_ID, _CLIENT_ID),
        serve=calls.query, weight=2,
    )  # fmt: skip
    yield Endpoint(
        method="DELETE", path=order, summary="Cancel an order",
        params=(ANY_SYMBOL, ORDER_ID, _CLIENT_ID), serve=calls.cancel,
    )  # fmt: skip


def _list_calls(calls: _Calls, many: str) -> Iterator[Endpoint]:
    yield Endpoint(
        method="DELETE", path=many, summary="Cancel every open order on a symbol",
        params=(SYMBOL,), serve=calls.cancel_all,
    )  # fmt: skip
    yield Endpoint(
        method="GET", path=many, summary="Open orders", params=(ANY_SYMBOL,),
        serve=calls.open_orders, weight=3, bare_weight=40,
    )  # fmt: skip
    yield Endpoint(
        method="GET", path="/api/v1/allOrders", summary="All orders on a symbol",
        params=(SYMBOL, *PAGE), serve=calls.all_orders, weight=10,
    )  # fmt: skip
    yield Endpoint(
        method="GET", path="/api/v1/account", summary="Account and balances",
        serve=calls.account, weight=10,
    )  # fmt: skip


def build_orders(options: OrderOptions, markets: Markets) -> TradingDialect:
    """The order endpoints as an operator set them up."""
    return TradingDialect(
        document="API Reference, Spot Trading",
        endpoints=tuple(_endpoints(options, markets)),
        # Doc: §Authentication; a timestamp exactly one second ahead is good.
        auth=Auth(
            header="X-SDX-APIKEY",
            timestamp=Need.REQUIRED,
            signature=Need.REQUIRED,
            ahead_inclusive=True,
        ),
        # Not said: the page on rate limits is not known. As exchangeInfo shows them.
        order_limits=(
            OrderLimit(10, 1_000, "SECOND"),
            OrderLimit(100_000, 86_400_000, "DAY"),
        ),
        too_many_orders=TOO_MANY_ORDERS,
    )
