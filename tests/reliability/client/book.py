"""What a bot believes of its orders, and how that differs from what happened."""

from __future__ import annotations

from collections.abc import Hashable
from decimal import Decimal
from typing import NamedTuple

import msgspec

from userstream import AccountEvent, Gap, OrderEvent
from userstream.core.client.identity import fill_of
from userstream.errors import MalformedFrame
from userstream.events import TERMINAL, AccountSnapshot, AccountUpdate, OrderUpdate
from userstream.sandbox.verify import Entry, compare
from userstream.venue import FillKey, Venue


class Fill(NamedTuple):
    """A fill of an order; equal ``mark``: cannot be told apart."""

    mark: Hashable
    quantity: Decimal


class Book:
    """Fills of each order in the order they were told, how each order stands, and holdings."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self.fills: dict[str, list[Fill]] = {}
        self.status: dict[str, str] = {}
        self.went_back: set[str] = set()
        """Orders that were over, and then were not."""
        self.told: dict[str, Decimal] = {}
        """Quantity of each order that was filled, with the word that its fills are not known."""
        self.maybe: dict[str, Decimal] = {}
        """Quantity of each order's fills that may be repeats: nothing tells equal ones apart."""
        self.holdings: dict[str, tuple[Decimal, Decimal]] = {}
        self.count = 0
        self.raises_in: int | None = None
        """After so many events its handler raises, once."""

    def frame(self, frame: bytes | str) -> None:
        """A frame of the stream, taken as it is."""
        try:
            received = self._venue.decode(frame)
        except MalformedFrame:
            return
        for one in received:
            event = one.event
            if isinstance(event, OrderUpdate):
                self.order(event)
            elif isinstance(event, AccountUpdate | AccountSnapshot):
                for b in event.balances:
                    self.holds(b.asset, b.free, b.locked)
        self._handled()

    def take(self, event: object) -> None:
        """What ``UserStream`` tells: an event that it marks as late changes no status."""
        if isinstance(event, OrderEvent):
            self.order(event.update, late=event.late, ambiguous=event.ambiguous)
        elif isinstance(event, AccountEvent) and not event.late:
            for b in event.update.balances:
                self.holds(b.asset, b.free, b.locked)
        elif isinstance(event, Gap) and event.missing_quantity is not None:
            order_id = event.order_id or ""
            known = self.told.get(order_id, Decimal(0))
            self.told[order_id] = known + event.missing_quantity
            self.count += 1
        self._handled()

    def _handled(self) -> None:
        if self.raises_in is not None:
            self.raises_in -= 1
            if not self.raises_in:
                raise RuntimeError("the handler's own")

    def order(self, update: OrderUpdate, *, late: bool = False, ambiguous: bool = False) -> None:
        """An order after a change."""
        fill_key = self._venue.stream.fill_key
        key = fill_of(update, fill_key)
        mark: Hashable = None if key is None else msgspec.structs.astuple(key)
        filled = Decimal(update.last_quantity or 0)
        if fill_key is FillKey.NONE and update.execution in {None, "TRADE"} and filled:
            mark = (update.order_id, update.last_quantity, update.last_price)
            if ambiguous:
                mark = None
                self.maybe[update.order_id] = self.maybe.get(update.order_id, Decimal(0)) + filled
        if mark is not None:
            self.fill(update.order_id, mark, update.last_quantity or "0")
        if update.status and not late:
            self.stands(update.order_id, update.status)

    def fill(self, order_id: str, mark: Hashable, quantity: str) -> None:
        """A fill of an order."""
        self.fills.setdefault(order_id, []).append(Fill(mark, Decimal(quantity)))
        self.count += 1

    def stands(self, order_id: str, status: str) -> None:
        """How an order stands now."""
        if self.status.get(order_id) in TERMINAL and status not in TERMINAL:
            self.went_back.add(order_id)
        self.status[order_id] = status
        self.count += 1

    def holds(self, asset: str, free: str, locked: str) -> None:
        """What is held of an asset now."""
        self.holdings[asset] = Decimal(free), Decimal(locked)
        self.count += 1

    @property
    def open(self) -> set[str]:
        """Orders that are not over."""
        return {i for i, status in self.status.items() if status not in TERMINAL}


class Verdict(NamedTuple):
    """How a bot's book differs from the truth; fills by count, the rest by name."""

    missing: int
    duplicated: int
    reordered: int
    invented: int
    wrong: tuple[str, ...]
    """Orders that stand otherwise, or went back from their end; assets that are held otherwise."""
    told: Decimal
    """Quantity that the bot was told it does not know the fills of; it is not missing."""
    unaware: bool
    """Something is missing or wrong, and the bot believes that all is there."""

    @property
    def kinds(self) -> frozenset[str]:
        """What is not as it should be, in a word each; nothing of what was told."""
        names = ("missing", "duplicated", "reordered", "invented", "wrong", "unaware")
        return frozenset(name for name in names if getattr(self, name))


def judge(truth: Book, bot: Book, *, sure: bool) -> Verdict:
    """What the bot's book has of the truth, order by order: the checker's verdict on each."""
    absent = twice = moved = strange = 0
    told = Decimal(0)
    for order_id in truth.fills.keys() | bot.fills.keys():
        real, believed = truth.fills.get(order_id, []), bot.fills.get(order_id, [])
        if real == believed:
            continue
        verdict = compare(_entries(real), _entries(believed))
        missing = len(verdict.missing)
        lacks = sum((real[e.place].quantity for e in verdict.missing), Decimal(0))
        gap, maybe = (known.get(order_id, Decimal(0)) for known in (bot.told, bot.maybe))
        if missing and gap <= lacks <= gap + maybe:
            told += lacks
            missing = 0
        absent += missing
        twice += len(verdict.duplicated)
        moved += len(verdict.reordered)
        strange += len(verdict.invented)
    orders = {i for i, status in truth.status.items() if bot.status.get(i) != status}
    # Came and went, and moved nothing: no venue's REST side shows that.
    orders -= {i for i in orders if i not in truth.open | truth.fills.keys() | bot.status.keys()}
    both = truth.holdings.keys() & bot.holdings.keys()
    assets = {a for a in both if bot.holdings[a] != truth.holdings[a]}
    wrong = tuple(sorted(orders | bot.went_back | assets))
    unaware = sure and bool(absent or wrong)
    return Verdict(absent, twice, moved, strange, wrong, told, unaware)


def _entries(fills: list[Fill]) -> list[Entry]:
    return [Entry(fill.mark, place, str(fill)) for place, fill in enumerate(fills)]
