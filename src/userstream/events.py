"""Normalised facts about an account, and the envelope that orders them.

Amounts are decimal text, exactly as the publisher or the venue wrote it (``Decimal(text)`` is
exact); a float never occurs. Times are integers in milliseconds since 1970. A field that a
dialect does not carry is ``None``, never zero: a reader can tell "nothing" from "not said".
"""

from __future__ import annotations

import re
from typing import TypeAlias

import msgspec

DecimalText: TypeAlias = str
"""A plain decimal: at most 20 digits, then at most 18 places; no exponent, no sign unless said."""

ACCOUNT = re.compile(r"[A-Za-z0-9_-]{1,64}")
EPOCH = re.compile(r"[a-z0-9]{8,16}")

MAX_TIME_MS = 253_402_300_799_999
"""The last millisecond of the year 9999."""

SIDES = frozenset({"BUY", "SELL"})
STATUSES = frozenset(
    {
        "NEW",
        "PARTIALLY_FILLED",
        "FILLED",
        "CANCELED",
        "PARTIALLY_CANCELED",
        "PENDING_CANCEL",
        "REJECTED",
        "EXPIRED",
    }
)
EXECUTIONS = frozenset({"NEW", "CANCELED", "REPLACED", "REJECTED", "TRADE", "EXPIRED"})
TERMINAL = frozenset({"FILLED", "CANCELED", "PARTIALLY_CANCELED", "REJECTED", "EXPIRED"})
"""Statuses after which an order never changes again."""


class OrderUpdate(
    msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="type", tag="order_update"
):
    """The order after a change, with its fill when there is one.

    ``client_order_id`` is always the order's own id; the id of a cancel request stands in
    ``cancel_client_order_id``. Ids are text: venues that show numbers need 64-bit digits.
    ``execution`` is what happened, ``status`` what the order is now.
    """

    symbol: str
    order_id: str
    side: str
    status: str
    time_ms: int
    """Transaction time."""
    execution: str | None = None
    client_order_id: str | None = None
    cancel_client_order_id: str | None = None
    order_type: str | None = None
    time_in_force: str | None = None
    quantity: DecimalText | None = None
    quote_quantity: DecimalText | None = None
    """Order amount in the quote asset, where the order has one."""
    price: DecimalText | None = None
    stop_price: DecimalText | None = None
    iceberg_quantity: DecimalText | None = None
    last_quantity: DecimalText | None = None
    last_price: DecimalText | None = None
    last_quote: DecimalText | None = None
    """Quote amount of this fill; price times quantity when absent."""
    cumulative_quantity: DecimalText | None = None
    cumulative_quote: DecimalText | None = None
    average_price: DecimalText | None = None
    commission: DecimalText | None = None
    commission_asset: str | None = None
    trade_id: str | None = None
    execution_id: str | None = None
    reject_reason: str | None = None
    maker: bool | None = None
    self_trade: bool | None = None
    working: bool | None = None
    """On the book; false for a stop that has not triggered."""
    created_ms: int | None = None
    """When the order was created."""


class Balance(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Absolute holdings of one asset; the changes are signed and optional."""

    asset: str
    free: DecimalText
    locked: DecimalText
    free_change: DecimalText | None = None
    locked_change: DecimalText | None = None


class Permissions(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the account may do."""

    can_trade: bool = True
    can_withdraw: bool = True
    can_deposit: bool = True


class CommissionRates(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Commission rates in basis points."""

    maker: int = 0
    taker: int = 0
    buyer: int = 0
    seller: int = 0


class AccountUpdate(
    msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="type", tag="account_update"
):
    """The **changed** assets of an account, and why they changed.

    An asset that is not listed did not change. ``cause`` is free text; MEXC's words
    (``ENTRUST_PLACE``, ``DEPOSIT`` …) are shown on MEXC as they are.
    """

    time_ms: int
    """When the balance changed."""
    balances: tuple[Balance, ...] = ()
    cause: str | None = None
    permissions: Permissions | None = None
    commission_rates: CommissionRates | None = None
    created_ms: int | None = None
    """When the message was made, where it is not the time of publication."""


class AccountSnapshot(
    msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="type", tag="account_snapshot"
):
    """The **whole** account: an asset that is not listed is not held."""

    time_ms: int
    balances: tuple[Balance, ...] = ()
    cause: str | None = None
    permissions: Permissions | None = None
    commission_rates: CommissionRates | None = None
    created_ms: int | None = None


Event: TypeAlias = OrderUpdate | AccountUpdate | AccountSnapshot
"""What an exchange publishes."""


class ListenKeyExpired(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The venue says that the stream's listen key died. The key itself is not kept."""

    time_ms: int | None = None


class UnknownEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An event kind that this version does not know, with the frame as it came."""

    kind: str
    frame: bytes


StreamEvent: TypeAlias = Event | ListenKeyExpired | UnknownEvent
"""What a venue's stream can tell."""


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """One event in its account's total order.

    ``seq`` is 1, 2, 3 … without holes within ``epoch``; ``time_ms`` is the time of publication.
    Readers ignore fields that they do not know.
    """

    v: int
    account: str
    epoch: str
    seq: int
    time_ms: int
    event: Event
