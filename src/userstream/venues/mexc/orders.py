"""MEXC's order and account endpoints, and what clients read of it before they trade.

Doc: spot v3 §Spot Account/Trade, §Wallet Endpoints, §Market Data Endpoints.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from userstream.markets import Markets
from userstream.orders import OrderRequest, Reason, Refused, Side
from userstream.trading import (
    Arguments,
    Declined,
    Endpoint,
    Refusals,
    TradingAccount,
    TradingDialect,
)
from userstream.venue import Auth, Need
from userstream.venues._decimals import plain
from userstream.venues._orders import COMBINATION, FIELDS, ORIGINAL_ID, PAGE, known_symbol, page
from userstream.venues.mexc import bodies, forms
from userstream.venues.mexc.arguments import (
    ANY_SYMBOL,
    ANY_SYMBOLS,
    NEW,
    NEW_ID,
    ORDER_ID,
    SYMBOL,
    SYMBOLS,
    order_id,
    order_named,
    read_order,
    symbols,
)
from userstream.venues.mexc.bodies import Body


class OrderOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an operator may set for the order endpoints of this venue."""

    cancel_status: Literal["CANCELED", "NEW"] = "CANCELED"
    """What a cancel answers: ``CANCELED``, as documented (``PARTIALLY_CANCELED`` where something
    was filled), or ``NEW``, the only word that some clients take for success."""


_DAY_MS = 86_400_000
_ORDERS_REACH_MS = 7 * _DAY_MS  # Doc: §All orders
_TRADES_REACH_MS = 30 * _DAY_MS  # Doc: §Account trade list, "1 month"
_REFUSALS = Refusals(forms.REASONS, FIELDS)
_SELL_REFUSALS = Refusals({**forms.REASONS, Reason.INSUFFICIENT_BALANCE: forms.OVERSOLD}, FIELDS)


class _Calls:
    """What the calls do."""

    def __init__(self, options: OrderOptions, markets: Markets) -> None:
        self._cancel_status = options.cancel_status
        self._markets = markets

    def place(self, args: Arguments, account: TradingAccount) -> Body:
        asked = read_order(args, account)
        outcome = account.place(asked)
        if isinstance(outcome, Refused):
            raise self._declined(outcome, asked)
        return bodies.placed(outcome.named, account.now_ms)

    def test(self, args: Arguments, account: TradingAccount) -> Body:
        asked = read_order(args, account)
        refused = account.check(asked)
        if refused is not None:
            raise self._declined(refused, asked)
        return {}

    def _declined(self, refused: Refused, asked: OrderRequest) -> Declined:
        symbol = self._markets.symbol(asked.symbol)
        if refused.reason is Reason.NOTIONAL_TOO_LOW:
            return _beyond(refused.reason, symbol.min_notional, symbol.quote)
        if refused.reason is Reason.NOTIONAL_TOO_HIGH:
            return _beyond(refused.reason, symbol.max_notional, symbol.quote)
        refusals = _REFUSALS if asked.side is Side.BUY else _SELL_REFUSALS
        return refusals.declined(refused)

    def query(self, args: Arguments, account: TradingAccount) -> Body:
        state = order_named(args, account)
        if state is None:
            raise Declined(forms.NO_ORDER)
        return bodies.order(state)

    def cancel(self, args: Arguments, account: TradingAccount) -> Body:
        state = order_named(args, account)
        if state is None:
            raise Declined(forms.UNKNOWN_ORDER)
        return self._cancel(state.order_id, account, args.text("newClientOrderId"))

    def _cancel(self, order: int, account: TradingAccount, cancel_id: str | None = None) -> Body:
        done = _REFUSALS.accepted(account.cancel(order, cancel_id=cancel_id))
        body = bodies.canceled(done.named, cancel_id)
        return body | {"status": "NEW"} if self._cancel_status == "NEW" else body

    def cancel_all(self, args: Arguments, account: TradingAccount) -> list[Body]:
        states = [o for name in symbols(args, account) for o in account.open_orders(name)]
        return [self._cancel(o.order_id, account) for o in states]

    def open_orders(self, args: Arguments, account: TradingAccount) -> list[Body]:
        states = account.open_orders()
        if "symbol" in args:
            listed = symbols(args, account)
            states = [o for o in states if o.symbol in listed]
        return [bodies.order(o) for o in states[::-1]]

    def all_orders(self, args: Arguments, account: TradingAccount) -> list[Body]:
        if ("startTime" in args) != ("endTime" in args):
            raise Declined(COMBINATION)
        reach = _ORDERS_REACH_MS if "startTime" in args else _DAY_MS
        asked = page(args, default=500, most=1000, form=forms.PARAMETER)
        rows = asked.since(account.now_ms - reach).window(
            account.all_orders(known_symbol(args, account)), lambda o: o.created_ms
        )
        return [bodies.order(o) for o in asked.newest(rows)]

    def account(self, _: Arguments, account: TradingAccount) -> Body:
        return bodies.account(account)

    def trades(self, args: Arguments, account: TradingAccount) -> list[Body]:
        asked = page(args, default=100, most=100, form=forms.PARAMETER)
        rows = asked.since(account.now_ms - _TRADES_REACH_MS).window(
            account.trades(known_symbol(args, account)), lambda t: t.time_ms
        )
        named = order_id(args)
        rows = [t for t in rows if named in {None, t.order_id}]
        return [bodies.trade(t) for t in asked.newest(rows)]

    def fees(self, args: Arguments, account: TradingAccount) -> Body:
        known_symbol(args, account)
        return bodies.fees(account.rates, account.now_ms)

    def coins(self, _: Arguments, __: TradingAccount) -> list[Body]:
        pairs = self._markets.symbols.values()
        assets = dict.fromkeys(asset for pair in pairs for asset in (pair.base, pair.quote))
        return [bodies.coin(asset) for asset in assets]

    def default_symbols(self, _: Arguments, __: int) -> Body:
        return {"code": 200, "data": list(self._markets.symbols), "msg": None}


def _beyond(reason: Reason, bound: str, asset: str) -> Declined:
    return Declined(forms.REASONS[reason], f"{plain(bound)}{asset}")


def _contracts(_: Arguments, __: int) -> Body:
    return {"success": True, "code": 0, "data": []}


def _order_calls(calls: _Calls) -> Iterator[Endpoint]:
    order, many = "/api/v3/order", "/api/v3/openOrders"
    yield Endpoint(
        method="POST", path=order, summary="New order", params=NEW, serve=calls.place,
        places_order=True,
    )  # fmt: skip
    yield Endpoint(
        method="POST", path=f"{order}/test", summary="Test new order", params=NEW,
        serve=calls.test,
    )  # fmt: skip
    yield Endpoint(
        method="GET", path=order, summary="Query order", serve=calls.query, weight=2,
        params=(ANY_SYMBOL, ORDER_ID, ORIGINAL_ID),
    )  # fmt: skip
    yield Endpoint(
        method="DELETE", path=order, summary="Cancel order", serve=calls.cancel,
        params=(SYMBOL, ORDER_ID, ORIGINAL_ID, NEW_ID),
    )  # fmt: skip
    yield Endpoint(
        method="DELETE", path=many, summary="Cancel all open orders on symbols",
        params=(SYMBOLS,), serve=calls.cancel_all,
    )  # fmt: skip
    yield Endpoint(
        method="GET", path=many, summary="Current open orders", params=(ANY_SYMBOLS,),
        serve=calls.open_orders, weight=3,
    )  # fmt: skip
    yield Endpoint(
        method="GET", path="/api/v3/allOrders", summary="All orders", params=(SYMBOL, *PAGE),
        serve=calls.all_orders, weight=10,
    )  # fmt: skip


def _account_calls(calls: _Calls) -> Iterator[Endpoint]:
    yield Endpoint(
        method="GET", path="/api/v3/account", summary="Account information",
        serve=calls.account, weight=10,
    )  # fmt: skip
    yield Endpoint(
        method="GET", path="/api/v3/myTrades", summary="Account trade list",
        params=(SYMBOL, ORDER_ID, *PAGE), serve=calls.trades, weight=10,
    )  # fmt: skip
    yield Endpoint(
        method="GET", path="/api/v3/tradeFee", summary="Symbol commission", params=(SYMBOL,),
        serve=calls.fees, weight=20,
    )  # fmt: skip
    yield Endpoint(
        method="GET", path="/api/v3/capital/config/getall", summary="Currency information",
        serve=calls.coins, weight=10,
    )  # fmt: skip
    yield Endpoint(
        method="GET", path="/api/v3/defaultSymbols", summary="Default symbols",
        show=calls.default_symbols,
    )  # fmt: skip
    # Of the futures; clients that trade both read it before anything else.
    yield Endpoint(
        method="GET", path="/api/v1/contract/detail", summary="Contracts, of which there are none",
        show=_contracts,
    )  # fmt: skip


def build_orders(options: OrderOptions, markets: Markets) -> TradingDialect:
    """The order endpoints as an operator set them up."""
    calls = _Calls(options, markets)
    return TradingDialect(
        document="MEXC spot v3",
        endpoints=(*_order_calls(calls), *_account_calls(calls)),
        # Doc: §SIGNED.
        auth=Auth(
            header="X-MEXC-APIKEY",
            timestamp=Need.REQUIRED,
            signature=Need.REQUIRED,
            lower_case_only=True,
        ),
    )
