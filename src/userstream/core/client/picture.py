"""Picture: a book of what was told, with the fills: what a repair compares REST with."""

from __future__ import annotations

from collections import OrderedDict
from decimal import Decimal, InvalidOperation

import msgspec

from userstream.core.client.book import Book
from userstream.core.client.bounds import Bounds
from userstream.core.client.fills import Fills
from userstream.core.client.identity import Fill, fill_of
from userstream.core.client.sums import jumped
from userstream.core.client.told import Gap, Holding, OrderEvent, Origin
from userstream.events import TERMINAL, AccountSnapshot
from userstream.venue import FillKey

_ZERO = Decimal(0)


class _Filled(msgspec.Struct, gc=False):
    """What was filled of an order: as the venue sums it up, and by all that was told.

    Fills up to ``at_ms`` are in ``told`` already: a sum of the venue stood for them.
    """

    symbol: str = ""
    shown: Decimal | None = None
    shown_ms: int = 0
    """When it came to that."""
    told: Decimal | None = None
    counted: Decimal = _ZERO
    """What was told one by one while nobody knows what was filled before."""
    at_ms: int = 0
    last: str = ""
    """The largest number of a fill."""
    sound_ms: int = 0
    """Up to then nothing seems to be missing."""
    ended_ms: int | None = None
    """When the order was told to be over; ``None``: it was not."""


_UNKNOWN = _Filled()
_NOTHING = Holding(_ZERO, _ZERO)


class Picture(Book):
    """A book with what was filled of each order. A ``late`` event adds its fill, and no more.

    A finished order is remembered by that, the last ``Bounds.orders`` of them. ``fills``: what
    streams show is noted there by whoever places it.
    """

    def __init__(self, fill_key: FillKey, bounds: Bounds, fills: Fills | None = None) -> None:
        super().__init__(bounds)
        self._fill_key = fill_key
        self._fills = Fills(bounds.copies) if fills is None else fills
        self._forgot_ms = 0
        self._filled: OrderedDict[str, _Filled] = OrderedDict()
        self.doubts: dict[str, bool] = {}
        """Orders of which a fill seems to be missing; ``True``: nobody told of them before."""

    @property
    def forgot_ms(self) -> int:
        """What took place up to then may have been told, and is not remembered."""
        return max(self._forgot_ms, self._fills.forgot_ms)

    def finished(self, order_id: str) -> bool:
        """Whether the order was told to be over."""
        return self._filled.get(order_id, _UNKNOWN).ended_ms is not None

    def has_fill(self, fill: Fill) -> bool:
        """Whether that fill was told."""
        return fill in self._fills

    def is_past(self, fill: Fill) -> bool:
        """Whether a later fill of its order was told."""
        return _rank(fill.number) < _rank(self._filled.get(fill.order_id, _UNKNOWN).last)

    def filled(self, order_id: str) -> Decimal | None:
        """The largest sum that anything told of an order shows; ``None``: nothing did."""
        filled = self._filled.get(order_id, _UNKNOWN)
        counted = filled.shown is None or self._fill_key is FillKey.NONE
        return filled.told if counted else filled.shown

    def told(self, order_id: str) -> Decimal | None:
        """What was told of an order's fills, one by one or as a gap; ``None``: nobody knows."""
        return self._filled.get(order_id, _UNKNOWN).told

    def counted(self, order_id: str) -> Decimal:
        """As ``told``, of an order of which nothing was filled before its first word here."""
        filled = self._filled.get(order_id, _UNKNOWN)
        return filled.counted if filled.told is None else filled.told

    def missing(self) -> list[Gap]:
        """What the sums show and no fill told, which is told by these gaps from now on."""
        gaps = []
        for order_id in self.doubts:
            filled = self._filled[order_id]
            if filled.shown is not None and filled.told is not None and filled.shown > filled.told:
                quantity, filled.at_ms = filled.shown - filled.told, filled.shown_ms
                filled.told = filled.shown
                span = filled.sound_ms, filled.shown_ms
                gaps.append(jumped(order_id, filled.symbol, *span, quantity))
        self.doubts.clear()
        return gaps

    def explain(self, order_id: str, quantity: Decimal) -> None:
        """So much is told as missing of the fills of an order of which all is known by now."""
        filled = self._filled.setdefault(order_id, _Filled())
        filled.told = self.counted(order_id) + quantity
        self._doubt(order_id, filled)

    def differs(self, account: AccountSnapshot) -> bool:
        """Whether an account of REST shows else than what was told, and nothing told is newer."""
        shown = {b.asset: Holding(Decimal(b.free), Decimal(b.locked)) for b in account.balances}
        return any(
            self.account.get(asset, _NOTHING) != shown.get(asset, _NOTHING)
            for asset in self.account.keys() | shown.keys()
            if self._account_ms.get(asset, 0) <= account.time_ms
        )

    def _order(self, event: OrderEvent) -> None:
        self.order(event, fill_of(event.update, self._fill_key))

    def order(self, event: OrderEvent, fill: Fill | None) -> None:
        """Takes in an order event, which tells that fill."""
        order = event.update
        if fill is None:
            filled = self._sum(event, counts=self._fill_key is FillKey.NONE)
        else:
            shown = event.origin is not Origin.REST
            filled = self._sum(event, self._fills.tell(fill, order.time_ms, shown=shown))
            if not filled.last or _rank(fill.number) > _rank(filled.last):
                filled.last = fill.number
        if event.late or filled.ended_ms is not None:
            return
        if order.status in TERMINAL:
            self.orders.pop(order.order_id, None)
            filled.ended_ms = order.time_ms
        else:
            self._open(order)

    def _sum(self, event: OrderEvent, counts: bool) -> _Filled:
        """The filled quantity: as the venue sums it up, and our sum since the order was known.

        A sum of REST, or where nothing tells fills apart any sum, holds every fill up to its time.
        """
        order = event.update
        order_id = order.order_id
        filled = self._filled.get(order_id)
        if filled is None:
            filled = self._begin(event, counts)
            if len(self._filled) > self._bounds.orders + len(self.orders):
                self._forget()
        else:
            self._filled.move_to_end(order_id)
            summed = order.cumulative_quantity
            if (
                counts
                and (order.time_ms > filled.at_ms or _raises(filled, summed))
                and (summed is None or self._fill_key is not FillKey.NONE)
            ):
                self._count(filled, Decimal(order.last_quantity or 0))
            if filled.told is None and order.status == "NEW":
                filled.told = filled.counted
            if summed is not None:
                self._show(event, filled, Decimal(summed))
        if filled.shown is not filled.told or self.doubts:
            self._doubt(order_id, filled)
        else:
            filled.sound_ms = filled.shown_ms
        return filled

    def _begin(self, event: OrderEvent, counts: bool) -> _Filled:
        """The first word of an order; of fills before it nobody knows."""
        order = event.update
        quantity, summed = order.last_quantity, order.cumulative_quantity
        filled = self._filled[order.order_id] = _Filled(order.symbol)
        if summed is not None:
            self._show(event, filled, Decimal(summed))
        else:
            if counts:
                self._count(filled, Decimal(quantity or 0))
            if order.status == "NEW":
                filled.told = filled.counted
        if not counts or not quantity or quantity == summed or event.origin is Origin.REST:
            return filled
        first = Decimal(quantity)
        if first and filled.told != first:
            self.doubts[order.order_id] = True
        return filled

    def _forget(self) -> None:
        """Orders that nothing was told of for longest."""
        while len(self._filled) > self._bounds.orders + len(self.orders):
            order_id, filled = self._filled.popitem(last=False)
            self.doubts.pop(order_id, None)
            self._forgot_ms = max(self._forgot_ms, filled.ended_ms or 0)

    @staticmethod
    def _count(filled: _Filled, quantity: Decimal) -> None:
        if filled.told is None:
            filled.counted += quantity
        else:
            filled.told += quantity

    def _show(self, event: OrderEvent, filled: _Filled, summed: Decimal) -> None:
        """A sum of the venue; where it stands for fills, those before it are told."""
        order = event.update
        shown, told = filled.shown, filled.told
        if shown is None or summed > shown:
            filled.shown, filled.shown_ms = summed, order.time_ms
        counted = self._fill_key is FillKey.NONE
        if told is None:
            before = filled.counted
            filled.told = summed if before is _ZERO or summed > before else before
        elif counted:
            filled.told = max(told, summed)
        else:
            return
        if counted or (event.origin is Origin.REST and order.status):
            filled.at_ms = max(filled.at_ms, order.time_ms)

    def _doubt(self, order_id: str, filled: _Filled) -> None:
        shown, told = filled.shown, filled.told
        if shown is not told and shown is not None and told is not None and shown > told:
            self.doubts.setdefault(order_id, False)
            return
        filled.sound_ms = filled.shown_ms
        if self.doubts and self.doubts.get(order_id) is False:
            del self.doubts[order_id]


def _raises(filled: _Filled, summed: str | None) -> bool:
    """Whether a sum is larger than all that was shown."""
    return summed is not None and filled.shown is not None and Decimal(summed) > filled.shown


def _rank(number: str) -> Decimal:
    """What a fill's number is worth; one that is no number tells nothing."""
    try:
        return Decimal(number)
    except InvalidOperation:
        return _ZERO
