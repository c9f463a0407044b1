"""C9: the machine sleeps for two hours. Noticed within 10 s; a new key; all that was missed."""

from __future__ import annotations

import time

import pytest

from tests.reliability.client.cases import OTHERS
from tests.reliability.client.course import course
from tests.reliability.client.naive import trusting
from tests.reliability.client.runners import naively, playing
from userstream import State
from userstream.client import reader
from userstream.core.client.bounds import Bounds

HOURS_MS = 2 * 3_600_000


class Wall:
    """The wall clock of the bot's machine, moved by so much."""

    def __init__(self) -> None:
        self.moved_ms = 0

    def ms(self) -> int:
        return time.time_ns() // 1_000_000 + self.moved_ms


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Wall:
    moved = Wall()
    monkeypatch.setattr(reader, "_wall_ms", moved.ms)
    return moved


@pytest.mark.parametrize("venue", ["binance", "bhex", "mexc"])
async def test_c9_a_sleep_is_noticed_and_what_it_hid_is_found(venue: str, wall: Wall) -> None:
    async with course(venue) as c, playing(c, bounds=Bounds()) as player:
        await c.trade(10)
        await player.until(lambda: len(player.book.status) > 2)
        c.stream.stall()  # what the network forgot meanwhile
        await c.trade(10)
        c.b.sandbox.clock.change(advance_ms=HOURS_MS)
        wall.moved_ms += HOURS_MS
        woke = time.monotonic()
        changes = len(player.states)
        await c.trade(10)
        await player.until(lambda: State.BLIND in player.states[changes:], 12)
        assert time.monotonic() - woke < 10.5  # half a second for a busy machine
        await player.state(State.LIVE, State.DEGRADED, within_s=20)
        verdict = await c.verdict(player, 20)
        assert not verdict.kinds, verdict
        assert len(player.asked.of("POST")) == 2
        assert player.open_gaps == []


async def test_c9_x4_a_bot_that_believes_its_socket_sleeps_on() -> None:
    async with course() as c, naively(c, trusting.run) as bot:
        await c.trade(10)
        c.stream.stall()
        c.b.sandbox.clock.change(advance_ms=HOURS_MS)
        await c.trade(10)
        assert (await c.verdict(bot, 2)).kinds == OTHERS["sleep"].fails
