"""R3, R4: nodes of the NATS die or stand still while events are published."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from tests.reliability.cluster.home import Cluster
from tests.reliability.server.exchange import Exchange
from tests.reliability.server.home import names
from tests.server.nats.servers import Nodes
from tests.server.running import until

STALL_S = 30.0
"""How long publishing may stand still. NATS elects a leader in 5 to 8 s where the machine has
nothing else to do, of one stream after the other; whoever takes a shard over needs heads, too."""


DOWN_S, FULL_DOWN_S = 8.0, 30.0
LIVE_S = 15.0
"""From the quorum's return until events come."""


async def stall_s(exchange: Exchange) -> float:
    """How long it takes until something is acknowledged that was not yet."""
    before, start = exchange.total, time.monotonic()
    await until(lambda: exchange.total > before + 100, 60)
    return time.monotonic() - start


@pytest.mark.parametrize("how", ["kill", "pause"])
async def test_r3_the_leader_of_a_stream_goes_three_times(
    how: str, tmp_path: Path, nats_cluster: Nodes
) -> None:
    stalls = []
    async with Cluster(tmp_path, nats_cluster) as home:
        exchange = await home.open(names(20))
        home.follow_all()
        await home.all_live()
        async with exchange.load(500):
            for _ in range(3):
                await stall_s(exchange)
                leader = home.leader()
                await asyncio.to_thread(getattr(leader, how))
                try:
                    stalls.append(await stall_s(exchange))
                finally:
                    leader.resume() if how == "pause" else await asyncio.to_thread(leader.start)
        await home.proven_and_stored()
        assert [len(f.live_s) for f in home.followers] == [1] * 20  # nobody had to come back
    assert max(stalls) <= STALL_S, stalls


async def without_a_quorum(path: Path, nodes: Nodes, down_s: float) -> None:
    """Two of three nodes are away for a time."""
    async with Cluster(path, nodes, append_wait_s=3) as home:
        exchange = await home.open(names(10))
        home.follow_all()
        await home.all_live()
        keys = {name: await home.key("binance", name) for name in exchange.accounts}
        async with exchange.load(500):
            await stall_s(exchange)
            for node in nodes.nodes[:2]:
                await asyncio.to_thread(node.kill)
            down = time.monotonic()
            try:
                # What was on its way is answered; then processes take nothing, and say so.
                await until(lambda: home.publishers.turned_away or exchange.refused, 60)
                before, away = exchange.total, home.publishers.turned_away
                while time.monotonic() - down < down_s:
                    for name, key in keys.items():
                        response = await home.renew("binance", name, key)
                        assert response.status_code == 200, response.text
                    await asyncio.sleep(0.5)
                await until(lambda: home.publishers.turned_away > away, 60)
                assert exchange.total == before
                assert all(f.live for f in home.followers)
            finally:
                await asyncio.to_thread(nodes.start)
            back = time.monotonic()
            await stall_s(exchange)
            assert time.monotonic() - back <= LIVE_S + 10  # that long on a machine with other work
        await home.proven_and_stored()
        assert [len(f.live_s) for f in home.followers] == [1] * 10


async def test_r4_without_a_quorum_nothing_is_acknowledged_and_streams_stay(
    tmp_path: Path, nats_cluster: Nodes
) -> None:
    await without_a_quorum(tmp_path, nats_cluster, DOWN_S)


@pytest.mark.slow
async def test_r4_full_size(tmp_path: Path, nats_cluster: Nodes) -> None:
    await without_a_quorum(tmp_path, nats_cluster, FULL_DOWN_S)
