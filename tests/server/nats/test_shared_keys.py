"""Two servers on one NATS: a bot cannot tell them from one."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import InvalidStatus

from tests.server.nats.servers import Nodes
from tests.server.nats.test_service import serving
from tests.server.running import Running, rest_of, subscribe, take, until
from userstream.errors import InvalidSettings, StoreDamaged
from userstream.venue import Call, Refusal
from userstream.venues import names


@contextlib.asynccontextmanager
async def pair(nodes: Nodes, folder: Path) -> AsyncIterator[tuple[Running, Running]]:
    """Two servers with one key secret."""
    file = folder / "key.secret"
    file.write_text(secrets.token_hex(32))
    file.chmod(0o600)
    prefix = f"s{secrets.token_hex(4)}"
    async with (
        serving(nodes, prefix, f"nats:{file}") as a,
        serving(nodes, prefix, f"nats:{file}", accounts=()) as b,
    ):
        yield a, b


async def test_a_key_made_on_one_node_opens_a_stream_on_the_other_at_once(
    nats_node: Nodes, tmp_path: Path
) -> None:
    """R14."""
    async with pair(nats_node, tmp_path) as (a, b):
        for i in range(10):
            await a.account(f"u{i}")
        for i in range(10):
            for venue in names():
                key = await a.key(venue, f"u{i}key")
                async with b.open(b.url(venue, key)) as socket:
                    await (await socket.ping())
                assert (await b.call(venue, Call.RENEW, f"u{i}key", key=key)).status_code == 200
        async with b.stream("binance", await a.key()) as socket:
            answer = await a.publish()
            frames = await take(socket, 1)
            await until(lambda: ("alice", answer.seq) in a.seen or ("alice", answer.seq) in b.seen)
            shown = b if ("alice", answer.seq) in b.seen else a
            assert frames == shown.frames("binance", "alice", answer)


@pytest.mark.parametrize("end", ["deleted", "revoked"])
async def test_what_ends_a_key_closes_its_streams_on_every_node(
    nats_node: Nodes, tmp_path: Path, end: str
) -> None:
    """K3, K9."""
    async with pair(nats_node, tmp_path) as (a, b), contextlib.AsyncExitStack() as exits:
        key = await a.key("mexc")
        sockets = [
            await exits.enter_async_context(server.open(server.url("mexc", key)))
            for server in (a, b, a, b, b)
        ]
        for server in (a, b):
            with pytest.raises(InvalidStatus) as refused:
                async with server.open(server.url("mexc", key)):
                    pass
            form = server.venues["mexc"].errors[Refusal.SOCKETS_EXHAUSTED]
            assert refused.value.response.status_code == form.status
        for socket in sockets:
            await subscribe(socket, "spot@private.orders.v3.api.pb")
        began = time.monotonic()
        if end == "deleted":
            assert (await b.call("mexc", Call.DELETE, key=key)).status_code == 200
        else:
            assert (await b.admin.delete("/_accounts/alice")).json()["listen_keys_ended"] == 1
        got = await asyncio.gather(*(rest_of(socket) for socket in sockets))
        assert time.monotonic() - began < 1
        text = {"deleted": "listen key deleted", "revoked": "api key revoked"}[end]
        assert {(tuple(frames), why) for frames, _, why in got} == {((), text)}


async def test_a_place_is_free_when_its_socket_closed_on_whichever_node(
    nats_node: Nodes, tmp_path: Path
) -> None:
    async with pair(nats_node, tmp_path) as (a, b), contextlib.AsyncExitStack() as exits:
        key = await a.key("mexc")
        for server in (a, b, a, b):
            await exits.enter_async_context(server.open(server.url("mexc", key)))
        for _ in range(3):
            async with a.open(a.url("mexc", key)):
                pass
            async with asyncio.timeout(5):
                while True:
                    with contextlib.suppress(InvalidStatus):
                        async with b.open(b.url("mexc", key)):
                            break
                    await asyncio.sleep(0.01)


async def test_a_client_that_hangs_up_while_it_is_looked_at_keeps_no_place(
    nats_node: Nodes, tmp_path: Path
) -> None:
    async with pair(nats_node, tmp_path) as (a, b), contextlib.AsyncExitStack() as exits:
        key = await a.key("mexc")
        address = urlsplit(b.service.urls["stream"])
        path = urlsplit(b.url("mexc", key))
        request = (
            f"GET {path.path}?{path.query} HTTP/1.1\r\nHost: {address.netloc}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        for _ in range(20):
            _, writer = await asyncio.open_connection(address.hostname, address.port)
            writer.write(request.encode())
            await writer.drain()
            writer.transport.abort()
        await until(lambda: b.service.edge.sockets == 0)
        opened = 0
        async with asyncio.timeout(10):
            while opened < 5:
                with contextlib.suppress(InvalidStatus):
                    await exits.enter_async_context(a.open(a.url("mexc", key)))
                    opened += 1


async def test_an_unknown_key_is_refused_and_a_made_up_one_asks_nobody(
    nats_node: Nodes, tmp_path: Path
) -> None:
    async with pair(nats_node, tmp_path) as (a, b):
        key = await a.key("bhex")
        assert (await a.call("bhex", Call.DELETE, key=key)).status_code == 200
        for wrong in (key, key[:-1] + ("0" if key[-1] != "0" else "1")):
            with pytest.raises(InvalidStatus) as refused:
                async with b.open(b.url("bhex", wrong)):
                    pass
            assert refused.value.response.status_code == 400


async def test_weights_of_an_address_add_up_over_the_nodes(
    nats_node: Nodes, tmp_path: Path
) -> None:
    async with pair(nats_node, tmp_path) as (a, b):
        for _ in range(5):
            await a.call("binance", Call.CREATE)
        for own in range(1, 101):
            answer = await b.rest.get("/binance/api/v1/ping")
            if int(answer.headers["x-mbx-used-weight-1m"]) == own + 5:
                break
            await asyncio.sleep(0.02)
        else:
            pytest.fail("what the other node let through does not count")


async def test_the_key_secret_must_be_there_and_private(nats_node: Nodes, tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match=r"missing, which does not exist; make it once"):
        async with serving(nats_node, keys=f"nats:{tmp_path / 'missing'}"):
            pass
    file = tmp_path / "key.secret"
    file.write_text("00" * 32)
    file.chmod(0o644)
    with pytest.raises(InvalidSettings, match="can be read by others"):
        async with serving(nats_node, keys=f"nats:{file}"):
            pass
    file.chmod(0o600)
    file.write_text("00")
    with pytest.raises(StoreDamaged, match="does not hold 32 bytes"):
        async with serving(nats_node, keys=f"nats:{file}"):
            pass
