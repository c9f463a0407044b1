"""Socket: one WebSocket of a client, as a port, and the way over asyncio.

The library's parser does the handshake, control frames and whatever is in pieces; whole frames,
which is what venues send, are cut by arithmetic. ADR 11.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias, cast
from urllib.parse import urlsplit

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidURI
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.uri import parse_uri

from userstream.errors import InvalidSettings

MAX_BYTES = 8 * 1024 * 1024
"""The longest message of a venue; whole accounts are the longest."""
_SILENT = logging.getLogger("userstream.client.websockets")
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False
_SILENT.disabled = True  # debug lines of the library would show listen keys


class Listener(Protocol):
    """What a socket tells, all on the loop that it runs on. After ``closed`` comes nothing."""

    def opened(self, socket: Socket) -> None:
        """The handshake is done."""

    def refused(self, status: int, body: bytes, retry_after: str | None) -> None:
        """The handshake was answered with something else; ``closed`` does not follow."""

    def frame(self, frame: bytes | str) -> None:
        """A whole message: text as ``str``, anything else as ``bytes``."""

    def pong(self) -> None:
        """A pong came, or a ping that was answered."""

    def closed(self, code: int | None, text: str) -> None:
        """It is over; ``code`` is ``None`` without a close frame."""


class Socket(Protocol):
    """What can be done to a socket. Nothing raises, and nothing waits."""

    def send(self, payload: bytes) -> None:
        """Sends a text message, if the socket is open."""

    def ping(self) -> None:
        """Sends a ping, if the socket is open."""

    def hold(self, held: bool) -> None:
        """Whether to leave unread what comes."""

    def close(self) -> None:
        """Closes it; the listener hears nothing any more."""


Connect: TypeAlias = Callable[[str, Listener], Awaitable[Socket]]
"""Opens a socket to a URL and tells its listener of the rest.

Raises ``OSError`` (refused, no such host, TLS) or ``TimeoutError``. Can be cancelled at any time.
"""


def dialer(verify: ssl.SSLContext | None, connect_s: float = 10.0) -> Connect:
    """Opens sockets over asyncio; name, connection and TLS together may take ``connect_s``."""

    async def connect(url: str, listener: Listener) -> Socket:
        loop = asyncio.get_running_loop()
        uri = parse_uri(url)
        async with asyncio.timeout(connect_s):
            _, wire = await loop.create_connection(
                lambda: Wire(ClientProtocol(uri, max_size=MAX_BYTES, logger=_SILENT), listener),
                uri.host,
                uri.port,
                ssl=verify if uri.secure else None,
                server_hostname=uri.host if uri.secure else None,
            )
        return wire

    return connect


def check_url(url: str, schemes: tuple[str, ...]) -> str:
    """The URL without a slash at its end.

    Raises:
        InvalidSettings: it is none, or has a query.
    """
    try:
        parts = urlsplit(url)
        if schemes == ("ws", "wss"):
            parse_uri(url)
    except (ValueError, InvalidURI):
        parts = urlsplit("")
    if parts.scheme not in schemes or not parts.hostname or parts.query or parts.fragment:
        raise InvalidSettings(f"{url[:100]!r} is no base URL; it begins with {schemes[-1]}://")
    return url.rstrip("/")


class Wire(asyncio.Protocol):
    """One connection: bytes to messages, and back."""

    def __init__(self, protocol: ClientProtocol, listener: Listener) -> None:
        self._protocol = protocol
        self._listener: Listener | None = listener
        self._transport: asyncio.Transport | None = None
        self._tail = b""
        self._inside = False
        """Whether the library's parser is inside a message."""
        self._parts: list[bytes] = []
        self._text = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Sends the handshake."""
        self._transport = cast("asyncio.Transport", transport)
        self._protocol.send_request(self._protocol.connect())
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Cuts whole frames, and gives the library what is anything else."""
        if self._listener is None:
            return
        rest = self._tail + data if self._tail else data
        self._tail = b""
        if self._protocol.state is State.OPEN and not self._inside:
            rest = self._cut(rest)
        if rest:
            self._protocol.receive_data(rest)
            self._events()

    def eof_received(self) -> None:
        """The other side sends nothing any more."""
        if self._listener is not None:
            self._protocol.receive_eof()
            self._events()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        listener, self._listener = self._listener, None
        if listener is not None:
            received = self._protocol.close_rcvd
            code = None if received is None else int(received.code)
            listener.closed(code, "" if received is None else received.reason)

    def send(self, payload: bytes) -> None:
        """Sends a text message, if the socket is open."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_text(payload)
            self._flush()

    def ping(self) -> None:
        """Sends a ping, if the socket is open."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_ping(b"")
            self._flush()

    def hold(self, held: bool) -> None:
        """Whether to leave unread what comes."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if held and transport.is_reading():
            transport.pause_reading()
        elif not held and not transport.is_reading():
            transport.resume_reading()

    def close(self) -> None:
        """Sends a close frame and goes, without waiting for an answer."""
        self._listener = None
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(1000)
            self._flush()
        if self._transport is not None:
            self._transport.close()

    def _cut(self, data: bytes) -> bytes:
        """Tells of the whole messages at the beginning; gives what the library has to read.

        Doc: RFC 6455 §5.2. First byte 0x81 or 0x82: a message of one frame, without extensions;
        the second has no mask bit in what a server sends.
        """
        at, end = 0, len(data)
        while end - at >= 2:
            first, length = data[at], data[at + 1]
            if first not in {0x81, 0x82} or length > 127:
                return data[at:]
            head = at + 2
            if length > 125:
                head += 2 if length == 126 else 8
                if head > end:
                    break
                length = int.from_bytes(data[at + 2 : head], "big")
                if length > MAX_BYTES:
                    return data[at:]
            if head + length > end:
                break
            at = head + length
            self._tell(data[head:at], text=first == 0x81)
            if self._listener is None:
                return b""
        self._tail = data[at:]
        return b""

    def _events(self) -> None:
        """Tells of what the library read, and sends what it answers."""
        for event in self._protocol.events_received():
            if self._listener is None:
                break
            if isinstance(event, Response):
                self._answered(event)
            elif isinstance(event, Frame):
                self._frame(event)
        self._flush()
        buffer = self._protocol.reader.buffer
        self._inside = bool(buffer) or bool(self._parts)
        failed = self._protocol.parser_exc is not None or self._protocol.state is State.CLOSING
        if self._transport is not None and (failed or self._protocol.close_expected()):
            self._transport.close()

    def _answered(self, response: Response) -> None:
        assert self._listener is not None  # noqa: S101 - its only caller looked
        if self._protocol.handshake_exc is None:
            self._listener.opened(self)
            return
        listener, self._listener = self._listener, None
        headers, body = response.headers, bytes(response.body or b"")
        wait = headers.get_all("Retry-After")
        listener.refused(response.status_code, body, wait[0] if wait else None)
        self.close()

    def _frame(self, frame: Frame) -> None:
        assert self._listener is not None  # noqa: S101 - its only caller looked
        if frame.opcode in {Opcode.PING, Opcode.PONG}:
            self._listener.pong()
        elif frame.opcode in {Opcode.TEXT, Opcode.BINARY, Opcode.CONT}:
            if frame.opcode is not Opcode.CONT:
                self._text = frame.opcode is Opcode.TEXT
            self._parts.append(bytes(frame.data))
            if frame.fin:
                whole, self._parts = b"".join(self._parts), []
                self._tell(whole, text=self._text)

    def _tell(self, data: bytes, *, text: bool) -> None:
        assert self._listener is not None  # noqa: S101 - its only caller looked
        if text:
            try:
                self._listener.frame(data.decode())
            except UnicodeDecodeError:
                self._listener.frame(data)  # told as a frame that cannot be read
            return
        self._listener.frame(data)

    def _flush(self) -> None:
        if self._transport is None:
            return
        for data in self._protocol.data_to_send():
            if data:
                self._transport.write(data)
            else:
                self._transport.write_eof() if self._transport.can_write_eof() else None
