"""R5: packets between an edge and NATS vanish without a word; its bots stay connected."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from tests.reliability.cluster.home import Cluster
from tests.reliability.cluster.partition import partition
from tests.reliability.server.home import names
from tests.server.nats.servers import cluster, running
from tests.server.running import until

CUT_S, FULL_CUT_S = 14.0, 30.0
NOTICED_S, LIVE_S = 10.0, 15.0


async def cut_off(path: Path, cut_s: float) -> None:
    """One of two edges is away from NATS for a time, and comes back by itself."""
    with (
        partition() as cable,
        running(cluster(path / "nats", host=cable.nats)) as nodes,
    ):
        home = Cluster(path, nodes, drain_s=1)
        edge = home.edges[0]
        edge.program = (*cable.inside, *edge.program)
        for port in ("rest", "stream", "admin"):
            edge.arguments += (f"--{port}", f"{cable.far}:0")
        async with home:
            exchange = await home.open(names(20))
            for name in exchange.accounts:
                home.follow(name, "binance", heartbeat_s=1)
            await home.all_live()
            async with exchange.load(200):
                await asyncio.sleep(1)
                before = await edge.metric("userstream_sockets ")
                assert 0 < before < 20
                cable.cut()
                began = time.monotonic()
                await until(lambda: _degraded(home) == before, NOTICED_S + 10)
                noticed_s = time.monotonic() - began
                total = exchange.total
                await asyncio.sleep(max(cut_s - noticed_s, 0))
                assert _degraded(home) == before  # still so, and of nobody else
                assert exchange.total > total  # the rest of the cluster goes on
                cable.heal()
                healed = time.monotonic()
                await until(lambda: _degraded(home) == 0, LIVE_S + 30)
                healed_s = time.monotonic() - healed
            await home.proven_and_stored()
            assert [len(f.live_s) for f in home.followers] == [1] * 20  # nobody had to come back
    assert noticed_s <= NOTICED_S + 5, f"noticed after {noticed_s:.1f} s"
    assert healed_s <= LIVE_S + 10, f"healed after {healed_s:.1f} s"


def _degraded(home: Cluster) -> int:
    """How many bots were told last that the log cannot be asked."""
    return sum(f.beats[-1][1] == "degraded" for f in home.followers if f.beats)


async def test_r5_an_edge_whose_packets_to_nats_vanish_says_so_and_loses_nothing(
    tmp_path: Path,
) -> None:
    await cut_off(tmp_path, CUT_S)


@pytest.mark.slow
async def test_r5_full_size(tmp_path: Path) -> None:
    await cut_off(tmp_path, FULL_CUT_S)
