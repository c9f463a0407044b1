"""Reunion: what REST found and what the stream brought meanwhile, as one sequence of events."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from userstream.core.client.identity import Fill, fill_of, plain
from userstream.core.client.picture import Picture
from userstream.core.client.repair import OVERLAP_MS, Found
from userstream.core.client.told import (
    AccountEvent,
    Gap,
    OrderEvent,
    Origin,
    Scope,
    Told,
)
from userstream.events import TERMINAL, OrderUpdate
from userstream.venue import FillKey


class Reunion:
    """Merges by fill key; what the stream brought is told as the stream has it, and once.

    ``since_ms`` and ``now_ms`` bound the break, in the venue's time. ``memory_ms`` is since when
    told fills are remembered: an older one that REST shows may have been told by an earlier run.
    """

    def __init__(
        self,
        picture: Picture,
        fill_key: FillKey,
        found: Found,
        buffer: Sequence[Told],
        *,
        since_ms: int | None,
        now_ms: int,
        memory_ms: int,
    ) -> None:
        self._picture = picture
        self._fill_key = fill_key
        self._found = found
        self._buffer = buffer
        self._since_ms = since_ms
        self._now_ms = now_ms
        self._memory_ms = memory_ms
        self._streamed = [e.update for e in buffer if isinstance(e, OrderEvent)]

    def events(self) -> list[Told]:
        """Fills of the break, orders as they stand, the account, gaps, then the stream's own."""
        fills, orders = self._fills(), self._orders()
        told: list[Told] = [*fills, *orders]
        account = self._found.account
        if account is not None:
            told.append(
                AccountEvent(
                    update=account,
                    origin=Origin.REST,
                    venue_ms=account.time_ms,
                    received_ms=self._now_ms,
                )
            )
        told += self._gaps([event.update for event in fills])
        ahead = {event.order_id for event in orders}
        return told + [self._again(event, ahead) for event in self._buffer]

    def lacks(self, floor_ms: int) -> bool:
        """Whether REST shows what nobody told; what is older than that may have been told.

        Orders that are known to be open are always compared.
        """
        fills = self._fills()
        account = self._found.account
        return (
            any(
                event.update.time_ms >= floor_ms and event.order_id not in self._found.moving
                for event in fills
            )
            or any(
                event.update.time_ms >= floor_ms or event.order_id in self._picture.orders
                for event in self._orders()
            )
            or bool(self._gaps([event.update for event in fills]))
            or (account is not None and self._picture.differs(account))
        )

    def _fills(self) -> list[OrderEvent]:
        streamed = {fill_of(update, self._fill_key) for update in self._streamed}
        keys = self._keys()
        fills = []
        for row, key in zip(self._found.fills, keys, strict=True):
            if key is not None and (key in streamed or self._picture.has_fill(key)):
                continue
            fills.append(
                OrderEvent(
                    update=row if key is None else self._keyed(row, key),
                    origin=Origin.REST,
                    late=key is not None and self._picture.is_past(key),
                    ambiguous=key is None or row.time_ms < self._memory_ms,
                    venue_ms=row.time_ms,
                    received_ms=self._now_ms,
                )
            )
        return fills

    def _keyed(self, row: OrderUpdate, key: Fill) -> OrderUpdate:
        """The row as the stream would have keyed it, so that it is known from now on."""
        if self._fill_key is not FillKey.CUMULATIVE:
            return row
        return msgspec.structs.replace(row, cumulative_quantity=key.number)

    def _keys(self) -> list[Fill | None]:
        """The stream's key of each row.

        Without trade ids in the stream it is the order's sum after the fill: the order's whole
        sum, less what came after. The sum is REST's, or what was told of an order that is over;
        ``None`` where the order is not known.
        """
        rows = self._found.fills
        if self._fill_key is not FillKey.CUMULATIVE:
            return [fill_of(row, self._fill_key) for row in rows]
        filled: dict[str, Decimal] = defaultdict(Decimal)
        for row in rows:
            filled[row.order_id] += Decimal(row.last_quantity or 0)
        wholes = {order_id: self._whole(order_id, least) for order_id, least in filled.items()}
        keys: list[Fill | None] = []
        after: dict[str, Decimal] = defaultdict(Decimal)
        for row in reversed(rows):
            whole = wholes[row.order_id]
            if whole is None:
                keys.append(None)
                continue
            upto = whole - after[row.order_id]
            after[row.order_id] += Decimal(row.last_quantity or 0)
            keys.append(Fill(row.symbol, row.order_id, plain(format(upto, "f"))))
        return keys[::-1]

    def _whole(self, order_id: str, least: Decimal) -> Decimal | None:
        """The sum of an order as of its last fill; ``None`` where it may be of another moment.

        Of one that is no older than what was asked for, all fills are there.
        """
        order = self._found.orders.get(order_id)
        known = order or self._picture.orders.get(order_id)
        streamed = [o for o in self._streamed if o.order_id == order_id]
        if any(o is not None and self._is_young(o) for o in [known, *streamed]):
            return least
        if order_id in self._found.moving:
            return None
        if order is not None and order.cumulative_quantity is not None:
            whole: Decimal | None = Decimal(order.cumulative_quantity)
        else:
            whole = self._picture.filled(order_id) if self._picture.finished(order_id) else None
        return None if whole is None or whole < least else whole

    def _is_young(self, order: OrderUpdate) -> bool:
        began_ms = (self._since_ms or 0) - OVERLAP_MS
        return order.created_ms is not None and order.created_ms >= began_ms

    def _orders(self) -> list[OrderEvent]:
        """Orders that REST shows further than all that was told and is about to be."""
        events = []
        for row in self._found.orders.values():
            same = [o for o in self._streamed if o.order_id == row.order_id and o.status]
            if any(_progress(o) >= _progress(row) for o in same) or not self._is_news(row):
                continue
            events.append(
                OrderEvent(
                    update=row,
                    origin=Origin.REST,
                    venue_ms=row.time_ms,
                    received_ms=self._now_ms,
                )
            )
        return sorted(events, key=lambda event: event.update.time_ms)

    def _is_news(self, row: OrderUpdate) -> bool:
        if self._picture.finished(row.order_id):
            return False
        known = self._picture.orders.get(row.order_id)
        terminal = row.status in TERMINAL
        if known is None and terminal and row.time_ms < (self._since_ms or 0) - OVERLAP_MS:
            return False
        filled = self._picture.filled(row.order_id) or Decimal(0)
        return known is None or terminal or _progress(row) > (False, filled)

    def _gaps(self, fills: list[OrderUpdate]) -> list[Gap]:
        """What is known to be missing: filled, and told by no fill; or an order that is gone."""
        gaps = [
            self._gap(Scope.ORDER, o, "the venue does not know it") for o in self._found.unknown
        ]
        for row in self._found.orders.values():
            before = self._before(row)
            if before is None:
                continue
            told = sum((self._part(row, update) for update in [*fills, *self._streamed]), before)
            missing = Decimal(row.cumulative_quantity or 0) - told
            if missing > 0:
                gaps.append(self._gap(Scope.FILLS, row, "filled without a fill", missing))
        return gaps

    def _part(self, row: OrderUpdate, update: OrderUpdate) -> Decimal:
        """What an event adds to the told part of an order's sum.

        Where nothing tells fills apart, one that is younger than the sum is not in it.
        """
        if update.order_id != row.order_id or update.execution not in {None, "TRADE"}:
            return Decimal(0)
        if self._fill_key is FillKey.NONE:
            counts = update.time_ms <= row.time_ms
        else:
            counts = fill_of(update, self._fill_key) is not None
        return Decimal(update.last_quantity or 0) if counts else Decimal(0)

    def _before(self, row: OrderUpdate) -> Decimal | None:
        """What was told of an order's fills before the break; ``None``: nobody knows."""
        if self._since_ms is None:
            return None
        known = self._picture.told(row.order_id)
        if known is None and self._is_young(row):
            return self._picture.counted(row.order_id)
        return known

    def _gap(
        self, scope: Scope, order: OrderUpdate, why: str, missing: Decimal | None = None
    ) -> Gap:
        return Gap(
            why=why,
            from_ms=self._since_ms,
            to_ms=self._now_ms,
            scope=scope,
            symbol=order.symbol,
            order_id=order.order_id,
            missing_quantity=missing,
        )

    def _again(self, event: Told, ahead: set[str]) -> Told:
        """What the stream brought, marked where REST was further already."""
        if isinstance(event, OrderEvent) and event.update.status:
            behind = event.order_id in ahead
            return msgspec.structs.replace(event, late=True) if behind else event
        if isinstance(event, AccountEvent) and self._found.account is not None:
            late = (event.venue_ms or 0) < self._found.account.time_ms
            return msgspec.structs.replace(event, late=True) if late else event
        return event


def _progress(order: OrderUpdate) -> tuple[bool, Decimal]:
    return order.status in TERMINAL, Decimal(order.cumulative_quantity or 0)
