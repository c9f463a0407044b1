"""Orders and fills as values: as they are asked for, as they stand, and what a command led to.

Amounts are exact ``Decimal`` values, times are in ms. An exchange's order endpoints speak of
these; the stream speaks of ``events``.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple, TypeAlias

import msgspec

from userstream.events import Event


class Side(StrEnum):
    """Which way an order goes."""

    BUY = "BUY"
    SELL = "SELL"


class OrderType(StrEnum):
    """What an order does. ``LIMIT_MAKER`` is what other venues call post-only."""

    LIMIT = "LIMIT"
    MARKET = "MARKET"
    LIMIT_MAKER = "LIMIT_MAKER"
    STOP_LOSS_LIMIT = "STOP_LOSS_LIMIT"
    TAKE_PROFIT_LIMIT = "TAKE_PROFIT_LIMIT"


class TimeInForce(StrEnum):
    """What becomes of the part that does not match at once."""

    GTC = "GTC"
    """It rests."""
    IOC = "IOC"
    """It expires."""
    FOK = "FOK"
    """The whole order expires unless it can be filled whole."""


class FeeAsset(StrEnum):
    """Which asset an order's fees are charged in: the venue that it came through decides."""

    RECEIVED = "RECEIVED"
    """What the fill brings: the base asset to a buyer, the quote asset to a seller."""
    QUOTE = "QUOTE"
    """The quote asset on both sides; a buyer pays it from what is free at the fill."""


class OrderRequest(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An order as it is asked for. Quantities in base, ``quote_quantity`` and prices in quote.

    A market order has one of ``quantity`` and ``quote_quantity``, every other a ``quantity``.
    ``time_in_force`` is for the types with a limit price other than ``LIMIT_MAKER``, GTC unless
    said.
    """

    symbol: str
    side: Side
    order_type: OrderType
    quantity: Decimal | None = None
    quote_quantity: Decimal | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None
    time_in_force: TimeInForce | None = None
    client_order_id: str | None = None
    fee_asset: FeeAsset = FeeAsset.RECEIVED


class OrderState(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An order at one moment. Amounts are exact; times in ms."""

    order_id: int
    account: str
    symbol: str
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce | None
    client_order_id: str | None
    price: Decimal | None
    stop_price: Decimal | None
    quantity: Decimal
    """Base. Of a market order by quote amount: what that amount could buy or sell for."""
    quote_quantity: Decimal | None
    status: str
    working: bool
    """False for a stop that has not triggered."""
    cumulative_quantity: Decimal
    cumulative_quote: Decimal
    locked: Decimal
    """What the order holds back: quote of a buy, base of a sell; nothing of a market order."""
    created_ms: int
    updated_ms: int


class Trade(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One side of a fill; the other side has the same ``trade_id``, and no other fill has it."""

    trade_id: int
    account: str
    symbol: str
    order_id: int
    counter_order_id: int
    client_order_id: str | None
    side: Side
    price: Decimal
    quantity: Decimal
    quote: Decimal
    commission: Decimal
    commission_asset: str
    maker: bool
    self_trade: bool
    time_ms: int


AccountEvent: TypeAlias = tuple[str, Event]
"""An event and the account that it is published for."""


class Reason(StrEnum):
    """Why a command was refused. ``Refused.field`` names the field where several could be meant."""

    UNKNOWN_ACCOUNT = "UNKNOWN_ACCOUNT"
    DUPLICATE_ACCOUNT = "DUPLICATE_ACCOUNT"
    UNKNOWN_SYMBOL = "UNKNOWN_SYMBOL"
    UNKNOWN_ASSET = "UNKNOWN_ASSET"
    MISSING_FIELD = "MISSING_FIELD"
    """The order type needs the field."""
    FIELD_NOT_ALLOWED = "FIELD_NOT_ALLOWED"
    """The order type does not take the field."""
    BAD_AMOUNT = "BAD_AMOUNT"
    """Not a number, not above zero, too long or too large to be shown."""
    BAD_CLIENT_ORDER_ID = "BAD_CLIENT_ORDER_ID"
    PRICE_TOO_LOW = "PRICE_TOO_LOW"
    PRICE_TOO_HIGH = "PRICE_TOO_HIGH"
    PRICE_OFF_TICK = "PRICE_OFF_TICK"
    QUANTITY_TOO_LOW = "QUANTITY_TOO_LOW"
    QUANTITY_TOO_HIGH = "QUANTITY_TOO_HIGH"
    QUANTITY_OFF_LOT = "QUANTITY_OFF_LOT"
    NOTIONAL_TOO_LOW = "NOTIONAL_TOO_LOW"
    NOTIONAL_TOO_HIGH = "NOTIONAL_TOO_HIGH"
    TOO_MANY_OPEN_ORDERS = "TOO_MANY_OPEN_ORDERS"
    DUPLICATE_CLIENT_ORDER_ID = "DUPLICATE_CLIENT_ORDER_ID"
    WOULD_TAKE = "WOULD_TAKE"
    """A maker-only order would match at once."""
    WOULD_TRIGGER = "WOULD_TRIGGER"
    """The last price has reached the stop price already."""
    NO_COUNTER_ORDERS = "NO_COUNTER_ORDERS"
    """A market order, and the other side of the book is empty."""
    INSUFFICIENT_BALANCE = "INSUFFICIENT_BALANCE"
    TRADING_DISABLED = "TRADING_DISABLED"
    WITHDRAWALS_DISABLED = "WITHDRAWALS_DISABLED"
    DEPOSITS_DISABLED = "DEPOSITS_DISABLED"
    REJECTED = "REJECTED"
    """The exchange gave no other reason."""
    UNKNOWN_ORDER = "UNKNOWN_ORDER"
    ORDER_FINISHED = "ORDER_FINISHED"
    """The order is known and will never change again; its status tells how it ended."""


class Refused(NamedTuple):
    """Nothing changed. Events only where rejections are reported as such."""

    reason: Reason
    field: str | None = None
    events: tuple[AccountEvent, ...] = ()


class Accepted(NamedTuple):
    """The command was carried out, with all that followed from it."""

    events: tuple[AccountEvent, ...]
    """In order; of one cause the order event comes first, then the balances."""
    order: OrderState | None = None
    """The order that the command named or made, as it stands now."""
    trades: tuple[Trade, ...] = ()
    """The fills of that order in this command."""

    @property
    def named(self) -> OrderState:
        """The order of a command that names or makes one."""
        if self.order is None:
            raise ValueError("this command was not about one order")
        return self.order


Outcome: TypeAlias = Accepted | Refused
