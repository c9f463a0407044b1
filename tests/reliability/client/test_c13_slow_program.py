"""C13: the program takes nothing while thousands of events come. Memory is bounded, all comes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.reliability.client.course import Course, course
from tests.reliability.client.runners import Player, playing
from userstream import State

QUEUE = 200
EVENTS = 6_000


async def flooded(c: Course, player: Player) -> int:
    """So many events while the program is in its handler; the most that waited in memory."""
    go_on = asyncio.Event()

    async def waits(_: object) -> None:
        player.handle = None
        await go_on.wait()

    player.handle = waits
    most, first = 0, c.seq
    assert player.stream._run is not None
    mailbox = player.stream._run.mailbox
    while c.seq < first + EVENTS:
        await c.trade(20)
        most = max(most, len(mailbox._items) + len(mailbox._behind))
    go_on.set()
    return most


@pytest.mark.parametrize("on_full", ["block", "spill"])
async def test_c13_at_our_own_server_every_frame_comes_in_the_end(
    on_full: Literal["block", "spill"], tmp_path: Path
) -> None:
    given: dict[str, Any] = {"extension": True, "heartbeat_s": 1, "on_full": on_full}
    async with course(data=str(tmp_path)) as c, playing(c, queue=QUEUE, **given) as player:
        begin = c.seq + 1
        most = await flooded(c, player)
        verdict = await c.verdict(player, 20)
        assert not verdict.kinds, verdict
        found = await c.frames(player.raw, begin)
        assert found.clean, found
        # Past the bound by what one read from the socket brings, at most.
        assert most < QUEUE + 64 * 1024 // 400
        assert State.DEGRADED in player.states or on_full == "spill"


@pytest.mark.parametrize("on_full", ["block", "spill"])
async def test_c13_at_a_venue_all_comes_or_is_repaired(
    on_full: Literal["block", "spill"],
) -> None:
    async with course() as c, playing(c, queue=QUEUE, on_full=on_full) as player:
        most = await flooded(c, player)
        verdict = await c.verdict(player, 30)
        assert not verdict.kinds, verdict
        assert most < QUEUE + 64 * 1024 // 400
        assert player.open_gaps == []
