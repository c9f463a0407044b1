"""Wire: bytes to messages, however they are cut."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from websockets.utils import accept_key

from tests.server.running import until
from userstream.client.socket import MAX_BYTES, Socket, Wire, dialer

PIECES = b"\x81\x02hi" + b"\x82\x01\x00" + b"\x89\x01p" + b"\x01\x01a" + b"\x80\x01b"
WHOLE: list[Any] = ["hi", b"\x00", "pong", "ab"]
LONG = "x" * 70_000


class Ear:
    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.socket: Socket | None = None

    def opened(self, socket: Socket) -> None:
        self.socket = socket

    def refused(self, status: int, body: bytes, retry_after: str | None) -> None:
        self.heard.append((status, body, retry_after))

    def frame(self, frame: bytes | str) -> None:
        self.heard.append(frame)

    def pong(self) -> None:
        self.heard.append("pong")

    def closed(self, code: int | None, text: str) -> None:
        self.heard.append((code, text))


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def talking(talk: Talk, *, accept: bool = True, ear: Ear | None = None) -> AsyncIterator[Ear]:
    ear = ear or Ear()
    over = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        key = head.lower().partition(b"sec-websocket-key:")[2].partition(b"\r\n")[0]
        at = head.lower().index(key)
        if accept:
            answer = accept_key(head[at : at + len(key)].strip().decode())
            writer.write(
                b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Accept: " + answer.encode() + b"\r\n\r\n"
            )
        await talk(reader, writer)
        await over.wait()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        socket = await dialer(None)(f"ws://127.0.0.1:{port}/x", ear)
        try:
            yield ear
        finally:
            over.set()
            socket.close()
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
async def test_messages_are_the_same_however_they_are_cut(size: int) -> None:
    head = b"\x81\x7f" + len(LONG).to_bytes(8, "big") + LONG.encode()
    data = (PIECES + b"\x81\x7e\x00\x7e" + b"y" * 126) * 3 + (head if size > 7 else b"")

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for at in range(0, len(data), size):
            writer.write(data[at : at + size])
            if size < 100:
                await asyncio.sleep(0.0005)

    async with talking(talk) as ear:
        want = [*WHOLE, "y" * 126] * 3 + ([LONG] if size > 7 else [])
        await until(lambda: len(ear.heard) >= len(want))
        assert ear.heard == want


async def test_a_close_frame_is_handed_over_with_its_code() -> None:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x81\x01a\x88\x05\x03\xf0bye")

    async with talking(talk) as ear:
        await until(lambda: len(ear.heard) == 2)
        assert ear.heard == ["a", (1008, "bye")]
        assert ear.socket is not None
        for use in (ear.socket.ping, ear.socket.close, lambda: ear.socket.hold(True)):
            use()
        ear.socket.send(b"x")


@pytest.mark.parametrize(
    "data",
    [
        b"\x83\x01a",  # an opcode that is not
        b"\xc1\x01a",  # a reserved bit
        b"\x81\x81aaaab",  # masked
        b"\x81\x7f" + (MAX_BYTES + 1).to_bytes(8, "big"),
        b"\x80\x01a",  # the end of nothing
    ],
)
@pytest.mark.parametrize("at_once", [True, False])
async def test_what_is_no_websocket_ends_the_socket(data: bytes, at_once: bool) -> None:
    heard = asyncio.Event()

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x81\x01a")
        if not at_once:
            await heard.wait()
        writer.write(data)

    async with talking(talk) as ear:
        await until(lambda: ear.heard)
        heard.set()
        await until(lambda: len(ear.heard) == 2)
        assert ear.heard == ["a", (None, "")]


@pytest.mark.parametrize("at_once", [True, False])
async def test_after_its_end_nothing_more_is_heard(at_once: bool) -> None:
    heard, over = asyncio.Event(), asyncio.Event()

    class Leaving(Ear):
        def frame(self, frame: bytes | str) -> None:
            super().frame(frame)
            if frame == "b":
                assert self.socket is not None
                self.socket.close()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x81\x01b\x81\x01c" if at_once else b"\x81\x01a")
        if not at_once:
            await heard.wait()
            writer.write(b"\x81\x01b\x81\x01c\x89\x01p")
        await reader.read()
        over.set()

    async with talking(talk, ear=Leaving()) as ear:
        await until(lambda: ear.heard)
        heard.set()
        await asyncio.wait_for(over.wait(), 10)
        assert ear.heard == (["b"] if at_once else ["a", "b"])
        wire = ear.socket
        assert isinstance(wire, Wire)
        wire.data_received(b"\x81\x01d")
        wire.eof_received()
        assert ear.heard[-1] == "b"


async def test_text_that_is_none_is_handed_over_as_bytes() -> None:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x81\x01\xff\x81\x01a")

    async with talking(talk) as ear:
        await until(lambda: len(ear.heard) == 2)
        assert ear.heard == [b"\xff", "a"]


@pytest.mark.parametrize("answer", [b"not http\r\n\r\n", b"HTTP/1.1 101 X\r\n\r\n"])
async def test_an_answer_that_is_none_ends_the_socket(answer: bytes) -> None:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)

    async with talking(talk, accept=False) as ear:
        await until(lambda: ear.heard)
        assert ear.heard in ([(None, "")], [(101, b"", None)])


async def test_an_end_in_the_middle_of_anything_is_told_once() -> None:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x81\x05ab")
        writer.write_eof()

    async with talking(talk) as ear:
        await until(lambda: ear.heard)
        await asyncio.sleep(0.02)
        assert ear.heard == [(None, "")]


async def test_nobody_there_is_an_os_error() -> None:
    with pytest.raises(ConnectionRefusedError):
        await dialer(None)("ws://127.0.0.1:1/x", Ear())
