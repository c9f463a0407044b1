"""Sweeps: whether what came of all accounts is what their streams end with."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

import msgspec

from userstream.errors import StoreError
from userstream.server.logs import logger
from userstream.server.nats.followed import Followed
from userstream.server.nats.history import History
from userstream.server.nats.jetstream import JetStream, Kept
from userstream.server.nats.layout import Layout
from userstream.server.nats.lease import TICK_S
from userstream.server.nats.wire import Message
from userstream.server.tasks import ended, lasting

_log = logger("sweep")
EVERY_S = 5.0
_UNDER_WAY_S = 0.25
_PAGE = 250
_SILENT_S = 3 * TICK_S


class _Tail(msgspec.Struct):
    seq: int


_read_tail = msgspec.json.Decoder(_Tail).decode


class Sweep:
    """Asks for the tails of many accounts at a time, from whichever copy answers.

    A copy may lag: so it is asked for the writer's last tick, too. Only if that is the one which
    came here last, or a later one, the tails prove that nothing is missing. As long as none came,
    the leader is asked. So it is, and for heads as well, where a shard was not compared for so
    long that events may have come and gone.
    """

    def __init__(
        self,
        js: JetStream,
        layout: Layout,
        history: History,
        retention_s: float,
        followed: Mapping[str, Followed],
        repair: Callable[[Followed, int, int], None],
    ) -> None:
        self._js = js
        self._layout = layout
        self._history = history
        self._away_s = retention_s / 2
        self._followed = followed
        self._repair = repair
        self._ticks: dict[int, tuple[int, float]] = {}
        self._proven_s: dict[int, float] = {}
        self._due: set[int] = set()
        self._begun: list[Followed] = []
        self._task: asyncio.Task[None] | None = None
        js.link.on_up.append(self._up)

    def start(self) -> None:
        """Begins to sweep."""
        self._task = lasting("sweep", self._run)

    async def close(self) -> None:
        """Sweeps no more."""
        await ended(self._task)

    def watch(self, shard: int) -> None:
        """An account of a shard is followed: its writer's ticks say that events can come."""
        if shard not in self._ticks:
            now = self._proven_s[shard] = time.monotonic()
            self._ticks[shard] = (0, now)
            subject = self._layout.tick_subject(shard, "live")
            self._js.link.subscribe(subject, lambda message: self._ticked(shard, message))

    def began(self, followed: Followed) -> None:
        """Its subscription may not have reached every node yet: it is looked at once more."""
        self._begun.append(followed)

    def proven(self, followed: Followed) -> bool:
        """Whether the head of an account was compared with the log lately."""
        now = time.monotonic()
        ticked_s = self._ticks.get(followed.shard, (0, 0.0))[1]
        checked_s = max(followed.checked_s, self._proven_s.get(followed.shard, 0.0))
        alive = self._js.link.connected and now - ticked_s < _SILENT_S
        return alive and now - checked_s < 3 * EVERY_S

    def ticked(self, shard: int, since_s: float) -> int:
        """The place of a shard's last tick; 0 if none came since."""
        place, seen_s = self._ticks[shard]
        return place if seen_s > since_s else 0

    def _up(self) -> None:
        self._due.update(self._ticks)

    def _ticked(self, shard: int, message: Message) -> None:
        place, before = message.field(b"Nats-Sequence"), message.field(b"Nats-Last-Sequence")
        now = time.monotonic()
        last, seen_s = self._ticks[shard]
        self._ticks[shard] = (int(place or 0), now)
        if (last and int(before or 0) != last) or now - seen_s > _SILENT_S:
            self._due.add(shard)  # one was lost: so may be events

    async def _run(self) -> None:
        swept_s = time.monotonic()
        while True:
            await asyncio.sleep(TICK_S / 2)
            now = time.monotonic()
            due, self._due = self._due, set()
            if now - swept_s > EVERY_S:
                due, swept_s = set(self._ticks), now
            for shard in sorted(due):
                ready = [f for f in self._followed.values() if f.ready and f.shard == shard]
                if not await self._look(shard, ready):
                    self._due.add(shard)
                    continue
                self._proven_s[shard] = now
            begun = [f for f in self._begun if now - f.checked_s >= TICK_S / 2]
            self._begun = [f for f in self._begun if now - f.checked_s < TICK_S / 2]
            for shard in {f.shard for f in begun}:
                some = [f for f in begun if f.shard == shard]
                if await self._look(shard, some):
                    for found in some:
                        found.checked_s = now
                else:
                    self._begun += some

    async def _look(self, shard: int, followed: list[Followed]) -> bool:
        """Compares tails; whether a copy answered that does not lag."""
        late: list[tuple[Followed, int, int]] = []
        fresh = True
        for start in range(0, len(followed), _PAGE):
            page = followed[start : start + _PAGE]
            try:
                fresh = await self._tails(shard, page, late) and fresh
            except StoreError as e:
                _log.info("tails cannot be read", shard=shard, error=str(e))
                return False
        if late:
            await asyncio.sleep(_UNDER_WAY_S)
        for found, seq, place in late:
            if found.seen < seq and self._followed.get(found.account) is found:
                self._repair(found, seq, place)
        return fresh

    async def _tails(
        self, shard: int, page: list[Followed], late: list[tuple[Followed, int, int]]
    ) -> bool:
        now = time.monotonic()
        away = now - self._proven_s[shard] > self._away_s
        ticked = self.ticked(shard, now - _SILENT_S) if away else self._ticks[shard][0]
        if away and not ticked:
            return False  # who says that it leads may have been away as well
        if away or not ticked:
            accounts = [found.account for found in page]
            reached = await self._history.reached(shard, accounts, ticked)
            for found in page:
                last = reached[found.account]
                if not isinstance(last, StoreError) and last[0] > found.seen:
                    late.append((found, *last))
            return True
        tick = self._layout.tick_subject(shard)
        subjects = {self._layout.event_subject(f.account): f for f in page}
        fresh = False
        stream = self._layout.events(shard)
        for kept in await self._js.several(stream, multi_last=[tick, *subjects]):
            followed = subjects.get(kept.subject)
            if followed is None:
                fresh = kept.place >= ticked
                continue
            seq = _seq_of(kept, followed)
            if seq > followed.seen:
                late.append((followed, seq, kept.place))
        return fresh


def _seq_of(tail: Kept, found: Followed) -> int:
    try:
        return _read_tail(tail.data).seq
    except msgspec.MsgspecError:  # one that is damaged is one at least
        return found.seen + (tail.place > found.place)
