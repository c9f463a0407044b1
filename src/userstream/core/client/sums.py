"""Sums: where an order's sum shows more than was told of its fills, and nobody can be asked."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from userstream.core.client.told import Gap, Scope
from userstream.events import OrderUpdate

_ZERO = Decimal(0)


class Progress(msgspec.Struct, gc=False):
    """How far an order is, by what was placed of it."""

    terminal: bool
    time_ms: int
    cumulative: str | None = None
    """The largest sum, as the venue wrote it; ``None``: nothing showed one."""
    trade: str = ""
    """The largest trade id of a fill that shows no sum."""
    filled: Decimal | None = None
    """The largest sum as a number, once that was needed."""
    told: Decimal = _ZERO
    """What was told as fills or as a gap; with it what was filled before anybody listened."""
    told_ms: int | None = None
    """A fill up to then that raises no sum is in ``told`` already; ``None``: there is no sum."""

    def sum(self) -> Decimal | None:
        """The largest sum as a number."""
        if self.filled is None and self.cumulative is not None:
            self.filled = Decimal(self.cumulative)
        return self.filled


class _Jump(msgspec.Struct, gc=False):
    progress: Progress
    symbol: str
    from_ms: int
    to_ms: int
    due_ms: int


class Sums:
    """Compares each sum with the fills that came before it.

    What another socket, or another frame, brings within ``settle_ms`` is not missing. Of an order
    that is older than the stream the first sum is taken for told: nobody knows. Where that is 0 all
    fills are yet to come, whatever time they carry.
    """

    def __init__(self, settle_ms: int) -> None:
        self._settle_ms = settle_ms
        self._since_ms: int | None = None
        self._jumps: dict[str, _Jump] = {}

    def __len__(self) -> int:
        return len(self._jumps)

    def count(
        self, order: OrderUpdate, progress: Progress, now_ms: int, *, fills: bool, grew: bool
    ) -> None:
        """A fill (``fills``), a larger sum (``grew``), or an order's first word.

        ``progress`` has the sum already, and still the time of what came before.
        """
        told_ms = progress.told_ms
        if fills and (grew or told_ms is None or order.time_ms > told_ms):
            progress.told += Decimal(order.last_quantity or 0)
        filled = progress.sum()
        if filled is None:
            return
        from_ms = progress.time_ms
        if told_ms is None:
            young = self._is_young(order) or not filled
            progress.told_ms = 0 if young else order.time_ms
            if not young:
                progress.told = filled
            from_ms = order.created_ms or from_ms
        if filled > progress.told:
            self._note(order, progress, from_ms, now_ms)

    def forgot(self, progress: Progress) -> None:
        """An order is not remembered any more: the next word of it is no first one."""
        self._since_ms = max(self._since_ms or 0, progress.time_ms)

    def _is_young(self, order: OrderUpdate) -> bool:
        """Whether all of its fills are to be told here."""
        if self._since_ms is None:
            self._since_ms = order.time_ms
        return order.created_ms is not None and order.created_ms > self._since_ms

    def deadline(self) -> int | None:
        """When ``missing`` is due, or ``None``."""
        first = next(iter(self._jumps.values()), None)
        return None if first is None else first.due_ms

    def missing(self, now_ms: int | None) -> list[Gap]:
        """What is told as missing now; ``None``: nothing comes any more."""
        gaps = []
        for order_id, jump in list(self._jumps.items()):
            if now_ms is not None and jump.due_ms > now_ms:
                break
            del self._jumps[order_id]
            filled, told = jump.progress.filled or _ZERO, jump.progress.told
            if filled > told:
                jump.progress.told, jump.progress.told_ms = filled, jump.to_ms
                span = jump.from_ms, jump.to_ms
                gaps.append(jumped(order_id, jump.symbol, *span, filled - told))
        return gaps

    def _note(self, order: OrderUpdate, progress: Progress, from_ms: int, now_ms: int) -> None:
        to_ms, order_id = order.time_ms, order.order_id
        jump = self._jumps.get(order_id)
        if jump is not None:
            jump.to_ms = max(jump.to_ms, to_ms)
            return
        due_ms = now_ms + self._settle_ms
        from_ms = min(from_ms, to_ms)
        self._jumps[order_id] = _Jump(progress, order.symbol, from_ms, to_ms, due_ms)


def jumped(order_id: str, symbol: str, from_ms: int, to_ms: int, quantity: Decimal) -> Gap:
    """What an order's sum shows, and no fill told."""
    return Gap(
        why="the order's sum jumped: filled without a fill",
        from_ms=from_ms,
        to_ms=to_ms,
        scope=Scope.FILLS,
        symbol=symbol,
        order_id=order_id,
        missing_quantity=quantity,
    )
