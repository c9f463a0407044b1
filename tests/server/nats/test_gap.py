"""Streams of an account whose events retention took before they were shown."""

from __future__ import annotations

from tests.server.nats.servers import Nodes
from tests.server.nats.test_service import followed, publish_some, serving
from tests.server.running import rest_of, take, until
from userstream.server.nats.bus import NatsBus


async def test_streams_that_cannot_have_everything_end_and_say_so(nats_node: Nodes) -> None:
    async with serving(nats_node) as server:
        bus = server.service.bus
        assert isinstance(bus, NatsBus)
        url = server.url("binance", await server.key())
        async with server.open(url) as stock, server.open(f"{url}?us=1") as marked:
            await publish_some(server, 1, 2)
            await take(stock, 2)
            await take(marked, 1 + 2)
            found = bus._follower.get("alice")
            assert found is not None
            bus._js.link.send(b"UNSUB %d\r\n" % found.sid)
            await publish_some(server, 3, 20)
            shard = bus._appends.shards[bus._layout.shard_of("alice")]
            await bus._js.purge(shard.stream, shard.base)
            frames, code, text = await rest_of(stock)
            assert (frames, code, text) == ([], 1013, "slow reader")
            frames, code, text = await rest_of(marked)
            assert b'"reason":"slow"' in frames[-1]
            assert b'"seq":2' in frames[-1]
            assert code == 1013
        await until(lambda: followed(bus) == 0)
