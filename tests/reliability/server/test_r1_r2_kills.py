"""R1, R2: the process is killed while it is published to.

R1 has one process where the full scenario has two nodes: everybody waits until it is up again, and
the time is taken from then.
"""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from tests.reliability.server.home import Home, names
from tests.reliability.server.pairs import p99
from tests.reliability.server.sizes import SIZES
from tests.server.cutting import rig
from tests.server.running import until
from tests.venues.orders import order

CYCLES = SIZES.r2_cycles


async def test_r1_200_clients_over_5_kills_under_1000_events_a_second(tmp_path: Path) -> None:
    kills, waits_s = SIZES.r1_kills, list[float]()
    async with Home(tmp_path) as home:
        exchange = await home.open(names(SIZES.r1_clients))
        home.follow_all()
        await home.all_live()
        async with exchange.load(SIZES.r1_per_s):
            for kill in range(1, kills + 1):
                await asyncio.sleep(random.uniform(0.5, 1.5))
                home.kill()
                await home.start()
                up_s = asyncio.get_running_loop().time()
                await home.all_live()
                waits_s += [f.live_s[-1] - up_s for f in home.followers]
                assert all(len(f.live_s) > kill for f in home.followers)
        await home.proven()
    late = p99(waits_s)
    assert late <= 5, f"p99 of {len(waits_s)} returns is {late:.2f} s"


@pytest.mark.parametrize("durability", ["power-cut", "process-kill"])
async def test_r2_killed_25_times_at_random_points_it_has_every_acknowledged_event(
    tmp_path: Path, durability: str
) -> None:
    epochs = set()
    async with Home(tmp_path, "--durability", durability) as home:
        exchange = await home.open(names(4))
        home.follow_all()
        async with exchange.load(2_000):
            for _ in range(CYCLES):
                acked = exchange.total
                await asyncio.sleep(random.uniform(0, 0.6))
                home.kill()
                await home.start()
                epochs.add(home.server.epoch)
                assert exchange.total >= acked
        await home.proven()
        for name in exchange.accounts:
            assert await home.stored(name) == exchange.acked[name]
    assert len(epochs) == 1
    assert exchange.total > 10 * CYCLES


async def restarts(path: Path, stored: int) -> float:
    """How long it takes after kill -9 under load, with so many events stored: the best of 3."""
    async with rig(path / "data") as rigged:
        events = [order(order_id=str(n)) for n in range(2_000)]
        for at in range(stored // len(events)):
            await rigged.publish(events, f"old{at % 50}")
    took_s = []
    async with Home(path) as home:
        exchange = await home.open(names(4))
        async with exchange.load(1_000):
            for _ in range(3):  # the others may have met another program's work
                before = exchange.total
                await until(lambda before=before: exchange.total > before + 500, 60)  # type: ignore[misc]
                home.kill()
                began = asyncio.get_running_loop().time()
                await home.start()
                took_s.append(asyncio.get_running_loop().time() - began)
                assert home.server.epoch == rigged.bus.epoch
        for name in exchange.accounts:
            assert await home.stored(name) == exchange.acked[name]
    return min(took_s)


async def test_r2_killed_with_300000_events_stored_it_is_up_as_fast_as_with_100000(
    tmp_path: Path,
) -> None:
    """A restart reads the newest of the log, 64 MiB at most, and not what lies in tables."""
    few, many = tmp_path / "few", tmp_path / "many"
    few.mkdir()
    many.mkdir()
    few_s, many_s = await restarts(few, 100_000), await restarts(many, 300_000)
    assert many_s <= 1.5 * few_s + 0.5, f"{many_s:.2f} s, with a third of the events {few_s:.2f} s"


@pytest.mark.slow
async def test_r2_killed_with_a_million_events_stored_it_is_up_within_3_s(tmp_path: Path) -> None:
    assert await restarts(tmp_path, 1_000_000) <= 3
