"""Replay: what a stream missed, from the log, until it stands where the log stands."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from userstream.core.closing import End
from userstream.core.epoch import account_epoch
from userstream.core.publishing import Appended
from userstream.core.track import Track, judge
from userstream.errors import StoreDamaged, StoreError, StoreUnavailable
from userstream.server.logs import logger
from userstream.server.pagecache import PAGE
from userstream.server.turns import Turns
from userstream.venue import Cursor, Frame, Mark

if TYPE_CHECKING:
    from userstream.server.clock import Clock
    from userstream.server.fanout import Binding
    from userstream.server.metrics import Metrics
    from userstream.server.reader import Reader

_log = logger("replay")
_CHUNK = 8
"""Events that are encoded before anybody else gets the loop."""


class Log(Protocol):
    """What is needed of a bus."""

    @property
    def epoch(self) -> str:
        """The log's epoch: of every event that is appended from now on."""
        ...

    def follow(self, account: str, then: Callable[[StoreError | None], None]) -> None:
        """Makes an account known here, and gives its events to subscribers.

        ``head``, ``oldest``, ``proven`` and ``read`` are for accounts that are followed. ``then``
        is told when one is, or why it is not; perhaps before this returns.
        """
        ...

    def unfollow(self, account: str) -> None:
        """Takes one ``follow`` back that was told to be so, or will be."""
        ...

    async def settled(self, account: str, seq: int) -> None:
        """Returns once ``head`` has come to a ``seq``, or the log is known to end before it.

        A node may not have been told yet of what another one showed.

        Raises:
            StoreUnavailable: neither within some seconds: nothing can be said of that ``seq``.
        """
        ...

    def proven(self, account: str) -> bool:
        """Whether ``head`` is known to be the last of the log, as of a few seconds ago."""
        ...

    def head(self, account: str) -> int:
        """The last ``seq`` that was handed to subscribers; 0: none ever.

        Raises:
            StoreError: the log cannot be read.
        """
        ...

    async def oldest(self, account: str) -> int:
        """The first ``seq`` that is retained; one past the last where none is.

        Raises:
            StoreError: the log cannot be read.
        """
        ...

    async def read(self, account: str, from_seq: int) -> Sequence[Appended]:
        """Some committed events: the first that is retained from a ``seq`` on, and some after it.

        They are in order and without holes. Account events have their picture.

        Raises:
            StoreError: the log cannot be read.
        """
        ...


class Replays:
    """Every replay of this process.

    Pages are read and encoded by turns: only some at a time, and each account as often as any
    other, however many of its streams resume.
    """

    def __init__(self, log: Log, metrics: Metrics, clock: Clock, at_once: int) -> None:
        self.log = log
        self._metrics = metrics
        self._clock = clock
        self._turns = Turns(at_once)

    def epoch(self, account: str) -> str:
        """What the log's epoch is called to an account."""
        return account_epoch(self.log.epoch, account)

    def start(
        self, reader: Reader, binding: Binding, cursor: Cursor | None = None
    ) -> asyncio.Task[None]:
        """Brings a stream up to the head of the log: from a cursor, or from where it is."""
        return asyncio.get_running_loop().create_task(self._run(reader, binding, cursor))

    async def _run(self, reader: Reader, binding: Binding, cursor: Cursor | None) -> None:
        account = binding.account
        try:
            if cursor is not None:
                await self._resume(reader, account, cursor)
            if reader.track is not None:
                await self._catch_up(reader, account, reader.track)
        except StoreUnavailable as e:
            _log.warning("the log cannot be read now", venue=reader.venue.name, error=str(e))
            reader.end(End.UNAVAILABLE)
        except Exception as e:  # noqa: BLE001 - the trader must be told, whatever it was
            _log.error("a replay failed", venue=reader.venue.name, exc_info=e)
            reader.end(End.INTERNAL)

    async def _resume(self, reader: Reader, account: str, cursor: Cursor) -> None:
        """Tells the client whether all that it missed is there, before anything else."""
        log, epoch = self.log, self.epoch(account)
        if cursor.epoch == epoch and cursor.seq > log.head(account):
            await log.settled(account, cursor.seq)
        async with self._turns.of(account):
            oldest = await log.oldest(account)
        if not reader.tells:  # nobody would hear a refusal: what is left comes
            cursor = cursor._replace(seq=max(cursor.seq, oldest - 1))
        head = log.head(account)
        reason = judge(cursor, epoch, head, oldest)
        track = Track.resuming(cursor)
        if reason is None and track.passed < head:
            reason = await self._lacking(account, track.passed + 1)
        self._metrics.resumes.labels(reader.venue.name, reason or "resumed").inc()
        if reason is not None:
            await self._refuse(reader, account, reason)
            return
        last = await self._last_shown(reader, account, track, head) if reader.tells else head
        if last == track.passed == cursor.seq:
            track.passed = head  # nothing on the way gives a frame
        reader.track = track
        reader.say(Mark(epoch, head, last, kind="us.resumed"), oldest=oldest)

    async def _lacking(self, account: str, first: int) -> str | None:
        """Why a replay cannot begin with an event that should be retained; ``None``: it can."""
        async with self._turns.of(account):
            events = await self.log.read(account, first)
        if not events or events[0].seq != first:
            return "too_old"
        return "epoch" if events[0].epoch != self.log.epoch else None

    async def _refuse(self, reader: Reader, account: str, reason: str) -> None:
        window: dict[str, int] = {}
        with contextlib.suppress(StoreError):  # it is refused, whatever cannot be read
            window["window_ms"] = await self._window_ms(account)
        log, epoch = self.log, self.epoch(account)
        oldest = await log.oldest(account)
        head = log.head(account)  # it begins here, in the same turn of the loop
        reader.track = Track(epoch, head)
        mark = Mark(epoch, head, head, kind="us.refused", reason=reason)
        reader.say(mark, oldest=oldest, **window)

    async def _window_ms(self, account: str) -> int:
        """How long ago the first event was published that is retained; 0: none is."""
        async with self._turns.of(account):
            events = await self.log.read(account, await self.log.oldest(account))
        return max(self._clock.ms() - events[0].time_ms, 0) if events else 0

    async def _last_shown(self, reader: Reader, account: str, track: Track, head: int) -> int:
        """The last ``seq`` up to the head that gives this stream frames; mostly the head."""
        stop, size = head, _CHUNK
        while stop > track.passed:
            start = max(track.passed + 1, stop - size + 1)
            async with self._turns.of(account):
                found = await self._between(account, start, stop)
                for n, event in enumerate(reversed(found), 1):
                    if track.due(event.seq, reader.shown(_frames(reader, event))):
                        return event.seq
                    if n % _CHUNK == 0:
                        await asyncio.sleep(0)
            stop, size = start - 1, PAGE
        return track.passed

    async def _between(self, account: str, start: int, stop: int) -> list[Appended]:
        events: list[Appended] = []
        while start <= stop:
            read = [e for e in await self.log.read(account, start) if e.seq <= stop]
            if not read:
                break
            events += read
            start = read[-1].seq + 1
        return events

    async def _catch_up(self, reader: Reader, account: str, track: Track) -> None:
        log = self.log
        while track.passed < log.head(account):
            await reader.room()
            async with self._turns.of(account):
                events = await log.read(account, track.passed + 1)
                if events and events[0].seq == track.passed + 1:
                    await self._show(reader, account, track, events)
                elif await log.oldest(account) > track.passed + 1:
                    reader.end(End.SLOW)  # so slow that retention has overtaken it
                    return
        reader.caught_up()  # nothing was awaited since the head was looked at

    async def _show(
        self, reader: Reader, account: str, track: Track, events: Sequence[Appended]
    ) -> None:
        for n, event in enumerate(events, 1):
            if reader.behind or event.seq > self.log.head(account):
                return
            if event.seq != track.passed + 1:
                raise StoreDamaged(f"event {track.passed + 1} of an account is missing in the log")
            reader.show(event, _frames(reader, event))
            self._metrics.replayed.inc()
            if n % _CHUNK == 0:
                await asyncio.sleep(0)


def _frames(reader: Reader, event: Appended) -> Sequence[Frame]:
    return reader.venue.encode(event.envelope, event.picture)
