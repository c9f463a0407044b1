"""L8: while no node of NATS is there, processes wait and do not spin."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.reliability.cluster.home import Cluster
from tests.reliability.server.home import names
from tests.server.nats.servers import Nodes

DOWN_S, FULL_DOWN_S = 12.0, 60.0
MOST = 0.20
"""Of a core."""


async def bus_down(path: Path, nodes: Nodes, down_s: float) -> None:
    """All nodes are away for a time; streams stay, and go on afterwards."""
    async with Cluster(path, nodes, append_wait_s=3) as home:
        exchange = await home.open(names(60))
        home.follow_all()
        await home.all_live()
        await exchange.publish(600)
        for node in nodes.nodes:
            await asyncio.to_thread(node.kill)
        try:
            before = [member.cpu_s() for member in home.members.values()]
            await asyncio.sleep(down_s)
            after = [member.cpu_s() for member in home.members.values()]
            assert all(f.live for f in home.followers)
        finally:
            await asyncio.to_thread(nodes.start)
        used = [(b - a) / down_s for a, b in zip(before, after, strict=True)]
        await exchange.publish(600)
        await home.proven_and_stored()
        assert [len(f.live_s) for f in home.followers] == [1] * 60
    assert max(used) < MOST, used


async def test_l8_processes_wait_for_a_bus_that_is_down(
    tmp_path: Path, nats_cluster: Nodes
) -> None:
    await bus_down(tmp_path, nats_cluster, DOWN_S)


@pytest.mark.slow
async def test_l8_full_size(tmp_path: Path, nats_cluster: Nodes) -> None:
    await bus_down(tmp_path, nats_cluster, FULL_DOWN_S)
