"""C6: what a program does with an event ends no connection and loses no event."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.reliability.client.course import Course, course
from tests.reliability.client.runners import Player, playing
from tests.server.running import until
from userstream import State

LONG_S = 4.0
"""More than three times as long as any socket may be silent here."""


@contextlib.asynccontextmanager
async def elsewhere(c: Course, **options: Any) -> AsyncIterator[Player]:
    """A program on a thread and a loop of its own, which it may block."""
    players: list[Player] = []
    over = threading.Event()

    async def program() -> None:
        async with playing(c, **options) as player:
            players.append(player)
            await until(over.is_set, 55)

    running = asyncio.create_task(asyncio.to_thread(asyncio.run, program()))
    try:
        await until(lambda: players or running.done(), 20)
        yield players[0]
    finally:
        over.set()
        await running


async def unharmed(c: Course, player: Player, begin: int) -> None:
    """One socket all the time, and every frame once and in order."""
    verdict = await c.verdict(player, 20)
    assert not verdict.kinds, verdict
    assert (await c.frames(player.raw, begin)).clean
    assert c.stream.connections == 1
    assert State.BLIND not in player.states


@pytest.mark.parametrize("venue", ["binance", "mexc"])
async def test_c6_a_handler_that_raises_loses_nothing(venue: str) -> None:
    async with course(venue) as c, playing(c) as player:
        begin = c.seq + 1
        raised = 0

        async def fails(_: object) -> None:
            nonlocal raised
            if len(player.events) % 10 == 0:
                raised += 1
                raise RuntimeError("the handler's own")

        player.handle = fails
        await c.trade(100, 0.002)
        await unharmed(c, player, begin)
        assert raised > 10


async def test_c6_a_handler_that_sleeps_loses_nothing() -> None:
    async with course() as c, playing(c) as player:
        begin = c.seq + 1

        async def sleeps(_: object) -> None:
            player.handle = None
            await asyncio.sleep(LONG_S)

        player.handle = sleeps
        await c.trade(100, 0.02)
        await unharmed(c, player, begin)


@pytest.mark.parametrize("venue", ["binance", "mexc"])
async def test_c6_a_loop_that_is_blocked_stops_no_pong_and_loses_nothing(venue: str) -> None:
    async with course(venue) as c, elsewhere(c) as player:
        begin = c.seq + 1
        blocked = threading.Event()

        async def blocks(_: object) -> None:
            player.handle = None
            blocked.set()
            time.sleep(LONG_S)  # noqa: ASYNC251 - that is the point

        player.handle = blocks
        await c.trade(100, 0.02)
        assert blocked.is_set()
        await unharmed(c, player, begin)
