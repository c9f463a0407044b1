"""C12: a hundred sockets after one another, under load: nothing missing, twice, out of order."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pytest

from tests.reliability.client.course import course
from tests.reliability.client.runners import Player, playing
from userstream import Gap, OrderEvent, State
from userstream.events import TERMINAL
from userstream.venues import names

ROLLOVERS = 25
"""At each of four venues."""


def assert_each_order_in_order(player: Player) -> None:
    """What is not marked as late never says less of its order than what came before it."""
    said: dict[str, list[tuple[bool, Decimal]]] = defaultdict(list)
    for event in player.of(OrderEvent):
        if event.status and not event.late:
            how_far = (event.status in TERMINAL, event.cumulative_quantity or Decimal(0))
            said[event.order_id].append(how_far)
    assert said
    assert [i for i, steps in said.items() if steps != sorted(steps)] == []


@pytest.mark.parametrize("venue", names())
async def test_c12_by_age_the_next_socket_is_there_before_the_old_one_goes(venue: str) -> None:
    async with course(venue) as c, playing(c, max_age_ms=250) as player:
        begin = c.seq + 1
        while c.stream.connections <= ROLLOVERS:
            await c.trade(1, 0.005)
        assert State.BLIND not in player.states
        verdict = await c.verdict(player)
        assert not verdict.kinds, verdict
        found = await c.frames(player.raw, begin)
        assert found._replace(reordered=[]).clean, found
        # What is new to both sockets can show in the young one first. Of one order that is marked.
        assert len(found.reordered) <= ROLLOVERS
        assert_each_order_in_order(player)
        assert player.open_gaps == []


@pytest.mark.parametrize("venue", names())
async def test_c12_by_age_our_own_server_keeps_the_order_exact(venue: str) -> None:
    async with course(venue) as c, playing(c, extension=True, max_age_ms=250) as player:
        begin = c.seq + 1
        while c.stream.connections <= ROLLOVERS:
            await c.trade(1, 0.005)
        verdict = await c.verdict(player)
        assert not verdict.kinds, verdict
        found = await c.frames(player.raw, begin)
        assert found.clean, found
        assert not [e for e in player.of(OrderEvent) if e.late or e.ambiguous]
        assert player.of(Gap) == []


@pytest.mark.parametrize("venue", names())
async def test_c12_by_shutdown_our_own_server_goes_on_where_it_was(
    venue: str, tmp_path: Path
) -> None:
    async with (
        course(venue, data=str(tmp_path)) as c,
        playing(c, extension=True, heartbeat_s=1) as player,
    ):
        begin = c.seq + 1
        await c.trade(2)
        await player.until(lambda: player.raw)  # from now on it has a cursor
        for number in range(ROLLOVERS):
            why = ("server shutdown", "maximum connection age reached")[number % 2]
            await c.fault("close", code=1001, reason=why)
            while c.stream.connections < number + 2:
                await c.trade(1, 0.005)
            await player.until(lambda: c.streams >= 1 and player.stream.state is State.LIVE)
        verdict = await c.verdict(player)
        assert not verdict.kinds, verdict
        found = await c.frames(player.raw, begin)
        assert found.clean, found
        assert player.open_gaps == []
