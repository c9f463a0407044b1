"""Conversations with order endpoints: a question's requests one after the other, without I/O.

A script is a generator: it yields requests, is sent the bodies of good answers, and returns the
rows. What every script would have to know, refusals and bodies that are none, is seen to here.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import TypeAlias

import msgspec

from userstream.events import OrderUpdate
from userstream.venue import Ask, Fetch, NoRows, NotThere, RepairInput, Rows, What
from userstream.venues._rows import (
    OrderRow,
    TradeRow,
    Unread,
    account,
    fill,
    order,
    read_account,
    read_order,
    read_orders,
)

Script: TypeAlias = Generator[Fetch, bytes, Rows]
Make: TypeAlias = Callable[[Ask, int], Script]
"""Takes the question, and the venue's time now."""
Scripts: TypeAlias = Mapping[What, Make]

_MOST_PAGES = 1_000
_NO_ORDER = -2013
_BROKEN = (msgspec.MsgspecError, Unread, UnicodeError, RecursionError)


class _Error(msgspec.Struct, gc=False):
    code: int | None = None


_read_error = msgspec.json.Decoder(_Error, strict=False).decode


class Talk:
    """One conversation. ``clock``: the codes by which the venue refuses a timestamp."""

    def __init__(self, ask: Ask, script: Script | None, clock: frozenset[int]) -> None:
        self._ask = ask
        self._script = script
        self._clock = clock
        self._pages = 0
        self._answer: RepairInput | None = None

    def begin(self) -> Fetch | RepairInput:
        """The first request."""
        return self._next(None)

    def read(self, status: int, body: bytes, retry_after: str | None = None) -> Fetch | RepairInput:
        """The next request, or the answer."""
        if self._answer is None:
            self._answer = self._refusal(status, body, retry_after)
        return self._next(body)

    def _next(self, body: bytes | None) -> Fetch | RepairInput:
        if self._answer is None:
            step = self._step(body)
            if isinstance(step, Fetch):
                return step
            self._answer = step
        return self._answer

    def _step(self, body: bytes | None) -> Fetch | RepairInput:
        if self._script is None:
            return self._none("the venue has no such call")
        self._pages += 1
        if self._pages > _MOST_PAGES:
            return self._none(f"more than {_MOST_PAGES} pages")
        try:
            return next(self._script) if body is None else self._script.send(body)
        except StopIteration as end:
            rows: Rows = end.value
            return rows
        except _BROKEN as e:
            return self._none(f"not an answer of this venue: {e}")

    def _none(self, why: str, wait_ms: int | None = None, *, clock: bool = False) -> NoRows:
        return NoRows(self._ask.number, why, wait_ms, clock)

    def _refusal(
        self, status: int, body: bytes, retry_after: str | None
    ) -> NotThere | NoRows | None:
        """What a bad answer means; ``None`` for a good one.

        A ``code`` other than 0 and 200 is a refusal even with status 200, as on MEXC.
        """
        code = _code(body)
        if 200 <= status < 300 and code in {None, 0, 200}:
            return None
        wait_ms = _wait_ms(retry_after)
        if code == _NO_ORDER and self._ask.what is What.ORDER:
            return NotThere(self._ask.number)
        if code in self._clock:
            return self._none(f"the timestamp is refused, code {code}", wait_ms, clock=True)
        if status in {418, 429}:
            return self._none(f"too many requests, HTTP {status}", wait_ms)
        return self._none(f"refused: HTTP {status}, code {code}", wait_ms)


def _code(body: bytes) -> int | None:
    try:
        return _read_error(body).code
    except _BROKEN:
        return None


def _wait_ms(retry_after: str | None) -> int | None:
    """``Retry-After`` in ms; a date is passed over."""
    text = retry_after or ""
    return int(text) * 1_000 if text.isascii() and text.isdigit() and len(text) < 8 else None


def talks(scripts: Scripts, clock: frozenset[int]) -> Callable[[Ask, int], Talk]:
    """The function that begins a venue's conversations."""

    def converse(ask: Ask, now_ms: int) -> Talk:
        make = scripts.get(ask.what)
        return Talk(ask, make and make(ask, now_ms), clock)

    return converse


def named(ask: Ask, **more: str | int | None) -> dict[str, str]:
    """The fields of a request: the symbol that is asked for, and those that have a value."""
    fields = {"symbol": ask.symbol, **more}
    return {name: str(value) for name, value in fields.items() if value is not None}


def as_it_is(row: OrderRow) -> OrderRow:
    """The row of a venue whose fields all mean what they say."""
    return row


def one_order(
    path: str, same: Callable[[OrderRow], OrderRow] = as_it_is, *, by_symbol: bool = True
) -> Make:
    """Asks for an order. ``same`` gives a row the meaning that it has elsewhere."""

    def script(ask: Ask, now_ms: int) -> Script:
        symbol = ask.symbol if by_symbol else None
        fields = named(ask, symbol=symbol, orderId=ask.order_id)
        row = read_order((yield Fetch(path, fields)))
        update = order(same(row), now_ms)
        if update.order_id != ask.order_id:
            raise Unread("another order than the one asked for")
        return Rows(ask.number, orders=(update,))

    return script


def all_open(path: str, same: Callable[[OrderRow], OrderRow] = as_it_is) -> Make:
    """Asks for the open orders of all symbols, which come in one answer."""

    def script(ask: Ask, now_ms: int) -> Script:
        rows = read_orders((yield Fetch(path, {})))
        return Rows(ask.number, orders=tuple(order(same(row), now_ms) for row in rows))

    return script


def whole_account(path: str) -> Make:
    """Asks for the account."""

    def script(ask: Ask, now_ms: int) -> Script:
        row = read_account((yield Fetch(path, {})))
        return Rows(ask.number, account=account(row, now_ms))

    return script


class Fills:
    """The fills of several pages, each once."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], TradeRow] = {}

    def take(self, page: Sequence[TradeRow], most: int) -> bool:
        """Takes a page in; whether it was the last, as it has not as many rows as there can be.

        Two sides of a trade with oneself share the id: the order tells them apart.

        Raises:
            Unread: a full page has nothing new, so that asking on would never end.
        """
        before = len(self._rows)
        self._rows.update(((str(row.id), str(row.orderId)), row) for row in page)
        if len(page) < most:
            return True
        if len(self._rows) == before:
            raise Unread("a full page without anything new")
        return False

    def since(self, since_ms: int, symbol: str | None) -> tuple[OrderUpdate, ...]:
        """What took place since."""
        return tuple(fill(row, symbol) for row in self._rows.values() if row.time >= since_ms)
