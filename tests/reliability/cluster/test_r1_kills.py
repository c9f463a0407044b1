"""R1 on a NATS: the process that serves dies; what it knew lies in the streams."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

from tests.reliability.cluster.home import ClusterHome
from tests.reliability.server.home import names
from tests.server.nats.servers import Nodes

KILLS = 4


async def test_r1_the_process_is_killed_under_load(tmp_path: Path, nats_cluster: Nodes) -> None:
    epochs = set()
    async with ClusterHome(tmp_path, nats_cluster) as home:
        exchange = await home.open(names(40))
        home.follow_all()
        await home.all_live()
        async with exchange.load(500):
            for _ in range(KILLS):
                await asyncio.sleep(random.uniform(0.5, 1.5))
                home.kill()
                await home.start()
                epochs.add(home.server.epoch)
                await home.all_live()
        await home.proven()
        assert exchange.total > 100
    assert len(epochs) == 1
