"""Answers of MEXC's order and account endpoints.

Doc: spot v3 §Spot Account/Trade. Amounts are unpadded. Ids are text: decimal digits, since an
order has the same id on every venue of a sandbox; the live service's ids have other shapes, which
no client may rely on.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from userstream.events import CommissionRates
from userstream.orders import OrderState, Side, Trade
from userstream.trading import TradingAccount
from userstream.venues._decimals import plain, product
from userstream.venues.mexc.words import shown_status, shown_type

Body: TypeAlias = dict[str, Any]


def placed(o: OrderState, now_ms: int) -> Body:
    """Doc: §New order. It has neither a status nor the client's id."""
    return {
        "symbol": o.symbol,
        "orderId": str(o.order_id),
        "orderListId": -1,
        "price": plain(o.price),
        "origQty": plain(o.quantity),
        "type": shown_type(o),
        "side": o.side.value,
        "transactTime": now_ms,
    }


def order(o: OrderState) -> Body:
    """Doc: §Query order. Its sample calls ``origQty`` ``Qty``; the live service does not."""
    whole = product(str(o.price or 0), str(o.quantity))
    return {
        "symbol": o.symbol,
        "orderId": str(o.order_id),
        "orderListId": -1,
        "clientOrderId": o.client_order_id,
        **_progress(o),
        "stopPrice": None if o.stop_price is None else plain(o.stop_price),
        "icebergQty": None,
        "time": o.created_ms,
        "updateTime": o.updated_ms,
        "isWorking": o.working,
        "origQuoteOrderQty": plain(whole if o.quote_quantity is None else o.quote_quantity),
    }


def canceled(o: OrderState, cancel_id: str | None) -> Body:
    """Doc: §Cancel order."""
    return {
        "symbol": o.symbol,
        "origClientOrderId": o.client_order_id,
        "orderId": str(o.order_id),
        "clientOrderId": cancel_id,
        **_progress(o),
    }


def _progress(o: OrderState) -> Body:
    return {
        "price": plain(o.price),
        "origQty": plain(o.quantity),
        "executedQty": plain(o.cumulative_quantity),
        "cummulativeQuoteQty": plain(o.cumulative_quote),
        "status": shown_status(o.status, filled=bool(o.cumulative_quantity)),
        "timeInForce": None,  # seen live: the type says it
        "type": shown_type(o),
        "side": o.side.value,
    }


def account(holder: TradingAccount) -> Body:
    """Doc: §Account information. Rates are not told, assets at zero left out."""
    may = holder.permissions
    return {
        "makerCommission": None,
        "takerCommission": None,
        "buyerCommission": None,
        "sellerCommission": None,
        "canTrade": may.can_trade,
        "canWithdraw": may.can_withdraw,
        "canDeposit": may.can_deposit,
        "updateTime": None,
        "accountType": "SPOT",
        "balances": [
            {
                "asset": asset,
                "free": plain(free),
                "locked": plain(locked),
                "available": plain(free),
            }
            for asset, (free, locked) in holder.balances().items()
            if (plain(free), plain(locked)) != ("0", "0")
        ],
        "permissions": ["SPOT"],
    }


def trade(t: Trade) -> Body:
    """Doc: §Account trade list. ``id`` is the ``tradeId`` of the deals push."""
    return {
        "symbol": t.symbol,
        "id": str(t.trade_id),
        "orderId": str(t.order_id),
        "orderListId": -1,
        "price": plain(t.price),
        "qty": plain(t.quantity),
        "quoteQty": plain(t.quote),
        "commission": plain(t.commission),
        "commissionAsset": t.commission_asset,
        "time": t.time_ms,
        "isBuyer": t.side is Side.BUY,
        "isMaker": t.maker,
        "isBestMatch": True,
        "isSelfTrade": t.self_trade,
        "clientOrderId": t.client_order_id,
    }


def fees(rates: CommissionRates, now_ms: int) -> Body:
    """Doc: §Query symbol commission. JSON numbers, the only ones among the amounts."""
    return {
        "data": {
            "makerCommission": rates.maker / 10_000,
            "takerCommission": rates.taker / 10_000,
        },
        "code": 0,
        "msg": "success",
        "timestamp": now_ms,
    }


def coin(asset: str) -> Body:
    """Doc: §Query the currency information. There is no network to move it by."""
    return {"coin": asset, "name": asset, "networkList": []}
