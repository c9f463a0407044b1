"""Answers of SpaceDEX's order endpoints.

Doc: API Reference, §Place an Order and §Account, which print one answer each. The bodies of queries
and cancels are not printed: they have the keys of a new order's.
"""

from __future__ import annotations

from decimal import Decimal

from userstream.markets import Markets
from userstream.orders import OrderState, TimeInForce
from userstream.trading import TradingAccount
from userstream.venues._decimals import eight, places
from userstream.venues._frames import SHOWN_STATUS
from userstream.venues._orders import Body, shown


class Bodies:
    """Bodies with prices in the places of the pair's tick, as the sample's ``64000.00``."""

    def __init__(self, markets: Markets) -> None:
        self._markets = markets

    def placed(self, o: OrderState, now_ms: int) -> Body:
        """The ten keys of a new order's answer, also of a cancel's. Doc: §Place an Order."""
        return self._order(o) | {"transactTime": now_ms}

    def order(self, o: OrderState) -> Body:
        """An order that is asked for. Doc: §Cancel & Query Orders, which prints none."""
        return self._order(o) | {
            "timeInForce": (o.time_in_force or TimeInForce.GTC).value,
            "cummulativeQuoteQty": shown(o.cumulative_quote),
            "time": o.created_ms,
            "updateTime": o.updated_ms,
        }

    def account(self, account: TradingAccount) -> Body:
        """Doc: §Account. Rates are fractions; an asset that is not listed is zero."""
        may, rates = account.permissions, account.rates
        return {
            "canTrade": may.can_trade,
            "canWithdraw": may.can_withdraw,
            "makerFee": _fraction(rates.maker),
            "takerFee": _fraction(rates.taker),
            "updateTime": account.updated_ms,
            "balances": [
                {"asset": asset, "free": eight(free), "locked": eight(locked)}
                for asset, (free, locked) in account.balances().items()
                if Decimal(free) or Decimal(locked)
            ],
        }

    def _order(self, o: OrderState) -> Body:
        price_places = self._markets.symbol(o.symbol).price_places
        price = None if o.price is None else format(o.price, "f")
        return {
            "orderId": o.order_id,
            "clientOrderId": o.client_order_id,
            "symbol": o.symbol,
            "side": o.side.value,
            "type": o.order_type.value,
            "price": places(price, price_places),
            "origQty": shown(o.quantity),
            "executedQty": shown(o.cumulative_quantity),
            "status": SHOWN_STATUS.get(o.status, o.status),
        }


def _fraction(basis_points: int) -> str:
    return format(Decimal(basis_points).scaleb(-4), ".4f")
