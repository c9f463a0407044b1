"""A stream with the extension: its frames carry marks, and what it missed comes from the log."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Protocol

import msgspec

from userstream.core.closing import End
from userstream.core.publishing import Appended
from userstream.core.track import Track
from userstream.server.framing import framed
from userstream.venue import Cursor, Frame, Mark, Venue

if TYPE_CHECKING:
    from userstream.server.fanout import Binding
    from userstream.server.replay import Replays


class Outlet(Protocol):
    """Where frames go: a connection."""

    @property
    def paused(self) -> bool:
        """Whether the client is behind."""
        ...

    def send(self, frame: bytes, of: Appended | None = None) -> None:
        """Queues a frame; ``of`` is the event that it shows."""
        ...

    def end(self, end: End) -> None:
        """Ends the stream."""
        ...


class Reader:
    """One stream's way through its account's log.

    Events come from the subscription while the track is live; else a task reads the log up to
    its head, page by page and no faster than the client, and makes it live. What is committed
    meanwhile is in the log, so nothing is kept aside.
    """

    tells: ClassVar[bool] = True
    """Whether the client is told how far a replay will come."""
    __slots__ = (
        "_greeting",
        "_outlet",
        "_replays",
        "_resume",
        "_task",
        "_woken",
        "binding",
        "track",
        "venue",
    )

    def __init__(
        self, outlet: Outlet, venue: Venue, resume: Cursor | None, replays: Replays
    ) -> None:
        self._outlet = outlet
        self._replays = replays
        self._resume = resume
        self._task: asyncio.Task[None] | None = None
        self._greeting: asyncio.Handle | None = None
        self._woken = asyncio.Event()
        self.venue = venue
        self.binding: Binding | None = None
        self.track: Track | None = None
        """``None`` until something is subscribed, and until a cursor was judged."""

    # ── subscriptions ───────────────────────────────────────────────────────────────────────────

    def listen(self, binding: Binding) -> None:
        """A listen key is on the stream: from now on, or once from the cursor.

        Raises:
            StoreError: the head of the log cannot be read.
        """
        self.binding = binding
        if self._resume is None:
            head = self._replays.log.head(binding.account)
            self.track = Track(self._replays.epoch(binding.account), head)
        if binding.channels is None:
            self.subscribed()

    def subscribed(self) -> None:
        """The first channels are on: a replay begins, or a heartbeat says where the stream does.

        It follows the answer to the subscription. An event that comes before it stands behind it.
        """
        cursor, self._resume = self._resume, None
        if cursor is not None and self.binding is not None:
            self._task = self._replays.start(self, self.binding, cursor)
        elif self.track is not None:
            mark = self.track.beat(self.track.passed)
            self._greeting = asyncio.get_running_loop().call_soon(self.say, mark)

    def leave(self) -> None:
        """The client gave its listen key up: nothing is due until the next."""
        self.stop()
        self.binding = None
        if self.track is not None:
            self.track.live = False

    def stop(self) -> None:
        """Reads no more, and says no more of itself."""
        if self._greeting is not None:
            self._greeting.cancel()
            self._greeting = None
        if self._task is not None:
            self._task.cancel()
            self._task = None

    # ── frames ──────────────────────────────────────────────────────────────────────────────────

    def takes(self, seq: int) -> bool:
        """Whether a committed event is the next for this stream."""
        track = self.track
        if track is None or not track.live or seq <= track.passed:
            return False
        if seq == track.passed + 1:
            return True
        track.live = False  # the subscription has a hole; the log has none
        if self.binding is not None:
            self.stop()
            self._task = self._replays.start(self, self.binding)
        return False

    def shown(self, frames: Sequence[Frame]) -> list[Frame]:
        """Those of an event's frames that are subscribed to, as they go out here."""
        binding = self.binding
        if binding is None:
            return []
        channels, wrap = binding.channels, binding.wrap
        if wrap is not None:
            return [f._replace(payload=b"%b%b}" % (wrap, f.payload)) for f in frames]
        return [f for f in frames if channels is None or f.channel in channels]

    def show(self, appended: Appended, frames: Sequence[Frame]) -> int:
        """Sends what the stream is to get of the next event; says how many frames that was."""
        if self.track is None:
            return 0
        out = self.track.show(appended.seq, self.shown(frames))
        for frame in out:
            self._outlet.send(framed(frame), appended)
        return len(out)

    def say(self, mark: Mark, **more: int) -> None:
        """Sends a control frame."""
        self._outlet.send(framed(self.venue.say(mark, **more)))

    def beat(self) -> None:
        """Says how far the log is, and how far this stream."""
        track, binding, log = self.track, self.binding, self._replays.log
        if track is None:
            return
        if binding is None or log.proven(binding.account):
            self.say(track.beat(log.head(binding.account) if binding else track.passed))
        else:  # nobody can say now how far the log is
            mark = track.beat(track.passed)
            self.say(msgspec.structs.replace(mark, reason="degraded"))

    def farewell(self, end: End) -> bytes:
        """The frame that says why the stream ends."""
        track = self.track
        if track is None:  # of no account, as long as there is no listen key
            account = self.binding.account if self.binding is not None else ""
            track = Track(self._replays.epoch(account), 0)
        mark = Mark(track.epoch, track.passed, track.last, kind="us.end", reason=end.label)
        return framed(self.venue.say(mark))

    # ── the client's pace ───────────────────────────────────────────────────────────────────────

    @property
    def behind(self) -> bool:
        """Whether the client is to read before it gets more."""
        return self._outlet.paused

    async def room(self) -> None:
        """Waits until the client has read."""
        while self.behind:
            self._woken.clear()
            await self._woken.wait()

    def caught_up(self) -> None:
        """The stream stands where the log stands."""
        if self.track is not None:
            self.track.live = True

    def wake(self) -> None:
        """The client has read."""
        self._woken.set()

    def end(self, end: End) -> None:
        """Ends the stream."""
        self._outlet.end(end)
