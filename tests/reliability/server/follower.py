"""A bot with the extension that comes back whenever its stream ends, and keeps all that it got.

It drops nothing and orders nothing: what it has twice or out of order was sent so.
"""

from __future__ import annotations

import asyncio
import random
import re
import socket
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple, cast
from urllib.parse import urlsplit

from tests.server.running import Running
from tests.server.wire import BINARY, CLOSE, PING, PONG, TEXT, handshake, masked
from userstream.server.tasks import ended
from userstream.venue import WHOLE, Cursor, Mark, Venue
from userstream.venues.mexc.push_pb2 import Push

Dial = Callable[[], Awaitable[str]]
"""Gives the stream URL, without the extension's parameters."""
_ORDER_ID = re.compile(rb'"i":"?(\d+)')


def _order_id(opcode: int, frame: bytes) -> int:
    """Of an order's frame; to decode it all would take a core from the server."""
    if opcode == BINARY:
        return int(Push.FromString(frame).privateOrders.id)
    found = _ORDER_ID.search(frame)
    assert found is not None, frame
    return int(found[1])


class Ended(NamedTuple):
    """How a stream ended: the close code (``None``: without one), and what ``us.end`` said."""

    at_s: float
    code: int | None
    reason: str | None


class Line(asyncio.Protocol):
    """One connection: frames in, pongs out. ``opening`` is sent once it is upgraded."""

    def __init__(
        self,
        request: bytes,
        take: Callable[[int, bytes], None],
        pace: int | None = None,
        opening: str | None = None,
    ) -> None:
        self._request = request
        self._opening = opening
        self._pace = pace
        self._take = take
        self._rest = b""
        self._head: bytes | None = b""
        self.over = asyncio.Event()
        self.transport: asyncio.Transport | None = None
        self.status = 0
        """Of the handshake's answer."""
        self.code: int | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        # Left alone, the kernel reads megabytes ahead for a bot that was fast before.
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        self.transport.write(self._request)

    def connection_lost(self, _: Exception | None) -> None:
        self.over.set()

    def data_received(self, data: bytes) -> None:
        if self._head is not None:
            self._head += data
            head, end, data = self._head.partition(b"\r\n\r\n")
            if not end:
                return
            self._head = None
            self.status = int(head.split(b" ", 2)[1])
            if self.status == 101 and self._opening is not None:
                self.say(self._opening)
        if self.status == 101:
            taken = self._frames(self._rest + data if self._rest else data)
            if self._pace is not None and taken and self.transport is not None:
                self.transport.pause_reading()
                loop = asyncio.get_running_loop()
                loop.call_later(taken / self._pace, self.transport.resume_reading)

    def _frames(self, data: bytes) -> int:
        """Takes the whole frames; how many there were."""
        at, size, taken = 0, len(data), 0
        while size - at >= 2:
            length, start = data[at + 1], at + 2
            if length == 126:
                length, start = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
            if start + length > size:
                break
            opcode, payload = data[at] & 15, data[start : start + length]
            at = start + length
            taken += 1
            if opcode == PING:
                self.send(masked(PONG, payload))
            elif opcode == CLOSE:
                self.code = int.from_bytes(payload[:2], "big")
                self.send(masked(CLOSE, payload[:2]))
            else:
                self._take(opcode, payload)
        self._rest = data[at:]
        return taken

    def say(self, text: str) -> None:
        self.send(masked(TEXT, text.encode()))

    def send(self, frame: bytes) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(frame)


class Follower:
    """Follows one account from the beginning of an epoch, through breaks, until it is stopped.

    With ``pace`` it reads that many events a second.
    """

    def __init__(
        self, account: str, venue: Venue, epoch: str, dial: Dial, *,
        heartbeat_s: int = 10, pace: int | None = None,
    ) -> None:  # fmt: skip
        self.account = account
        self.venue = venue
        self._dial = dial
        self._heartbeat_s = heartbeat_s
        self._pace = pace
        self.log: list[int] = []
        """Order ids, as they came."""
        self.arrived_s: list[float] = []
        self.cursor = Cursor(epoch, 0, WHOLE)
        self.refusals: list[str | None] = []
        """Reasons of ``us.refused``."""
        self.beats: list[tuple[float, str | None]] = []
        """When heartbeats came, and what they said of the log."""
        self.ends: list[Ended] = []
        self.live_s: list[float] = []
        """When it had caught up, of every connection."""
        self.attempts = 0
        self.refused: int | None = None
        """The status of the last handshake, where it was refused."""
        self.line: Line | None = None
        self._free = asyncio.Event()
        self._free.set()
        self._said: str | None = None
        self._due: int | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def live(self) -> bool:
        """Whether it is connected and has all that there was when it came."""
        return len(self.live_s) == len(self.ends) + 1

    def start(self) -> Follower:
        """Begins to follow."""
        self._task = asyncio.create_task(self._run())
        return self

    async def stop(self) -> None:
        """Hangs up."""
        await ended(self._task)
        self.drop()

    def pause(self) -> None:
        """Reads no more."""
        if self.line is not None and self.line.transport is not None:
            self.line.transport.pause_reading()

    def go_on(self) -> None:
        """Reads again."""
        if self.line is not None and self.line.transport is not None:
            self.line.transport.resume_reading()

    def drop(self) -> None:
        """Cuts the connection."""
        if self.line is not None and self.line.transport is not None:
            self.line.transport.abort()

    def stay_away(self) -> None:
        """Opens no other connection until it is released."""
        self._free.clear()

    def hold(self) -> None:
        """Cuts the connection, and opens no other until it is released."""
        self.stay_away()
        self.drop()

    def release(self) -> None:
        """Comes back."""
        self._free.set()

    async def _run(self) -> None:
        while True:
            await self._free.wait()
            try:
                await self._connect(await self._dial())
            except OSError:
                await asyncio.sleep(random.uniform(0.02, 0.1))

    async def _connect(self, url: str) -> None:
        parts = urlsplit(url)
        query = f"{parts.query}&" if parts.query else ""
        wish = f"us=1&us_heartbeat={self._heartbeat_s}&us_resume={self.cursor}"
        request = handshake(f"{parts.path}?{query}{wish}")
        self._said, self._due, self.refused = None, None, None
        self.line = line = Line(request, self._take, self._pace, self.venue.stream.opening)
        assert parts.hostname
        assert parts.port
        loop = asyncio.get_running_loop()
        self.attempts += 1
        await loop.create_connection(lambda: line, parts.hostname, parts.port)
        await self._until_over(line)
        if line.status == 101:
            if not self.live:  # cut before it was: that is an end all the same
                self.live_s.append(time.monotonic())
            self.ends.append(Ended(time.monotonic(), line.code, self._said))
        else:
            self.refused = line.status
            raise ConnectionRefusedError(line.status)

    async def _until_over(self, line: Line) -> None:
        """Some venues want to hear from a client that has nothing to say."""
        stream = self.venue.stream
        every_s = None if stream.client_ping is None else stream.client_ping_every_ms / 1_000
        while not line.over.is_set():
            try:
                async with asyncio.timeout(every_s):
                    await line.over.wait()
            except TimeoutError:
                line.say(stream.client_ping or "")

    def _take(self, opcode: int, frame: bytes) -> None:
        mark = self.venue.mark(frame)
        if mark is None:  # the venue's own word, which stands outside the log
            told = self.venue.notice(frame)
            assert b"listenKeyExpired" in frame or (told and not told.refused), frame
            return
        if mark.kind:
            self._control(mark)
            return
        self.log.append(_order_id(opcode, frame))
        self.arrived_s.append(time.monotonic())
        self.cursor = Cursor(mark.epoch, mark.seq, mark.part, mark.parts)
        self._look()

    def _control(self, mark: Mark) -> None:
        if mark.kind == "us.end":
            self._said = mark.reason
        elif mark.kind == "us.resumed":
            self._due = mark.prev
            self._look()
        elif mark.kind == "us.heartbeat":
            self.beats.append((time.monotonic(), mark.reason))
        elif mark.kind == "us.refused":
            self.refusals.append(mark.reason)
            self.cursor = Cursor(mark.epoch, mark.seq, WHOLE)
            self._due = mark.seq
            self._look()

    def _look(self) -> None:
        if self._due is not None and not self.live and self.cursor.seq >= self._due:
            self.live_s.append(time.monotonic())


def following(
    server: Running, account: str, venue: str, key: str, heartbeat_s: int = 1
) -> Follower:
    """A bot on a listen key of a server in this process, begun."""
    url = server.url(venue, key)

    async def dial() -> str:
        return url

    epoch = server.epoch(account)
    return Follower(account, server.venues[venue], epoch, dial, heartbeat_s=heartbeat_s).start()
