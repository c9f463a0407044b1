"""What a board keeps, and how honest its latency is."""

from __future__ import annotations

import pytest

from tests.cli.watch.views import HEALTHY, NOON_MS, Story, balances, blinded, lively, order
from userstream.core.client.told import Origin, OtherEvent, State

ONE = order("1", "BUY", "BTCUSDT")


def test_a_state_has_a_since_and_counts_go_on() -> None:
    view = lively().view()
    assert (view.state, view.for_s) == (State.LIVE, 60.03)
    assert (view.counts["events"], view.counts["gaps"], view.counts["marked"]) == (12, 0, 3)
    assert blinded().view().counts["gaps"] == 1
    assert [o.order_id for o in view.orders] == ["7214", "7201"]
    assert [asset for asset, _ in view.balances] == ["BTC", "ETH", "USDT"]


def test_what_is_not_held_is_not_shown() -> None:
    story = Story()
    story.account(balances(BTC=("0", "0"), ETH=("0", "1")))
    assert [asset for asset, _ in story.view().balances] == ["ETH"]


def test_a_latency_is_from_the_time_in_the_frame_by_the_venues_clock() -> None:
    story = Story()
    assert story.view().latency is None
    for under_way_ms in (3, 5, 40):
        story.order(ONE, under_way_ms)
    latency = story.view().latency
    assert latency is not None
    assert not latency.runs_away
    assert tuple(latency) == (40, 5, 40, 3, 2)
    assert story.view().events[0].at_ms == NOON_MS + 12


def test_without_a_comparison_of_clocks_there_is_no_margin() -> None:
    story = Story(health=HEALTHY._replace(clock_offset_ms=None, clock_margin_ms=None))
    story.order(ONE, 3)
    latency = story.view().latency
    assert latency is not None
    assert (latency.last_ms, latency.margin_ms, latency.runs_away) == (3, None, False)


@pytest.mark.parametrize(("under_way_ms", "runs_away"), [(-2, False), (-3, True)])
def test_a_frame_from_the_future_shows_that_the_clock_is_not_known(
    under_way_ms: int, runs_away: bool
) -> None:
    story = Story()
    story.order(ONE, under_way_ms)
    latency = story.view().latency
    assert latency is not None
    assert latency.runs_away is runs_away


def test_only_what_a_stream_brought_has_a_latency() -> None:
    story = Story()
    story.order(ONE, origin=Origin.REST)
    story.account(balances(BTC=("1", "0")), origin=Origin.REPLAY)
    story.tell(OtherEvent(kind="x"))
    assert story.view().latency is None
    assert [seen.latency_ms for seen in story.view().events] == [None] * 3


def test_a_board_is_bounded() -> None:
    story = Story()
    for number in range(1_200):
        story.order(order(str(number), "BUY", "BTCUSDT", status="FILLED"))
    view = story.view()
    assert len(view.events) == 200
    assert view.events[-1].text.endswith("#1199")
    assert view.latency is not None
    assert view.latency.frames == 1_000
    assert view.counts["events"] == 1_200
