"""Lines and JSON of a watch."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from typing import Any

import pytest
from rich.console import Console

from tests.cli.watch.views import HEALTHY, NOON_MS, Story, balances, blinded, lively, order
from userstream.cli.watch.lines import event_line, status_line
from userstream.cli.watch.records import encode, record_of, status_of
from userstream.cli.watch.shown import AsJson, AsLines, OnScreen, shown_on
from userstream.core.client.told import Gap, OrderEvent, Origin, OtherEvent, State, StateChange
from userstream.venue import Cursor

ONE = order("1", "BUY", "BTCUSDT")


def record(event: Any, margin_ms: int | None = 2) -> dict[str, Any]:
    seen = Story().board.take(event, NOON_MS, HEALTHY)
    return dict(json.loads(encode(record_of(event, seen, margin_ms))))


def test_an_event_is_what_its_dialect_told_and_how_it_came() -> None:
    cursor = Cursor("epoch123", 7, 1, 1)
    got = record(OrderEvent(update=ONE, venue_ms=NOON_MS + 8, late=True, cursor=cursor))
    assert got.pop("event")["type"] == "order_update"
    assert got == {
        "type": "event", "handled_ms": NOON_MS + 12, "venue_ms": NOON_MS + 8, "latency_ms": 4,
        "latency_margin_ms": 2, "origin": "stream", "late": True, "ambiguous": False,
        "cursor": "epoch123:7:9999",
    }  # fmt: skip
    got = record(OrderEvent(update=ONE, venue_ms=NOON_MS, origin=Origin.REST))
    assert (got["origin"], got["latency_ms"], got["latency_margin_ms"]) == ("rest", None, None)


def test_whatever_is_not_an_event_has_a_type_of_its_own() -> None:
    at = {"handled_ms": NOON_MS + 12}
    change = StateChange(before=State.LIVE, after=State.BLIND, why="x")
    assert record(change) == at | {
        "type": "state", "before": "live", "state": "blind", "why": "x",
    }  # fmt: skip
    assert record(OtherEvent(kind="x")) == at | {"type": "other", "kind": "x", "problem": None}
    assert record(Gap(why="x", from_ms=1, missing_quantity=Decimal("1E-8"))) == at | {
        "type": "gap", "why": "x", "from_ms": 1, "to_ms": None, "scope": "account",
        "symbol": None, "order_id": None, "missing_quantity": "0.00000001",
    }  # fmt: skip


def test_a_status_has_all_that_a_screen_has() -> None:
    got = json.loads(encode(status_of(lively().view())))
    assert got["orders"].keys() == {"7201", "7214"}
    assert got.pop("orders")["7201"]["cumulative_quantity"] == "0.1"
    assert got.pop("balances")["USDT"] == {"free": "49723.314", "locked": "9525.00"}
    assert got == {
        "type": "status", "time_ms": 1_511_180_412_961, "venue": "binance", "state": "live",
        "why": "repaired", "state_s": 60.03, "key_age_s": 1203.0, "key_due_s": 64.0,
        "key_left_s": 2397.0, "key_failures": 0, "clock_offset_ms": 12, "clock_margin_ms": 2,
        "latency_median_ms": 3, "latency_most_ms": 4, "events": 12, "gaps": 0,
    }  # fmt: skip
    assert json.loads(encode(status_of(Story().view())))["latency_median_ms"] is None


@pytest.mark.parametrize(
    ("story", "line"),
    [
        (
            lively(),
            "12:20:12.961 status      live for 1m 00s (repaired), key 20m 03s old, next request "
            "for it in 1m 04s, 2 open orders, latency 3 ms (+/- 2), 12 events, 0 gaps",
        ),
        (
            blinded(),
            "12:20:27.961 status      blind for 15s (HTTP 503), no key, next request for it in 3s, "
            "3 requests failed, 2 open orders, latency 3 ms (+/- 2), 12 events, 1 gap",
        ),
        (
            Story(health=HEALTHY._replace(key_due_s=None)),
            "12:00:00.012 status      connecting for 0s (repaired), key 20m 03s old, "
            "0 open orders, 0 events, 0 gaps",
        ),
    ],
)
def test_a_status_line_says_how_it_is(story: Story, line: str) -> None:
    assert status_line(story.view()) == line


def test_a_screen_draws_the_view_in_the_size_that_there_is_and_says_at_the_end_how_it_was(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=60, height=12, _environ={})
    with OnScreen(console) as shown:
        shown.status(lively().view())
    lines = written.getvalue()
    assert lines.startswith("\x1b[?1049h")
    assert " LIVE " in lines
    assert lines.endswith("\x1b[?25h\x1b[?1049l")
    assert capfdbinary.readouterr().out.startswith(b"12:20:12.961 status      live for 1m 00s")


def test_where_there_is_no_terminal_there_is_no_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, _environ={"TERM": "xterm"})
    assert type(shown_on(console, as_json=True, every_s=1)) is AsJson
    assert type(shown_on(console, as_json=False, every_s=1)) is AsLines
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert type(shown_on(console, as_json=False, every_s=1)) is OnScreen
    assert type(shown_on(console, as_json=True, every_s=1)) is AsJson
    dumb = Console(file=io.StringIO(), force_terminal=True, _environ={"TERM": "dumb"})
    assert type(shown_on(dumb, as_json=False, every_s=1)) is AsLines


def test_a_line_is_an_event_with_its_marks_and_latency() -> None:
    story = Story(health=HEALTHY._replace(clock_margin_ms=None))
    story.account(balances(BTC=("1", "0")), 4, late=True)
    story.tell(Gap(why="x"))
    lines = [event_line(seen) for seen in story.view().events]
    assert lines == [
        "12:00:00.012 balances    [late] BTC 1, 4 ms",
        "12:00:00.012 gap         account from the begin on: x",
    ]
    assert "latency 4 ms (clocks not compared)" in status_line(story.view())
