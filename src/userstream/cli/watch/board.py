"""Board: what was seen of a stream so far, and the view of it that is shown at a moment."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from typing import NamedTuple

from userstream.cli.watch.words import marks, told
from userstream.core.client.health import Health
from userstream.core.client.told import (
    AccountEvent,
    Gap,
    Holding,
    OrderEvent,
    Origin,
    State,
    StateChange,
    Told,
)
from userstream.events import OrderUpdate

_EVENTS = 200
_LATENCIES = 1_000


class Seen(NamedTuple):
    """One event in words. ``at_ms`` is when it was handled, in the venue's time where known."""

    at_ms: int
    kind: str
    text: str
    marks: tuple[str, ...] = ()
    latency_ms: int | None = None


class Latency(NamedTuple):
    """From the time in the frame to the handler, over the last thousand frames."""

    last_ms: int
    median_ms: int
    most_ms: int
    frames: int
    margin_ms: int | None
    """By how much the clocks may differ all the same; ``None``: they were not compared."""

    @property
    def runs_away(self) -> bool:
        """Whether a frame was handled before its time: the venue's clock is not as measured."""
        return self.margin_ms is not None and self.last_ms < -self.margin_ms


class Facts(NamedTuple):
    """What a stream says of itself at a moment; ``now_ms`` is this machine's time."""

    now_ms: int
    state: State
    health: Health
    orders: Mapping[str, OrderUpdate]
    account: Mapping[str, Holding]

    @property
    def venue_ms(self) -> int:
        """The venue's time, as far as the clocks were compared."""
        return self.now_ms + (self.health.clock_offset_ms or 0)


class View(NamedTuple):
    """All that can be shown. Orders are the newest first, events the oldest."""

    venue: str
    place: str
    """Where the stream is."""
    state: State
    why: str
    for_s: float
    """How long the state has been what it is."""
    now_ms: int
    """In the venue's time, as far as the clocks were compared."""
    health: Health
    latency: Latency | None
    orders: tuple[OrderUpdate, ...]
    balances: tuple[tuple[str, Holding], ...]
    """Of what is held, by asset."""
    events: tuple[Seen, ...]
    counts: Mapping[str, int]
    """``events``, ``gaps`` and ``marked`` ones so far."""


class Board:
    """Kept from a stream's events. Bounded: the last events and latencies, and counts."""

    def __init__(self, venue: str, place: str, now_ms: int) -> None:
        self._venue = venue
        self._place = place
        self._state = State.CONNECTING
        self._since_ms = now_ms
        self._events: deque[Seen] = deque(maxlen=_EVENTS)
        self._latencies: deque[int] = deque(maxlen=_LATENCIES)
        self._margin_ms: int | None = None
        self._counts: Counter[str] = Counter(events=0, gaps=0, marked=0)

    def take(self, event: Told, now_ms: int, health: Health) -> Seen:
        """Takes in what a stream told, at the moment when a handler had it."""
        kind, text = told(event)
        at_ms = now_ms + (health.clock_offset_ms or 0)
        seen = Seen(at_ms, kind, text, marks(event), latency_ms(event, at_ms))
        if seen.latency_ms is not None:
            self._latencies.append(seen.latency_ms)
            self._margin_ms = health.clock_margin_ms
        if isinstance(event, Gap):
            self._counts["gaps"] += 1
        elif not isinstance(event, StateChange):
            self._counts["events"] += 1
            self._counts["marked"] += bool(seen.marks)
        self._events.append(seen)
        return seen

    def view(self, facts: Facts) -> View:
        """What is to be shown now."""
        if facts.state is not self._state:
            self._state, self._since_ms = facts.state, facts.now_ms
        held = sorted((a, h) for a, h in facts.account.items() if h.free or h.locked)
        orders = sorted(facts.orders.values(), key=_newest)
        return View(
            venue=self._venue,
            place=self._place,
            state=facts.state,
            why=facts.health.why,
            for_s=max(0, facts.now_ms - self._since_ms) / 1000,
            now_ms=facts.venue_ms,
            health=facts.health,
            latency=self._latency(),
            orders=tuple(orders),
            balances=tuple(held),
            events=tuple(self._events),
            counts=self._counts,
        )

    def _latency(self) -> Latency | None:
        if not self._latencies:
            return None
        sample = sorted(self._latencies)
        middle = sample[len(sample) // 2]
        return Latency(self._latencies[-1], middle, sample[-1], len(sample), self._margin_ms)


def latency_ms(event: Told, at_ms: int) -> int | None:
    """From the time in an event's frame to its handler; only for what a stream brought."""
    if not isinstance(event, OrderEvent | AccountEvent) or event.venue_ms is None:
        return None
    return at_ms - event.venue_ms if event.origin is Origin.STREAM else None


def _newest(order: OrderUpdate) -> tuple[int, str]:
    return (-(order.created_ms or order.time_ms), order.order_id)
