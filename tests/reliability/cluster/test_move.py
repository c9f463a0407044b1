"""A folder moves to three nodes while their leaders go."""

from __future__ import annotations

import asyncio
from pathlib import Path
from unittest import mock

import pytest

from tests.reliability.cluster.home import leader_of
from tests.server.nats.moving import check, history, lived, move, publish, settings_of, shown_of
from tests.server.nats.servers import Node, Nodes
from tests.server.running import running
from userstream.server.nats import filling
from userstream.server.nats.filling import Filling
from userstream.server.nats.layout import Layout

pytestmark = pytest.mark.timeout(120)


async def test_a_leader_that_goes_in_the_middle_of_a_move_costs_nothing(
    nats_cluster: Nodes, tmp_path: Path
) -> None:
    it, keys = await lived(tmp_path / "data"), tmp_path / "keys"
    settings = settings_of(nats_cluster, max_bytes=64_000_000)
    async with running(bus=f"file:{it.data}", accounts=()) as server:
        await publish(server, it, 400)
        it.unseen = shown_of(server, 400)
        it.history["alice"] = await history(server, "alice")
    killed: list[Node] = []
    real = Filling._stored

    async def unlucky(self: Filling) -> None:
        await real(self)
        if self._done >= 500 and not killed:
            shard = Layout(settings.prefix, settings.shards, it.epoch).shard_of("alice")
            killed.append(leader_of(nats_cluster, f"{settings.prefix}-events-{shard}"))
            await asyncio.to_thread(killed[0].kill)

    try:
        with (
            mock.patch.object(Filling, "_stored", unlucky),
            mock.patch.object(filling, "_AT_ONCE", 100),
        ):
            moved = await move(it, nats_cluster, settings, keys).run()
    finally:
        await asyncio.to_thread(nats_cluster.start)
    assert killed
    assert moved.events > 2_000
    await check(it, moved, nats_cluster, settings, keys)
