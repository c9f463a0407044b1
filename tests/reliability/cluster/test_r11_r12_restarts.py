"""R11, R12: one process is drained under load; all are restarted in turn, old and new mixed."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from tests.reliability.cluster.home import Cluster, Member
from tests.reliability.cluster.versions import old_environment
from tests.reliability.server.home import names
from tests.reliability.server.test_r11_drain import closes
from tests.server.nats.servers import Nodes

CLIENTS, FULL_CLIENTS = 60, 2_000
EXIT_S = 30


async def drained(path: Path, nodes: Nodes, clients: int) -> None:
    """One edge is stopped as its operator would, while the load runs."""
    # A tenth of its streams a second at most, as half of all bots are there.
    async with Cluster(path, nodes, closes_per_s=max(clients // 25, 1), drain_s=20) as home:
        exchange = await home.open(names(clients))
        home.follow_all()
        await home.all_live()
        edge = home.edges[0]
        streams = int(await edge.metric("userstream_sockets "))
        assert clients / 4 < streams < clients
        async with exchange.load(300), httpx.AsyncClient(trust_env=False) as http:
            await asyncio.sleep(0.5)
            began = time.monotonic()
            stopping = asyncio.create_task(edge.stop())
            await asyncio.sleep(0.2)
            ready = await http.get(f"{edge.urls['admin']}/_health/ready", timeout=10)
            assert ready.status_code == 503
            assert await stopping == 0
            took_s = time.monotonic() - began
            await home.all_live()
        await home.proven_and_stored()
    assert took_s <= EXIT_S, f"the stop took {took_s:.1f} s"
    ends = [end for follower in home.followers for end in follower.ends]
    assert {(end.code, end.reason) for end in ends} == {(1001, "shutdown")}  # none without a word
    ended = closes(edge.log)
    assert len(ended) == len(ends) == streams
    most = max(streams // 10, 1) + 1
    for first, later in zip(ended, ended[most:], strict=False):
        assert later - first >= timedelta(seconds=0.9), f"more than {most} closes in a second"


async def test_r11_a_drained_process_loses_nothing_and_ends_streams_in_turn(
    tmp_path: Path, nats_cluster: Nodes
) -> None:
    await drained(tmp_path, nats_cluster, CLIENTS)


@pytest.mark.slow
async def test_r11_full_size(tmp_path: Path, nats_cluster: Nodes) -> None:
    await drained(tmp_path, nats_cluster, FULL_CLIENTS)


async def restarted(home: Cluster, member: Member, env: dict[str, str]) -> None:
    """A process stops as its operator would, and comes back in another version."""
    assert await member.stop() == 0
    member.env = env
    await home.launch(member)
    await home.all_live()


@pytest.mark.parametrize("version", ["this version", "the version before"])
async def test_r12_all_are_restarted_in_turn_to_this_version_and_two_of_them_back(
    version: str, tmp_path: Path, nats_cluster: Nodes
) -> None:
    old = {} if version == "this version" else old_environment(tmp_path / "old")
    home = Cluster(tmp_path, nats_cluster, drain_s=2)
    for member in home.members.values():
        member.env = old
    async with home:
        exchange = await home.open(names(30))
        home.follow_all()
        await home.all_live()
        async with exchange.load(200):
            for member in home.members.values():
                await restarted(home, member, {})
            for member in (home.edges[0], home.rest_processes[0]):  # an upgrade that is undone
                await restarted(home, member, old)
        await home.proven_and_stored()
        for name in exchange.accounts:
            key = await home.key("binance", name)
            assert (await home.renew("binance", name, key)).status_code == 200
    ends = [end for follower in home.followers for end in follower.ends]
    assert {(end.code, end.reason) for end in ends} == {(1001, "shutdown")}
