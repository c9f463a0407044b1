"""R3, R4: nodes of the NATS die or stand still while events are published."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from tests.reliability.cluster.home import ClusterHome
from tests.reliability.server.exchange import Exchange
from tests.reliability.server.home import names
from tests.server.nats.servers import Nodes
from tests.server.running import until

STALL_S = 20.0
"""How long publishing may stand still; 5 to 8 s where the machine has nothing else to do."""


async def stall_s(exchange: Exchange) -> float:
    """How long it takes until something is acknowledged that was not yet."""
    before, start = exchange.total, time.monotonic()
    await until(lambda: exchange.total > before + 100, 30)
    return time.monotonic() - start


@pytest.mark.parametrize("how", ["kill", "pause"])
async def test_r3_the_leader_of_a_stream_goes_three_times(
    how: str, tmp_path: Path, nats_cluster: Nodes
) -> None:
    stalls = []
    async with ClusterHome(tmp_path, nats_cluster) as home:
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
        await home.proven()
        assert exchange.acked  # what bots got is compared with this
    assert max(stalls) <= STALL_S, stalls


async def test_r4_without_a_quorum_nothing_is_acknowledged_and_streams_stay(
    tmp_path: Path, nats_cluster: Nodes
) -> None:
    async with ClusterHome(tmp_path, nats_cluster, append_wait_s=3) as home:
        exchange = await home.open(names(10))
        home.follow_all()
        await home.all_live()
        async with exchange.load(500):
            await stall_s(exchange)
            for node in nats_cluster.nodes[:2]:
                await asyncio.to_thread(node.kill)
            try:
                await until(lambda: exchange.refused, 30)  # what was on its way is answered
                before, refused = exchange.total, exchange.refused
                key = await home.key("binance", exchange.accounts[0])
                await until(lambda: exchange.refused > refused, 30)
                response = await home.renew("binance", exchange.accounts[0], key)
                assert response.status_code == 200
                assert exchange.total == before
                assert all(f.live for f in home.followers)
            finally:
                start = time.monotonic()
                await asyncio.to_thread(nats_cluster.start)
            await stall_s(exchange)
            assert time.monotonic() - start <= 15 + 5
        await home.proven()
        assert [len(f.live_s) for f in home.followers] == [1] * 10  # nobody had to come back
