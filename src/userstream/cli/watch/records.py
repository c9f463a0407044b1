"""Records of ``userstream watch --json``: one JSON object a line. Fields are added, never changed.

Times are in ms since 1970 by the venue's clock, as far as the clocks were compared, else by this
machine's. Amounts are decimal text, as the venue wrote them.
"""

from __future__ import annotations

import msgspec

from userstream.cli.watch.board import Seen, View
from userstream.core.client.told import AccountEvent, Gap, OrderEvent, OtherEvent, StateChange, Told
from userstream.events import AccountSnapshot, AccountUpdate, OrderUpdate


class EventRecord(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="event"):
    """An order, a fill or balances. `userstream verify` reads these lines as a bot's log."""

    event: OrderUpdate | AccountUpdate | AccountSnapshot
    """As published, as far as the dialect tells it: an `order_update`, `account_update` or
    `account_snapshot`."""
    handled_ms: int
    """When this program had it."""
    venue_ms: int | None
    """The time in the frame."""
    latency_ms: int | None
    """From that to the handler; null for what the stream did not bring, but a replay or REST."""
    latency_margin_ms: int | None
    """By how much it may be wrong; null where the clocks were not compared."""
    origin: str
    """`stream`, `replay` or `rest`."""
    late: bool
    """Older than what was told before about the same thing."""
    ambiguous: bool
    """Nothing tells whether it repeats an equal event."""
    cursor: str | None
    """Its place in the log of a userstream server, with `--extension`."""


class OtherRecord(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="other"):
    """A frame that is no event known here."""

    handled_ms: int
    """When this program had it."""
    kind: str
    """The venue's name of it; empty where the frame cannot be read."""
    problem: str | None
    """Why it cannot be read."""


class GapRecord(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="gap"):
    """Events may be missing."""

    handled_ms: int
    """When this program was told."""
    why: str
    """Why."""
    from_ms: int | None
    """Since when; null where nothing was proved before."""
    to_ms: int | None
    """Until when; null while it goes on."""
    scope: str
    """`account`, `order` or `fills`."""
    symbol: str | None
    """Pair of the order."""
    order_id: str | None
    """The order."""
    missing_quantity: str | None
    """Filled, and told by no fill."""


class StateRecord(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="state"):
    """The stream can vouch for more, or for less, than before."""

    handled_ms: int
    """When this program was told."""
    before: str
    """The state until then."""
    state: str
    """The state from then on."""
    why: str
    """Why."""


class StatusRecord(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="status"):
    """How the stream is: at the begin, after each change of state, every `--every` seconds."""

    time_ms: int
    """Now."""
    venue: str
    """The dialect."""
    state: str
    """`connecting`, `replaying`, `live`, `degraded`, `blind` or `stopped`."""
    why: str
    """Why it is that."""
    state_s: float
    """For how long, in seconds."""
    key_age_s: float | None
    """Since this program asked for the listen key; null while there is none."""
    key_due_s: float | None
    """Until it is renewed; null while an answer is awaited."""
    key_left_s: float | None
    """Until it dies if no renewal succeeds."""
    key_failures: int
    """Requests for it that failed in a row."""
    clock_offset_ms: int | None
    """By how much the venue's clock is ahead; null: the clocks were not compared."""
    clock_margin_ms: int | None
    """By how much that may be wrong."""
    latency_median_ms: int | None
    """Over the last thousand frames."""
    latency_most_ms: int | None
    """Over the same."""
    events: int
    """So far."""
    gaps: int
    """So far."""
    orders: dict[str, OrderUpdate]
    """Open orders by id, each with all that was ever told of it."""
    balances: dict[str, dict[str, str]]
    """`free` and `locked` by asset, of what is held."""


Record = EventRecord | OtherRecord | GapRecord | StateRecord | StatusRecord
RECORDS = (EventRecord, StateRecord, GapRecord, OtherRecord, StatusRecord)
"""All of them, in the order of the reference."""


def record_of(event: Told, seen: Seen, margin_ms: int | None) -> Record:
    """The record of what a stream told."""
    at_ms = seen.at_ms
    match event:
        case OrderEvent() | AccountEvent():
            return EventRecord(
                event=event.update,
                handled_ms=at_ms,
                venue_ms=event.venue_ms,
                latency_ms=seen.latency_ms,
                latency_margin_ms=None if seen.latency_ms is None else margin_ms,
                origin=event.origin,
                late=event.late,
                ambiguous=event.ambiguous,
                cursor=None if event.cursor is None else str(event.cursor),
            )
        case OtherEvent():
            return OtherRecord(handled_ms=at_ms, kind=event.kind, problem=event.problem)
        case StateChange():
            return StateRecord(
                handled_ms=at_ms, before=event.before, state=event.after, why=event.why
            )
        case Gap():
            fields = {name: getattr(event, name) for name in _OF_A_GAP}
            missing = event.missing_quantity
            fields["missing_quantity"] = None if missing is None else f"{missing:f}"
            return GapRecord(handled_ms=at_ms, **fields)


_OF_A_GAP = ("why", "from_ms", "to_ms", "scope", "symbol", "order_id")


def status_of(view: View) -> StatusRecord:
    """The record of how a stream is."""
    health, latency = view.health, view.latency
    return StatusRecord(
        time_ms=view.now_ms,
        venue=view.venue,
        state=view.state,
        why=view.why,
        state_s=view.for_s,
        key_age_s=health.key_age_s,
        key_due_s=health.key_due_s,
        key_left_s=health.key_left_s,
        key_failures=health.key_failures,
        clock_offset_ms=health.clock_offset_ms,
        clock_margin_ms=health.clock_margin_ms,
        latency_median_ms=None if latency is None else latency.median_ms,
        latency_most_ms=None if latency is None else latency.most_ms,
        events=view.counts["events"],
        gaps=view.counts["gaps"],
        orders={o.order_id: o for o in view.orders},
        balances={a: {"free": f"{h.free:f}", "locked": f"{h.locked:f}"} for a, h in view.balances},
    )


encode = msgspec.json.Encoder().encode
