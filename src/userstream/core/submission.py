"""One publishing request: its lines in order, and the answers to them."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from userstream.core.epoch import account_epoch
from userstream.core.publishing import (
    Acknowledged,
    Appended,
    Duplicate,
    Ledger,
    Refused,
    account_of,
)
from userstream.plain import Order

_encode = msgspec.json.Encoder().encode


class Submission:
    """One publishing request: a refused line blocks the later lines of its account."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._blocked: dict[str, int] = {}
        self._unreadable: int | None = None
        self.line = 0
        """Lines of the request that were taken so far."""

    def take(self, count: int) -> int:
        """Takes the next lines, which are accepted later, in their order; says where they begin."""
        first = self.line + 1
        self.line += count
        return first

    def accept(
        self, text: bytes, line: int, now_ms: int, plain: Order | None = None
    ) -> Appended | Duplicate | Refused:
        """The next of the lines that were taken; ``line`` counts them from 1.

        ``plain`` is what it was read as, where somebody has read it already.
        """
        if self._blocked or self._unreadable:
            blocked = self.blocking(text, line)
            if blocked is not None:
                return blocked
        outcome = self._ledger.accept(text, now_ms, plain)
        if isinstance(outcome, Refused):
            self.block(outcome.account, line)
        return outcome

    def block(self, account: str | None, line: int) -> None:
        """Blocks later lines of an account, or all where the account could not be read."""
        if account is None:
            self._unreadable = min(self._unreadable or line, line)
        else:
            self._blocked[account] = min(self._blocked.get(account, line), line)

    def blocking(self, text: bytes, line: int) -> Refused | None:
        """Why a line is refused because of an earlier one, if it is."""
        if self._unreadable and self._unreadable < line:
            why = f"line {self._unreadable} could not be read, nor whose it is"
            return Refused("blocked_by", why)
        if not self._blocked:
            return None
        account = account_of(text)
        line_or_none = self._blocked.get(account) if account is not None else None
        if line_or_none is None or line_or_none >= line:
            return None
        return Refused("blocked_by", f"line {line_or_none} of this account was refused", account)


def answers(first: int, outcomes: Iterable[Acknowledged | Appended | Duplicate | Refused]) -> bytes:
    """The answers to lines counted from ``first``, each as one line of JSON."""
    # Account and epoch are words by their own rules: nothing in them needs escaping.
    lines = [
        f'{{"line":{line},"account":"{o.account}",'
        f'"epoch":"{account_epoch(o.epoch, o.account)}","seq":{o.seq}}}\n'
        if isinstance(o, Appended | Acknowledged)
        else _answer(line, o)
        for line, o in enumerate(outcomes, first)
    ]
    return "".join(lines).encode()


def _answer(line: int, outcome: Duplicate | Refused) -> str:
    if isinstance(outcome, Refused):
        problem = {"line": line, "error": {"code": outcome.code, "msg": outcome.msg}}
        return f"{_encode(problem).decode()}\n"
    epoch = account_epoch(outcome.epoch, outcome.account)
    known = {"line": line, "duplicate": True, "epoch": epoch, "seq": outcome.seq}
    return f"{_encode(known).decode()}\n"
