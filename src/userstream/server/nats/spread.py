"""Spread: a process that writes few shards asks those that write more, until all have as many."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence

from userstream.errors import StoreError
from userstream.server.logs import logger
from userstream.server.nats.giving import LEAST, Ask, AskAnswer
from userstream.server.nats.intake import Intake
from userstream.server.nats.layout import Layout
from userstream.server.nats.link import Link
from userstream.server.nats.shard import Shard, written
from userstream.server.nats.writers import Writers
from userstream.server.records import decode, encode
from userstream.server.tasks import ended, lasting

_log = logger("spread")
_FIRST_S = 2.0
"""Until the first ask: one that is restarted again and again is asked to write nothing."""
_PACE_S = 0.3
_ANSWER_S = 2.0
_TAKEN_S = 2.0
_AGAIN_S = 5.0
"""Until one that declined is asked again."""


class Spread:
    """Asks for one shard at a time, and only while all goes well."""

    def __init__(
        self,
        link: Link,
        layout: Layout,
        owner: str,
        shards: Sequence[Shard],
        writers: Writers,
        intake: Intake,
    ) -> None:
        self._link = link
        self._layout = layout
        self._owner = owner
        self._shards = shards
        self._writers = writers
        self._intake = intake
        self._declined_s: dict[str, float] = {}
        self._opened = asyncio.Event()
        self._asking = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to ask."""
        self._task = lasting("spread", self._run)

    async def close(self) -> None:
        """Asks no more; what is being given to this process is taken."""
        async with self._asking:
            await ended(self._task)

    def opened(self) -> None:
        """A term of this process begins."""
        self._opened.set()

    async def _run(self) -> None:
        await asyncio.sleep(_FIRST_S)
        while True:
            await asyncio.sleep(_PACE_S * random.uniform(0.5, 1.5))  # noqa: S311 - jitter
            shard = self._wanted()
            if shard is not None:
                async with self._asking:
                    await self._ask(shard)

    def _wanted(self) -> Shard | None:
        """One of those of the process that has most, if that is enough more than this one has."""
        writers = self._writers
        if not (self._link.connected and writers.steady):
            return None
        now, counts = time.monotonic(), writers.counts()
        mine = written(self._shards)
        found = [
            shard
            for shard in self._shards
            if (owner := writers.owner(shard.number)) != self._owner
            and counts[owner] - mine >= LEAST
            and self._declined_s.get(owner, now) <= now
        ]
        if not found:
            return None
        most = max(counts[writers.owner(shard.number)] for shard in found)
        return random.choice(  # noqa: S311 - any will do
            [shard for shard in found if counts[writers.owner(shard.number)] == most]
        )

    async def _ask(self, shard: Shard) -> None:
        owner, mine = self._writers.owner(shard.number), written(self._shards)
        subject, ask = self._layout.ask_subject(shard.number), encode(Ask(self._owner, mine))
        # Before the question, so that lines of a term that begins find somebody everywhere.
        self._intake.expect(shard)
        self._opened.clear()
        try:
            answer = await self._link.request(subject, ask, _ANSWER_S)
            declined = decode(answer.payload, AskAnswer).declined
            if not declined:
                shard.nudge()
                async with asyncio.timeout(_TAKEN_S):
                    await self._opened.wait()
        except (StoreError, TimeoutError) as e:
            declined = str(e) or "it was given, and could not be taken at once"
        finally:
            self._intake.leave(shard)
        if declined:
            self._declined_s[owner] = time.monotonic() + _AGAIN_S
            _log.debug("a shard is not given", shard=shard.number, owner=owner, why=declined)
