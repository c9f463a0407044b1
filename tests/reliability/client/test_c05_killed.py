"""C5: the bot's process is killed at any moment. Its ledger is the truth all the same."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import signal
import sys
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.reliability.client.book import Book, judge
from tests.reliability.client.bot import Line
from tests.reliability.client.cases import OTHERS
from tests.reliability.client.course import Course, course
from tests.reliability.client.naive import trusting
from tests.reliability.client.runners import naively
from tests.server.running import until

KILLS = 8
FEWER = 4
"""At each of three venues."""
WITHIN_S = 75
"""A venue that was asked too much says when to come again: within a minute."""
MANY = pytest.param(200, marks=[pytest.mark.slow, pytest.mark.timeout(7_200)])
plain_loop = pytest.mark.plain_loop  # processes that uvloop starts inherit more than they should


class Killed:
    """A bot that is begun again after each kill, on one ledger and one cursor."""

    def __init__(self, c: Course, folder: Path, **options: Any) -> None:
        self.ledger = folder / "ledger"
        self.before: set[str] = set()
        """Orders of before the first life: none of its business."""
        self._course = c
        given = {
            "venue": c.name, "key": "alicekey", "secret": "alicesecret", "rest_url": c.rest_url,
            "stream_url": c.stream_url, "symbols": ["BTCUSDT"],
        }  # fmt: skip
        self._arguments = json.dumps(given | options)

    @contextlib.asynccontextmanager
    async def life(self) -> AsyncIterator[None]:
        """One life, with trade while it begins; it ends by SIGKILL."""
        c = self._course
        streams = c.stream.connections
        bot = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.reliability.client.bot", self.ledger, self._arguments
        )
        try:
            while c.stream.connections == streams:
                if self.size:  # what was before the first life is none of its business
                    c.step()
                await asyncio.sleep(0.05)
            yield
        finally:
            bot.send_signal(signal.SIGKILL)
            await bot.wait()
            # So many bots that begin within a minute are more than a venue answers.
            c.b.sandbox.clock.change(advance_ms=61_000)

    @property
    def size(self) -> int:
        """Of the ledger, in bytes."""
        return self.ledger.stat().st_size if self.ledger.exists() else 0

    def lines(self) -> list[Line]:
        """What the ledger has; the last line may be cut by a kill."""
        if not self.ledger.exists():
            return []
        whole = self.ledger.read_bytes().rpartition(b"\n")[0].splitlines()
        return [msgspec.json.decode(line, type=Line) for line in whole]

    async def truth(self) -> Book:
        """The book of one who was there all the time, from the first life on."""
        book = await self._course.real()
        for order_id in self.before:
            book.fills.pop(order_id, None)
            book.status.pop(order_id, None)
        return book

    def went_on(self, size: int) -> bool:
        """Whether the ledger has grown."""
        return self.size > size

    async def comes_to(self, truth: Book) -> None:
        """Waits until the ledger has every fill, and how every order stands.

        It is read anew only where it has grown.
        """
        size = self.size
        while not judge(truth, self.book(once=True), sure=True).kinds.isdisjoint(
            {"missing", "wrong"}
        ):
            await until(partial(self.went_on, size), WITHIN_S)
            size = self.size

    def book(self, *, once: bool = False) -> Book:
        """The ledger as a book; ``once``: a fill that is marked as a repeat maybe counts once."""
        book = Book(self._course.venue)
        for line in self.lines():
            if line.update.order_id not in self.before:
                book.order(line.update, late=line.late)
        if once:
            book.fills = {i: list(dict.fromkeys(fills)) for i, fills in book.fills.items()}
        return book


async def killed_often(c: Course, bot: Killed, kills: int) -> None:
    """Kills at random moments, then one life that is long enough."""
    dice = random.Random(11)
    async with bot.life():
        while not bot.size:
            await asyncio.sleep(0.5)
            c.fills()
        bot.before = {*(await c.real()).status}
    for _ in range(kills):
        size = bot.size
        async with bot.life():
            for _ in range(dice.randrange(1, 25)):
                c.step()
                await asyncio.sleep(dice.choice((0.0, 0.001, 0.01)))
            if dice.random() < 0.7:
                await until(partial(bot.went_on, size), WITHIN_S)
    async with bot.life():
        c.fills()
        await c.published()
        await bot.comes_to(await bot.truth())


@plain_loop
@pytest.mark.timeout(300)
@pytest.mark.parametrize("kills", [KILLS, MANY])
async def test_c5_at_our_own_server_the_ledger_repeats_one_event_a_kill_at_most(
    kills: int, tmp_path: Path
) -> None:
    async with course(data=str(tmp_path / "data")) as c:
        bot = Killed(c, tmp_path, cursor=str(tmp_path / "cursor"), extension=True, heartbeat_s=1)
        await killed_often(c, bot, kills)
        verdict = judge(await bot.truth(), bot.book(), sure=True)
        assert not verdict.kinds - {"duplicated"}, verdict
        assert verdict.duplicated <= kills


@plain_loop
@pytest.mark.timeout(300)
@pytest.mark.parametrize("kills", [FEWER, MANY])
@pytest.mark.parametrize("venue", ["binance", "bhex", "mexc"])
async def test_c5_at_a_venue_the_ledger_has_all_and_repeats_are_marked(
    venue: str, kills: int, tmp_path: Path
) -> None:
    async with course(venue) as c:
        bot = Killed(c, tmp_path, cursor=str(tmp_path / "cursor"))
        await killed_often(c, bot, kills)
        verdict = judge(await bot.truth(), bot.book(once=True), sure=True)
        assert not verdict.kinds, verdict
        repeats = judge(await bot.truth(), bot.book(), sure=True).duplicated
        assert repeats <= sum(line.ambiguous for line in bot.lines()) + kills


async def test_c5_x4_a_bot_without_a_memory_misses_what_came_while_it_was_dead() -> None:
    async with course() as c:
        async with naively(c, trusting.run) as first:
            await c.trade(10)
            assert not (await c.verdict(first)).kinds
        await c.trade(10)
        async with naively(c, trusting.run, book=first.book) as second:
            await c.trade(10)
            assert (await c.verdict(second, 2)).kinds == OTHERS["kill"].fails
