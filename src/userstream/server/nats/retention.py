"""Retention: old events go from the streams, as far as heads hold what must stay."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from userstream.core.limits import Limits
from userstream.errors import StoreError
from userstream.server.clock import Clock
from userstream.server.logs import logger
from userstream.server.nats.jetstream import JetStream
from userstream.server.nats.shard import Shard
from userstream.server.tasks import ended, failed, lasting

_log = logger("retention")


class Retention:
    """Drops what is too old in the shards that this process writes.

    NATS drops nothing by itself: a head must be written first, and only the writer knows.
    """

    def __init__(
        self, js: JetStream, shards: Sequence[Shard], limits: Limits, clock: Clock
    ) -> None:
        self._js = js
        self._shards = shards
        self._limits = limits
        self._clock = clock
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to drop what need not be kept."""
        self._task = lasting("retention", self._run)

    async def stop(self) -> None:
        """Drops no more."""
        await ended(self._task)

    async def _run(self) -> None:
        while True:
            every_s = max(self._limits.retention_s / 24, self._limits.retention_check_s)
            await asyncio.sleep(min(every_s, 3_600))
            for shard in self._shards:
                try:
                    await self.sweep(shard)
                except StoreError as e:
                    _log.error("retention has to wait", shard=shard.number, error=str(e))
                except Exception as e:  # noqa: BLE001 - the other shards fill up as well
                    failed("retention", e)

    async def sweep(self, shard: Shard) -> None:
        """Drops what is too old in a shard, if this process writes it.

        Raises:
            StoreError: the stream cannot be read or purged; nothing is lost by that.
        """
        if not shard.mine:
            return
        before_ms = self._clock.ms() - self._limits.retention_s * 1_000
        state = (await self._js.info(shard.stream)).state
        first, stop = state.first_seq, min(shard.floor, state.last_seq) + 1
        start = first
        while start < stop:  # the first place that stays lies from start to stop
            middle = (start + stop) // 2
            kept = await self._js.get(shard.stream, seq=middle, next_by_subj=">")
            if kept is not None and kept.time_ms < before_ms:
                start = middle + 1
            else:
                stop = middle
        if stop > first:
            await self._js.purge(shard.stream, stop)
            _log.info("old events are gone", shard=shard.number, up_to=stop)
