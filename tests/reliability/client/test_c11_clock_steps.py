"""C11: clocks step by 90 s, ours and the venue's. One -1021 a step at most; no event lost."""

from __future__ import annotations

import msgspec
import pytest

from tests.reliability.client.course import course
from tests.reliability.client.runners import HASTY, playing
from tests.reliability.client.test_c09_suspended import Wall, wall
from userstream import State
from userstream.venues import names

__all__ = ["wall"]
RENEWING = msgspec.structs.replace(HASTY, renew_from_ms=300, renew_to_ms=400)
STEP_MS = 90_000


@pytest.mark.parametrize("venue", names())
async def test_c11_a_step_costs_one_refusal_at_most(venue: str, wall: Wall) -> None:
    async with course(venue) as c, playing(c, bounds=RENEWING) as player:
        for theirs_ms, ours_ms in ((STEP_MS, 0), (0, STEP_MS), (0, -2 * STEP_MS), (STEP_MS, -1)):
            refused = len(player.asked.of("PUT", code=-1021)) + other(player.asked.calls)
            good = len([x for x in player.asked.of("PUT") if x.status == 200])
            c.b.sandbox.clock.change(advance_ms=theirs_ms)
            wall.moved_ms += ours_ms
            await c.trade(3)
            c.stream.reset()  # so that signed questions are asked too
            await c.trade(3)
            await player.until(
                lambda n=good: len([x for x in player.asked.of("PUT") if x.status == 200]) > n + 1
            )
            await player.state(State.LIVE)
            now = len(player.asked.of("PUT", code=-1021)) + other(player.asked.calls)
            assert now - refused <= 1, player.asked.calls
        verdict = await c.verdict(player)
        assert not verdict.kinds, verdict
        assert len(player.asked.of("POST")) == 1


def other(calls: list) -> int:  # type: ignore[type-arg]
    return sum(c.method == "GET" and c.code in {-1021, 700003} for c in calls)
