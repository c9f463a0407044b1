"""Readers that are slow, silent or gone; and the server's own stop."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager

import pytest

from tests.server.running import Running, hasty, metric, rest_of, running, take, until
from tests.server.wire import CLOSE, PING, TEXT, dial, handshake, masked, upgraded
from tests.venues.orders import order
from userstream.client.publisher import Answer, line
from userstream.core.limits import Limits

ENDED = "userstream_streams_ended_total"


@contextmanager
def stopped_reader(server: Running, key: str) -> Iterator[socket.socket]:
    """A socket that opens a stream and then reads nothing, with a small kernel buffer."""
    port = int(server.service.urls["stream"].rpartition(":")[2])
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", port))
        sock.sendall(handshake(f"/ws/{key}"))
        yield sock


async def publish_many(server: Running, account: str, count: int, first: int = 1) -> None:
    numbers = range(first, first + count)
    event = order(client_order_id="c" * 60)
    lines = [line(account, event, source="publisher", n=n) for n in numbers]
    assert all(a.error is None for a in await server.publisher.send(lines))


async def test_a_slow_reader_is_cut_at_its_bound_while_others_go_on() -> None:
    limits = Limits(outbox_bytes=100_000, close_s=0.2)
    async with running(limits=limits) as server, server.stream("binance") as fine:
        with stopped_reader(server, await server.key()):
            await until(lambda: server.service.edge.sockets == 2)
            sent = 0
            while metric(server.service, ENDED, venue="binance", reason="slow") == 0:
                await publish_many(server, "alice", 200, sent + 1)
                sent += 200
                assert len(await take(fine, 200)) == 200
                assert sent < 20_000
            await until(lambda: server.service.edge.sockets == 1)
            # kernel buffers of both sides, the transport's and ours
            assert sent * 500 < 65_536 * 8 + 100_000 + 400 * 500
        await publish_many(server, "alice", 1, sent + 1)
        assert await take(fine, 1)


async def test_a_slow_reader_that_was_cut_can_still_read_why() -> None:
    async with running(limits=Limits(outbox_bytes=10_000)) as server:
        with stopped_reader(server, await server.key()) as sock:
            await until(lambda: server.service.edge.sockets == 1)
            await publish_many(server, "alice", 3_000)
            assert metric(server.service, ENDED, venue="binance", reason="slow") == 1
            sock.setblocking(False)
            data = b""
            while not data.endswith(b"slow reader"):
                data += await asyncio.get_running_loop().sock_recv(sock, 65_536)
            assert data[-15:-11] == bytes([0x88, 13]) + (1013).to_bytes(2, "big")


async def test_a_reader_that_catches_up_misses_nothing() -> None:
    async with running() as server:
        with stopped_reader(server, await server.key()) as sock:
            await until(lambda: server.service.edge.sockets == 1)
            await publish_many(server, "alice", 1_500)
            expected = [
                f for seq in range(1, 1_501)
                for f in server.frames("binance", "alice", _answer(server, seq))
            ]  # fmt: skip
            sock.setblocking(False)
            data = b""
            while data.count(b'"executionReport"') < 1_500:
                data += await asyncio.get_running_loop().sock_recv(sock, 65_536)
            at = 0
            for frame in expected:
                at = data.index(frame, at) + len(frame)
        assert metric(server.service, ENDED, venue="binance", reason="slow") == 0


def _answer(server: Running, seq: int) -> Answer:
    return Answer(line=1, seq=server.seen["alice", seq][0].seq)


async def test_a_slow_reader_that_says_goodbye_is_not_waited_for() -> None:
    async with running(limits=Limits(close_s=0.1, outbox_bytes=10_000_000)) as server:
        with stopped_reader(server, await server.key()) as sock:
            await until(lambda: server.service.edge.sockets == 1)
            await publish_many(server, "alice", 3_000)
            sock.sendall(masked(CLOSE, b"\x03\xe8"))
            await until(lambda: server.service.edge.sockets == 0, within_s=3)


async def test_a_slow_reader_is_cut_at_shutdown_and_on_expiry_without_waiting() -> None:
    async with running(limits=Limits(outbox_bytes=10_000_000)) as server:
        key = await server.key()
        with stopped_reader(server, key):
            await until(lambda: server.service.edge.sockets == 1)
            await publish_many(server, "alice", 3_000)
            await server.admin.delete("/_accounts/alice")
            await until(lambda: server.service.edge.sockets == 0, within_s=3)


@pytest.mark.parametrize("venue", ["binance", "bhex", "spacedex"])
async def test_a_client_that_never_pongs_is_dropped_after_a_minute(venue: str) -> None:
    async with running(venues=hasty()) as server:
        opened = server.service.clock.ms()
        async with upgraded(server.url(venue, await server.key(venue))) as wire:
            assert await wire.frame() == (PING, b"")
            assert await wire.end() is None
        lived = server.service.clock.ms() - opened
        assert 600 <= lived <= 1_600
        assert metric(server.service, ENDED, venue=venue, reason="no_pong") == 1


async def test_a_client_that_pongs_lives_on_and_mexc_is_never_pinged() -> None:
    async with running(venues=hasty()) as server, server.stream("binance") as socket:
        opened = server.service.clock.ms()
        async with upgraded(server.url("mexc", await server.key("mexc"))) as wire:
            assert json.loads(json.dumps((await wire.frame()).opcode)) == CLOSE  # after 30 s
        await until(lambda: server.service.clock.ms() > opened + 2_000)
        answer = await server.publish()
        assert await take(socket, 1) == server.frames("binance", "alice", answer)


async def test_waking_a_stream_early_does_not_multiply_its_wakings() -> None:
    async with running(venues=hasty(), clock_speed=100) as server:
        key = await server.key("mexc")
        async with upgraded(server.url("mexc", key)) as wire:
            channel = b'["spot@private.account.v3.api.pb"]'
            began = server.service.clock.ms()
            while server.service.clock.ms() < began + 100_000:
                for method in (b"SUBSCRIPTION", b"UNSUBSCRIPTION"):
                    text = b'{"method":"%b","params":%b}' % (method, channel)
                    await wire.send(masked(TEXT, text))
                    assert (await wire.frame()).opcode == TEXT
                    await asyncio.sleep(0.005)
            deadlines = server.service.edge._deadlines._heap
            assert len(deadlines) < 8


async def test_a_stop_tells_every_stream_1001_and_takes_no_new_ones() -> None:
    async with (
        running() as server,
        server.stream("binance") as one,
        server.stream("mexc") as two,
    ):
        stopping = asyncio.create_task(server.service.edge.stop())
        for stream in (one, two):
            assert (await rest_of(stream))[1:] == (1001, "server shutdown")
        await stopping
        with pytest.raises(OSError, match=r"."):
            async with dial(server.service.urls["stream"]):
                pass


async def test_a_stop_ends_streams_in_turn_and_those_whose_turn_is_not_yet_go_on() -> None:
    async with running(limits=Limits(closes_per_s=5)) as server, AsyncExitStack() as exits:
        streams = [await exits.enter_async_context(server.stream("bhex")) for _ in range(3)]
        began = time.monotonic()
        stopping = asyncio.create_task(server.service.edge.stop())
        await asyncio.sleep(0.05)
        answer = await server.publish()
        got = await asyncio.gather(*(rest_of(stream) for stream in streams))
        await stopping
        assert time.monotonic() - began >= 0.4
        assert {(code, text) for _, code, text in got} == {(1001, "server shutdown")}
        due = server.frames("bhex", "alice", answer)
        assert sorted(frames for frames, _, _ in got) == [[], due, due]


async def test_a_stop_does_not_wait_for_those_who_never_answer() -> None:
    limits = Limits(close_s=0.1, drain_s=0.2, handshake_s=60)
    async with (
        running(limits=limits) as server,
        upgraded(server.url("binance", await server.key())) as wire,
        dial(server.service.urls["stream"]) as half,
        dial(server.service.urls["rest"]) as rest,
    ):
        await half.send(b"GET /")
        await rest.send(b"GET /")
        await until(lambda: server.service.edge.sockets == 2)
        async with asyncio.timeout(3):
            await server.service.__aexit__()
        assert await wire.end() == 1001
        assert await half.rest() == await rest.rest() == b""


@pytest.mark.plain_loop
async def test_a_connection_that_is_gone_leaves_no_timer_behind() -> None:
    limits = Limits(handshake_s=7777, close_s=7777)
    async with running(limits=limits) as server:
        loop = asyncio.get_running_loop()
        for farewell in (b"", masked(CLOSE, b"\x03\xe8"), masked(0x2, b"x"), masked(0x3)):
            async with upgraded(server.url("binance", await server.key())) as wire:
                await wire.send(farewell)
        async with dial(server.service.urls["stream"]) as wire:
            await wire.send(b"GET /")
        async with dial(server.service.urls["rest"]) as wire:
            await wire.send(b"GET /")
            await asyncio.sleep(0.01)
        await until(lambda: server.service.edge.sockets == 0)
        await asyncio.sleep(0.01)
        late = loop.time() + 5_000
        timers = [t for t in loop._scheduled if not t.cancelled() and t.when() > late]  # type: ignore[attr-defined]
        assert [t for t in timers if t.when() < late + 3_000] == []


async def test_sockets_that_come_and_go_leave_nothing() -> None:
    async with running(limits=Limits(connects_per_ip=10_000)) as server:
        key = await server.key()
        for _ in range(200):
            async with upgraded(server.url("binance", key)):
                pass
        await until(lambda: server.service.edge.sockets == 0)
        edge = server.service.edge
        assert (edge._per_address, edge._fanout._by_account, edge._fanout._by_key) == ({}, {}, {})
