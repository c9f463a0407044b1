"""Receipts: which events a program is done with, and so how far it is."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from contextlib import suppress

from userstream.client.cursor import GIVEN, CursorFile, Held
from userstream.core.client.book import Book
from userstream.core.client.plan import Proof
from userstream.core.client.told import AccountEvent, Gap, OrderEvent, Told
from userstream.errors import StoreError, Unacknowledged
from userstream.events import TERMINAL, Balance

MOST_OPEN = 100_000


class Slip:
    """The receipt of one event."""

    __slots__ = ("_receipts", "done", "proof", "what")

    def __init__(self, receipts: Receipts, what: Told | None, proof: Proof | None) -> None:
        self._receipts = receipts
        self.what = what
        self.proof = proof
        self.done = False

    def __call__(self) -> None:
        """The program is done with it."""
        if not self.done:
            self.done = True
            self._receipts.advance()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Slip)

    def __hash__(self) -> int:
        return hash(Slip)

    def __repr__(self) -> str:
        return f"<Slip {'done' if self.done else 'open'}>"


class Receipts:
    """Saves how far the program is done: up to the first event that it is not done with.

    ``book`` is the account there; open orders and holdings are saved beside the place, so that
    a later run knows of which orders to ask how they ended. An order that the program hears of
    is noted before it does: it may end while the program is dead, and before the next proof.
    ``most``: how many events may be open.
    """

    def __init__(self, file: CursorFile, book: Book, most: int = MOST_OPEN) -> None:
        self._file = file
        self._book = book
        self._most = most
        self._slips: deque[Slip] = deque()
        self._changed: dict[tuple[str, str], None] = {}
        self.given = file.given()
        """Noted by an earlier run: known for good once there is a proof."""
        self._left = {order.order_id for order in self.given}
        self._noted = set(self._left)

    def check(self) -> None:
        """Whether another receipt may be given.

        Raises:
            Unacknowledged: too many are open.
        """
        if len(self._slips) >= self._most:
            raise Unacknowledged(
                f"{self._most} events wait behind one that was never acknowledged: "
                "await event.ack() of each, or acknowledge='auto'"
            )

    def give(self, what: Told | None, proof: Proof | None) -> Slip:
        """A receipt for the next event, in order."""
        if isinstance(what, OrderEvent):
            self._note(what)
        slip = Slip(self, what, proof)
        self._slips.append(slip)
        return slip

    def advance(self) -> None:
        """Saves what is certain now."""
        proof = None
        while self._slips and self._slips[0].done:
            slip = self._slips.popleft()
            proof = slip.proof or proof
            what, slip.what = slip.what, None
            if what is not None:
                self._changed.update(dict.fromkeys(self._names(what)))
                self._book.apply(what)
        if proof is not None:
            changed, self._changed = self._changed, {}
            changes = {key: self._held(*key) for key in changed}
            if self._noted:
                known = self._noted & (self._left | {n for kind, n in changed if kind == "order"})
                changes |= {(GIVEN, name): None for name in known}
                self._noted -= known
                self._left.clear()
            self._file.save(proof, changes)

    def _note(self, event: OrderEvent) -> None:
        order_id = event.order_id
        ends = event.late or not event.status or event.status in TERMINAL
        if not ends and order_id not in self._book.orders and order_id not in self._noted:
            with suppress(StoreError):  # the acknowledgement will be refused, and tell it
                self._file.note(event.update)
                self._noted.add(order_id)

    def let_go(self) -> None:
        """Keeps no event any more: an event holds its receipt, and nobody looks for such rings."""
        for slip in self._slips:
            slip.what = None

    def _held(self, kind: str, name: str) -> Held | None:
        if kind == "order":
            return self._book.orders.get(name)
        held = self._book.account.get(name)
        if held is None:
            return None
        return Balance(asset=name, free=str(held.free), locked=str(held.locked))

    def _names(self, what: Told) -> Iterable[tuple[str, str]]:
        """What an event says something of; a whole account, of what it does not list too."""
        if isinstance(what, OrderEvent):
            return [("order", what.order_id)]
        if isinstance(what, Gap):
            return [] if what.order_id is None else [("order", what.order_id)]
        if isinstance(what, AccountEvent):
            assets = [balance.asset for balance in what.update.balances]
            return [("asset", a) for a in [*assets, *(self._book.account if what.whole else ())]]
        return []
