"""Answers of the broker's order endpoints: the keys of live brokers, and those of the document.

Doc: REST API §Account endpoints. Samples of live answers have amounts without padding.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

from userstream.markets import Markets
from userstream.orders import OrderState, Side, TimeInForce, Trade
from userstream.trading import TradingAccount
from userstream.venues._decimals import plain, quotient
from userstream.venues._orders import Body
from userstream.venues.bhex.frames import SHOWN

Ids: TypeAlias = Literal["number", "string"]

_EXCHANGE = {"exchangeId": "301"}
"""Of the platform's samples."""


class Bodies:
    """Bodies whose ids and times are numbers, or text as live brokers send them."""

    def __init__(self, ids: Ids) -> None:
        self._number: Callable[[int], int | str] = str if ids == "string" else int

    def placed(self, o: OrderState, now_ms: int) -> Body:
        """Doc: §New order has two of these keys. Matching comes later: the order is always new."""
        return {
            "symbol": o.symbol,
            "orderId": self._number(o.order_id),
            "clientOrderId": o.client_order_id,
            "transactTime": self._number(now_ms),
            "price": plain(o.price),
            "origQty": _asked(o),
            "executedQty": "0",
            "status": "NEW",
            **_terms(o),
        }

    def order(self, o: OrderState) -> Body:
        """Doc: §Query order."""
        return {
            "orderId": self._number(o.order_id),
            "clientOrderId": o.client_order_id,
            **_EXCHANGE,
            "symbol": o.symbol,
            "price": plain(o.price),
            "origQty": _asked(o),
            "executedQty": plain(o.cumulative_quantity),
            "cummulativeQuoteQty": plain(o.cumulative_quote),
            "avgPrice": quotient(o.cumulative_quote, o.cumulative_quantity),
            "status": SHOWN.get(o.status, o.status),
            **_terms(o),
            "stopPrice": plain(o.stop_price),
            "icebergQty": "0",
            "time": self._number(o.created_ms),
            "updateTime": self._number(o.updated_ms),
            "isWorking": o.working,
        }

    def canceled(self, o: OrderState) -> Body:
        """Doc: §Cancel order."""
        return {
            **_EXCHANGE,
            "symbol": o.symbol,
            "clientOrderId": o.client_order_id,
            "orderId": self._number(o.order_id),
            "status": "CANCELED",
        }

    def account(self, account: TradingAccount) -> Body:
        """Doc: §Account information."""
        may = account.permissions
        return {
            "canTrade": may.can_trade,
            "canWithdraw": may.can_withdraw,
            "canDeposit": may.can_deposit,
            "updateTime": self._number(account.updated_ms),
            "balances": [
                {"asset": asset, "free": plain(free), "locked": plain(locked)}
                for asset, (free, locked) in account.balances().items()
            ],
        }

    def trade(self, t: Trade) -> Body:
        """Doc: §Account trade list. The fee stands there twice: as documented, and as live."""
        fee, asset = plain(t.commission), t.commission_asset
        return {
            "symbol": t.symbol,
            "id": self._number(t.trade_id),
            "orderId": self._number(t.order_id),
            "matchOrderId": self._number(t.counter_order_id),
            "price": plain(t.price),
            "qty": plain(t.quantity),
            "commission": fee,
            "commissionAsset": asset,
            "time": self._number(t.time_ms),
            "isBuyer": t.side is Side.BUY,
            "isMaker": t.maker,
            "feeTokenId": asset,
            "feeAmount": fee,
            "fee": {"feeTokenId": asset, "feeTokenName": asset, "fee": fee},
        }


def pairs(markets: Markets) -> list[Body]:
    """Doc: §Cryptoasset trading pairs. Its sample has the two tokens the wrong way round."""
    return [
        {"symbol": s.name, "quoteToken": s.quote, "baseToken": s.base}
        for s in markets.symbols.values()
    ]


def _asked(o: OrderState) -> str:
    """The quantity as it was asked for: of a market buy an amount of quote."""
    return plain(o.quantity if o.quote_quantity is None else o.quote_quantity)


def _terms(o: OrderState) -> Body:
    time_in_force = o.time_in_force or TimeInForce.GTC
    return {"timeInForce": time_in_force.value, "type": o.order_type.value, "side": o.side.value}
