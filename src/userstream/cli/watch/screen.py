"""Screen: a view as so many lines of text of such a width. It draws nothing by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from rich.text import Text

from userstream.cli.watch.board import Latency, Seen, View
from userstream.cli.watch.words import amount, clean, moment, some, span, state_of
from userstream.core.client.health import Health
from userstream.core.client.told import Holding, State
from userstream.events import OrderUpdate

_STATES = {
    State.CONNECTING: ("bold white on blue", "no stream yet"),
    State.REPLAYING: ("bold black on cyan", "what was missed is being fetched"),
    State.LIVE: ("bold black on green", "every event comes as the venue sends it"),
    State.DEGRADED: ("bold black on yellow", "as live, but a safety margin is gone"),
    State.BLIND: ("bold white on red", "events may be missing, and nothing says which"),
    State.STOPPED: ("bold white on red", "over"),
}
_KINDS = {
    "filled": "green", "fill": "green", "part filled": "green", "rejected": "red",
    "expired": "yellow", "canceled": "yellow", "balances": "cyan", "gap": "bold white on red",
    "state": "bold", "other": "magenta",
}  # fmt: skip
Row = TypeVar("Row")
_SIDES = {"BUY": "green", "SELL": "red"}
_KIND_WIDTH = 12
_COLUMNS_FROM = 70
"""Below so many columns balances stand below the orders."""


def screen(view: View, width: int, height: int) -> list[Text]:
    """At most ``height`` lines of exactly ``width`` cells; what matters most stands first."""
    head = [*_head(view, width), Text()]
    middle = _middle(view, width, max(2, (height - len(head) - 3) // 2))
    room = height - len(head) - len(middle) - 1
    events = [_rule("events", "latency", width), *_events(view.events, width, max(room - 1, 0))]
    events += [Text()] * (room - len(events))
    lines = [*head, *middle, *(events if room > 1 else [])]
    lines = [*lines[: height - 1], _foot(view, width)] if height > len(head) else lines[:height]
    for line in lines:
        line.truncate(width, overflow="ellipsis", pad=True)
    return lines


def _head(view: View, width: int) -> list[Text]:
    style, meaning = _STATES[view.state]
    badge = Text.assemble(
        (f" {view.venue} ", "bold reverse"), (f" {view.state.upper()} ", style),
        f" for {span(view.for_s)}",
    )  # fmt: skip
    why = "" if view.state is State.LIVE else f": {clean(view.why)}"
    return [
        _ends(badge, Text(f"{moment(view.now_ms, exact=False)} UTC ", "bold"), width),
        Text(f" {meaning}{why}", "" if view.state is State.LIVE else style),
        Text.assemble((" key      ", "dim"), *_key(view.health)),
        Text.assemble((" latency  ", "dim"), *_latency(view.latency, view.health)),
    ]


def _key(health: Health) -> list[tuple[str, str]]:
    failed = health.key_failures
    parts = [(f", {some(failed, 'request')} failed", "bold red")] if failed else []
    due = "being asked for" if health.key_due_s is None else f"in {span(health.key_due_s)}"
    if health.key_age_s is None or health.key_left_s is None:
        asked = due if health.key_due_s is None else f"next request {due}"
        return [(f"none; {asked}", "bold"), *parts]
    left = f", without that it dies in {span(health.key_left_s)}"
    return [(f"{span(health.key_age_s)} old, renewal {due}", ""), *parts, (left, "dim")]


def _latency(latency: Latency | None, health: Health) -> list[tuple[str, str]]:
    if latency is None:
        return [("no frame yet", "")]
    if latency.runs_away:
        return [("unknown: the venue's clock runs ahead of what was measured", "bold")]
    margin = "" if latency.margin_ms is None else f" ± {latency.margin_ms}"
    shown = f"{latency.last_ms} ms{margin}, median {latency.median_ms}, most {latency.most_ms}"
    offset = health.clock_offset_ms
    if offset is None or latency.margin_ms is None:
        return [(shown, ""), (" by two clocks that were not compared", "bold")]
    ahead = "ahead" if offset >= 0 else "behind"
    return [(shown, ""), (f", venue's clock {abs(offset)} ms {ahead}", "dim")]


def _middle(view: View, width: int, most: int) -> list[Text]:
    """Orders and balances, side by side where there is room."""
    if width < _COLUMNS_FROM:
        half = max(1, most // 2 - 1)
        return [*_orders(view.orders, width, half), *_balances(view.balances, width, half)]
    left = width * 57 // 100
    columns = (
        _orders(view.orders, left, most - 1),
        _balances(view.balances, width - left - 1, most - 1),
    )
    tall = max(map(len, columns))
    for column in columns:
        column.extend([Text()] * (tall - len(column)))
    lines = []
    for one, two in zip(*columns, strict=True):
        one.truncate(left, overflow="ellipsis", pad=True)
        lines.append(Text.assemble(one, " ", two))
    return lines


def _orders(orders: Sequence[OrderUpdate], width: int, most: int) -> list[Text]:
    shown, more = _cut(orders, most)
    cells = [
        (clean(o.side), clean(o.symbol), _quantity(o), amount(o.price), state_of(o.status))
        for o in shown
    ]  # fmt: skip
    widths = [max((len(row[i]) for row in cells), default=0) for i in range(4)]
    rows = []
    for side, symbol, quantity, price, status in cells:
        rows.append(
            Text.assemble(
                (f" {side:<4} ", _SIDES.get(side, "")), f"{symbol:<{widths[1]}} ",
                f"{quantity:>{widths[2]}} at {price:>{widths[3]}}  ", (status, "dim"),
            )
        )  # fmt: skip
    return [_rule(f"open orders  {len(orders)}", "", width), *(rows or [_none()]), *more]


def _quantity(order: OrderUpdate) -> str:
    filled = amount(order.cumulative_quantity)
    whole = amount(order.quantity or order.quote_quantity)
    return whole if filled in {"0", "?"} else f"{filled}/{whole}"


def _balances(balances: Sequence[tuple[str, Holding]], width: int, most: int) -> list[Text]:
    shown, more = _cut(balances, most)
    rows = []
    for asset, held in shown:
        locked = amount(held.locked)
        style = "dim" if locked == "0" else "yellow"
        numbers = Text.assemble(f"{amount(held.free):>13}", (f"{locked:>11} ", style))
        rows.append(_ends(Text(f" {clean(asset)}"), numbers, width))
    head = _rule(f"balances  {len(balances)}", "free ── locked" if rows else "", width)
    return [head, *(rows or [_none()]), *more]


def _events(events: Sequence[Seen], width: int, most: int) -> list[Text]:
    """The newest first."""
    lines = []
    for seen in list(reversed(events))[:most]:
        marks = "".join(f" [{mark}]" for mark in seen.marks)
        left = Text.assemble(
            (f" {moment(seen.at_ms)} ", "dim"),
            (f"{seen.kind:<{_KIND_WIDTH}}", _KINDS.get(seen.kind, "")),
            (f"{marks.strip()} " if marks else "", "bold yellow"),
            seen.text,
        )
        late = "" if seen.latency_ms is None else f" {seen.latency_ms} ms "
        lines.append(_ends(left, Text(late, "dim"), width))
    return lines or [_none()][:most]


def _foot(view: View, width: int) -> Text:
    counts = view.counts
    gaps = (some(counts["gaps"], "gap"), "bold red" if counts["gaps"] else "")
    left = Text.assemble(f" {some(counts['events'], 'event')}, ", gaps, f", {clean(view.place)}")
    return _ends(left, Text("Ctrl-C ends ", "bold"), width)


def _cut(rows: Sequence[Row], most: int) -> tuple[Sequence[Row], list[Text]]:
    if len(rows) <= most:
        return rows, []
    shown = max(most - 1, 0)
    return rows[:shown], [Text(f" and {len(rows) - shown} more", "dim")]


def _rule(title: str, right: str, width: int) -> Text:
    end = f" {right} " if right else ""
    fill = max(0, width - len(title) - 4 - len(end))
    return Text.assemble(("── ", "dim"), (title, "bold"), (f" {'─' * fill}", "dim"), (end, "dim"))


def _none() -> Text:
    return Text(" none yet", "dim")


def _ends(left: Text, right: Text, width: int) -> Text:
    """One text at each end of a line; the left one gives way."""
    room = max(0, width - right.cell_len)
    left.truncate(room, overflow="ellipsis", pad=True)
    return Text.assemble(left, right)
