"""A TCP proxy that breaks what goes through it on order, as networks do.

``up`` is from the client to the server, ``down`` the other way. What is set on a ``Way`` holds for
all connections, open and to come, until it is set otherwise; ``cut``, ``reset`` and ``stall`` are
of the connections that are open now.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import urlsplit

_CHUNK = 64 * 1024
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER on, for no time: the close is a RST."""


@dataclass
class Way:
    """One direction of every connection."""

    delay_s: float = 0.0
    """How long each byte is under way, beside what the network takes. The order stays."""
    bytes_per_s: float = 0.0
    """0: as fast as it goes."""
    segment_bytes: int = 0
    """The most that is sent at once, each in a segment of its own; 0: as it came."""
    swallows: bool = False
    """What comes is acknowledged by TCP, and never goes on; nor does the end."""
    carried: int = 0
    """Bytes that went on so far."""


@dataclass(eq=False)
class _Flow:
    """One direction of one connection."""

    way: Way
    source: asyncio.StreamReader
    sink: asyncio.StreamWriter
    dead: bool = False
    """Swallows from now on, whatever its way does."""
    queue: asyncio.Queue[tuple[float, bytes]] = field(default_factory=lambda: asyncio.Queue(16))

    async def read(self) -> None:
        loop = asyncio.get_running_loop()
        data = b"-"
        while data:
            data = await self.source.read(_CHUNK)
            await self.queue.put((loop.time() + self.way.delay_s, data))

    async def write(self) -> None:
        loop = asyncio.get_running_loop()
        data = b"-"
        while data:
            due, data = await self.queue.get()
            await asyncio.sleep(max(0.0, due - loop.time()))
            if self.dead or self.way.swallows:
                continue
            size = self.way.segment_bytes or _CHUNK
            for at in range(0, len(data), size):
                await self._send(data[at : at + size])
        if not (self.dead or self.way.swallows):
            self.sink.write_eof()

    async def _send(self, piece: bytes) -> None:
        self.sink.write(piece)
        await self.sink.drain()
        self.way.carried += len(piece)
        await asyncio.sleep(len(piece) / self.way.bytes_per_s if self.way.bytes_per_s else 0)


class Proxy:
    """Forwards to a port of this machine; made by ``proxied``.

    ``connections`` counts those that were ever accepted. While ``refuses`` is set, new ones are
    reset at once.
    """

    def __init__(self, host: str, port: int, buffer_bytes: int | None) -> None:
        self.up, self.down = Way(), Way()
        self.connections = 0
        self.refuses = False
        self.port = 0
        self._target = host, port
        self._buffer = buffer_bytes
        self._open: set[tuple[_Flow, _Flow]] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def url(self, scheme: str = "ws") -> str:
        """Where a client connects to."""
        return f"{scheme}://127.0.0.1:{self.port}"

    @property
    def open(self) -> int:
        """How many connections there are now."""
        return len(self._open)

    def cut(self) -> None:
        """Both sides get a FIN; what either still sends is swallowed."""
        for flow in self._flows():
            flow.dead = True
            with contextlib.suppress(OSError, RuntimeError):
                flow.sink.write_eof()

    def reset(self) -> None:
        """Both sides get a RST."""
        for flow in self._flows():
            _reset(flow.sink)

    def stall(self, *, up: bool = True, down: bool = True) -> None:
        """What comes is acknowledged and goes nowhere any more: a cable pulled behind a router."""
        for upward, downward in self._open:
            upward.dead |= up
            downward.dead |= down

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A connection of a client."""
        self.connections += 1
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to where this one goes.

        Raises:
            OSError: nobody is there.
        """
        return await asyncio.open_connection(*self._target)

    async def close(self) -> None:
        """Resets what is open."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Until both sides are done, or one is gone."""
        try:
            if self.refuses:
                raise ConnectionRefusedError
            ahead, far = await self.reach()
        except OSError:
            _reset(writer)
            return
        flows = _Flow(self.up, reader, far), _Flow(self.down, ahead, writer)
        for flow in flows:
            _narrow(flow.sink, self._buffer)
        work = [asyncio.create_task(step()) for f in flows for step in (f.read, f.write)]
        self._open.add(flows)
        try:
            await asyncio.gather(*work)
            for flow in flows:
                flow.sink.close()
        except (OSError, RuntimeError):  # the latter of uvloop, where a connection is gone
            pass
        finally:
            self._open.discard(flows)
            for task in work:
                task.cancel()
            for flow in flows:
                if not flow.sink.is_closing():
                    _reset(flow.sink)

    def _flows(self) -> list[_Flow]:
        return [flow for flows in self._open for flow in flows]


P = TypeVar("P", bound=Proxy)


def _narrow(sink: asyncio.StreamWriter, buffer_bytes: int | None) -> None:
    """Little is held on the way, so that a slow reader is felt by the sender."""
    if buffer_bytes is not None:
        wire = sink.get_extra_info("socket")
        for name in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            wire.setsockopt(socket.SOL_SOCKET, name, buffer_bytes)
        sink.transport.set_write_buffer_limits(high=buffer_bytes)


def _reset(sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        sink.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    sink.transport.abort()


@contextlib.asynccontextmanager
async def proxied(url: str, *, buffer_bytes: int | None = None) -> AsyncIterator[Proxy]:
    """A proxy before the port of a URL, on a free port of 127.0.0.1."""
    async with listening(Proxy(*place_of(url), buffer_bytes)) as proxy:
        yield proxy


def place_of(url: str) -> tuple[str, int]:
    """Host and port of a URL that has both."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


@contextlib.asynccontextmanager
async def listening(proxy: P) -> AsyncIterator[P]:
    """A proxy on a free port of 127.0.0.1."""
    server = await asyncio.start_server(proxy.accept, "127.0.0.1", 0, backlog=2_048)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.close()
