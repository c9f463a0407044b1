"""A whole server whose events lie on a NATS; bots see no difference."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from unittest import mock

from websockets.exceptions import InvalidStatus

from tests.server.nats.servers import Nodes
from tests.server.running import JSON_VENUES, Running, rest_of, running, take, until
from tests.venues.orders import order
from userstream.client.publisher import line
from userstream.core.limits import Limits
from userstream.core.publishing import RESERVED
from userstream.errors import StoreUnavailable
from userstream.server.nats.address import NatsSettings
from userstream.server.nats.bus import NatsBus
from userstream.server.nats.history import Reached
from userstream.venue import Call, Refusal

LIMITS = Limits(append_wait_s=1.0)


@contextlib.asynccontextmanager
async def serving(
    nodes: Nodes, prefix: str = "", keys: str = "memory:", **options: Any
) -> AsyncIterator[Running]:
    """A server on these nodes."""
    settings = NatsSettings(
        prefix=prefix or f"s{secrets.token_hex(4)}",
        shards=2,
        replicas=nodes.replicas,
        max_bytes=16_000_000,
    )
    given: dict[str, Any] = {"bus": nodes.url, "nats": settings, "limits": LIMITS, "keys": keys}
    async with running(**(given | options)) as server:
        yield server


async def test_every_dialect_gets_its_frames(nats_node: Nodes) -> None:
    async with serving(nats_node) as server, contextlib.AsyncExitStack() as exits:
        venues = (*JSON_VENUES, "mexc")
        sockets = {v: await exits.enter_async_context(server.stream(v)) for v in venues}
        answers = [await server.publish() for _ in range(3)]
        assert [a.seq for a in answers] == [1, 2, 3]
        await until(lambda: ("alice", 3) in server.seen)
        for venue, socket in sockets.items():
            expected = [f for a in answers for f in server.frames(venue, "alice", a)]
            assert await take(socket, len(expected)) == expected


async def test_a_cursor_goes_on_where_another_process_left(nats_node: Nodes) -> None:
    prefix = f"s{secrets.token_hex(4)}"
    async with serving(nats_node, prefix) as server:
        key = await server.key()
        async with server.open(server.url("binance", key) + "?us=1") as socket:
            await publish_some(server, 1, 300)
            frames = [json.loads(f) for f in await take(socket, 1 + 300)][1:]
            mark = frames[99]["us"]
    async with serving(nats_node, prefix) as server:
        key = await server.key()
        cursor = f"{mark['epoch']}:{mark['seq']}:{mark['part']}"
        async with server.open(server.url("binance", key) + f"?us=1&us_resume={cursor}") as socket:
            await publish_some(server, 301, 310)
            resumed = [json.loads(f) for f in await take(socket, 1 + 210)]
            assert resumed[0]["e"] == "us.resumed"
            assert resumed[1:201] == frames[100:]
            assert [f["us"]["seq"] for f in resumed[201:]] == [*range(301, 311)]


async def test_a_tail_that_a_replaced_leader_told_refuses_no_cursor(nats_node: Nodes) -> None:
    async with serving(nats_node) as server:
        bus = server.service.bus
        assert isinstance(bus, NatsBus)
        await publish_some(server, 1, 3)
        shard = bus._layout.shard_of("alice")
        truly = bus._history.reached
        old = await truly(shard, ["alice"])
        await publish_some(server, 4, 6)
        url = server.url("binance", await server.key())

        async def told(
            shard: int, accounts: Sequence[str], place: int = 0
        ) -> Mapping[str, Reached]:
            return await truly(shard, accounts, place) if place else old

        with mock.patch.object(bus._history, "reached", told):
            async with server.open(f"{url}?us=1&us_resume={server.epoch()}:5:9999") as socket:
                frames = [json.loads(f) for f in await take(socket, 2)]
        assert [f["e"] for f in frames] == ["us.resumed", "executionReport"]
        assert frames[1]["us"]["seq"] == 6


async def test_a_stream_takes_more_listen_keys_of_other_accounts(nats_node: Nodes) -> None:
    async with serving(nats_node) as server, contextlib.AsyncExitStack() as exits:
        bus = server.service.bus
        assert isinstance(bus, NatsBus)
        keys = [await server.key(), await server.key(api_key="bobkey")]
        socket = await exits.enter_async_context(server.open(f"/stream?streams={keys[0]}"))
        await socket.send(json.dumps({"method": "SUBSCRIBE", "params": [keys[1]], "id": 1}))
        assert json.loads(await socket.recv()) == {"result": None, "id": 1}
        await until(lambda: followed(bus) == 2)
        await until(lambda: bus._follower.get("bob"))
        await server.publish("bob")
        assert json.loads(await socket.recv())["stream"] == keys[1]
        await socket.send(json.dumps({"method": "UNSUBSCRIBE", "params": [keys[1]], "id": 2}))
        assert json.loads(await socket.recv()) == {"result": None, "id": 2}
        await until(lambda: followed(bus) == 1)
        with mock.patch.object(bus, "follow", lambda _, then: then(StoreUnavailable("gone"))):
            await socket.send(json.dumps({"method": "SUBSCRIBE", "params": [keys[1]], "id": 3}))
            _, code, text = await rest_of(socket)
        assert (code, text) == (1011, "internal error")
        await until(lambda: followed(bus) == 0)


async def test_a_key_that_ends_while_its_account_is_followed_opens_nothing(
    nats_node: Nodes,
) -> None:
    async with serving(nats_node) as server:
        bus = server.service.bus
        assert isinstance(bus, NatsBus)
        key = await server.key()
        reached, begun = bus._history.reached, asyncio.Event()

        async def slow(shard: int, accounts: Sequence[str]) -> Mapping[str, Reached]:
            begun.set()
            await server.call("binance", Call.DELETE, key=key)
            return await reached(shard, accounts)

        with mock.patch.object(bus._history, "reached", slow):
            status = await _refused(server, server.url("binance", key))
        assert begun.is_set()
        unknown = server.venues["binance"].errors[Refusal.LISTEN_KEY_UNKNOWN]
        assert status == unknown.status
        assert followed(bus) == 0


async def test_a_heartbeat_says_so_when_nobody_can_ask_the_log(nats_node: Nodes) -> None:
    async with serving(nats_node) as server:
        key = await server.key()
        url = server.url("binance", key) + "?us=1&us_heartbeat=1"
        async with server.open(url) as socket:
            await publish_some(server, 1, 3)
            seen = [json.loads(f) for f in await take(socket, 1 + 4)]
            assert seen[4]["e"] == "us.heartbeat"
            assert seen[4]["us"] == {"epoch": server.epoch(), "seq": 3, "prev": 3}
            nats_node.nodes[0].pause()
            try:
                await _beats(socket, "degraded")
            finally:
                nats_node.nodes[0].resume()
            await _beats(socket, None)


async def _beats(socket: Any, reason: str | None) -> None:
    async with asyncio.timeout(20):
        while json.loads(await socket.recv())["us"].get("reason") != reason:
            pass


async def test_a_stream_opens_on_the_account_it_follows_and_leaves_it(nats_node: Nodes) -> None:
    async with serving(nats_node) as server:
        bus = server.service.bus
        assert isinstance(bus, NatsBus)
        async with server.stream("binance"), server.stream("bhex"):
            assert followed(bus) == 1
        await until(lambda: followed(bus) == 0)


async def test_a_stream_is_refused_while_its_account_cannot_be_followed(nats_node: Nodes) -> None:
    async with serving(nats_node) as server:
        key = await server.key()
        await asyncio.to_thread(nats_node.nodes[0].kill)
        try:
            response = await _refused(server, server.url("binance", key))
        finally:
            await asyncio.to_thread(nats_node.start)
        assert response == server.venues["binance"].errors[Refusal.UNAVAILABLE].status
        for _ in range(200):  # an address may dial 300 times in five minutes
            if not await _refused(server, server.url("binance", key)):
                return
            await asyncio.sleep(0.1)
        raise AssertionError("the stream was never opened")


async def _refused(server: Running, url: str) -> int:
    """The status of a handshake; 0 where it is accepted."""
    try:
        async with server.open(url):
            return 0
    except InvalidStatus as e:
        return e.response.status_code


async def publish_some(server: Running, first: int, last: int) -> None:
    """Orders of alice with these numbers."""
    lines = [
        line("alice", order(order_id=str(n)), source="core", n=n) for n in range(first, last + 1)
    ]
    answers = await server.publisher.send(lines)
    assert [a.seq for a in answers] == [*range(first, last + 1)]


async def test_publishers_are_sent_away_while_nobody_writes(nats_node: Nodes) -> None:
    async with serving(nats_node) as server:
        await publish_some(server, 1, 2)
        with mock.patch.object(NatsBus, "unwritable", property(lambda _: True)):
            response = await server.admin.post("/_events", content=b"{}\n")
        assert response.status_code == 503
        assert response.headers["retry-after"] == "1"
        assert response.json()["error"]["code"] == "unavailable"


def followed(bus: NatsBus) -> int:
    """Accounts that are followed, but for the probe's."""
    return sum(not account.startswith(RESERVED) for account in bus._follower._followed)
