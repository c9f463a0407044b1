"""L5, L6: what connections leave behind, and what they take while nothing happens."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from pathlib import Path
from urllib.parse import urlsplit

from tests.reliability.server.home import Home, names
from tests.reliability.server.sizes import SIZES
from tests.server.wire import handshake

CYCLES, AT_ONCE = SIZES.l5_cycles, 48
STEPS, MOST_STEPS = 5, 12
STEP = CYCLES // STEPS
IDLE = 2_000
KIB, MIB = 1 << 10, 1 << 20
_HANG_UP = struct.pack("ii", 1, 0)  # with a reset: no port waits for the next use


async def churn(url: str, cycles: int) -> None:
    """Opens a stream and hangs up, so often."""
    parts = urlsplit(url)
    assert parts.hostname
    request = handshake(parts.path)
    left = iter(range(cycles))
    loop = asyncio.get_running_loop()
    address = (parts.hostname, parts.port)

    async def turn() -> None:
        for _ in left:
            with socket.socket() as sock:
                sock.setblocking(False)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _HANG_UP)
                await loop.sock_connect(sock, address)
                await loop.sock_sendall(sock, request)
                assert (await loop.sock_recv(sock, 500)).startswith(b"HTTP/1.1 101 ")

    await asyncio.gather(*(turn() for _ in range(AT_ONCE)))


def descriptors(home: Home) -> int:
    return len([*Path(f"/proc/{home.server.popen.pid}/fd").iterdir()])


async def settled(home: Home) -> int:
    """Memory once every stream is gone."""
    await home.until_metric("userstream_sockets ", lambda open_now: open_now == 0, 60)
    return home.resident_bytes()


async def test_l5_100000_streams_that_come_and_go_leave_nothing(tmp_path: Path) -> None:
    """The allocator's pools fill first: it goes on until two steps in a row add nearly nothing.

    That comes to less than a MiB in all the cycles. What leaks grows for ever.
    """
    async with Home(tmp_path) as home:
        await home.open(["alice"])
        url = await home.url("binance", "alice")
        await churn(url, 200)
        await settled(home)
        open_before = descriptors(home)
        memory = list[int]()
        while len(memory) < STEPS or (growth(memory) >= MIB and len(memory) < MOST_STEPS):
            await churn(url, STEP)
            memory.append(await settled(home))
        # The store has a file more or less, and the test's own client a connection.
        assert descriptors(home) <= open_before + 5
    sizes = [size // KIB for size in memory]
    grown = growth(memory)
    assert grown < MIB, f"{grown / KIB:.0f} KiB in {CYCLES} cycles: {sizes} KiB"


def growth(memory: list[int]) -> float:
    """Bytes in all the cycles, by the last two steps."""
    return (memory[-1] - memory[-3]) / 2 * STEPS


async def test_l6_an_idle_stream_takes_20_kib_at_most(tmp_path: Path) -> None:
    async with Home(tmp_path) as home:
        await home.open(names(40))
        urls = [await home.url("binance", name) for name in names(40)]
        await churn(urls[0], 200)
        before = await settled(home)
        sockets = []
        with contextlib.ExitStack() as exits:
            for n in range(IDLE):
                sock = exits.enter_context(await opened(urls[n % len(urls)]))
                sockets.append(sock)
            assert await home.metric("userstream_sockets ") == IDLE
            each = (home.resident_bytes() - before) / IDLE
    assert each <= 20 * KIB, f"{each / KIB:.1f} KiB for each of {IDLE}"


async def opened(url: str) -> socket.socket:
    """A stream of a stock client that waits."""
    parts = urlsplit(url)
    loop = asyncio.get_running_loop()
    sock = socket.socket()
    sock.setblocking(False)
    await loop.sock_connect(sock, (parts.hostname, parts.port))
    await loop.sock_sendall(sock, handshake(parts.path))
    assert (await loop.sock_recv(sock, 500)).startswith(b"HTTP/1.1 101 ")
    return sock
