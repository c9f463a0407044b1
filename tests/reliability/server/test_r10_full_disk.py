"""R10: a disk that is full at 50 random points, and has room again each time."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.reliability.server.home import VENUES, Home
from tests.reliability.server.sizes import SIZES
from tests.server.stores.test_rocks_disk import mounted

POINTS = SIZES.r10_points
DISK = 64 << 20
"""Room for the log, and for what RocksDB wants to have free when it is opened again."""


def fill(disk: Path, leave: int) -> Path:
    """Takes all room but that many bytes."""
    room = os.statvfs(disk)
    ballast = disk / "ballast"
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(room.f_bavail * room.f_frsize - leave, 1))
    return ballast


@pytest.mark.parametrize("durability", ["power-cut", "process-kill"])
async def test_r10_a_full_disk_is_an_error_to_publishers_and_heals_without_a_restart(
    tmp_path: Path, durability: str
) -> None:
    with mounted(tmp_path / "disk", DISK) as disk:
        home = Home(tmp_path, "--durability", durability)
        home.data = disk / "data"
        async with home:
            exchange = await home.open(["alice"])
            for venue in VENUES:
                home.follow("alice", venue)
            await home.all_live()
            for _ in range(POINTS):
                await exchange.publish(random.randrange(1, 50))
                ballast = fill(disk, random.randrange(64 << 10))
                exchange.offer(50)
                while await exchange.send():
                    exchange.offer(50)
                assert await home.metric("userstream_store_refusing") == 1
                tail = {"account": "alice", "from": str(len(exchange.acked["alice"]))}
                served = (await home.admin.get("/_events", params=tail)).text
                assert served.count('"seq"') == 1
                assert not await exchange.send()
                ballast.unlink()
                await exchange.settle()
                assert await home.metric("userstream_store_refusing") == 0
            await home.proven()
            assert await home.stored("alice") == exchange.acked["alice"]
            home.kill()
            await home.start()
            assert await home.stored("alice") == exchange.acked["alice"]
            assert exchange.refused >= 2 * POINTS
