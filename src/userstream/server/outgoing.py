"""What a connection sends: frames of one loop turn as one write, and no more than is read."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from userstream.core.closing import End

if TYPE_CHECKING:
    from userstream.core.publishing import Appended
    from userstream.core.session import Session
    from userstream.server.edge import Edge
    from userstream.server.reader import Reader

_FLUSH_AT = 262_144  # a burst within one loop turn goes out in pieces of this size


class Outgoing(asyncio.Protocol, ABC):
    """The sending half of a connection.

    ``out`` holds frames until the end of the loop turn, so that many events become one write;
    ``queued`` counts their bytes, also those that wait while the client is behind (``paused``).
    ``reader`` makes the frames where they are not what everybody gets.
    """

    __slots__ = ("_edge", "_transport", "out", "paused", "queued", "reader", "session")

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._transport: asyncio.Transport | None = None
        self.session: Session | None = None
        self.reader: Reader | None = None
        self.out: list[bytes] | None = None
        self.paused = False
        self.queued = 0

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

    @abstractmethod
    def end(self, end: End) -> None:
        """Ends the stream for a reason that lies outside the session."""
