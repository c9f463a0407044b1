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
    Subscribe,
    TextIn,
    Tick,
)
from userstream.server.framing import (
    PING,
    Inbound,
    Kind,
    close_frame,
    parse,
    split,
    text_header,
    text_of,
)
from userstream.server.handshake import Handshake, Opened, Refused, refuse
from userstream.server.outgoing import Outgoing

if TYPE_CHECKING:
    from userstream.server.edge import Edge
    from userstream.server.fanout import Binding
    from userstream.server.repeats import Pings


class Connection(Outgoing):
    """Handshake, then a session. It performs the session's actions and decides nothing.

    ``joining`` are listen keys that were asked for and whose accounts are not followed yet,
    ``wrapped`` says whether frames name their stream, ``counted`` whether the end was told,
    ``armed_ms`` when the session is woken next, ``pings`` what makes pings where pongs are
    receipts.
    """

    __slots__ = (
        "_handshake",
        "_inbound",
        "_timer",
        "address",
        "armed_ms",
        "bindings",
        "counted",
        "joining",
        "pings",
        "wrapped",
    )

    def __init__(self, edge: Edge) -> None:
        super().__init__(edge)
        self._handshake: Handshake | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._inbound = b""
        self.address = ""
        self.bindings: tuple[Binding, ...] = ()
        self.joining: frozenset[str] = frozenset()
        self.pings: Pings | None = None
        self.wrapped = False
        self.counted = False
        self.armed_ms: int | None = None

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
        decided = self._edge.decide(self, handshake)
        if decided is not None:
            self.admitted(handshake, decided)
        elif self._transport is not None:
            self._transport.pause_reading()

    def admitted(self, handshake: Handshake, opened: Opened | Refused) -> bool:
        """Goes on with a handshake, once its keys are known; false where the peer is gone."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return False
        self._handshake = None
        if isinstance(opened, Refused):
            self._decided(handshake, opened)
            return True
        waits = True

        def decided(now: Opened | Refused) -> None:
            nonlocal waits
            waits = False
            self._decided(handshake, now)

        self._edge.subscriptions.follow(opened, decided)
        if waits and transport.is_reading():  # the client's next frames do so in the kernel
            transport.pause_reading()
        return True

    def _decided(self, handshake: Handshake, decided: Opened | Refused) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            if isinstance(decided, Opened):
                self._edge.subscriptions.drop(decided)
            handshake.close()
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not transport.is_reading():
            transport.resume_reading()
        if isinstance(decided, Refused):
            refuse(transport, decided)
            self._abort_later()
        else:
            self._open(handshake, decided, transport)
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
                self._control(kind, data)
        if inbound.end is not None:
            self.handle(Ended(inbound.end))
        elif inbound.answer and self.session is not None and self.session.end is None:
            self.send(inbound.answer)

    def _control(self, kind: Kind, data: bytes) -> None:
        if kind is Kind.PONG and self.pings is not None:
            self.pings.receipt.pong(data)
        self.handle(ControlIn(kind is Kind.PONG))

    def _text(self, data: bytes) -> None:
        text = text_of(data)
        if text is None:
            self.handle(Ended(End.NOT_UTF8))
        else:
            self.handle(TextIn(text, self._edge.subscriptions.subscriber(self)))

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
                self.send(PING if self.pings is None else self.pings.ping())
            case Beat() if self.reader is not None:
                self.reader.beat()
            case Subscribe(channels):
                self._edge.subscriptions.rebind(self, channels)
            case Close(end):
                self._close(end)
