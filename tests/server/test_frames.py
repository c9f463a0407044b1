"""What a client may send on an open stream, and what ends it."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.server.running import metric, running, take, until
from tests.server.wire import BINARY, CLOSE, PING, PONG, TEXT, dial, handshake, masked, upgraded
from userstream.core.limits import Limits
from userstream.server.outgoing import Outgoing

LIST = b'{"method":"LIST_SUBSCRIPTIONS","id":7}'


BAD = [
    (b"\x81\x02hi", 1002, "unmasked"),
    (masked(TEXT, b"hi", reserved=4), 1002, "reserved bit 1"),
    (masked(TEXT, b"hi", reserved=1), 1002, "reserved bit 3"),
    (masked(0x3, b"hi"), 1002, "reserved opcode"),
    (masked(0xB), 1002, "reserved control opcode"),
    (masked(0x0, b"hi"), 1002, "continuation of nothing"),
    (masked(PING, b"", fin=False), 1002, "fragmented ping"),
    (masked(PING, b"x" * 126), 1002, "long ping"),
    (masked(TEXT, b"a", fin=False) + masked(TEXT, b"b"), 1002, "text in text"),
    (masked(CLOSE, b"\x03"), 1002, "close with one byte"),
    (masked(CLOSE, b"\x03\xe8\xff"), 1007, "close text not UTF-8"),
    (masked(TEXT, b"\xff\xfe"), 1007, "not UTF-8"),
    (masked(TEXT, b"\xed\xa0\x80"), 1007, "lone surrogate"),
    (masked(BINARY, b"hi"), 1003, "binary"),
    (masked(TEXT, b"x" * 4097), 1009, "too large"),
    (masked(TEXT, b"", length=1 << 40), 1009, "claims a terabyte"),
    (masked(TEXT, b"", length=(1 << 63) - 1), 1009, "claims 2^63-1"),
    (masked(TEXT, b"", length=(1 << 64) - 1), 1009, "claims 2^64-1"),
    (masked(TEXT, b"x" * 4000, fin=False) + masked(0, b"x" * 4000), 1009, "too large in all"),
]


@pytest.mark.parametrize("cut", [False, True], ids=["in one piece", "byte by byte"])
async def test_a_bad_frame_ends_the_stream_with_its_code(cut: bool) -> None:
    async with running(limits=Limits(close_s=0.2)) as server, server.stream("binance") as fine:
        url = server.url("binance", await server.key())
        for data, code, what in BAD:
            async with upgraded(url) as wire:
                pieces = [data[i : i + 1] for i in range(len(data))] if cut else [data]
                for piece in [*pieces[:300], b"".join(pieces[300:])]:
                    await wire.send(piece)
                    await asyncio.sleep(0)
                await wire.send(masked(CLOSE, b"\x03\xe8"))
                assert await wire.end() == code, what
        await server.publish()
        assert await take(fine, 1)


async def test_frames_cut_at_every_byte_are_understood() -> None:
    data = masked(TEXT, LIST[:9], fin=False) + masked(0, LIST[9:]) + masked(PING, b"payload")
    async with running() as server:
        key = await server.key()
        for at in range(1, len(data)):
            async with upgraded(server.url("binance", key)) as wire:
                await wire.send(data[:at])
                await asyncio.sleep(0.001)
                await wire.send(data[at:])
                frames = {(await wire.frame()) for _ in range(2)}
                replies = {f.opcode: f.payload for f in frames}
                assert replies[PONG] == b"payload", at
                assert json.loads(replies[TEXT]) == {"result": [key], "id": 7}


async def test_a_ping_is_answered_with_its_exact_payload() -> None:
    async with running() as server, server.stream("binance") as socket:
        for payload in (b"", b"x", bytes(range(125))):
            async with asyncio.timeout(5):
                await (await socket.ping(payload))


async def test_a_ping_between_fragments_is_answered_before_the_message_is_whole() -> None:
    async with running() as server, upgraded(server.url("binance", await server.key())) as wire:
        await wire.send(masked(TEXT, LIST[:5], fin=False) + masked(PING, b"now"))
        assert await wire.frame() == (PONG, b"now")
        await wire.send(masked(0, LIST[5:]))
        assert json.loads((await wire.frame()).payload)["id"] == 7


async def test_a_close_between_fragments_is_answered() -> None:
    async with running() as server, upgraded(server.url("binance", await server.key())) as wire:
        await wire.send(masked(TEXT, b"{", fin=False) + masked(CLOSE, b"\x03\xe8"))
        assert await wire.end() in {1000, 1002}


async def test_unsolicited_and_doubled_pongs_are_life_and_nothing_else() -> None:
    async with running() as server, upgraded(server.url("binance", await server.key())) as wire:
        for payload in (b"", b"never pinged", b"never pinged"):
            await wire.send(masked(PONG, payload))
        await wire.send(masked(PING, b"still here"))
        assert await wire.frame() == (PONG, b"still here")


NONSENSE = [
    "",
    "{}",
    "null",
    "nonsense",
    '{"method":"SUBSCRIBE","params":"notalist","id":1}',
    '{"a":NaN}',
    '{"method":"LIST","method":"x"}',
    "[" * 2_000,
    '{"id":' + "9" * 3_000 + "}",
    '{"method":"\\ud800"}',
    '{"topic":"order","event":"sub"}',
]


@pytest.mark.parametrize("venue", ["binance", "bhex", "spacedex", "mexc"])
async def test_text_that_asks_for_nothing_is_survived(venue: str) -> None:
    async with running() as server:
        key = await server.key(venue)
        for text in NONSENSE:
            async with server.stream(venue, key) as socket:
                await socket.send(text)
                if venue == "mexc":
                    assert json.loads(await socket.recv())["msg"] == "invalid request"
                answer = await server.publish()
                expected = server.frames(venue, "alice", answer)
                assert await take(socket, len(expected)) == expected, text


async def test_a_sixth_message_in_a_second_ends_the_stream() -> None:
    async with running(clock_speed=0.01) as server:
        async with upgraded(server.url("binance", await server.key())) as wire:
            await wire.send(masked(TEXT, b"{}") * 5)
            await wire.send(masked(PING, b"fine"))
            assert await wire.frame() == (PONG, b"fine")
            await wire.send(masked(TEXT, b"{}") + masked(CLOSE, b"\x03\xf0"))
            assert await wire.end() == 1008
        assert metric(
            server.service, "userstream_streams_ended_total",
            venue="binance", reason="too_many_messages",
        ) == 1  # fmt: skip


@pytest.mark.parametrize("kind", [PING, PONG])
async def test_a_flood_of_control_frames_ends_the_stream(kind: int) -> None:
    async with running(clock_speed=0.01) as server, server.stream("binance") as bystander:
        async with upgraded(server.url("binance", await server.key())) as wire:
            await wire.send(masked(kind, b"p") * 1_000 + masked(CLOSE, b"\x03\xf0"))
            assert await wire.end() == 1008
        await server.publish()
        assert await take(bystander, 1)


async def test_a_flood_of_pings_inside_an_unfinished_message_ends_the_stream_too() -> None:
    async with (
        running(clock_speed=0.01) as server,
        upgraded(server.url("binance", await server.key())) as wire,
    ):
        await wire.send(masked(TEXT, b"{", fin=False))
        await wire.send(masked(PING, b"p") * 1_000 + masked(CLOSE, b"\x03\xf0"))
        assert await wire.end() == 1008


async def test_a_storm_of_empty_continuations_is_bounded() -> None:
    async with (
        running(limits=Limits(close_s=0.3)) as server,
        upgraded(server.url("binance", await server.key())) as wire,
    ):
        await wire.send(masked(TEXT, b"", fin=False))
        await wire.send(masked(0, b"", fin=False) * 10_000 + masked(CLOSE, b"\x03\xf1"))
        assert await wire.end() == 1009


async def test_frames_in_the_packet_of_the_handshake_are_answered_after_it() -> None:
    async with running() as server:
        key = await server.key()
        early = masked(PING, b"early") + masked(TEXT, LIST[:5], fin=False)
        async with dial(server.service.urls["stream"]) as wire:
            await wire.send(handshake(f"/ws/{key}") + early)
            assert (await wire.until(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
            assert await wire.frame() == (PONG, b"early")
            await wire.send(masked(0, LIST[5:]))
            assert json.loads((await wire.frame()).payload) == {"result": [key], "id": 7}


async def test_a_client_that_closes_is_answered_and_counted() -> None:
    async with running() as server:
        async with upgraded(server.url("binance", await server.key())) as wire:
            await wire.send(masked(CLOSE, b"\x03\xe8bye"))
            assert await wire.frame() == (CLOSE, b"\x03\xe8bye")
            assert await wire.rest() == b""
        assert metric(
            server.service, "userstream_streams_ended_total", venue="binance", reason="client"
        ) == 1  # fmt: skip
        await until(lambda: server.service.edge.sockets == 0)


async def test_a_stream_that_vanishes_is_counted_as_lost() -> None:
    async with running() as server:
        async with upgraded(server.url("mexc", await server.key("mexc"))) as wire:
            wire.writer.transport.abort()
        await until(lambda: server.service.edge.sockets == 0)
        assert metric(
            server.service, "userstream_streams_ended_total", venue="mexc", reason="lost"
        ) == 1  # fmt: skip


async def test_a_half_closed_stream_is_closed() -> None:
    async with running() as server:
        async with upgraded(server.url("binance", await server.key())) as wire:
            wire.writer.write_eof()
            assert await wire.end() is None
        await until(lambda: server.service.edge.sockets == 0)


async def test_a_client_that_never_answers_the_close_is_dropped() -> None:
    async with running(limits=Limits(close_s=0.05)) as server:
        async with upgraded(server.url("binance", await server.key())) as wire:
            await wire.send(masked(BINARY, b"x"))
            assert await wire.end() == 1003
        await until(lambda: server.service.edge.sockets == 0)


async def test_what_is_sent_after_the_servers_close_is_not_obeyed() -> None:
    async with (
        running(limits=Limits(close_s=0.3)) as server,
        upgraded(server.url("binance", await server.key())) as wire,
    ):
        await wire.send(masked(BINARY, b"x"))
        assert (await wire.frame()).opcode == CLOSE
        await wire.send(masked(TEXT, LIST) + masked(PING, b"?") + b"\x81\x02hi")
        await wire.send(masked(CLOSE, b"\x03\xeb"))
        assert await wire.rest() == b""


def test_the_sending_half_alone_is_no_connection() -> None:
    with pytest.raises(TypeError, match=r"abstract method '?end"):
        Outgoing(None)  # type: ignore[abstract, arg-type]
