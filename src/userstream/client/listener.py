"""Listener: what one socket of a stream tells its reader."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from userstream.core.client import inputs
from userstream.core.client.requests import read_answer

if TYPE_CHECKING:
    from userstream.client.reader import Reader
    from userstream.client.socket import Socket
    from userstream.venue import Venue


class Listener:
    """One socket, and what it tells the feed."""

    def __init__(self, reader: Reader, number: int, venue: Venue) -> None:
        self._reader = reader
        self._number = number
        self._venue = venue
        self.socket: Socket | None = None
        self.opening: asyncio.Task[None] | None = None

    def opened(self, socket: Socket) -> None:
        """The handshake is done."""
        self.socket = socket
        self._reader.ready(self._number)

    def refused(self, status: int, body: bytes, retry_after: str | None) -> None:
        """The handshake was answered otherwise."""
        answer = read_answer(self._venue, status, body, retry_after)
        self._reader.ended(inputs.Refused(self._number, answer))

    def frame(self, frame: bytes | str) -> None:
        """A text or binary frame."""
        self._reader.frame(self._number, frame)

    def pong(self) -> None:
        """A pong came."""
        self._reader.give(inputs.Pong(self._number))

    def closed(self, code: int | None, text: str) -> None:
        """It is over; ``None``: without a close frame."""
        self._reader.ended(inputs.Closed(self._number, code, text))

    def send(self, payload: bytes) -> None:
        """Sends text, once it is there."""
        if self.socket is not None:
            self.socket.send(payload)

    def ping(self) -> None:
        """Pings, once it is there."""
        if self.socket is not None:
            self.socket.ping()

    def hold(self, held: bool) -> None:
        """Reads no more, or again."""
        if self.socket is not None:
            self.socket.hold(held)

    def close(self) -> None:
        """Ends it, opening or open. A task does not cancel itself: it may be what led here."""
        if self.socket is not None:
            self.socket.close()
        elif self.opening is not None and self.opening is not asyncio.current_task():
            self.opening.cancel()
