"""A raw TCP client: sends whatever it is told, byte by byte if need be."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from typing import NamedTuple
from urllib.parse import urlsplit

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
MASK = b"\x37\xfa\x21\x3d"


class Frame(NamedTuple):
    """A frame of the server."""

    opcode: int
    payload: bytes


class Wire:
    """One connection. What was read and not yet taken is in ``buffer``."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer
        self.buffer = b""

    async def send(self, data: bytes) -> None:
        if self.writer.is_closing():
            return
        with contextlib.suppress(ConnectionError):
            self.writer.write(data)
            await self.writer.drain()

    async def drip(self, data: bytes, every_s: float) -> None:
        """Sends byte by byte until the other side hangs up."""
        for i in range(len(data)):
            if self._reader.at_eof() or self._reader.exception() is not None:
                return
            await self.send(data[i : i + 1])
            await asyncio.sleep(every_s)

    async def until(self, mark: bytes) -> bytes:
        """Reads up to a mark and takes it."""
        async with asyncio.timeout(10):
            while mark not in self.buffer:
                more = await self._reader.read(65_536)
                assert more, f"closed after {self.buffer!r}"
                self.buffer += more
        taken, _, self.buffer = self.buffer.partition(mark)
        return taken + mark

    async def rest(self, within_s: float = 10.0) -> bytes:
        """Everything until the server hangs up, however it does."""
        async with asyncio.timeout(within_s):
            with contextlib.suppress(ConnectionError):
                while more := await self._reader.read(65_536):
                    self.buffer += more
        taken, self.buffer = self.buffer, b""
        return taken

    async def frame(self) -> Frame:
        """The next frame of the server."""
        frame = await self._next()
        assert frame is not None, f"closed after {self.buffer!r}"
        return frame

    async def frames(self) -> list[Frame]:
        """All frames until the server hangs up; its close frame is answered."""
        frames: list[Frame] = []
        while (frame := await self._next()) is not None:
            frames.append(frame)
            if frame.opcode == CLOSE:
                await self.send(masked(CLOSE, frame.payload[:2]))
        return frames

    async def _next(self) -> Frame | None:
        """The next frame; ``None`` where there is none before the end."""
        async with asyncio.timeout(10):
            while (found := _first_frame(self.buffer)) is None:
                try:
                    more = await self._reader.read(65_536)
                except ConnectionError:
                    more = b""
                if not more:
                    return None
                self.buffer += more
        frame, size = found
        self.buffer = self.buffer[size:]
        return frame

    async def end(self) -> int | None:
        """The code of the close frame that the server sends last; ``None`` without one."""
        data = await self.rest()
        code = None
        while (found := _first_frame(data)) is not None:
            frame, size = found
            data = data[size:]
            if frame.opcode == CLOSE:
                code = int.from_bytes(frame.payload[:2], "big")
        return code


def _first_frame(data: bytes) -> tuple[Frame, int] | None:
    if len(data) < 2:
        return None
    length, at = data[1] & 0x7F, 2
    extended = {126: 2, 127: 8}.get(length, 0)
    if extended:
        length, at = int.from_bytes(data[2 : 2 + extended], "big"), 2 + extended
    if len(data) < at + length:
        return None
    return Frame(data[0] & 0x0F, data[at : at + length]), at + length


def handshake(path: str, **headers: str) -> bytes:
    """A good WebSocket handshake."""
    fields = {
        "Host": "localhost",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"GET {path} HTTP/1.1", *(f"{n}: {v}" for n, v in fields.items() if v)]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def masked(
    opcode: int, payload: bytes = b"", *, fin: bool = True, reserved: int = 0, length: int = -1
) -> bytes:
    """A frame of a client; ``length`` may lie."""
    claimed = len(payload) if length < 0 else length
    first = (0x80 if fin else 0) | reserved << 4 | opcode
    if claimed < 126:
        head = bytes((first, 0x80 | claimed))
    elif claimed < 65_536:
        head = bytes((first, 0x80 | 126)) + claimed.to_bytes(2, "big")
    else:
        head = bytes((first, 0x80 | 127)) + claimed.to_bytes(8, "big")
    return head + MASK + bytes(b ^ MASK[i % 4] for i, b in enumerate(payload))


@contextlib.asynccontextmanager
async def dial(url: str, tls: ssl.SSLContext | None = None) -> AsyncIterator[Wire]:
    """A connection to a listener; bytes go out at once."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port, ssl=tls)
    try:
        yield Wire(reader, writer)
    finally:
        writer.transport.abort()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()


@contextlib.asynccontextmanager
async def upgraded(stream_url: str) -> AsyncIterator[Wire]:
    """A connection after its handshake on a full stream URL."""
    parts = urlsplit(stream_url)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    async with dial(stream_url) as wire:
        await wire.send(handshake(path))
        assert (await wire.until(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        yield wire
