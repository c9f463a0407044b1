"""Readiness on a NATS: a probe from publishing to delivery, and what a drain gives up first."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from pathlib import Path
from typing import Any
from unittest import mock

import msgspec
import pytest

from tests.docs.cluster import PAGE
from tests.server.bus.places import OnNats, numbered
from tests.server.nats.servers import Nodes
from tests.server.nats.test_bus_faults import nats_of, shard_of
from tests.server.nats.test_roles import secret_in
from tests.server.nats.test_service import publish_some, serving
from tests.server.running import Running, metric, until
from userstream.core.limits import Limits
from userstream.core.publishing import Refused
from userstream.errors import InvalidSettings
from userstream.server.nats.bus import NatsBus
from userstream.server.nats.follower import Follower


async def shown(server: Running) -> tuple[int, dict[str, Any]]:
    """Status and body of the answer."""
    response = await server.admin.get("/_health/ready")
    return response.status_code, response.json()


async def turns(server: Running, ready: bool, within_s: float = 30) -> dict[str, Any]:
    """What is said once the process is ready, or not."""
    async with asyncio.timeout(within_s):
        while True:
            status, body = await shown(server)
            assert (status == 200) == body["ready"]
            if body["ready"] == ready:
                return body
            await asyncio.sleep(0.02)


async def test_a_process_is_ready_once_an_event_came_through_and_while_they_do(
    nats_node: Nodes,
) -> None:
    async with serving(nats_node) as server:
        await turns(server, True)
        assert metric(server.service, "userstream_probe_seconds_count") >= 1
        assert metric(server.service, "userstream_probe_age_seconds") < 5
        await asyncio.to_thread(nats_node.nodes[0].kill)
        try:
            (reason,) = (await turns(server, False))["reasons"]
            assert reason.startswith("no event came through for ")
        finally:
            await asyncio.to_thread(nats_node.start)
        assert (await turns(server, True))["reasons"] == []


async def test_an_event_that_is_stored_and_not_delivered_is_seen(nats_node: Nodes) -> None:
    with mock.patch("userstream.server.probe._DELIVERED_S", 0.3):
        async with serving(nats_node) as server:
            await turns(server, True)
            with mock.patch.object(Follower, "_hand_over"):
                body = await turns(server, False)
            assert body["reasons"][0].endswith("an event is stored, but not delivered")


async def test_the_account_of_a_probe_is_nobodys(nats_node: Nodes) -> None:
    async with serving(nats_node) as server:
        await turns(server, True)
        listed = (await server.admin.get("/_accounts")).json()
        assert {a["account"] for a in listed} == {"alice", "bob"}
        probe = server.service.readiness._probe
        assert probe is not None
        name = probe._account
        assert (await server.admin.get(f"/_events?account={name}")).text
        response = await server.admin.post("/_events", content=numbered(1, name))
        assert response.json()["error"]["code"] == "malformed"
        with pytest.raises(InvalidSettings, match="a name of the exchange itself"):
            await server.service.accounts.add(name, "somekey", None)


async def test_what_a_day_without_events_stores_is_what_the_page_says(nats_node: Nodes) -> None:
    async with serving(nats_node) as server:
        await turns(server, True)
        bus, probe = server.service.bus, server.service.readiness._probe
        assert isinstance(bus, NatsBus)
        assert probe is not None
        place, layout = probe._account, bus._layout
        with_probes = layout.shard_of(place)
        ticks = (await bus._js.info(layout.events(1 - with_probes))).state
        both = (await bus._js.info(layout.events(with_probes))).state
        tick_bytes = ticks.bytes / ticks.messages
        stored = [
            await bus._js.get(layout.events(with_probes), seq=seq)
            for seq in range(both.first_seq, both.last_seq + 1)
        ]
        probes = sum(kept is not None and kept.subject.endswith(place) for kept in stored)
        probe_bytes = (both.bytes - tick_bytes * (both.messages - probes)) / probes
    said = re.search(r"(\d+) MB of ticks in each shard, and (\d+) MB of probes", PAGE.read_text())
    assert said is not None
    for mb, message_bytes in zip(said.groups(), (tick_bytes, probe_bytes), strict=True):
        assert 0.8 * int(mb) < message_bytes * 86_400 / 1_000_000 <= int(mb)


async def test_a_stop_is_told_first_and_gives_the_shards_up_at_once(
    nats_node: Nodes, tmp_path: Path
) -> None:
    prefix, keys = f"s{secrets.token_hex(4)}", secret_in(tmp_path)
    async with (
        serving(nats_node, prefix, keys, drain_wait_s=5.0) as one,
        serving(nats_node, prefix, keys, accounts=()) as two,
    ):
        await turns(one, True)
        await publish_some(one, 1, 3)
        first, second = one.service.bus, two.service.bus
        assert isinstance(first, NatsBus)
        assert isinstance(second, NatsBus)
        async with one.stream("binance") as socket:
            began = time.monotonic()
            stopping = asyncio.create_task(one.service.__aexit__())
            await asyncio.sleep(0)
            assert (await shown(one))[1]["reasons"] == ["the process stops"]
            await until(lambda: all(s.mine for s in second._appends.shards), 20)
            assert time.monotonic() - began < 5, "the other one waited for the lease"
            assert not any(s.mine for s in first._appends.shards)
            # Streams live on meanwhile, and so does publishing here, at the other's hands.
            await publish_some(one, 4, 5)
            assert not stopping.done()
            assert socket.close_code is None
        stopping.cancel()
        await asyncio.wait([stopping])


async def test_a_full_stream_is_told_before_it_is_full_and_has_room_again_by_itself(
    nats_node: Nodes,
) -> None:
    place = OnNats(nats_node)
    place.settings = msgspec.structs.replace(place.settings, shards=1, max_bytes=1_048_576)
    limits = Limits(retention_s=3, retention_check_s=0.1, append_wait_s=1)
    with (
        mock.patch("userstream.server.nats.fullness._LOOK_S", 0.1),
        mock.patch("userstream.server.nats.heads.SETTLES_S", 0.2),
    ):
        async with place.open(limits) as it:
            refused: Refused | None = None
            n = 0
            async with asyncio.timeout(40):
                while refused is None:
                    outcomes = await it.publish(range(n + 1, n + 101))
                    n += 100
                    refused = next((o for o in outcomes if isinstance(o, Refused)), None)
            stream = shard_of(it).stream
            assert (refused.code, refused.msg) == (
                "unavailable", f"not stored: {stream} is full",
            )  # fmt: skip
            assert shard_of(it).mine  # its ticks still have room
            await nats_of(it)._appends.fullness.look()
            assert it.bus.fullness()[stream] > 0.5
            assert [type(o) for o in await it.accepted(n + 1)] != [Refused]
