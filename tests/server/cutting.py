"""Streams with the extension on a log in this process: no sockets, every frame kept."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, cast

from userstream.client.publisher import line
from userstream.core.client.continuity import Continuity, Place
from userstream.core.closing import End
from userstream.core.limits import Limits
from userstream.core.listenkeys import KeyRecord
from userstream.core.publishing import Appended
from userstream.events import Event
from userstream.server.clock import Clock
from userstream.server.committer import Committer
from userstream.server.fanout import Binding, Fanout, wrap_of
from userstream.server.folder import open_folder
from userstream.server.localbus import LocalBus
from userstream.server.metrics import Metrics
from userstream.server.reader import Reader
from userstream.server.replay import Replays
from userstream.venue import Cursor, Mark, Venue


class Outlet:
    """What a client gets, as payloads."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.ended: End | None = None
        self.paused = False
        self.reader: Reader | None = None

    def send(self, frame: bytes, of: Appended | None = None) -> None:
        length = frame[1]
        at = {126: 4, 127: 10}.get(length, 2)
        self.frames.append(frame[at:])

    def end(self, end: End) -> None:
        self.ended = end


def follows(stream: Stream, frames: Sequence[bytes]) -> None:
    """A client that takes these frames finds no hole and no repeat."""
    continuity = Continuity()
    for frame in frames:
        assert continuity.take(stream.mark(frame)) is Place.NEXT


class Stream:
    """One stream of an account in a dialect."""

    def __init__(self, rig: Rig, venue: Venue, account: str, **options: Any) -> None:
        self._rig = rig
        self.venue = venue
        self.outlet = outlet = Outlet()
        self.reader = outlet.reader = Reader(outlet, venue, options.get("resume"), rig.replays)
        channels = options.get("channels", venue.channels) if venue.channels else None
        wrap = wrap_of("key") if options.get("wrapped") else None
        record = KeyRecord(venue.name, "random", account, (), 0)
        connection = cast("Any", outlet)
        self.binding = Binding(connection, venue, record, channels and frozenset(), wrap)
        rig.fanout.add(self.binding)
        self.reader.listen(self.binding)
        if channels is not None:
            self.binding.channels = frozenset(channels)
            self.reader.subscribed()

    @property
    def frames(self) -> list[bytes]:
        """Of events."""
        return [f for f in self.outlet.frames if not self.mark(f).kind]

    @property
    def said(self) -> list[Mark]:
        """Control frames."""
        return [m for f in self.outlet.frames if (m := self.mark(f)).kind]

    def mark(self, frame: bytes) -> Mark:
        found = self.venue.mark(frame)
        assert found is not None, frame
        return found

    def cursor(self, frame: bytes) -> Cursor:
        """Where a client stands that got everything up to that frame, as it writes it."""
        mark = self.mark(frame)
        text = str(Cursor(mark.epoch, mark.seq, mark.part, mark.parts))
        parsed = Cursor.parse(text)
        assert parsed is not None
        return parsed

    def said_of(self, frames: Sequence[bytes]) -> list[tuple[int, int, int, bytes]]:
        """Frames by place and content, without what a session says of its own past: ``prev``."""
        said = []
        for frame in frames:
            mark = self.mark(frame)
            field = frame.rfind(b"\xc2\x3e")
            bare = frame[:field] if field >= 0 else re.sub(rb'"prev":\d+', b"", frame)
            said.append((mark.seq, mark.part, mark.parts, bare))
        return said

    async def settled(self) -> Stream:
        """Waits for what is being read."""
        task = self.reader._task
        if task is not None:
            async with asyncio.timeout(20):
                await task
        return self

    def close(self) -> None:
        self.reader.stop()
        self._rig.fanout.remove(self.binding)


class Rig:
    """A bus with streams on it."""

    def __init__(self, bus: LocalBus, limits: Limits, clock: Clock) -> None:
        self.bus = bus
        self.clock = clock
        self.metrics = Metrics()
        self.replays = Replays(bus, self.metrics, clock, limits.replays_at_once)
        self.failed: list[Exception] = []
        self.fanout = Fanout(lambda _, e: self.failed.append(e))
        bus.subscribe(self.fanout.deliver)
        self.n = 0
        """Of the last event that was published."""

    def epoch(self, account: str = "alice") -> str:
        """What cursors of an account name."""
        return self.replays.epoch(account)

    def stream(self, venue: Venue, account: str = "alice", **options: Any) -> Stream:
        return Stream(self, venue, account, **options)

    async def publish(self, events: Sequence[Event], account: str = "alice") -> None:
        """Publishes in one request, and waits for the commit."""
        lines = []
        for event in events:
            self.n += 1
            lines.append(line(account, event, source="me", n=self.n))
        ticket = self.bus.append(self.bus.submission(), lines)
        await ticket.committed()
        assert all(isinstance(o, Appended) for o in ticket.outcomes), ticket.outcomes


@contextlib.asynccontextmanager
async def rig(
    path: Path | None = None, limits: Limits | None = None, *, synced: bool = False
) -> AsyncIterator[Rig]:
    """A bus in memory, or in a folder that survives a kill of the process, or a power cut too."""
    limits = limits or Limits()
    folder = open_folder(path, synced=synced)
    committer = Committer(folder.store)
    clock = Clock()
    bus = LocalBus(folder.store, committer, folder.run.epoch, clock, limits)
    bus.start()
    try:
        yield Rig(bus, limits, clock)
    finally:
        await bus.close()
        await committer.close()
        folder.close()
