"""Filling empty streams with the events and heads of a folder, by the way that writers have."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from itertools import islice

from userstream.core.publishing import Appended
from userstream.errors import InvalidSettings, StoreError, StoreUnavailable
from userstream.server.contents import Contents, Tail
from userstream.server.nats.address import NatsSettings
from userstream.server.nats.jetstream import JetStream, patiently
from userstream.server.nats.layout import HeadRecord, Layout, write_event
from userstream.server.nats.shard import Shard
from userstream.server.nats.wire import pub
from userstream.server.records import encode
from userstream.server.tasks import all_of

_AT_ONCE = 2_000
_BYTES_AT_ONCE = 8 << 20
_HEADS_AT_ONCE = 500
_WAIT_S = 30.0
_HEADER_BYTES = 256
_OVERHEAD_BYTES = 130
"""What NATS adds to an event: its subject, its header, its own record."""
Told = Callable[[str, int, int], None]


class Filling:
    """Copies what a folder holds into streams that are new."""

    def __init__(
        self, js: JetStream, layout: Layout, settings: NatsSettings, contents: Contents, told: Told
    ) -> None:
        self._js = js
        self._layout = layout
        self._settings = settings
        self._contents = contents
        self._told = told
        self._lost: StoreError | None = None
        self._events = self._done = self._heads = 0
        self._most = js.link.info.max_payload - _HEADER_BYTES
        self._shards = [
            Shard(n, layout, js, "a move", _WAIT_S, lambda *_: None, self._given_up)
            for n in range(layout.shards)
        ]

    async def run(self) -> int:
        """Copies all of it; how many events there were.

        Raises:
            InvalidSettings: NATS has not the room, or takes no message of that size.
            StoreError: the folder cannot be read, or NATS does not store.
        """
        self._check_room()
        for shard in self._shards:
            shard.start()
        try:
            await self._taken()
            await self._copy_events()
            await self._copy_heads()
        finally:
            for shard in self._shards:
                shard.floor = shard.base  # heads hold all that was written
            await asyncio.gather(*(shard.close() for shard in self._shards))
        if self._done != self._events:
            raise StoreUnavailable(f"{self._done} of {self._events} events are known to be stored")
        return self._events

    def _check_room(self) -> None:
        needed = [0] * self._layout.shards
        for tail in self._contents.tails():
            self._events += tail.events
            self._heads += 1
            size = tail.bytes + tail.events * _OVERHEAD_BYTES
            needed[self._layout.shard_of(tail.account)] += size
        most = max(needed)
        if most > self._settings.max_bytes:
            raise InvalidSettings(
                f"nats.max_bytes is {self._settings.max_bytes}; a shard of this folder needs "
                f"more than {most}: raise it, or nats.shards"
            )

    async def _taken(self) -> None:
        last_s = time.monotonic() + _WAIT_S
        while not all(shard.mine for shard in self._shards):
            if time.monotonic() > last_s:
                raise StoreUnavailable("NATS does not let the new streams be written")
            await asyncio.sleep(0.02)

    # ── events ──────────────────────────────────────────────────────────────────────────────────

    async def _copy_events(self) -> None:
        count = size = 0
        for tail in self._contents.tails():
            for event in self._contents.events(tail):
                payload = write_event(event)
                self._check_size(event, payload)
                self._put(event, payload)
                count, size = count + 1, size + len(payload)
                if count == _AT_ONCE or size > _BYTES_AT_ONCE:
                    await self._stored()
                    count = size = 0
        await self._stored()

    def _check_size(self, event: Appended, payload: bytes) -> None:
        if len(payload) > self._most:
            raise InvalidSettings(
                f"event {event.seq} of account {event.account} is {len(payload)} bytes with the "
                f"account's picture; NATS allows {self._most}: raise its max_payload"
            )

    def _put(self, event: Appended, payload: bytes) -> None:
        shard = self._shards[self._layout.shard_of(event.account)]
        if self._lost is None:
            subject = self._layout.event_subject(event.account).encode()
            shard.put(subject, payload, self._one_done)

    def _one_done(self, error: StoreError | None, _: int) -> None:
        if error is None:
            self._done += 1
        else:
            self._lost = self._lost or error

    def _given_up(self, shard: Shard) -> None:
        self._lost = self._lost or StoreUnavailable(f"the stream {shard.stream} takes nothing")

    async def _stored(self) -> None:
        for shard in self._shards:
            if self._lost is None:
                try:
                    await shard.stored()
                except StoreError as e:
                    self._lost = e
        if self._lost is not None:
            await self._explain(self._lost)
        self._told("events", self._done, self._events)

    async def _explain(self, error: StoreError) -> None:
        most = self._settings.max_bytes
        for shard in self._shards:
            state = (await patiently(lambda shard=shard: self._js.info(shard.stream))).state  # type: ignore[misc]
            if state.bytes > 0.9 * most:
                raise InvalidSettings(
                    f"the stream {shard.stream} is full: nats.max_bytes is {most}; raise it, "
                    "and move again"
                ) from error
        raise error

    # ── heads ───────────────────────────────────────────────────────────────────────────────────

    async def _copy_heads(self) -> None:
        tails, done = iter(self._contents.tails()), 0
        while some := list(islice(tails, _HEADS_AT_ONCE)):
            await all_of(self._write_head(tail) for tail in some)
            done += len(some)
            self._told("positions", done, self._heads)

    async def _write_head(self, tail: Tail) -> None:
        place = self._shards[self._layout.shard_of(tail.account)].base
        record = encode(HeadRecord(tail.head, tail.picture, place))
        subject = self._layout.head_subject(tail.account)
        # One message a subject is kept, so what is sent twice lies there once.
        await patiently(lambda: self._js.append(lambda to: pub(subject, record, to)))
