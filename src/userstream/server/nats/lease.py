"""Leases: which process writes a shard, as the shard's own stream has it."""

from __future__ import annotations

import time
from typing import NamedTuple

from userstream.errors import StoreUnavailable
from userstream.server.nats.jetstream import JetStream, JetStreamRefused, Kept
from userstream.server.nats.layout import Tick, read_tick
from userstream.server.nats.wire import fenced
from userstream.server.records import encode

TICK_S = 1.0
LEASE_S = 5.0
"""Without a tick for so long, a shard can be taken."""


class Term(NamedTuple):
    """One writer's time: its number, and the place of the tick that began it."""

    number: int
    place: int
    floor: int


class Lease:
    """The lease of a shard lies in the stream that it is for.

    A tick that opens a term is fenced as every append is, so whoever wrote before is refused from
    then on. Time is only what passes here: no two clocks are compared.
    """

    def __init__(self, js: JetStream, stream: str, subject: str, owner: str) -> None:
        self._js = js
        self._stream = stream
        self._subject = subject
        self._owner = owner
        self._seen: tuple[int, float] | None = None
        self.held = False
        """Whether another process has it, as far as is known."""

    def tick(self, term: int, floor: int, *, over: bool = False) -> tuple[bytes, bytes]:
        """What the writer appends every second, and once its term is over."""
        return self._subject.encode(), encode(Tick(term, "" if over else self._owner, floor))

    async def take(self) -> Term | None:
        """Opens a term, if the shard is given up, or was ours, or its writer is silent.

        Raises:
            StoreError: the stream does not answer, or says what makes no sense.
        """
        try:
            info = await self._js.info(self._stream)
            last = await self._js.get(self._stream, last_by_subj=self._subject)
        except StoreUnavailable:
            self._seen, self.held = None, False  # its writer may have been as cut off as this one
            raise
        tick = read_tick(last.data) if last is not None else Tick(0, "", 0)
        self.held = tick.owner not in ("", self._owner) and not self._silent(last)
        if self.held:
            return None
        subject, payload = self.tick(tick.term + 1, tick.floor)
        try:
            place = await self._js.append(
                lambda to: fenced(subject, payload, to.encode(), info.state.last_seq)
            )
        except JetStreamRefused:
            return None
        return Term(tick.term + 1, place, tick.floor)

    def _silent(self, last: Kept | None) -> bool:
        """Whether the same tick has been the last for as long as a lease lasts."""
        place, now = last.place if last else 0, time.monotonic()
        if self._seen is None or self._seen[0] != place:
            self._seen = (place, now)
        return now - self._seen[1] > LEASE_S
