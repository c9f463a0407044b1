"""What a stream tells, in words: for lines and for the screen."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from userstream.core.client.told import (
    AccountEvent,
    Gap,
    OrderEvent,
    Origin,
    OtherEvent,
    StateChange,
    Told,
)
from userstream.events import MAX_TIME_MS, OrderUpdate

_SHORT = {
    "": "fill",
    "PARTIALLY_FILLED": "part filled",
    "PARTIALLY_CANCELED": "part cancel",
    "PENDING_CANCEL": "canceling",
}


def clean(text: str) -> str:
    """Text of a venue, without what would move a terminal's cursor."""
    return "".join(c if c.isprintable() else "?" for c in text)


def amount(value: Decimal | str | None) -> str:
    """A decimal as people write it: no exponent, no zeros at its end."""
    try:
        plain = format(Decimal(value if value is not None else "NaN"), "f")
    except InvalidOperation:
        plain = "NaN"
    if plain == "NaN":
        return "?"
    return (plain.rstrip("0").rstrip(".") or "0") if "." in plain else plain


def some(count: int, what: str) -> str:
    """So many of them."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def span(seconds: float) -> str:
    """A length of time, by its two largest units."""
    left = int(seconds)
    for unit, small, size, small_size in (
        ("d", "h", 86_400, 3_600),
        ("h", "m", 3_600, 60),
        ("m", "s", 60, 1),
    ):
        if left >= size:
            return f"{left // size}{unit} {left % size // small_size:02}{small}"
    return f"{left}s"


def moment(at_ms: int, *, exact: bool = True) -> str:
    """The time of day, UTC."""
    seconds, ms = divmod(min(max(at_ms, 0), MAX_TIME_MS), 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%H:%M:%S}" + (f".{ms:03}" if exact else "")


def state_of(status: str) -> str:
    """A status in a word or two; an event without one is only a fill."""
    return _SHORT.get(status, clean(status).lower())


def told(event: Told) -> tuple[str, str]:
    """What kind of event it is, and what it says."""
    match event:
        case OrderEvent():
            return state_of(event.status), _order(event.update)
        case AccountEvent():
            held = [f"{clean(a)} {amount(h.free)}" + _locked(h.locked)
                    for a, h in event.balances.items()]  # fmt: skip
            cause = [] if event.update.cause is None else [clean(event.update.cause)]
            return "balances", ", ".join(held + cause) or "nothing is listed"
        case Gap():
            return "gap", _gap(event)
        case StateChange():
            return "state", f"{event.before} to {event.after}: {clean(event.why)}"
        case OtherEvent():
            problem = "" if event.problem is None else f": {clean(event.problem)}"
            return "other", (clean(event.kind) or "a frame that cannot be read") + problem


def marks(event: Told) -> tuple[str, ...]:
    """What is to be known about how an event came."""
    if not isinstance(event, OrderEvent | AccountEvent | OtherEvent):
        return ()
    way = () if event.origin is Origin.STREAM else (str(event.origin),)
    late = ("late",) if event.late else ()
    return (*way, *late, *(("ambiguous",) if event.ambiguous else ()))


def _order(o: OrderUpdate) -> str:
    """What the dialect tells, and nothing that it does not."""
    who = f"{clean(o.side)} {clean(o.symbol)}"
    if o.last_quantity is not None and amount(o.last_quantity) != "0":
        text = f"{who} {amount(o.last_quantity)} at {amount(o.last_price)}"
        if o.cumulative_quantity is not None and o.quantity is not None:
            text += f" ({amount(o.cumulative_quantity)} of {amount(o.quantity)})"
    else:
        text = f"{who} {amount(o.quantity or o.quote_quantity)}{_price(o)}"
    why = "" if o.reject_reason in {None, "NONE"} else f" {clean(o.reject_reason or '')}"
    return f"{text}{why} #{clean(o.order_id)}"


def _price(o: OrderUpdate) -> str:
    price = amount(o.price)
    return "" if price in {"?", "0"} else f" at {price}"


def _locked(locked: Decimal) -> str:
    return f" ({amount(locked)} locked)" if locked else ""


def _gap(gap: Gap) -> str:
    since = "the begin" if gap.from_ms is None else moment(gap.from_ms)
    of = "" if gap.order_id is None else f" of order {clean(gap.order_id)}"
    missing = (
        "" if gap.missing_quantity is None else f", {amount(gap.missing_quantity)} unexplained"
    )
    when = f"from {since} on" if gap.to_ms is None else f"{since} to {moment(gap.to_ms)}"
    return f"{gap.scope}{of} {when}{missing}: {clean(gap.why)}"
