"""One connection of the stream port, from accept to the last byte."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from userstream.core.closing import End
from userstream.core.session import (
    Action,
    Beat,
    BinaryIn,
    Close,
    ControlIn,
    Ended,
    Input,
    Ping,
    Send,
    Session,
    Subscribe,
    TextIn,
    Tick,
)
from userstream.server.framing import PING, Inbound, Kind, close_frame, parse, split, text_header
from userstream.server.handshake import Handshake, Opened, Refused, refuse

if TYPE_CHECKING:
    from userstream.core.publishing import Appended
    from userstream.server.edge import Edge
    from userstream.server.fanout import Binding
    from userstream.server.reader import Reader

_FLUSH_AT = 262_144  # a burst within one loop turn goes out in pieces of this size


class Connection(asyncio.Protocol):
    """Handshake, then a session. It performs the session's actions and decides nothing.

    ``out`` holds frames until the end of the loop turn, so that many events become one write;
    ``queued`` counts their bytes, also those that wait while the client is behind (``paused``).
    ``wrapped`` says whether frames name their stream, ``counted`` whether the end was told,
    ``armed_ms`` when the session is woken next; ``reader`` makes the frames of the extension.
    """

    __slots__ = (
        "_edge",
        "_handshake",
        "_inbound",
        "_timer",
        "_transport",
        "address",
        "armed_ms",
        "bindings",
        "counted",
        "out",
        "paused",
        "queued",
        "reader",
        "session",
        "wrapped",
    )

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._transport: asyncio.Transport | None = None
        self._handshake: Handshake | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._inbound = b""
        self.paused = False
        self.address = ""
        self.session: Session | None = None
        self.bindings: tuple[Binding, ...] = ()
        self.reader: Reader | None = None
        self.wrapped = False
        self.counted = False
        self.armed_ms: int | None = None
        self.out: list[bytes] | None = None
        self.queued = 0

    def __repr__(self) -> str:
        return f"<Connection {self.session!r}>"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Waits for the handshake, not for ever."""
        self._transport = transport  # type: ignore[assignment]
        peer = transport.get_extra_info("peername")
        self.address = peer[0] if peer else ""
        limits = self._edge.limits
        self._handshake = Handshake(limits.request_head_bytes)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(limits.handshake_s, self.abort)
        if not self._edge.opened(self):
            self.abort()

    def data_received(self, data: bytes) -> None:
        """Handshake bytes, then frames."""
        if self._handshake is not None:
            self._shake(self._handshake, data)
        elif self.session is not None:
            self._frames(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Whatever ended it, it is counted once and with a reason."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._handshake is not None:
            self._handshake.close()
            self._handshake = None
        self.out = None
        if self.session is not None:
            self.session.handle(Ended(End.LOST), self._edge.now_ms)
        self._edge.closed(self)
        self._transport = None

    def pause_writing(self) -> None:
        """The reader is behind: frames wait here, up to a bound."""
        self.paused = True

    def resume_writing(self) -> None:
        """The reader has caught up with the transport."""
        self.paused = False
        self.flush()
        if self.reader is not None:
            self.reader.wake()

    def send(self, frame: bytes, of: Appended | None = None) -> None:
        """Queues a frame for the end of this loop turn; ``of`` is the event that it shows."""
        out = self.out
        if out is None:
            self.out = [frame]
            self._edge.dirty(self)
        else:
            out.append(frame)
        self.queued += len(frame)
        if self.queued > _FLUSH_AT:
            self.flush()

    def flush(self) -> None:
        """Writes what is queued, unless the reader is behind; then cuts it at its bound."""
        out, transport = self.out, self._transport
        if out is None or transport is None:
            return
        if self.session is not None and self.session.end is End.SLOW:
            self.out = None  # nothing comes after a close frame
            return
        if self.paused:
            if self.queued > self._edge.limits.outbox_bytes:
                self.end(End.SLOW)
            return
        self.out = None
        self.queued = 0
        transport.write(b"".join(out) if len(out) > 1 else out[0])

    def tick(self) -> None:
        """The session's deadline has come, unless an earlier one took its place."""
        if self.armed_ms is None or self.armed_ms > self._edge.now_ms:
            return
        self.armed_ms = None
        if self.session is not None and self._transport is not None:
            self.handle(Tick())

    def end(self, end: End) -> None:
        """Ends the stream for a reason that lies outside the session."""
        self.handle(Ended(end))

    def key_ended(self, binding: Binding, notice: bytes | None, end: End) -> None:
        """One of the stream's listen keys died; ``notice`` is the venue's frame for it."""
        if notice is not None:
            self.send(notice)
        self.end(end)

    def abort(self) -> None:
        """Drops the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def _close(self, end: End) -> None:
        self._edge.ended(self, end)
        code, text, _ = end.value
        transport = self._transport
        if code is None or transport is None or (self.paused and end is not End.SLOW):
            self.out = None
            self.abort()
            return
        last = (self.reader.farewell(end) if self.reader else b"") + close_frame(code, text)
        if end is End.SLOW:  # what waits here is dropped; the reason may still be read
            self.out = None
            transport.write(last)
        else:
            self.send(last)
            self.flush()
        self._abort_later()

    def _abort_later(self) -> None:
        """A peer that does not read, or does not answer, cannot keep the connection open."""
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._edge.limits.close_s, self.abort)

    def _shake(self, handshake: Handshake, data: bytes) -> None:
        if not handshake.feed(data):
            return
        opened = self._edge.decide(self, handshake)
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        self._handshake = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if isinstance(opened, Refused):
            refuse(transport, opened)
            self._abort_later()
        else:
            self._open(handshake, opened, transport)
        handshake.close()

    def _open(self, handshake: Handshake, opened: Opened, transport: asyncio.Transport) -> None:
        transport.write(handshake.accept())
        self.session = self._edge.begin(self, opened)
        self._edge.arm(self)
        if handshake.rest:
            self._frames(handshake.rest)

    def _frames(self, data: bytes) -> None:
        most = self._edge.limits.message_bytes
        if self._inbound:
            data = self._inbound + data
        parts = split(data, most)
        if parts is None:
            self._inbound = b""
            self.handle(Ended(End.TOO_LARGE))
            return
        ready, self._inbound = parts
        if ready:
            self._take(parse(ready, most))

    def _take(self, inbound: Inbound) -> None:
        for kind, data in inbound.messages:
            if self.session is None:
                return
            if self.session.end is not None:
                # Ours was sent: only the client's close frame counts. To hang up while it still
                # sends would take our close frame from it.
                if kind is Kind.CLOSE and self._transport is not None:
                    self._transport.close()
            elif kind is Kind.TEXT:
                self._text(data)
            elif kind is Kind.BINARY:
                self.handle(BinaryIn())
            elif kind is Kind.CLOSE:
                self._client_closed(inbound.answer)
                return
            else:
                self.handle(ControlIn(kind is Kind.PONG))
        if inbound.end is not None:
            self.handle(Ended(inbound.end))
        elif inbound.answer and self.session is not None and self.session.end is None:
            self.send(inbound.answer)

    def _text(self, data: bytes) -> None:
        try:
            text = data.decode()
        except UnicodeDecodeError:
            self.handle(Ended(End.NOT_UTF8))
            return
        self.handle(TextIn(text, self._edge.subscriber(self)))

    def _client_closed(self, answer: bytes) -> None:
        if self.session is not None:
            self.session.handle(Ended(End.CLIENT), self._edge.now_ms)
        self._edge.ended(self, End.CLIENT)
        self.send(answer)
        self.flush()
        self._abort_later()
        if self._transport is not None:
            self._transport.close()

    def handle(self, given: Input) -> None:
        """Gives the session an input and performs what it decides."""
        if self.session is None:
            self.abort()
            return
        for action in self.session.handle(given, self._edge.now_ms):
            self._perform(action)
        self._edge.arm(self)

    def _perform(self, action: Action) -> None:
        match action:
            case Send(payload):
                self.send(text_header(len(payload)) + payload)
            case Ping():
                self.send(PING)
            case Beat() if self.reader is not None:
                self.reader.beat()
            case Subscribe(channels):
                self._edge.rebind(self, channels)
            case Close(end):
                self._close(end)
