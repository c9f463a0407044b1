"""The NATS of the tests is what the tests take it for."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import nats
import nats.errors
import pytest
from nats.js import JetStreamContext
from nats.js.api import StreamConfig

from tests.server.nats.servers import Nodes


@contextlib.asynccontextmanager
async def _jetstream(nodes: Nodes) -> AsyncIterator[JetStreamContext]:
    client = await nats.connect(nodes.url.split(","), max_reconnect_attempts=-1, error_cb=_expected)
    try:
        yield client.jetstream(timeout=10)
    finally:
        await client.close()


async def _expected(_: Exception) -> None:
    """Connections break when nodes do."""


async def _stored(stream: JetStreamContext, data: bytes) -> bool:
    try:
        await stream.publish("three.a", data, timeout=1)
    except (TimeoutError, nats.errors.Error):
        return False
    return True


async def test_a_node_keeps_what_was_acknowledged_through_a_kill(nats_node: Nodes) -> None:
    async with _jetstream(nats_node) as stream:
        await stream.add_stream(StreamConfig(name="kept", subjects=["kept.>"]))
        acknowledged = await stream.publish("kept.a", b"1")
    node = nats_node.nodes[0]
    await asyncio.to_thread(node.kill)
    await asyncio.to_thread(node.start)
    async with _jetstream(nats_node) as stream:
        stored = await stream.get_last_msg("kept", "kept.a")
        assert (stored.seq, stored.data) == (acknowledged.seq, b"1")
        await stream.delete_stream("kept")


@pytest.mark.reliability
async def test_a_cluster_outlives_one_node_and_not_two(nats_cluster: Nodes) -> None:
    async with _jetstream(nats_cluster) as stream:
        config = StreamConfig(name="three", subjects=["three.>"], num_replicas=3)
        info = await stream.add_stream(config)
        assert info.cluster is not None
        first, second = (n for n in nats_cluster.nodes if n.name != info.cluster.leader)
        await asyncio.to_thread(first.kill)
        while not await _stored(stream, b"with one dead"):
            pass
        second.pause()
        assert not await _stored(stream, b"with one dead and one that stands still")
        second.resume()
        await asyncio.to_thread(nats_cluster.start)
        while not await _stored(stream, b"with all"):
            pass
        await stream.delete_stream("three")
