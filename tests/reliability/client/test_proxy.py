"""The proxy does to connections what it is told to, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest

from tests.reliability.proxy import Proxy, proxied
from tests.server.running import until


class Echo:
    """A server that sends back what it gets."""

    def __init__(self) -> None:
        self.ends: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
            self.ends.append("FIN")
        except ConnectionResetError:
            self.ends.append("RST")
        writer.close()


@contextlib.asynccontextmanager
async def echo() -> AsyncIterator[tuple[Proxy, Echo]]:
    far = Echo()
    server = await asyncio.start_server(far.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        async with proxied(f"ws://127.0.0.1:{port}") as proxy:
            yield proxy, far
    finally:
        server.close()


@contextlib.asynccontextmanager
async def connected(
    proxy: Proxy,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"hello"
        yield reader, writer
    finally:
        writer.close()


async def test_what_goes_in_comes_out_and_so_does_the_end() -> None:
    async with echo() as (proxy, far), connected(proxy) as (reader, writer):
        big = bytes(range(256)) * 40_000
        writer.write(big)
        assert await reader.readexactly(len(big)) == big
        writer.write_eof()
        assert await reader.read() == b""
        await until(lambda: far.ends == ["FIN"] and not proxy.open)
        assert proxy.up.carried == proxy.down.carried == len(big) + 5
        assert proxy.connections == 1


async def test_a_cut_is_a_fin_to_both_sides() -> None:
    async with echo() as (proxy, far), connected(proxy) as (reader, _):
        proxy.cut()
        assert await reader.read() == b""
        await until(lambda: far.ends == ["FIN"])


async def test_a_reset_is_a_rst_to_both_sides() -> None:
    async with echo() as (proxy, far), connected(proxy) as (reader, _):
        proxy.reset()
        with pytest.raises(ConnectionResetError):
            await reader.read()
        await until(lambda: far.ends == ["RST"])


@pytest.mark.parametrize("way", ["up", "down"])
async def test_a_stall_swallows_and_says_nothing(way: str) -> None:
    async with echo() as (proxy, far), connected(proxy) as (reader, writer):
        proxy.stall(up=way == "up", down=way == "down")
        for _ in range(200):  # more than any buffer holds: it is acknowledged
            writer.write(bytes(1 << 16))
            await writer.drain()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await reader.read(1)
        assert (proxy.up.carried > 5) == (way == "down")
        assert proxy.open == 1
        assert far.ends == []
        async with connected(proxy):
            pass  # later connections are well


async def test_bytes_can_be_late_few_and_in_pieces() -> None:
    async with echo() as (proxy, _), connected(proxy) as (reader, writer):
        proxy.down.delay_s = 0.1
        began = time.monotonic()
        writer.write(b"late")
        assert await reader.readexactly(4) == b"late"
        assert time.monotonic() - began >= 0.09
        proxy.down.delay_s = 0
        proxy.down.segment_bytes = 1
        writer.write(b"pieces")
        assert await reader.readexactly(6) == b"pieces"
        proxy.down.segment_bytes, proxy.down.bytes_per_s = 0, 10_000
        began = time.monotonic()
        writer.write(bytes(2_000) + b".")
        assert len(await reader.readuntil(b".")) == 2_001
        writer.write(b"!")
        assert await reader.readexactly(1) == b"!"
        assert time.monotonic() - began >= 0.18


async def test_connections_can_be_refused() -> None:
    async with echo() as (proxy, _):
        proxy.refuses = True
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            async with connected(proxy):
                pass
        proxy.refuses = False
        async with connected(proxy):
            pass


async def test_a_server_that_is_not_there_is_a_reset() -> None:
    async with proxied("ws://127.0.0.1:1") as proxy:
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            async with connected(proxy):
                pass
