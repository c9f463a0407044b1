"""Writers: which shards have one now, as far as their ticks tell."""

from __future__ import annotations

import time
from functools import partial

from userstream.errors import StoreError
from userstream.server.logs import logger
from userstream.server.nats.layout import Layout, read_tick
from userstream.server.nats.lease import LEASE_S
from userstream.server.nats.link import Link
from userstream.server.nats.wire import Message

_log = logger("writers")


class Writers:
    """Listens to the ticks of all shards."""

    def __init__(self, link: Link, layout: Layout) -> None:
        self._link = link
        self._layout = layout
        self._terms = [0] * layout.shards
        self._ticked_s = [time.monotonic()] * layout.shards
        self._sids: list[int] = []

    def start(self) -> None:
        """Begins to listen; until a lease is over, every shard passes for written."""
        self._ticked_s = [time.monotonic()] * self._layout.shards
        for shard in range(self._layout.shards):
            subject = self._layout.tick_subject(shard, "live")
            self._sids.append(self._link.subscribe(subject, partial(self._ticked, shard)))

    def stop(self) -> None:
        """Listens no more."""
        for sid in self._sids:
            self._link.unsubscribe(sid)

    def term(self, shard: int) -> int:
        """The latest term of a shard that was heard of; 0: of none."""
        return self._terms[shard]

    def missing(self) -> list[int]:
        """Shards without a tick for as long as a lease lasts."""
        now = time.monotonic()
        return [n for n, ticked_s in enumerate(self._ticked_s) if now - ticked_s > LEASE_S]

    def _ticked(self, shard: int, message: Message) -> None:
        self._ticked_s[shard] = time.monotonic()
        try:
            self._terms[shard] = max(self._terms[shard], read_tick(message.payload).term)
        except StoreError as e:
            _log.error("a writer's tick cannot be read", shard=shard, error=str(e))
