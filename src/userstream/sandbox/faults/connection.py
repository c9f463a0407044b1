"""A connection on which frames get lost, come twice, late or swapped, and which breaks."""

from __future__ import annotations

import asyncio
import itertools
import socket
import struct
from typing import TYPE_CHECKING

from userstream.core.closing import End
from userstream.core.session import Ended
from userstream.sandbox.faults.control import FaultControl, real_ms
from userstream.sandbox.faults.fault import CODE_CUT, CODE_NONE, CUTS, Kind, Point, delay_ms
from userstream.sandbox.faults.line import Line, Pass
from userstream.sandbox.faults.plan import Hit, Target
from userstream.server.connection import Connection

if TYPE_CHECKING:
    from userstream.core.publishing import Appended
    from userstream.server.edge import Edge
    from userstream.server.fanout import Binding
    from userstream.server.handshake import Handshake, Opened

_AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: what is not sent is dropped, the peer gets RST
_numbers = itertools.count(1)


class FaultyConnection(Connection):
    """As ``Connection``, until a fault strikes.

    ``_mute`` sends nothing more, ``_deaf`` reads nothing more.
    """

    __slots__ = ("_deaf", "_faults", "_late", "_line", "_mute", "_wake", "number")

    def __init__(self, edge: Edge, faults: FaultControl) -> None:
        super().__init__(edge)
        self._faults = faults
        self._line = Line()
        self._wake: asyncio.TimerHandle | None = None
        self._late: Appended | None = None
        self._mute = self._deaf = False
        self.number = next(_numbers)

    @property
    def lives(self) -> bool:
        """Whether there is anything left to break."""
        return not self._mute and self.session is not None and self.session.end is None

    def target(self, of: Appended | None = None) -> Target:
        """What faults can strike here: the stream, or the frame of an event."""
        venue = "" if self.session is None else self.session.venue.name
        if of is None:
            return Target(venue, tuple(sorted({b.account for b in self.bindings})))
        envelope = of.envelope
        event = envelope.event.__struct_config__.tag
        return Target(venue, (envelope.account,), str(event))

    def data_received(self, data: bytes) -> None:
        """Nothing is read from a half-open connection."""
        if not self._deaf:
            super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Whatever was held back is lost with the connection."""
        self._faults.closed(self)
        self._line.drain()
        self._arm()
        super().connection_lost(exc)

    def send(self, frame: bytes, of: Appended | None = None) -> None:
        """Queues a frame, unless a fault says otherwise."""
        if self._mute:
            return
        if of is None:
            super().send(frame)
            return
        target = self.target(of)
        hit = self._faults.strike(Point.FRAME, target)
        if hit is None and not self._line:
            super().send(frame)
            return
        if hit is not None and hit.fault.kind in CUTS:
            self.suffer(hit, target, of)
            return
        passed = self._line.push(frame, hit, real_ms())
        if passed.swapped is not None:
            self._faults.tell(passed.swapped, target, self._late)
        if hit is not None and hit.fault.kind is Kind.REORDER:
            self._late = of  # told when its successor has come
        elif hit is not None:
            more = {"delay_ms": delay_ms(hit.fault)} if hit.fault.kind is Kind.DELAY else {}
            self._faults.tell(hit, target, of, **more)
        self._pass(passed)

    def end(self, end: End) -> None:
        """A broken connection does not keep the server from stopping."""
        if self._mute and end is End.SHUTDOWN:
            self.abort()
        super().end(end)

    def key_ended(self, binding: Binding, notice: bytes | None, end: End) -> None:
        """The death of a listen key may go unsaid: the stream stays open and hears nothing."""
        target = Target(binding.venue.name, (binding.account,))
        if end is not End.REVOKED and self._faults.silences(target):
            self._edge.unbind(self, binding)
            return
        self._pass(self._line.drain())  # before the notice
        super().key_ended(binding, notice, end)

    def suffer(self, hit: Hit, target: Target, of: Appended | None = None) -> None:
        """Breaks, as the fault says. The server counts the stream as lost."""
        transport = self._transport
        if not self.lives or transport is None or self.session is None:
            return
        fault = hit.fault
        self._faults.tell(hit, target, of, **({} if fault.code is None else {"code": fault.code}))
        self.session.handle(Ended(End.LOST), self._edge.now_ms)
        self._edge.ended(self, End.LOST)
        if fault.kind is Kind.CLOSE:
            self._close_with(fault.code or CODE_NONE, fault.reason or "")
        else:
            self._line.drain()
            self.out = None
        self._mute = True
        self._deaf = fault.kind is Kind.HALF_OPEN
        if fault.kind is Kind.RESET:
            sock: socket.socket = transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
            transport.abort()

    def _close_with(self, code: int, reason: str) -> None:
        self._pass(self._line.drain())
        if code != CODE_CUT:
            super().send(_close_frame(code, reason))
        self.flush()
        if code == CODE_CUT and self._transport is not None:
            self._transport.close()
        self._abort_later()

    def _open(self, handshake: Handshake, opened: Opened, transport: asyncio.Transport) -> None:
        super()._open(handshake, opened, transport)
        self._faults.opened(self)
        target = self.target()
        hit = self._faults.strike(Point.OPEN, target)
        if hit is not None:
            self.suffer(hit, target)

    def _close(self, end: End) -> None:
        """What is held back still comes before the close frame."""
        self._pass(self._line.drain())
        super()._close(end)

    def _pass(self, passed: Pass) -> None:
        if passed.void is not None:
            self._faults.plan.take_back(passed.void)
        for frame in passed.frames:
            super().send(frame)
        if self._line.size > self._edge.limits.outbox_bytes:
            self._pass(self._line.drain())  # a delay is cut short where it would take too much
            return
        self._arm()

    def _arm(self) -> None:
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None
        due_ms = self._line.deadline()
        if due_ms is not None:
            wait_s = max(due_ms - real_ms(), 1) / 1000
            self._wake = asyncio.get_running_loop().call_later(wait_s, self._woken)

    def _woken(self) -> None:
        self._wake = None
        self._pass(self._line.due(real_ms()))


def _close_frame(code: int, reason: str) -> bytes:
    """A close frame with any code at all. Doc: RFC 6455 §5.5.1."""
    payload = b"" if code == CODE_NONE else code.to_bytes(2, "big") + reason.encode()
    return bytes((0x88, len(payload))) + payload
