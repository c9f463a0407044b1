"""Writers: which process writes which shard now, as far as their ticks tell."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from functools import partial

from userstream.errors import StoreError
from userstream.server.logs import logger
from userstream.server.nats.layout import Layout, Tick, read_tick
from userstream.server.nats.lease import HUSH_S, LEASE_S
from userstream.server.nats.link import Link
from userstream.server.nats.wire import Message

_log = logger("writers")


class Writers:
    """Listens to the ticks of all shards."""

    def __init__(self, link: Link, layout: Layout) -> None:
        self._link = link
        self._layout = layout
        self._terms = [0] * layout.shards
        self._owners = [""] * layout.shards
        self._ticked_s = [time.monotonic()] * layout.shards
        self._sids: list[int] = []
        self.on_term: list[Callable[[int], None]] = []
        """Told of a shard that a new term of it was heard of."""

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

    def heard(self, shard: int, term: int) -> None:
        """There is such a term."""
        if term > self._terms[shard]:
            self._terms[shard], self._owners[shard] = term, ""
            for told in self.on_term:
                told(shard)

    def owner(self, shard: int) -> str:
        """Who writes a shard; empty: nobody, or it was not heard of yet."""
        return self._owners[shard]

    def counts(self) -> Counter[str]:
        """How many shards each process writes."""
        return Counter(filter(None, self._owners))

    def missing(self) -> list[int]:
        """Shards without a tick for as long as a lease lasts."""
        return self._late(LEASE_S)

    @property
    def steady(self) -> bool:
        """Whether every shard has a writer, and each was heard of just now."""
        return all(self._owners) and not self._late(HUSH_S)

    def _late(self, after_s: float) -> list[int]:
        now = time.monotonic()
        return [n for n, ticked_s in enumerate(self._ticked_s) if now - ticked_s > after_s]

    def _ticked(self, shard: int, message: Message) -> None:
        self._ticked_s[shard] = time.monotonic()
        try:
            tick: Tick = read_tick(message.payload)
        except StoreError as e:
            _log.error("a writer's tick cannot be read", shard=shard, error=str(e))
            return
        self.heard(shard, tick.term)
        if tick.term == self._terms[shard]:
            self._owners[shard] = tick.owner
