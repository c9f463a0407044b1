"""The ledger: what each account holds of each asset, free and locked, and what the fees took."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from userstream.events import Balance
from userstream.sandbox.exchange.amounts import ZERO, minus, plus, text


class Overdrawn(Exception):
    """A holding would fall below zero: whoever asked did not look first."""


class Holding(NamedTuple):
    """Free and locked amount of one asset."""

    free: Decimal = ZERO
    locked: Decimal = ZERO


_NOTHING = Holding()


class Ledger:
    """Moves amounts. Nothing is ever below zero; per asset all holdings and fees add to the supply.

    A move between accounts is two changes; in between the books do not balance.
    """

    def __init__(self) -> None:
        self._held: dict[str, dict[str, Holding]] = {}
        self._supply: dict[str, Decimal] = {}
        self._fees: dict[str, Decimal] = {}

    def holding(self, account: str, asset: str) -> Holding:
        """What the account holds of the asset."""
        return self._held.get(account, {}).get(asset, _NOTHING)

    def holdings(self, account: str) -> dict[str, Holding]:
        """All that the account ever held, in the order of first holding."""
        return dict(self._held.get(account, {}))

    def change(
        self, account: str, asset: str, free: Decimal = ZERO, locked: Decimal = ZERO
    ) -> Balance:
        """Changes a holding by signed amounts, and says what it is now.

        Raises:
            Overdrawn: free or locked would be negative; nothing changed.
        """
        held = self._held.setdefault(account, {})
        before = held.get(asset, _NOTHING)
        after = Holding(
            plus(before.free, free) if free else before.free,
            plus(before.locked, locked) if locked else before.locked,
        )
        if after.free < 0 or after.locked < 0:
            raise Overdrawn(f"{account}: {asset} {before} changed by {free}, {locked}")
        held[asset] = after
        return Balance(
            asset=asset,
            free=text(after.free),
            locked=text(after.locked),
            free_change=text(free),
            locked_change=text(locked),
        )

    def issue(self, account: str, asset: str, amount: Decimal) -> Balance:
        """Brings an amount into the world, or takes it out where it is negative.

        Raises:
            Overdrawn: the account has not so much free.
        """
        balance = self.change(account, asset, free=amount)
        self._supply[asset] = plus(self.supply(asset), amount)
        return balance

    def collect(self, asset: str, fee: Decimal) -> None:
        """Books a fee that an account was charged."""
        self._fees[asset] = plus(self.fees(asset), fee)

    def fees(self, asset: str) -> Decimal:
        """Fees taken in the asset so far."""
        return self._fees.get(asset, ZERO)

    def supply(self, asset: str) -> Decimal:
        """Deposits minus withdrawals of all accounts."""
        return self._supply.get(asset, ZERO)

    def imbalance(self, asset: str) -> Decimal:
        """Holdings and fees minus the supply; zero, or the ledger is broken."""
        total = self.fees(asset)
        for held in self._held.values():
            holding = held.get(asset, _NOTHING)
            total = plus(total, plus(holding.free, holding.locked))
        return minus(total, self.supply(asset))
