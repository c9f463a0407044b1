"""Answers of Binance's order endpoints, in the keys of three editions of its document.

Doc: rest-api.md 2017-12 §Account endpoints; CHANGELOG.md for what came later. Keys were only ever
added. Samples show amounts like "0.1"; real ones have eight places.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

from userstream.orders import OrderState, OrderType, TimeInForce, Trade
from userstream.trading import TradingAccount
from userstream.venues._decimals import eight
from userstream.venues._frames import SHOWN_STATUS
from userstream.venues._orders import Body, shown, trade_body

Level: TypeAlias = Literal[2017, 2018, 2020]
_SINCE_2018 = frozenset({"orderListId", "quoteQty"})
_TRADE_LACKS: Mapping[Level, frozenset[str]] = {
    2017: _SINCE_2018 | {"symbol"},
    2018: _SINCE_2018,
    2020: frozenset(),
}


class Bodies:
    """The bodies of one edition: December 2017, July 2018, or April 2020."""

    def __init__(self, level: Level) -> None:
        self._2018 = level >= 2018
        self._2020 = level >= 2020
        self._trade_lacks = _TRADE_LACKS[level]

    def placed(
        self, answer: str | None, o: OrderState, fills: Sequence[Trade], now_ms: int
    ) -> Body:
        """Doc: §New order, the ACK, RESULT and FULL responses."""
        answer = answer or self._default_answer(o.order_type)
        body = self._named(o) | {"clientOrderId": o.client_order_id, "transactTime": now_ms}
        if answer == "ACK":
            return body
        body |= self._result(o)
        return body | {"fills": [self._fill(f) for f in fills]} if answer == "FULL" else body

    def order(self, o: OrderState) -> Body:
        """Doc: §Query order."""
        body = self._named(o) | {"clientOrderId": o.client_order_id} | self._result(o)
        body |= {"stopPrice": shown(o.stop_price), "icebergQty": shown(None), "time": o.created_ms}
        if self._2018:
            body["updateTime"] = o.updated_ms
        body["isWorking"] = o.working
        if self._2020:
            body["origQuoteOrderQty"] = shown(o.quote_quantity)
        return body

    def canceled(self, o: OrderState, cancel_id: str) -> Body:
        """Doc: §Cancel order; the order's last state since 2018-11-13."""
        body: Body = {"symbol": o.symbol, "origClientOrderId": o.client_order_id}
        body |= self._named(o) | {"clientOrderId": cancel_id}
        return body | self._result(o) if self._2018 else body

    def account(self, account: TradingAccount) -> Body:
        """Doc: §Account information. Rates in basis points."""
        rates, may = account.rates, account.permissions
        body: Body = {
            "makerCommission": rates.maker,
            "takerCommission": rates.taker,
            "buyerCommission": rates.buyer,
            "sellerCommission": rates.seller,
            "canTrade": may.can_trade,
            "canWithdraw": may.can_withdraw,
            "canDeposit": may.can_deposit,
            "updateTime": account.updated_ms,  # since 2017-12-11
        }
        if self._2020:
            body["accountType"] = "SPOT"
        body["balances"] = [
            {"asset": asset, "free": eight(free), "locked": eight(locked)}
            for asset, (free, locked) in account.balances().items()
        ]
        return body | {"permissions": ["SPOT"]} if self._2020 else body

    def trade(self, t: Trade) -> Body:
        """Doc: §Account trade list."""
        return {k: v for k, v in trade_body(t).items() if k not in self._trade_lacks}

    def _default_answer(self, order_type: OrderType) -> str:
        if not self._2018:
            return "RESULT"
        # Doc: CHANGELOG 2018-07-18.
        return "FULL" if order_type in {OrderType.MARKET, OrderType.LIMIT} else "ACK"

    def _named(self, o: OrderState) -> Body:
        body: Body = {"symbol": o.symbol, "orderId": o.order_id}
        return body | {"orderListId": -1} if self._2020 else body  # 2019-08-15

    def _result(self, o: OrderState) -> Body:
        body: Body = {
            "price": shown(o.price),
            "origQty": shown(o.quantity),
            "executedQty": shown(o.cumulative_quantity),
        }
        if self._2018:
            body["cummulativeQuoteQty"] = shown(o.cumulative_quote)  # the double m is theirs
        return body | {
            "status": SHOWN_STATUS.get(o.status, o.status),
            "timeInForce": (o.time_in_force or TimeInForce.GTC).value,
            "type": o.order_type.value,
            "side": o.side.value,
        }

    def _fill(self, t: Trade) -> Body:
        body: Body = {
            "price": shown(t.price),
            "qty": shown(t.quantity),
            "commission": shown(t.commission),
            "commissionAsset": t.commission_asset,
        }
        return body | {"tradeId": t.trade_id} if self._2018 else body  # seen live by 2018-06
