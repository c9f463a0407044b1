"""HTTP listeners: uvicorn, with the deadline and the bound that it lacks.

uvicorn waits for ever for a request that comes byte by byte; here a request that is not
complete in time costs its connection. A head that grows past its bound is answered, and the last.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
from collections.abc import Callable, Generator
from typing import Any, ClassVar

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from userstream.core.limits import Limits
from userstream.core.rest import Response
from userstream.server.head import TooLong, answer_last, read_too_long
from userstream.server.tasks import failed

Refuse = Callable[[TooLong], Response]
"""What a request is answered whose head is too long."""
_END_OF_HEAD = b"\r\n\r\n"


class _TimedProtocol(HttpToolsProtocol):
    """Requests, or only their heads, must arrive in time."""

    limits: ClassVar[Limits]
    whole_request: ClassVar[bool]
    refuse: ClassVar[Refuse]
    _timer: asyncio.TimerHandle | None = None
    _in_head = True
    _head_bytes = 0
    _refused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        self._head = bytearray()  # no further than the bound
        self._start()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        most = 2 * self.limits.request_head_bytes
        if self._in_head:
            self._head_bytes += len(data)
            self._head += data[: most - len(self._head)]
            if data.find(_END_OF_HEAD, 0, most) < 0 < len(data) - most:
                self._end_too_long()
                return
        super().data_received(data)
        if self._in_head and self._head_bytes > most and not self.transport.is_closing():
            self._end_too_long()

    def _end_too_long(self) -> None:
        """The last answer; what else comes is dropped, until the peer or the deadline ends it."""
        over = read_too_long(bytes(self._head))
        answered = getattr(self.cycle, "response_complete", True)
        if over is None or not answered:
            self.transport.abort()
            return
        self._refused = True
        if self._timer is None:
            self._start()
        response = type(self).refuse(over)
        answer_last(self.transport, response.status, response.body)

    def on_message_begin(self) -> None:
        """Also of a second request in the same bytes."""
        if self._timer is None:
            self._start()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        if not self.whole_request:
            self._stop()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Of a publisher more is read ahead than uvicorn's 64 KiB.

        What is read in one loop turn is written in one: under load, fewer and larger writes.
        """
        if self.whole_request:
            super().on_body(body)
            return
        cycle = self.cycle
        if cycle.response_complete:
            return
        cycle.body += body
        if len(cycle.body) >= self.limits.read_ahead_bytes:
            self.flow.pause_reading()
        cycle.message_event.set()

    def on_message_complete(self) -> None:
        self._stop()
        self._in_head, self._head_bytes = True, 0
        self._head.clear()
        super().on_message_complete()

    def _start(self) -> None:
        self._timer = self.loop.call_later(self.limits.handshake_s, self._late)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        self._timer = None
        self.transport.abort()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.stopping = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield  # the process has one signal handler, and it is not uvicorn's

    async def main_loop(self) -> None:
        """Ends once it is to stop, and for nothing else: nobody else would open the port again.

        uvicorn's looks ten times a second whether it is to stop, and ends with its first error.
        """
        while not self.stopping.is_set():
            try:
                await self.on_tick(0)
            except Exception as e:  # noqa: BLE001 - nobody waits for it, so nobody else would hear
                failed("http", e)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), 1.0)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn does it, but a TLS handshake has a deadline too."""
        await self.lifespan.startup()
        config = self.config
        protocol: Any = config.http_protocol_class

        def connected() -> asyncio.Protocol:
            made: asyncio.Protocol = protocol(
                config=config, server_state=self.server_state, app_state=self.lifespan.state
            )
            return made

        self.servers = [
            await asyncio.get_running_loop().create_server(
                connected,
                sock=sock,
                ssl=config.ssl,
                backlog=config.backlog,
                ssl_handshake_timeout=protocol.limits.handshake_s if config.ssl else None,
            )
            for sock in sockets or []
        ]
        self.started = True


class HttpListener:
    """One ASGI application on one bound socket."""

    def __init__(
        self,
        app: ASGIApp,
        limits: Limits,
        refuse: Refuse,
        *,
        tls: tuple[str, str] | None = None,
        whole_request: bool = True,
    ) -> None:
        files: dict[str, Any] = (
            {"ssl_certfile": tls[0], "ssl_keyfile": tls[1]} if tls is not None else {}
        )
        config = uvicorn.Config(
            app,
            http=type(
                "TimedProtocol",
                (_TimedProtocol,),
                {"limits": limits, "whole_request": whole_request, "refuse": refuse},
            ),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=limits.keep_alive_s,
            timeout_graceful_shutdown=math.ceil(limits.drain_s),
            backlog=4096,
            **files,
        )
        self._server = _Server(config)
        self._task: asyncio.Task[None] | None = None

    async def start(self, sock: socket.socket) -> None:
        """Serves on a bound socket; returns once it does."""
        self._task = asyncio.create_task(self._server.serve(sockets=[sock]))
        while not self._server.started:
            if self._task.done():
                self._task.result()
            await asyncio.sleep(0.001)

    async def stop(self) -> None:
        """Lets running requests finish, up to the drain time."""
        self._server.should_exit = True
        self._server.stopping.set()
        if self._task is not None:
            await self._task
