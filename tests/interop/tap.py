"""A tap on a port: passes every byte on as it is, and remembers what went by."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import struct
import threading
import time
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import urlsplit

_REQUEST = re.compile(rb"(GET|POST|PUT|DELETE) (/[^ ?]*)\S* HTTP/1\.[01]\r\n")
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")


class Call(NamedTuple):
    """One HTTP request that went by, without its query, and the status that came back."""

    method: str
    path: str
    status: int


class Tap:
    """Listens on a free port of its own, in a thread of its own, in front of ``url``."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._target = (parts.hostname, parts.port)
        self._flows: list[tuple[bytearray, bytearray]] = []
        self._passing: set[asyncio.Task[None] | None] = set()
        """Held here: streams hold their readers weakly, and so the tasks that wait for them."""
        self._ends: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        listening = asyncio.start_server(self._pass_on, "127.0.0.1", 0)
        self._server = asyncio.run_coroutine_threadsafe(listening, self._loop).result(10)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"{parts.scheme}://127.0.0.1:{port}"

    def calls(self) -> list[Call]:
        """The requests so far that were answered, connection by connection."""
        found: list[Call] = []
        for sent, received in self._flows:
            requests, answers = _REQUEST.findall(bytes(sent)), _STATUS.findall(bytes(received))
            pairs = zip(requests, answers, strict=False)  # the last may have no answer yet
            found += [Call(m.decode(), p.decode(), int(status)) for (m, p), status in pairs]
        return found

    def wait_for_call(self, method: str, status: int = 200, *, path: str = "DataStream") -> None:
        """Waits for a request of that method with that answer; ``path`` is the end of its path."""
        self._wait(
            lambda: any(
                c.method == method and c.status == status and c.path.endswith(path)
                for c in self.calls()
            ),
            f"{method} of {path} answered {status}",
        )

    def wait_for(self, text: bytes, connections: int = 1) -> None:
        """Waits until the server has sent these bytes, on so many connections."""
        self._wait(
            lambda: sum(text in received for _, received in self._flows) >= connections, repr(text)
        )

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        last = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < last, f"{what} did not come; went by: {self.calls()}"
            time.sleep(0.02)

    def reset(self) -> None:
        """Resets every open connection on both sides; what is under way in them is lost."""
        asyncio.run_coroutine_threadsafe(self._reset(), self._loop).result(10)

    async def _reset(self) -> None:
        for end in self._ends:
            sock: socket.socket = end.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.transport.abort()

    def close(self) -> None:
        """Cuts what is open."""
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _stop(self) -> None:
        self._server.close()
        while tasks := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=1)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        flow = (bytearray(), bytearray())
        self._flows.append(flow)
        task = asyncio.current_task()
        self._passing.add(task)
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            far_reader, far_writer = await asyncio.open_connection(*self._target)
            ends = {writer, far_writer}
            self._ends |= ends
            try:
                await asyncio.gather(
                    _pump(reader, far_writer, flow[0]), _pump(far_reader, writer, flow[1])
                )
            finally:
                self._ends -= ends
                far_writer.close()
        writer.close()
        self._passing.discard(task)


async def _pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: bytearray
) -> None:
    while data := await reader.read(65_536):
        seen += data
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
