"""C3: frames come twice, out of order, or not at all."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from tests.reliability.client.course import course
from tests.reliability.client.runners import playing
from userstream import AccountEvent, Gap, OrderEvent, Origin, State
from userstream.venues import names

LIMITS = "[limits]\nconnects_per_ip = 100000\n"
"""A hole costs a connection, and there are many in little time."""


@pytest.mark.parametrize("venue", names())
async def test_c3_at_our_own_server_every_loss_is_found_in_5_s_and_nothing_is_missing(
    venue: str, tmp_path: Path
) -> None:
    config = tmp_path / "limits.toml"
    config.write_text(LIMITS)
    async with (
        course(venue, config=config, data=str(tmp_path / "data")) as c,
        playing(c, extension=True, heartbeat_s=1) as player,
    ):
        begin = c.seq + 1
        await c.fault("drop", probability=0.01)
        await c.fault("duplicate", probability=0.05)
        await c.fault("reorder", probability=0.05, delay_ms=200)
        await c.trade(300, 0.01)
        await c.clear()
        verdict = await c.verdict(player, 20)
        assert not verdict.kinds, verdict
        assert (await c.frames(player.raw, begin)).clean
        told = [e for e in player.events if isinstance(e, OrderEvent | AccountEvent) and e.cursor]
        late_ms = max(e.received_ms - (e.venue_ms or 0) for e in told)
        assert late_ms < 5_500  # half a second for a busy machine
        assert player.open_gaps == []


@pytest.mark.parametrize("venue", names())
async def test_c3_at_our_own_server_the_first_frame_of_all_is_missed_too(
    venue: str, tmp_path: Path
) -> None:
    async with (
        course(venue, data=str(tmp_path / "data")) as c,
        playing(c, extension=True, heartbeat_s=60) as player,
    ):
        begin = c.seq + 1
        await c.fault("drop", count=1)
        await c.trade(1)
        await c.trade(20, 0.002)
        verdict = await c.verdict(player, 10)
        assert not verdict.kinds, verdict
        assert (await c.frames(player.raw, begin)).clean
        assert c.stream.connections >= 2  # it noticed, and resumed


@pytest.mark.timeout(150)  # a venue that is asked too much says when to come again: within a minute
@pytest.mark.parametrize("venue", names())
async def test_c3_what_a_venue_loses_is_found_when_the_stream_is_compared_with_rest(
    venue: str,
) -> None:
    async with course(venue) as c, playing(c, reconcile_s=2) as player:
        await c.fault("drop", probability=0.01)
        await c.fault("duplicate", probability=0.05)
        await c.fault("reorder", probability=0.05, delay_ms=200)
        await c.trade(300, 0.005)
        await c.clear()
        verdict = await c.verdict(player, 80, "reordered")
        # A fill that REST told comes behind fills of its order that were told before.
        assert not verdict.kinds - {"reordered"}, verdict
        assert verdict.reordered <= sum(o.origin is Origin.REST for o in player.orders)
        # Where REST has no fills, gaps say of which orders some are missing, and nobody else does.
        gaps = [gap.order_id for gap in player.of(Gap) if gap.missing_quantity]
        assert len(gaps) == len(set(gaps)), gaps
        assert bool(gaps) == bool(verdict.told) == (venue == "spacedex"), verdict
        await player.state(State.LIVE)
        real = await c.real()
        assert set(player.stream.orders) == real.open
        held = {a: (h.free, h.locked) for a, h in player.stream.account.items()}
        assert held == {a: tuple(map(Decimal, h)) for a, h in c.b.balances().items()}


@pytest.mark.parametrize("venue", names())
async def test_c3_repeats_and_swaps_do_no_harm_where_frames_have_no_numbers(venue: str) -> None:
    async with course(venue) as c, playing(c) as player:
        await c.fault("duplicate", probability=0.05)
        await c.fault("reorder", probability=0.05, delay_ms=200)
        await c.trade(300, 0.002)
        await c.clear()
        c.fills()  # behind it the last frame of all is in its place
        verdict = await c.verdict(player)
        assert not verdict.kinds & {"missing", "duplicated", "invented", "reordered"}, verdict
        assert player.book.went_back == set()
        real = await c.real()
        assert player.book.status == real.status
        assert set(player.stream.orders) == real.open
        statuses = Counter(e.late for e in player.orders)
        assert statuses[False] > 300
