"""A seat on the market: what one account asks at one moment, and all that it leads to."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from userstream.events import CommissionRates, Permissions
from userstream.markets import Markets, Symbol
from userstream.orders import (
    Accepted,
    AccountEvent,
    OrderRequest,
    OrderState,
    Outcome,
    Refused,
    Trade,
)
from userstream.sandbox.exchange.amounts import text
from userstream.sandbox.market import Market

_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID_LENGTH = 22


class IdMint:
    """Client order ids for orders that name none: the same ones for the same seed and start."""

    def __init__(self, seed: int, first: int = 1) -> None:
        self._seed = seed
        self._count = first - 1

    def next(self) -> str:
        """22 letters and digits."""
        self._count += 1
        digest = hashlib.blake2b(
            b"%d:%d" % (self._seed, self._count), digest_size=24, person=b"client-order-id"
        ).digest()
        number = int.from_bytes(digest, "big")
        letters = []
        for _ in range(_ID_LENGTH):
            number, place = divmod(number, len(_LETTERS))
            letters.append(_LETTERS[place])
        return "".join(letters)


class Seat:
    """The ``TradingAccount`` of an account of the sandbox.

    ``events`` holds what its commands led to, for all accounts, in order. Queries see no order
    that is younger than ``read_lag_ms``.
    """

    def __init__(
        self,
        market: Market,
        markets: Markets,
        account: str,
        ids: IdMint,
        *,
        now_ms: int,
        updated_ms: int,
        read_lag_ms: int = 0,
    ) -> None:
        self._market = market
        self._exchange = market.exchange
        self._markets = markets
        self._account = account
        self._ids = ids
        self.now_ms = now_ms
        self._read_to_ms = now_ms - read_lag_ms
        self.updated_ms = updated_ms
        self.events: list[AccountEvent] = []

    @property
    def permissions(self) -> Permissions:
        """What the account may do."""
        return self._exchange.permissions(self._account)

    @property
    def rates(self) -> CommissionRates:
        """What it pays, in basis points."""
        return self._exchange.rules.fees.rates

    def new_client_order_id(self) -> str:
        """An id for a request that names none."""
        return self._ids.next()

    def symbol(self, name: str) -> Symbol | None:
        """A pair that is traded, or ``None``."""
        return self._markets.symbols.get(name) if name in self._exchange.listings else None

    def place(self, request: OrderRequest) -> Outcome:
        """Places an order."""
        return self._told(self._market.place(self._account, request, self.now_ms))

    def check(self, request: OrderRequest) -> Refused | None:
        """What is wrong with a request by itself."""
        return self._exchange.check(self._account, request)

    def cancel(
        self, order: int | str, *, symbol: str | None = None, cancel_id: str | None = None
    ) -> Outcome:
        """Cancels an open order."""
        outcome = self._market.cancel(
            self._account, order, self.now_ms, symbol=symbol, cancel_client_order_id=cancel_id
        )
        return self._told(outcome)

    def order(self, order: int | str, *, symbol: str | None = None) -> OrderState | None:
        """That order, or ``None``."""
        state = self._exchange.order(self._account, order)
        if state is None or symbol not in {None, state.symbol}:
            return None
        return state if state.created_ms <= self._read_to_ms else None

    def open_orders(self, symbol: str | None = None) -> list[OrderState]:
        """The orders that have not ended, oldest first."""
        return self._readable(self._exchange.open_orders(self._account, symbol))

    def all_orders(self, symbol: str | None = None) -> list[OrderState]:
        """All orders that are remembered, oldest first."""
        return self._readable(self._exchange.all_orders(self._account, symbol))

    def trades(self, symbol: str | None = None) -> list[Trade]:
        """The account's sides of its fills, oldest first."""
        return self._exchange.trades(self._account, symbol)

    def balances(self) -> Mapping[str, tuple[str, str]]:
        """Free and locked amount of every asset that was ever held."""
        held = self._exchange.funds.balances(self._account)
        return {asset: (text(h.free), text(h.locked)) for asset, h in held.items()}

    def _readable(self, states: list[OrderState]) -> list[OrderState]:
        return [state for state in states if state.created_ms <= self._read_to_ms]

    def _told(self, outcome: Outcome) -> Outcome:
        self.events += outcome.events
        if isinstance(outcome, Accepted):
            self.updated_ms = self.now_ms
        return outcome
