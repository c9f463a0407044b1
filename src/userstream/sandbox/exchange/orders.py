"""An order while the exchange works on it."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from userstream.orders import OrderRequest, OrderState, Side
from userstream.sandbox.exchange.amounts import ZERO, minus, plus, text, times

if TYPE_CHECKING:
    from userstream.sandbox.exchange.filters import Listing


class Order:
    """An order while it lives. Only the exchange holds one; it changes with every fill.

    ``left`` is the base quantity not yet filled, ``spent`` the quote amount of the fills,
    ``budget`` the quote amount that a market buy is going to cost, ``locked`` what is held back
    for the order now. ``rest_price`` and ``trigger_price`` are price and stop price, zero where an
    order has none: such an order never rests, or never waits.
    """

    __slots__ = (
        "account", "budget", "client_order_id", "created_ms", "fee_asset", "left", "listing",
        "locked", "order_id", "order_type", "price", "price_text", "quantity", "quantity_text",
        "quote_quantity", "quote_text", "rest_price", "side", "spent", "status", "stop_price",
        "stop_text", "time_in_force", "trigger_price", "updated_ms", "working",
    )  # fmt: skip

    def __init__(
        self,
        account: str,
        listing: Listing,
        request: OrderRequest,
        *,
        quantity: Decimal,
        budget: Decimal,
        now_ms: int,
    ) -> None:
        self.order_id = 0
        self.account = account
        self.listing = listing
        self.side = request.side
        self.order_type = request.order_type
        self.time_in_force = request.time_in_force
        self.client_order_id = request.client_order_id
        self.fee_asset = request.fee_asset
        self.quantity = self.left = quantity
        self.quantity_text = text(quantity)
        self.quote_quantity = request.quote_quantity
        self.quote_text = _text(request.quote_quantity)
        self.price = request.price
        self.price_text = _text(request.price)
        self.rest_price = ZERO if request.price is None else request.price
        self.stop_price = request.stop_price
        self.trigger_price = ZERO if request.stop_price is None else request.stop_price
        self.stop_text = _text(request.stop_price)
        self.budget = budget
        self.spent = self.locked = ZERO
        self.status = "NEW"
        self.working = request.stop_price is None
        self.created_ms = self.updated_ms = now_ms

    @property
    def filled(self) -> Decimal:
        """Base quantity of all fills."""
        return minus(self.quantity, self.left)

    def need(self) -> Decimal:
        """What the rest of the order has to lock: base of a sell, quote of a buy."""
        if self.price is None:
            return ZERO
        return self.left if self.side is Side.SELL else times(self.left, self.price)

    def fill(self, quantity: Decimal, quote: Decimal, now_ms: int) -> None:
        """Books a fill."""
        self.left = minus(self.left, quantity)
        self.spent = plus(self.spent, quote)
        self.status = "PARTIALLY_FILLED" if self.left else "FILLED"
        self.updated_ms = now_ms

    def state(self) -> OrderState:
        """The order as it stands."""
        return OrderState(
            order_id=self.order_id,
            account=self.account,
            symbol=self.listing.symbol,
            side=self.side,
            order_type=self.order_type,
            time_in_force=self.time_in_force,
            client_order_id=self.client_order_id,
            price=self.price,
            stop_price=self.stop_price,
            quantity=self.quantity,
            quote_quantity=self.quote_quantity,
            status=self.status,
            working=self.working,
            cumulative_quantity=self.filled,
            cumulative_quote=self.spent,
            locked=self.locked,
            created_ms=self.created_ms,
            updated_ms=self.updated_ms,
        )


def _text(value: Decimal | None) -> str | None:
    return None if value is None else text(value)
