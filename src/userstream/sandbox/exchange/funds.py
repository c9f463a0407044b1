"""Accounts and their money: opening, deposits, withdrawals, transfers, permissions."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from userstream.events import ACCOUNT, AccountSnapshot, AccountUpdate, Balance, Event, Permissions
from userstream.orders import Accepted, Outcome, Reason, Refused
from userstream.sandbox.exchange.amounts import LARGEST, plus, publishable
from userstream.sandbox.exchange.fees import FeeRule
from userstream.sandbox.exchange.holders import History, Holder
from userstream.sandbox.exchange.ledger import Holding, Ledger

_ALL = Permissions()


class Funds:
    """What happens to accounts outside the books. Amounts are above zero; times in ms."""

    def __init__(
        self,
        ledger: Ledger,
        holders: dict[str, Holder],
        *,
        assets: frozenset[str],
        fees: FeeRule,
        history: History,
    ) -> None:
        self._ledger = ledger
        self._holders = holders
        self._assets = assets
        self._fees = fees
        self._history = history

    def open(
        self,
        account: str,
        amounts: Mapping[str, Decimal],
        now_ms: int,
        permissions: Permissions = _ALL,
        cause: str = "SUGAR",
    ) -> Outcome:
        """Opens an account with these amounts free; its snapshot is the event.

        Raises:
            ValueError: no account can have that name.
        """
        if not ACCOUNT.fullmatch(account):
            raise ValueError(f"account is {account!r}; allowed is {ACCOUNT.pattern}")
        if account in self._holders:
            return Refused(Reason.DUPLICATE_ACCOUNT)
        for asset, amount in amounts.items():
            refused = self._refuses(asset, amount) or self._overflows(asset, amount)
            if refused is not None:
                return refused
        self._holders[account] = Holder(account, permissions, self._history)
        issued = [self._ledger.issue(account, asset, amounts[asset]) for asset in amounts]
        snapshot = AccountSnapshot(
            time_ms=now_ms,
            balances=tuple(Balance(asset=b.asset, free=b.free, locked=b.locked) for b in issued),
            cause=cause,
            permissions=permissions,
            commission_rates=self._fees.rates,
        )
        return _done(account, snapshot)

    def deposit(
        self, account: str, asset: str, amount: Decimal, now_ms: int, *, cause: str = "DEPOSIT"
    ) -> Outcome:
        """Credits an amount from outside."""
        refused = self._refuses(asset, amount, account) or self._overflows(asset, amount)
        if refused is not None:
            return refused
        if not self._holders[account].permissions.can_deposit:
            return Refused(Reason.DEPOSITS_DISABLED)
        return _done(account, _update(self._ledger.issue(account, asset, amount), cause, now_ms))

    def withdraw(
        self, account: str, asset: str, amount: Decimal, now_ms: int, *, cause: str = "WITHDRAW"
    ) -> Outcome:
        """Debits a free amount to the outside."""
        refused = self._refuses(asset, amount, account) or self._lacks(account, asset, amount)
        if refused is not None:
            return refused
        less = amount.copy_negate()
        return _done(account, _update(self._ledger.issue(account, asset, less), cause, now_ms))

    def transfer(
        self,
        source: str,
        target: str,
        asset: str,
        amount: Decimal,
        now_ms: int,
        *,
        cause: str = "CONTRACT_TRANSFER",
    ) -> Outcome:
        """Moves a free amount between two accounts; the source's event comes first."""
        refused = (
            self._refuses(asset, amount, source)
            or self._refuses(asset, amount, target)
            or self._lacks(source, asset, amount)
        )
        if refused is not None:
            return refused
        if not self._holders[target].permissions.can_deposit:
            return Refused(Reason.DEPOSITS_DISABLED)
        out = self._ledger.change(source, asset, free=amount.copy_negate())
        into = self._ledger.change(target, asset, free=amount)
        return Accepted(
            ((source, _update(out, cause, now_ms)), (target, _update(into, cause, now_ms)))
        )

    def permit(self, account: str, permissions: Permissions, now_ms: int) -> Outcome:
        """Sets what the account may do. Open orders stay; cancels are always allowed."""
        holder = self._holders.get(account)
        if holder is None:
            return Refused(Reason.UNKNOWN_ACCOUNT)
        holder.permissions = permissions
        return _done(
            account,
            AccountUpdate(
                time_ms=now_ms, permissions=permissions, commission_rates=self._fees.rates
            ),
        )

    def balances(self, account: str) -> dict[str, Holding]:
        """All that the account ever held, in the order of first holding."""
        return self._ledger.holdings(account)

    def fees(self, asset: str) -> Decimal:
        """Fees taken in the asset so far; they belong to no account."""
        return self._ledger.fees(asset)

    def supply(self, asset: str) -> Decimal:
        """Deposits minus withdrawals of all accounts: what all holdings and fees add up to."""
        return self._ledger.supply(asset)

    def imbalance(self, asset: str) -> Decimal:
        """Holdings and fees minus the supply: zero, or the exchange is broken."""
        return self._ledger.imbalance(asset)

    def _refuses(self, asset: str, amount: Decimal, account: str | None = None) -> Refused | None:
        if account is not None and account not in self._holders:
            return Refused(Reason.UNKNOWN_ACCOUNT)
        if asset not in self._assets:
            return Refused(Reason.UNKNOWN_ASSET, "asset")
        if not publishable(amount):
            return Refused(Reason.BAD_AMOUNT, "amount")
        return None

    def _overflows(self, asset: str, amount: Decimal) -> Refused | None:
        if plus(self._ledger.supply(asset), amount) >= LARGEST:
            return Refused(Reason.BAD_AMOUNT, "amount")
        return None

    def _lacks(self, account: str, asset: str, amount: Decimal) -> Refused | None:
        if not self._holders[account].permissions.can_withdraw:
            return Refused(Reason.WITHDRAWALS_DISABLED)
        if self._ledger.holding(account, asset).free < amount:
            return Refused(Reason.INSUFFICIENT_BALANCE)
        return None


def _update(balance: Balance, cause: str, now_ms: int) -> AccountUpdate:
    return AccountUpdate(time_ms=now_ms, balances=(balance,), cause=cause)


def _done(account: str, event: Event) -> Accepted:
    return Accepted(((account, event),))
