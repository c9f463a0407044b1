"""Mender: what is told goes through here: held back while REST is asked, and compared with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeAlias

import msgspec

from userstream.core.client import inputs
from userstream.core.client.bounds import Bounds
from userstream.core.client.clock import VenueClock
from userstream.core.client.fills import Fills
from userstream.core.client.identity import Fill, fill_of
from userstream.core.client.picture import Picture
from userstream.core.client.plan import Plan, Proof
from userstream.core.client.reconcile import Reconcile
from userstream.core.client.repair import Broken, Found, Repair
from userstream.core.client.reunion import Reunion
from userstream.core.client.told import Gap, OrderEvent, Origin, Told
from userstream.events import OrderUpdate
from userstream.venue import Ask, FillKey, FillsBy, NoRows, RepairInput


class Deliver(msgspec.Struct, frozen=True, gc=False):
    """Hand it to the program. Actions come in order, and so do these."""

    what: Told
    proof: Proof | None = None
    """Up to where everything is told once this is, where the shell asked for that."""


Done: TypeAlias = Ask | Deliver


class Asking(NamedTuple):
    """How a venue is asked: of which symbols, beside those that are known, and how for fills.

    ``given``: orders that the first repair asks for, and tells how they stand.
    """

    fill_key: FillKey
    fills_by: FillsBy = FillsBy.SYMBOL
    symbols: Sequence[str] = ()
    given: Sequence[OrderUpdate] = ()


class Mender:
    """A repair holds events back and tells them and what it found as one sequence.

    A check asks the same while events go out as they come. What it finds that is not told within
    ``settle_ms`` is missing: then the stream has a hole, and that is repaired as any other.
    """

    def __init__(
        self,
        asking: Asking,
        plan: Plan,
        bounds: Bounds,
        unit: Callable[[], float],
        clock: VenueClock,
        fills: Fills | None = None,
    ) -> None:
        self._asking = asking
        self._bounds = bounds
        self._unit = unit
        self._clock = clock
        every_ms = plan.reconcile_ms if plan.repair and plan.heartbeat_s is None else None
        never = plan.reconcile_ms is None and plan.heartbeat_s is None
        self._reconcile = Reconcile(every_ms, bounds, unit, never=never)
        self._keeps = plan.repair
        """Whether REST is ever asked. Where it is not, nobody looks at the picture."""
        self.picture = Picture(asking.fill_key, bounds, fills)
        self._repair: Repair | None = None
        self._check: Repair | None = None
        self._found: Found | None = None
        self._compare_ms = 0
        self._since_ms: int | None = None
        self._asked_ms = 0
        self._began_ms = 0
        self._live_ms: int | None = None
        self._number = 0
        self._buffer: list[Told] = []
        self.word: inputs.Input | None = None
        """What the stream has to hear of it; whoever tells it that takes it away."""
        self._by_rest: dict[Fill, None] = {}

    @property
    def held(self) -> int:
        """How many events are held back."""
        return len(self._buffer)

    def start(self, now_ms: int) -> None:
        """The stream begins: nothing that was told before is remembered."""
        self._began_ms = now_ms

    def tell(self, event: Told, now_ms: int, fill: Fill | None = None) -> Sequence[Done]:
        """Gives an event to the program, or keeps it until a repair is over.

        ``fill``: what an order event tells, where that is known already.
        """
        if self._repair is None:
            if not self._keeps:
                return (Deliver(event),)
            return self._deliver(event, now_ms, fill)
        self._buffer.append(event)
        if len(self._buffer) < self._bounds.held_events:
            return []
        self.word = inputs.Unrepaired("too much came meanwhile")
        return self.release(now_ms)

    def repair(self, since_ms: int | None, now_ms: int) -> list[Done]:
        """Asks what may have been missed since then, in the venue's time."""
        self.abandon()
        self._since_ms = since_ms
        self._asked_ms = now_ms
        self._repair = self._ask(since_ms, self._asking.given)
        return [*self._repair.start(now_ms)]

    def abandon(self) -> None:
        """Events may be missing: a check that is under way proves nothing."""
        if self._check is not None:
            self._number = self._check.number
        self._check = self._found = None

    def release(self, now_ms: int) -> list[Done]:
        """Ends a repair without a result: what it held back goes out as it is."""
        if self._repair is not None:
            self._number = self._repair.number
        self._repair = None
        buffer, self._buffer = self._buffer, []
        return [action for event in buffer for action in self._deliver(event, now_ms)]

    def answered(self, given: RepairInput, now_ms: int) -> list[Done]:
        """The venue's answer, for whoever asked."""
        asking = self._repair or self._check
        if asking is None:
            return []
        if isinstance(given, NoRows) and given.clock:
            self.word = inputs.TimestampRefused()
        return [*asking.answered(given, now_ms), *self._ended(now_ms)]

    def begin(self, now_ms: int) -> None:
        """The stream is live. For the first time: what is older was never ours to tell."""
        if self._live_ms is None:
            self._live_ms = now_ms
            self._reconcile.begin(now_ms)

    def tick(self, now_ms: int, *, live: bool) -> list[Done]:
        """What is due; ``live``: a healthy stream tells everything, as far as it can know."""
        if not live:
            self.abandon()
        asking = self._repair or self._check
        if asking is not None:
            if not self._clock.settled:  # a refused timestamp would be refused again
                return []
            return [*asking.tick(now_ms), *self._ended(now_ms)]
        due_ms = self._due_ms(live=live)
        if due_ms is None or now_ms < due_ms:
            return []
        if self._found is not None:
            self._compare(self._found)
            return []
        if self._reconcile.never:
            self._reconcile.settle()
            return [Deliver(gap) for gap in self.picture.missing()]
        self._reconcile.start(now_ms)
        self.picture.doubts.clear()
        self._asked_ms = now_ms
        self._check = self._ask(self._clock.at(self._reconcile.since_ms))
        return [*self._check.start(now_ms)]

    def deadline(self, *, live: bool) -> int | None:
        """When ``tick`` is due, or ``None``."""
        if not self._clock.settled:
            return None
        asking = self._repair or self._check
        return self._due_ms(live=live) if asking is None else asking.deadline()

    def _due_ms(self, *, live: bool) -> int | None:
        """When a check is due, or what it found is to be compared."""
        if not live or not self._clock.settled:
            return None
        return self._reconcile.deadline() if self._found is None else self._compare_ms

    def _ask(self, since_ms: int | None, given: Sequence[OrderUpdate] = ()) -> Repair:
        return Repair(
            self.picture,
            self._asking.fills_by,
            self._asking.symbols,
            since_ms,
            self._bounds,
            self._unit,
            number=self._number,
            given=given,
        )

    def _ended(self, now_ms: int) -> list[Done]:
        """What follows once all questions are answered, or were in vain."""
        if self._check is not None and self._check.outcome is not None:
            outcome = self._check.outcome
            self.abandon()
            if isinstance(outcome, Broken):
                self._reconcile.failed(now_ms, outcome.retry_after_ms)
            else:
                self._found = outcome
                self._compare_ms = now_ms + self._bounds.settle_ms
            return []
        if self._repair is None or self._repair.outcome is None:
            return []
        found = self._repair.outcome
        if isinstance(found, Broken):
            self.word = inputs.Unrepaired(found.why, found.retry_after_ms)
            return self.release(now_ms)
        self.word = inputs.Repaired()
        return self._reunite(found, now_ms)

    def _reunite(self, found: Found, now_ms: int) -> list[Done]:
        """Tells what was found and what was held back, each once."""
        self._asking = self._asking._replace(given=())
        self._buffer = self._reunion(found, self._buffer, self._since_ms, now_ms).events()
        for event in self._buffer:
            if isinstance(event, Gap) and event.order_id and event.missing_quantity is not None:
                self.picture.explain(event.order_id, event.missing_quantity)
        if self._since_ms is not None and self._since_ms <= self._clock.at(
            self._reconcile.since_ms
        ):
            self._reconcile.passed(self._asked_ms)
        return self.release(now_ms)

    def _compare(self, found: Found) -> None:
        """Whether all that a check found was told meanwhile."""
        self._found = None
        since_ms = self._reconcile.since_ms
        unknown = tuple(o for o in found.unknown if o.order_id in self.picture.orders)
        found = found._replace(unknown=unknown)
        reunion = self._reunion(found, (), self._clock.at(since_ms), self._asked_ms)
        floor_ms = max(self._clock.at(self._live_ms or 0), self.picture.forgot_ms + 1)
        if reunion.lacks(floor_ms):
            self.word = inputs.Missed(since_ms)
        else:
            self._reconcile.passed(self._asked_ms)

    def _reunion(
        self, found: Found, buffer: Iterable[Told], since_ms: int | None, now_ms: int
    ) -> Reunion:
        return Reunion(
            self.picture,
            self._asking.fill_key,
            found,
            [*buffer],
            since_ms=since_ms,
            now_ms=self._clock.at(now_ms),
            memory_ms=max(self._clock.at(self._began_ms), self.picture.forgot_ms + 1),
        )

    def _deliver(self, event: Told, now_ms: int, fill: Fill | None = None) -> Sequence[Done]:
        if isinstance(event, OrderEvent):
            fill = fill or fill_of(event.update, self._asking.fill_key)
            if fill is not None and event.origin is Origin.REST:
                self._note(fill)
            elif self._by_rest and fill is not None and fill in self._by_rest:
                if not event.update.status:
                    return ()
                event, fill = _without_fill(event), None
            self.picture.order(event, fill)
            self._reconcile.told(bool(self.picture.doubts), now_ms)
        else:
            self.picture.apply(event)
        return (Deliver(event),)

    def _note(self, fill: Fill) -> None:
        """REST tells a fill: the stream may still bring it."""
        self._by_rest[fill] = None
        if len(self._by_rest) > self._bounds.copies:
            del self._by_rest[next(iter(self._by_rest))]


def _without_fill(event: OrderEvent) -> OrderEvent:
    """What the stream's frame of a fill that REST told says of the order: the fill is known."""
    order = msgspec.structs.replace(
        event.update,
        last_quantity=None,
        last_price=None,
        last_quote=None,
        commission=None,
        commission_asset=None,
        trade_id=None,
        maker=None,
    )
    return msgspec.structs.replace(event, update=order)
