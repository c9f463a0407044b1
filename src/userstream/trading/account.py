"""What an exchange lets one account do: the port that order endpoints speak to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from userstream.events import CommissionRates, Permissions
from userstream.markets import Symbol
from userstream.orders import OrderRequest, OrderState, Outcome, Refused, Trade


class TradingAccount(Protocol):
    """One account at one moment. An order is its id, or a client order id of the account.

    Commands take effect before they return. Lists run from the oldest to the newest.
    """

    @property
    def now_ms(self) -> int:
        """The exchange's time."""
        ...

    @property
    def updated_ms(self) -> int:
        """When the account's balances last changed."""
        ...

    @property
    def permissions(self) -> Permissions:
        """What the account may do."""
        ...

    @property
    def rates(self) -> CommissionRates:
        """What it pays, in basis points."""
        ...

    def new_client_order_id(self) -> str:
        """An id of 22 letters and digits, for a request that names none."""
        ...

    def symbol(self, name: str) -> Symbol | None:
        """A pair that is traded, or ``None``."""
        ...

    def place(self, request: OrderRequest) -> Outcome:
        """Places an order."""
        ...

    def check(self, request: OrderRequest) -> Refused | None:
        """What is wrong with a request by itself: neither funds nor the book are looked at."""
        ...

    def cancel(
        self, order: int | str, *, symbol: str | None = None, cancel_id: str | None = None
    ) -> Outcome:
        """Cancels an open order; ``symbol`` refuses it where it is on another one."""
        ...

    def order(self, order: int | str, *, symbol: str | None = None) -> OrderState | None:
        """That order, or ``None`` where there is none (on that symbol)."""
        ...

    def open_orders(self, symbol: str | None = None) -> Sequence[OrderState]:
        """The orders that have not ended."""
        ...

    def all_orders(self, symbol: str | None = None) -> Sequence[OrderState]:
        """All orders that are still remembered."""
        ...

    def trades(self, symbol: str | None = None) -> Sequence[Trade]:
        """The account's sides of its fills."""
        ...

    def balances(self) -> Mapping[str, tuple[str, str]]:
        """Free and locked amount of every asset that was ever held, as decimal text."""
        ...
