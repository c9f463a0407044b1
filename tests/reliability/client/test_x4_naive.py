"""X4: the course tells good bots from naive ones. Each fault, each with the same check."""

from __future__ import annotations

import pytest

from tests.reliability.client.cases import CASES
from tests.reliability.client.course import course
from tests.reliability.client.runners import naively, playing

by_fault = pytest.mark.parametrize("name", CASES)


@by_fault
async def test_x4_a_naive_bot_does_not_come_through(name: str) -> None:
    case = CASES[name]
    async with (
        course(case.venue, **case.sandbox) as c,
        naively(c, case.naive, minute_s=case.minute_s) as bot,
    ):
        await case.happens(c, bot)
        verdict = await c.verdict(bot, 3)
        assert verdict.kinds == case.fails, verdict


@by_fault
async def test_x4_userstream_comes_through(name: str) -> None:
    case = CASES[name]
    async with course(case.venue, **case.sandbox) as c, playing(c, **case.options) as player:
        await case.happens(c, player)
        verdict = await c.verdict(player, 20)
        assert not verdict.kinds, (verdict, player.states, player.open_gaps)
