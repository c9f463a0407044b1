"""The broker's order endpoints, as the platform's document and its live brokers have them.

Doc: REST API §General, §Account endpoints; errors.md. What the Java SDK calls lies below
``/openapi/account/v1`` and is the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Literal

import msgspec

from userstream.markets import Markets
from userstream.orders import (
    OrderRequest,
    OrderState,
    OrderType,
    Reason,
    Refused,
    Side,
    TimeInForce,
)
from userstream.trading import (
    Arguments,
    Declined,
    Empty,
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
    DISABLED,
    FIELDS,
    FROM_ID,
    ICEBERG,
    INVALID_TYPE,
    LIMIT,
    NEW_ID,
    NO_ICEBERG,
    ORDER_ID,
    ORIGINAL_ID,
    PAGE,
    PRICE,
    SIDE,
    STOP_PRICE,
    SYMBOL,
    TIME_IN_FORCE,
    Body,
    check_order,
    check_places,
    created,
    known_symbol,
    order_found,
    order_named,
    page,
    rejected,
    traded,
)
from userstream.venues.bhex.bodies import Bodies, Ids, pairs


class OrderOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an operator may set for the order endpoints of this venue."""

    ids: Literal["number", "string"] = "number"
    """Ids and times as the document has them, or as text, as live brokers send them."""


def _form(code: int, text: str) -> ErrorForm:
    return ErrorForm(400, code, text)


# Doc: errors.md, -11xx. Its list ends at -1130 and begins anew at -1132; -1131 was seen live.
_FILLED = _form(-1139, "Order has been filled.")
_TOO_LARGE = _form(-1135, "Order quantity too large.")
_REASONS: Mapping[Reason, ErrorForm] = MappingProxyType(
    dict(BINANCE_REASONS)
    | {
        Reason.PRICE_TOO_HIGH: _form(-1132, "Order price too high."),
        Reason.PRICE_TOO_LOW: _form(
            -1133, "Order price lower than the minimum,please check general broker info."
        ),
        Reason.PRICE_OFF_TICK: _form(
            -1134, "Order price decimal too long,please check general broker info."
        ),
        Reason.QUANTITY_TOO_HIGH: _TOO_LARGE,
        Reason.QUANTITY_TOO_LOW: _form(-1136, "Order quantity lower than the minimum."),
        Reason.QUANTITY_OFF_LOT: _form(-1137, "Order quantity decimal too long."),
        Reason.NOTIONAL_TOO_LOW: _form(-1140, "Transaction amount lower than the minimum."),
        Reason.NOTIONAL_TOO_HIGH: _TOO_LARGE,
        Reason.TOO_MANY_OPEN_ORDERS: rejected("NEW_ORDER_REJECTED"),
        Reason.DUPLICATE_CLIENT_ORDER_ID: _form(-1141, "Duplicate clientOrderId"),
        Reason.INSUFFICIENT_BALANCE: _form(-1131, "Balance insufficient"),
        Reason.UNKNOWN_ORDER: _form(-1143, "Cannot be found on order book"),
        Reason.ORDER_FINISHED: _form(-1142, "Order has been canceled"),
    }
)
# The exchange's amount of quote is this venue's quantity.
_REFUSALS = Refusals(_REASONS, dict(FIELDS) | {"quote_quantity": "quantity"})

# Doc: §New order lists stop types too, and errors.md says that only these exist.
_TYPE = Param(
    name="type", words=("LIMIT", "MARKET", "LIMIT_MAKER"), required=True, form=INVALID_TYPE
)
_ASSET_TYPE = Param(name="assetType", words=("CASH", "MARGIN"))
_QUANTITY = Param(name="quantity", kind=Kind.DECIMAL, required=True)
_CLIENT_ID = Param(name="clientOrderId", kind=Kind.CLIENT_ID)
_TO_ID = Param(name="toId", kind=Kind.WHOLE)
_NEW = (
    SYMBOL, _ASSET_TYPE, SIDE, _TYPE, TIME_IN_FORCE, _QUANTITY, PRICE, NEW_ID, STOP_PRICE, ICEBERG,
)  # fmt: skip
_MOST = 1000
_OPEN = frozenset({"NEW", "PARTIALLY_FILLED"})


def read_order(args: Arguments, account: TradingAccount) -> OrderRequest:
    """The order that a call asks for. Doc: §New order.

    The document does not say that the quantity of a market buy is what it spends; live brokers
    take it so.
    """
    check_places(args, ("quantity", "price", "stopPrice", "icebergQty"))
    if args.text("assetType") == "MARGIN":
        raise Declined(DISABLED)
    if args.decimal("icebergQty"):
        raise Declined(NO_ICEBERG)
    side, order_type = Side(args.required("side")), OrderType(args.required("type"))
    spends = order_type is OrderType.MARKET and side is Side.BUY
    amount = args.decimal("quantity")
    time_in_force = args.text("timeInForce")
    return OrderRequest(
        symbol=args.required("symbol"),
        side=side,
        order_type=order_type,
        quantity=None if spends else amount,
        quote_quantity=amount if spends else None,
        price=args.decimal("price"),
        stop_price=args.decimal("stopPrice"),
        time_in_force=TimeInForce(time_in_force) if time_in_force else None,
        client_order_id=args.text("newClientOrderId") or account.new_client_order_id(),
    )


class _Calls:
    """What the calls do. Lists have the newest first, except trades after an id."""

    def __init__(self, ids: Ids, markets: Markets) -> None:
        self._bodies = Bodies(ids)
        self._markets = markets

    def pairs(self, _: Arguments, _now_ms: int) -> list[Body]:
        return pairs(self._markets)

    def place(self, args: Arguments, account: TradingAccount) -> Body:
        done = _REFUSALS.accepted(account.place(read_order(args, account)))
        return self._bodies.placed(done.named, account.now_ms)

    def test(self, args: Arguments, account: TradingAccount) -> Body:
        return check_order(read_order(args, account), account, _REFUSALS)

    def query(self, args: Arguments, account: TradingAccount) -> Body:
        return self._bodies.order(order_found(args, account, ORIGINAL_ID.name))

    def cancel(self, args: Arguments, account: TradingAccount) -> Body:
        # Doc: ``clientOrderId``; a live client sends the other name.
        named = order_named(args, _CLIENT_ID.name, ORIGINAL_ID.name)
        outcome = account.cancel(named)
        if isinstance(outcome, Refused) and outcome.reason is Reason.ORDER_FINISHED:
            state = account.order(named)
            if state is not None and state.status == "FILLED":
                raise Declined(_FILLED)
        return self._bodies.canceled(_REFUSALS.accepted(outcome).named)

    def open_orders(self, args: Arguments, account: TradingAccount) -> list[Body]:
        return self._listed(args, account.open_orders(known_symbol(args, account)))

    def history(self, args: Arguments, account: TradingAccount) -> list[Body]:
        states = account.all_orders(known_symbol(args, account))
        return self._listed(args, [o for o in states if o.status not in _OPEN])

    def _listed(self, args: Arguments, states: Iterable[OrderState]) -> list[Body]:
        asked = page(args, default=500, most=_MOST)
        before = args.number("orderId")
        rows = [o for o in asked.window(states, created) if before is None or o.order_id < before]
        return [self._bodies.order(o) for o in asked.newest(rows)]

    def account(self, _: Arguments, account: TradingAccount) -> Body:
        return self._bodies.account(account)

    def trades(self, args: Arguments, account: TradingAccount) -> list[Body]:
        """Doc: §Account trade list: ``fromId`` is the upper bound, ``toId`` the lower one."""
        asked = page(args, default=500, most=_MOST)
        before, after = args.number("fromId"), args.number("toId")
        rows = [
            t
            for t in asked.window(account.trades(known_symbol(args, account)), traded)
            if (before is None or t.trade_id < before) and (after is None or t.trade_id > after)
        ]
        upwards = after is not None and before is None
        listed = rows[: asked.limit] if upwards else asked.newest(rows)
        return [self._bodies.trade(t) for t in listed]


def _endpoints(calls: _Calls) -> Iterator[Endpoint]:
    yield Endpoint(
        method="GET", path="/openapi/v1/pairs", summary="Cryptoasset trading pairs",
        show=calls.pairs,
    )  # fmt: skip
    yield Endpoint(
        method="POST", path="/openapi/v1/order/test", summary="Test new order", params=_NEW,
        serve=calls.test,
    )  # fmt: skip
    for part in ("v1", "account/v1"):  # the Java SDK calls the latter
        yield from _order_calls(calls, f"/openapi/{part}/order")
        yield from _list_calls(calls, f"/openapi/{part}")


def _order_calls(calls: _Calls, order: str) -> Iterator[Endpoint]:
    yield Endpoint(
        method="POST", path=order, summary="New order", params=_NEW, serve=calls.place,
        places_order=True,
    )  # fmt: skip
    yield Endpoint(
        method="GET", path=order, summary="Query order", params=(ORDER_ID, ORIGINAL_ID),
        serve=calls.query,
    )  # fmt: skip
    yield Endpoint(
        method="DELETE", path=order, summary="Cancel order",
        params=(ORDER_ID, _CLIENT_ID, ORIGINAL_ID), serve=calls.cancel,
    )  # fmt: skip


def _list_calls(calls: _Calls, base: str) -> Iterator[Endpoint]:
    yield Endpoint(
        method="GET", path=f"{base}/openOrders", summary="Current open orders",
        params=(ANY_SYMBOL, ORDER_ID, LIMIT), serve=calls.open_orders,
    )  # fmt: skip
    yield Endpoint(
        method="GET", path=f"{base}/historyOrders", summary="History orders",
        params=(ANY_SYMBOL, ORDER_ID, *PAGE), serve=calls.history, weight=5,
    )  # fmt: skip
    yield Endpoint(
        method="GET", path=f"{base}/account", summary="Account information",
        serve=calls.account, weight=5,
    )  # fmt: skip
    yield Endpoint(
        method="GET", path=f"{base}/myTrades", summary="Account trade list",
        params=(ANY_SYMBOL, FROM_ID, _TO_ID, *PAGE), serve=calls.trades, weight=5,
    )  # fmt: skip


def build_orders(options: OrderOptions, markets: Markets) -> TradingDialect:
    """The order endpoints as an operator set them up."""
    return TradingDialect(
        document="BHEX REST API",
        endpoints=tuple(_endpoints(_Calls(options.ids, markets))),
        # Doc: §SIGNED endpoint security. Both SDKs send parameters without a value for absent ones.
        auth=Auth(header="X-BH-APIKEY", timestamp=Need.REQUIRED, signature=Need.REQUIRED),
        empty=Empty.ABSENT,
        market_buys_in_quote=True,  # Doc: hbtc.js of ccxt, createOrder
        order_limits=(  # Doc: brokerInfo sample, ORDERS
            OrderLimit(20, 1_000, "SECOND"),
            OrderLimit(350_000, 86_400_000, "DAY"),
        ),
        too_many_orders=ErrorForm(
            429, -1015, "Reach the rate limit .Please slow down your request speed."
        ),
    )
