"""The screen as lines: it fits, and words say what colours do."""

from __future__ import annotations

import pytest

from tests.cli.watch.views import HEALTHY, Story, balances, blinded, lively, order
from userstream.cli.watch.screen import screen
from userstream.core.client.told import State


def drawn(story: Story, width: int = 80, height: int = 24) -> list[str]:
    return [line.plain for line in screen(story.view(), width, height)]


@pytest.mark.parametrize("width", [1, 7, 40, 69, 70, 80, 200])
def test_it_fits_whatever_size_there_is(width: int) -> None:
    crowded = lively()
    for number in range(50):
        crowded.order(order(str(number), "BUY", "A" * 30))
        crowded.account(balances(**{f"ASSET{number}": ("1" * 20, "2" * 20)}))
    for story in (Story(), lively(), blinded(), crowded):
        for height in range(1, 60):
            lines = screen(story.view(), width, height)
            assert len(lines) <= height
            assert {line.cell_len for line in lines} == {width}, height


def test_eighty_by_twenty_four_shows_all_of_it() -> None:
    lines = drawn(lively())
    assert len(lines) == 24
    assert [line.rstrip() for line in lines[:10]] == [
        " binance  LIVE  for 1m 00s" + " " * 41 + "12:20:12 UTC",
        " every event comes as the venue sends it",
        " key      20m 03s old, renewal in 1m 04s, without that it dies in 39m 57s",
        " latency  3 ms ± 2, median 3, most 4, venue's clock 12 ms ahead",
        "",
        "── open orders  2 ─────────────────────────── ── balances  3 ─── free ── locked",
        " SELL ETHUSDT    1.5/4 at 3305.5  part filled  BTC              1.59          0",
        " BUY  BTCUSDT 0.1/0.25 at  63500  part filled  ETH                16        2.5",
        " " * 47 + "USDT        49723.314       9525",
        "── events ───────────────────────────────────────────────────────────── latency",
    ]
    assert lines[10].endswith("(9525 locked)" + " " * 11 + "3 ms ")
    assert " [rest] BUY BTCUSDT 0.1 at 63500 (0.1 of 0.25) #7201" in "\n".join(lines)
    assert lines[-1].rstrip() == (
        " 12 events, 0 gaps, wss://stream.example:9443" + " " * 23 + "Ctrl-C ends"
    )


def test_a_bad_state_is_said_in_words() -> None:
    text = "\n".join(drawn(blinded()))
    assert " BLIND " in text
    assert "events may be missing, and nothing says which: HTTP 503" in text
    assert "none; next request in 3s, 3 requests failed" in text
    assert "gap         account from 12:20:01.949 on: HTTP 503" in text
    weak = lively()
    weak.health = HEALTHY._replace(key_failures=1, key_due_s=None)
    weak.turn(State.DEGRADED, "renewals fail")
    text = "\n".join(drawn(weak))
    assert " DEGRADED " in text
    assert "renewal being asked for, 1 request failed" in text


@pytest.mark.parametrize("state", list(State))
def test_every_state_has_its_word(state: State) -> None:
    story = Story()
    story.state = state
    assert f" {state.upper()} " in drawn(story, 40, 5)[0]


def test_more_than_there_is_room_for_is_counted() -> None:
    story = Story()
    for number in range(40):
        story.order(order(str(number), "BUY", "BTCUSDT"))
        story.account(balances(**{f"A{number}": ("1", "0")}))
    lines = drawn(story)
    assert lines[12].count("and 34 more") == 2
    assert any("#39" in line for line in lines)


def test_a_narrow_screen_has_balances_below_the_orders() -> None:
    lines = drawn(lively(), 50, 30)
    titles = [line.split()[1:3] for line in lines if line.startswith("──")]
    assert titles == [["open", "orders"], ["balances", "3"], ["events", "─" * 31]]


def test_a_latency_that_is_not_known_is_not_made_up() -> None:
    story = Story()
    assert "latency  no frame yet" in drawn(story)[3]
    story.order(order("1", "BUY", "BTCUSDT"), -50)
    assert "latency  unknown: the venue's clock runs ahead" in drawn(story)[3]
    blank = Story(health=HEALTHY._replace(clock_offset_ms=None, clock_margin_ms=None))
    blank.order(order("1", "BUY", "BTCUSDT"))
    assert "3 ms, median 3, most 3 by two clocks that were not compared" in drawn(blank)[3]
