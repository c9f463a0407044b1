"""Leases: which process writes a shard, as the shard's own stream has it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import NamedTuple

from userstream.errors import StoreUnavailable
from userstream.server.logs import logger
from userstream.server.nats.batch import unknown_batch
from userstream.server.nats.inbox import NobodyError
from userstream.server.nats.jetstream import JetStream, JetStreamRefused, Kept
from userstream.server.nats.layout import Layout, Tick, read_tick
from userstream.server.nats.wire import batched
from userstream.server.records import encode

_log = logger("lease")
TICK_S = 1.0
LEASE_S = 5.0
"""Without a tick for so long, a shard can be taken."""
HUSH_S = 2.5
"""For so long, if nobody takes its lines either: the connection of its writer is gone, then."""
_ANSWER_S = 0.5
_SOMEBODY = "?"


class BehindError(StoreUnavailable):
    """The stream ends before what was acknowledged: so says a leader that is none any more."""


def check_end(stream: str, last: int, known: int) -> None:
    """Whether a stream reaches to a place that it had.

    Raises:
        BehindError: it does not.
    """
    if last < known:
        raise BehindError(f"{stream} ends at {last}, but {known} was acknowledged")


class Term(NamedTuple):
    """One writer's time: its number, and the place of the tick that began it."""

    number: int
    place: int
    floor: int


class Lease:
    """The lease of a shard lies in the stream that it is for.

    A tick that opens a term is fenced as every append is, so whoever wrote before is refused from
    then on; it comes ``stride`` times, so that nothing that is still on its way finds its place.
    Time is only what passes here: no two clocks are compared.
    """

    def __init__(self, js: JetStream, layout: Layout, shard: int, owner: str, stride: int) -> None:
        self._js = js
        self._stream = layout.events(shard)
        self._subject = layout.tick_subject(shard)
        self._put_subject = layout.put_subject(shard)
        self._owner = owner
        self._stride = stride
        self._seen: tuple[int, float] | None = None
        self._opened = 0
        """Our last term, or one of which we do not know."""
        self._told = False

    def tick(self, term: int, floor: int) -> tuple[bytes, bytes]:
        """What the writer appends every second."""
        return self._subject.encode(), encode(Tick(term, self._owner, floor))

    def farewell(self, term: int, floor: int, heir: str = "") -> tuple[bytes, bytes]:
        """What it appends once its term is over, behind all else."""
        return self._subject.encode(), encode(Tick(term, "", floor, heir))

    async def take(self, known: int, left: Callable[[], None] = lambda: None) -> Term | None:
        """Opens a term, if the shard is given up to us, or was ours, or its writer is silent.

        ``known`` is a place that the stream must have reached; ``left`` is called before the term
        begins if whoever wrote before said farewell, and so takes nothing any more.

        Raises:
            BehindError: it ends before that.
            StoreError: the stream does not answer, or says what makes no sense.
        """
        try:
            info = await self._js.info(self._stream)
            last = await self._js.get(self._stream, last_by_subj=self._subject)
        except StoreUnavailable:
            self._seen = None  # its writer may have been as cut off as this one
            raise
        check_end(self._stream, info.state.last_seq, known)
        end = info.state.last_seq
        tick = read_tick(last.data) if last is not None else self._unknown(end)
        # Given up to somebody else, it is that one's as if it wrote already.
        free = (tick.owner or tick.heir) in ("", self._owner) and not self._is_namesakes(tick)
        if not free and not await self._silent(last):
            return None
        if last is not None and not tick.owner:
            left()
        return await self._open(tick, end)

    def _is_namesakes(self, tick: Tick) -> bool:
        """Whether another process of our name opened the term: taking it back would never end."""
        if tick.owner != self._owner or not 0 < self._opened < tick.term:
            return False
        if not self._told:
            what = "another process has the host name and the admin address of this one"
            _log.error(what, owner=self._owner, stream=self._stream)
        self._told = True
        return True

    async def _open(self, tick: Tick, end: int) -> Term | None:
        subject, payload = self.tick(tick.term + 1, tick.floor)
        # Who gave it up said so behind all that was on its way.
        ticks = [(subject, payload)] * (self._stride if tick.owner else 1)
        name = secrets.token_hex(8).encode()
        before, self._opened = self._opened, tick.term + 1
        try:
            place = await self._js.append(lambda to: batched(ticks, to.encode(), name, end))
        except JetStreamRefused:
            self._opened = before
            return None
        return Term(tick.term + 1, place, tick.floor)

    def _unknown(self, end: int) -> Tick:
        """The last tick of a stream that has none: it is new, or somebody purged it.

        Whoever wrote it may do so still. No term is higher than the place where it began.
        """
        return Tick(end, _SOMEBODY if end else "", 0)

    async def _silent(self, last: Kept | None) -> bool:
        """Whether the same tick has been the last for long enough."""
        place, now = last.place if last else 0, time.monotonic()
        if self._seen is None or self._seen[0] != place:
            self._seen = (place, now)
        silent_s = now - self._seen[1]
        return silent_s > LEASE_S or (silent_s > HUSH_S and await self._gone())

    async def _gone(self) -> bool:
        """Whether NATS knows of nobody who takes the shard's lines."""
        try:
            await self._js.link.request(self._put_subject, unknown_batch(), _ANSWER_S)
        except NobodyError:
            return True
        except StoreUnavailable:
            pass
        return False
