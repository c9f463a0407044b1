"""What a program is told: events with exact amounts and marks, gaps, changes of state."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

import msgspec

from userstream.events import AccountSnapshot, AccountUpdate, OrderUpdate
from userstream.venue import Cursor

if TYPE_CHECKING:
    from userstream.events import CommissionRates, Permissions


class State(StrEnum):
    """How much of the account's events a stream can vouch for."""

    CONNECTING = "connecting"
    """No socket yet; nothing was promised."""
    REPLAYING = "replaying"
    """Connected; what was missed is being fetched, and nothing newer is shown before it."""
    LIVE = "live"
    """Every event comes as the venue sends it."""
    DEGRADED = "degraded"
    """As live, but a safety margin is gone: renewals fail, or a second socket is missing."""
    BLIND = "blind"
    """Events may be missing, and nothing says which."""
    STOPPED = "stopped"
    """Over: it was stopped, or will never be let in."""


class Origin(StrEnum):
    """Which way an event came."""

    STREAM = "stream"
    REPLAY = "replay"
    """From our own server's log, after a break."""
    REST = "rest"
    """From the venue's answers to requests, after a break."""


class _Amount:
    """An amount of the update, exact; ``None`` where the dialect does not carry it."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, event: Any, owner: type | None = None) -> Decimal | None:  # noqa: ANN401
        text = getattr(event.update, self._name)
        return None if text is None else Decimal(text)


class Receipt(Protocol):
    """Something to call; two of them never make events differ."""

    def __call__(self) -> None:
        """The program is done with the event."""
        ...


class _Told(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    origin: Origin = Origin.STREAM
    late: bool = False
    """Older than what was told before about the same thing; delivered all the same."""
    ambiguous: bool = False
    """Nothing tells whether this repeats an equal event that was told before."""
    venue_ms: int | None = None
    """The venue's own time, by which events are put in sequence."""
    received_ms: int = 0
    """When it came, in the venue's time as far as it was measured."""
    cursor: Cursor | None = None
    """Its place in the log of our own server."""
    raw: bytes | str = b""
    """The frame as it came; empty for what REST told."""
    receipt: Receipt | None = None
    """Notes that the program is done with it; only where a cursor is kept.

    Events are out of the garbage collector's sight: what gives a receipt keeps no event for longer
    than it waits for it.
    """

    async def ack(self) -> None:
        """The program is done with this event: a later run does not get it again.

        It counts once all events before it are acknowledged too; then it is in the cursor's file
        when this returns. Without a cursor it does nothing. Cancellation changes nothing.

        Raises:
            StoreUnavailable: the disk refuses; the event will come again.
        """
        if self.receipt is not None:
            self.receipt()


class OrderEvent(_Told, frozen=True, kw_only=True, gc=False):
    """An order after a change, with its fill when there is one.

    ``update`` is the whole of it, with amounts as the venue wrote them; the amounts here are the
    same as ``Decimal``. A status never goes back from a final one, except in a ``late`` event.
    """

    update: OrderUpdate

    quantity = _Amount("quantity")
    quote_quantity = _Amount("quote_quantity")
    price = _Amount("price")
    stop_price = _Amount("stop_price")
    iceberg_quantity = _Amount("iceberg_quantity")
    last_quantity = _Amount("last_quantity")
    last_price = _Amount("last_price")
    last_quote = _Amount("last_quote")
    cumulative_quantity = _Amount("cumulative_quantity")
    cumulative_quote = _Amount("cumulative_quote")
    average_price = _Amount("average_price")
    commission = _Amount("commission")

    @property
    def symbol(self) -> str:
        """Trading pair."""
        return self.update.symbol

    @property
    def order_id(self) -> str:
        """The venue's id of the order."""
        return self.update.order_id

    @property
    def client_order_id(self) -> str | None:
        """The order's own id, never that of a cancel request."""
        return self.update.client_order_id

    @property
    def side(self) -> str:
        """``BUY`` or ``SELL``."""
        return self.update.side

    @property
    def status(self) -> str:
        """What the order is now; empty in an event that is only a fill."""
        return self.update.status

    @property
    def trade_id(self) -> str | None:
        """Of the fill, where the dialect has one."""
        return self.update.trade_id


class Holding(NamedTuple):
    """What an account holds of an asset."""

    free: Decimal
    locked: Decimal


class AccountEvent(_Told, frozen=True, kw_only=True, gc=False):
    """Balances after a change. ``update`` is the whole of it, as the venue wrote it."""

    update: AccountUpdate | AccountSnapshot

    @property
    def whole(self) -> bool:
        """Whether an asset that is not listed is not held; else it did not change."""
        return isinstance(self.update, AccountSnapshot)

    @property
    def balances(self) -> dict[str, Holding]:
        """Absolute holdings of the assets that are listed."""
        return {b.asset: Holding(Decimal(b.free), Decimal(b.locked)) for b in self.update.balances}

    @property
    def permissions(self) -> Permissions | None:
        """What the account may do, where it is said."""
        return self.update.permissions

    @property
    def commission_rates(self) -> CommissionRates | None:
        """In basis points, where they are said."""
        return self.update.commission_rates


class OtherEvent(_Told, frozen=True, kw_only=True, gc=False):
    """A frame that is no event known here, as it came."""

    kind: str
    problem: str | None = None
    """Why it could not be read, where it could not."""


class Scope(StrEnum):
    """What a gap is about."""

    ACCOUNT = "account"
    """Anything of the account."""
    ORDER = "order"
    """How one order stands."""
    FILLS = "fills"
    """Fills of one order: how many, at which prices."""


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """Events may be missing: of that time, about that, and why.

    Times are the venue's, in ms. ``from_ms`` is ``None`` where nothing was proved before,
    ``to_ms`` while it goes on: the stream is then ``blind`` until it is repaired.
    """

    why: str
    from_ms: int | None = None
    to_ms: int | None = None
    scope: Scope = Scope.ACCOUNT
    symbol: str | None = None
    order_id: str | None = None
    missing_quantity: Decimal | None = None
    """Filled, and told by no fill."""


class StateChange(msgspec.Struct, frozen=True, kw_only=True):
    """The stream can vouch for more, or for less, than before."""

    before: State
    after: State
    why: str


Told: TypeAlias = OrderEvent | AccountEvent | OtherEvent | Gap | StateChange
"""Whatever a stream gives to a program."""
