"""C4: fills at every moment of a reconnect, before and after snapshot and subscription."""

from __future__ import annotations

import asyncio
import random

import pytest

from tests.reliability.client.course import Course, course
from tests.reliability.client.runners import Player, playing
from userstream import State
from userstream.venues import names

BREAKS = 10


async def broken(c: Course, player: Player, dice: random.Random) -> None:
    """One break, with delays of every kind, and trade while it is repaired."""
    for way in (c.rest.up, c.rest.down, c.stream.up, c.stream.down):
        way.delay_s = dice.choice((0.0, 0.0, 0.005, 0.02))
    changes = len(player.states)
    dice.choice((c.stream.reset, c.stream.cut))()
    for _ in range(dice.randrange(1, 6)):
        if dice.random() < 0.5:
            c.fills(dice.randrange(1, 3))
        else:
            c.step()
        await asyncio.sleep(dice.choice((0.0, 0.001, 0.003, 0.01, 0.03)))
    await c.published()
    await player.until(lambda: player.states[changes:][-1:] == [State.LIVE], 30)


@pytest.mark.parametrize("venue", names())
async def test_c4_nothing_is_lost_and_nothing_doubled_between_snapshot_and_stream(
    venue: str,
) -> None:
    dice = random.Random(venue)
    async with course(venue) as c, playing(c) as player:
        for number in range(BREAKS):
            await broken(c, player, dice)
            if number % 4 == 3:  # a minute on: a venue refuses more requests than these in one
                c.b.sandbox.clock.change(advance_ms=61_000)
        verdict = await c.verdict(player)
        assert not verdict.kinds, verdict
        assert player.open_gaps == []
        assert not verdict.told or venue == "spacedex"
