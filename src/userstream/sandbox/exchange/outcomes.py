"""What a command led to: events, or the reason why nothing happened."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple, TypeAlias

from userstream.events import Event
from userstream.sandbox.exchange.orders import OrderState, Trade

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


Outcome: TypeAlias = Accepted | Refused


class Replaced(NamedTuple):
    """A cancel and the order in its place, which was not tried where the cancel was refused."""

    canceled: Outcome
    placed: Outcome | None = None
