"""Streams of an account whose events retention took before they were shown, or that are damaged."""

from __future__ import annotations

import json
from unittest import mock

from tests.server.nats.servers import Nodes
from tests.server.nats.test_service import followed, publish_some, serving
from tests.server.running import rest_of, take, until
from userstream.core.publishing import Appended
from userstream.errors import StoreDamaged
from userstream.server.nats.bus import NatsBus
from userstream.server.nats.layout import read_event


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


def read_but_the_third(account: str, data: bytes) -> Appended:
    event = read_event(account, data)
    if event.seq == 3:
        raise StoreDamaged("its bytes are no event")
    return event


async def test_streams_that_lack_a_damaged_event_end_and_a_resume_is_told(nats_node: Nodes) -> None:
    places = ["userstream.server.nats.history", "userstream.server.nats.follower"]
    async with serving(nats_node) as server:
        url = server.url("binance", await server.key())
        async with server.open(url) as stock, server.open(f"{url}?us=1") as marked:
            await publish_some(server, 1, 2)
            await take(stock, 2)
            last = json.loads((await take(marked, 1 + 2))[-1])["us"]
            with (
                mock.patch(f"{places[0]}.read_event", read_but_the_third),
                mock.patch(f"{places[1]}.read_event", read_but_the_third),
            ):
                await publish_some(server, 3, 4)
                assert await rest_of(stock) == ([], 1013, "slow reader")
                (said,), code, _ = await rest_of(marked)
                assert (json.loads(said)["us"]["reason"], code) == ("slow", 1013)
                wish = f"{url}?us=1&us_resume={last['epoch']}:{last['seq']}:9999"
                async with server.open(wish) as resumed:
                    refused = json.loads((await take(resumed, 1))[0])
                    assert (refused["e"], refused["us"]["reason"]) == ("us.refused", "too_old")
                    await publish_some(server, 5, 5)
                    assert json.loads((await take(resumed, 1))[0])["us"]["seq"] == 5
