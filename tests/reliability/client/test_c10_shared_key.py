"""C10: two programs share a listen key, and one of them ends."""

from __future__ import annotations

import pytest

from tests.reliability.client.cases import OTHERS
from tests.reliability.client.course import course
from tests.reliability.client.naive import polite
from tests.reliability.client.runners import naively, playing
from userstream import State


@pytest.mark.parametrize("venue", ["binance", "bhex", "spacedex"])
async def test_c10_the_end_of_one_does_not_touch_the_other(venue: str) -> None:
    async with course(venue) as c, playing(c) as stays:
        begin = c.seq + 1
        async with playing(c) as leaves:
            await c.trade(10)
            assert not (await c.verdict(leaves)).kinds
        await c.trade(10)
        verdict = await c.verdict(stays)
        assert not verdict.kinds, verdict
        assert (await c.frames(stays.raw, begin)).clean
        assert c.stream.connections == 2
        assert leaves.asked.of("DELETE") == []
        assert State.BLIND not in stays.states


@pytest.mark.parametrize("venue", ["binance", "bhex", "spacedex"])
async def test_c10_and_where_one_was_told_to_delete_the_key_the_other_repairs(venue: str) -> None:
    async with course(venue) as c, playing(c) as stays:
        async with playing(c, delete_key=True) as leaves:
            await c.trade(10)
        assert len(leaves.asked.of("DELETE")) == 1
        await c.trade(10, 0.02)
        verdict = await c.verdict(stays)
        assert not verdict.kinds, verdict
        assert len(stays.asked.of("POST")) == 2


async def test_c10_x4_a_bot_that_cleans_up_blinds_its_fellow() -> None:
    async with course() as c, naively(c, polite.run) as stays:
        async with naively(c, polite.run):
            await c.trade(5)
        await c.trade(10)
        assert (await c.verdict(stays, 2)).kinds == OTHERS["shared"].fails
