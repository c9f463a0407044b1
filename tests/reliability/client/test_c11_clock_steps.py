"""C11: clocks step by 90 s, ours and the venue's. One -1021 a step at most; no event lost."""

from __future__ import annotations

import msgspec
import pytest

from tests.reliability.client.course import course
from tests.reliability.client.runners import HASTY, Player, playing
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
            before = refused(player)
            good = renewed(player)
            c.b.sandbox.clock.change(advance_ms=theirs_ms)
            wall.moved_ms += ours_ms
            await c.trade(3)
            c.stream.reset()  # so that signed questions are asked too
            await c.trade(3)
            await player.until(
                lambda n=good: renewed(player) > n + 1  # type: ignore[misc]
            )
            await player.state(State.LIVE)
            assert refused(player) - before <= 1, player.asked.calls
        verdict = await c.verdict(player)
        assert not verdict.kinds, verdict
        assert len(player.asked.of("POST")) == 1


def renewed(player: Player) -> int:
    return sum(call.status == 200 for call in player.asked.of("PUT"))


def refused(player: Player) -> int:
    """Requests whose timestamp was refused."""
    return sum(call.code in {-1021, 700003} for call in player.asked.calls)
