"""Turns: never more at once than may be, none is lost, and accounts come one after the other."""

from __future__ import annotations

import asyncio
import random

import pytest

from userstream.server.turns import Turns


class Held:
    """Who holds a turn, and who ever did."""

    def __init__(self, at_once: int) -> None:
        self.turns = Turns(at_once)
        self.now = self.most = 0
        self.order: list[str] = []

    async def work(self, account: str, loops: int = 1) -> None:
        async with self.turns.of(account):
            self.order.append(account)
            self.now += 1
            self.most = max(self.most, self.now)
            try:
                for _ in range(loops):
                    await asyncio.sleep(0)
            finally:
                self.now -= 1


@pytest.mark.parametrize("at_once", [1, 2, 4])
async def test_no_more_than_that_many_hold_a_turn_and_all_get_one(at_once: int) -> None:
    held = Held(at_once)
    await asyncio.gather(*(held.work(f"a{n % 3}", n % 4) for n in range(40)))
    assert (held.most, held.now, len(held.order)) == (at_once, 0, 40)


async def test_an_account_waits_for_one_of_each_other_and_not_for_all() -> None:
    held = Held(1)
    accounts = ["flood"] * 50 + ["b"] * 3 + ["c"] * 2
    await asyncio.gather(*(held.work(account) for account in accounts))
    assert held.order[:8] == ["flood", "flood", "b", "c", "flood", "b", "c", "flood"]
    assert held.order[8:] == ["b"] + ["flood"] * 46


async def test_a_wait_that_is_cancelled_takes_no_turn_and_loses_none() -> None:
    chance = random.Random(5)
    held = Held(2)
    tasks = [asyncio.create_task(held.work(f"a{n % 4}", 3)) for n in range(200)]
    for task in chance.sample(tasks, 120):
        if chance.random() < 0.5:
            await asyncio.sleep(0)  # so that some are cancelled as their turn comes
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert (held.now, held.most) == (0, 2)
    assert not held.turns._waiting
    assert held.turns._free == 2


async def test_a_turn_that_was_given_to_who_is_cancelled_goes_to_the_next() -> None:
    held = Held(1)
    async with held.turns.of("a"):
        second, third = asyncio.create_task(held.work("b")), asyncio.create_task(held.work("c"))
        await asyncio.sleep(0)
    second.cancel()  # it has the turn, and does not know it yet
    await asyncio.gather(second, third, return_exceptions=True)
    assert held.order == ["c"]
    assert held.turns._free == 1
