"""A backup of what lies on a NATS, as a folder: the same form that a server on a folder makes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

from userstream.core.epoch import Run
from userstream.core.picture import EMPTY
from userstream.core.publishing import RESERVED, Appended, Head
from userstream.errors import StoreDamaged
from userstream.events import AccountSnapshot
from userstream.server.backup import Label, check_target, finish
from userstream.server.clock import Clock
from userstream.server.folder import LOG, SECRET, copy_secret, key_secret
from userstream.server.nats.address import NatsSettings, read_address
from userstream.server.nats.jetstream import JetStream, Kept, patiently
from userstream.server.nats.layout import HeadRecord, Layout, find, line_of, read_event
from userstream.server.nats.link import Link
from userstream.server.nats.shared import Shared
from userstream.server.pagecache import PAGE
from userstream.server.records import (
    RUN_KEY,
    PictureRecord,
    WindowRecord,
    account_key,
    checkpoint_key,
    decode,
    encode,
    encode_event,
    event_key,
    head_key,
    listen_key_key,
    picture_key,
    window_key,
)
from userstream.server.store import Batch, Store
from userstream.server.stores.rocks import RocksStore
from userstream.venue import KeyPolicy

_OPEN_S = 10.0
_AT_ONCE = 500
_PAUSE_S = 0.1
Puts = list[tuple[bytes, bytes]]


class _Copied:
    """How far the copy of an account has come."""

    __slots__ = ("bytes", "head", "last", "oldest", "page", "picture")

    def __init__(self, head: Head, picture: AccountSnapshot) -> None:
        self.head = head
        self.picture = picture
        self.oldest = head.seq + 1
        self.last = 0
        self.bytes = 0
        self.page = -1


async def back_up_nats(
    target: Path, bus: str, settings: NatsSettings, keys: Path, policies: Mapping[str, KeyPolicy]
) -> Label:
    """Copies events, positions, pictures, accounts and listen keys, while nodes serve.

    Each account's copy is whole and without holes, up to what was stored when its shard was
    begun. ``bus`` and the rest are the settings of a node.

    Raises:
        InvalidSettings: there is nothing of that prefix, or the target cannot be a backup's.
        StoreError: NATS does not answer, or the disk refuses; the target is no backup then.
    """
    secret = key_secret(keys, fresh=False)
    link = Link(read_address(bus, settings))
    await link.open(_OPEN_S)
    try:
        js = JetStream(link)
        layout = await find(js, settings)
        check_target(target)
        clock = Clock()
        copy_secret(secret, target / SECRET)
        store = RocksStore(target / LOG, synced=False)
        try:
            store.commit(Batch(await _shared(link, settings, secret, policies, clock)))
            for shard in range(layout.shards):
                await _Shard(js, layout, shard, store).copy()
            run = Run(layout.epoch, "", clean=True, power_safe=True)
            store.commit(Batch([(RUN_KEY, encode(run))]))
        finally:
            store.close()
    finally:
        await link.close()
    return finish(target, clock.ms())


async def _shared(
    link: Link,
    settings: NatsSettings,
    secret: bytes,
    policies: Mapping[str, KeyPolicy],
    clock: Clock,
) -> Puts:
    shared = Shared(link, settings, secret, policies, clock)
    async with shared:
        accounts = [(account_key(r.name), encode(r)) for r in shared.accounts.listed()]
        return accounts + [(listen_key_key(r), encode(r)) for r in shared.keys.records()]


class _Shard:
    """The copy of one shard into a store."""

    def __init__(self, js: JetStream, layout: Layout, shard: int, store: Store) -> None:
        self._js = js
        self._layout = layout
        self._shard = shard
        self._store = store
        self._accounts: dict[str, _Copied] = {}

    async def copy(self) -> None:
        """Heads first: so no head is ahead of the events that are copied.

        Raises:
            StoreError: NATS does not answer, or an account has a hole, or the disk refuses.
        """
        layout, shard = self._layout, self._shard
        # To their real end: one that is written anew meanwhile has moved there.
        async for some in self._messages(layout.heads(shard), "head", 0, None):
            for name, message in some:
                record = decode(message.data, HeadRecord)
                self._accounts[name] = _Copied(record.head, record.picture)
        state = (await patiently(lambda: self._js.info(layout.events(shard)))).state
        first, last = state.first_seq, state.last_seq
        async for some in self._messages(layout.events(shard), "in", max(first - 1, 0), last):
            puts: Puts = []
            for name, message in some:
                self._event(read_event(name, message.data), puts)
            self._store.commit(Batch(puts))
        ends: Puts = []
        for name, copied in self._accounts.items():
            ends += _end(name, copied)
        self._store.commit(Batch(ends))

    def _event(self, event: Appended, puts: Puts) -> None:
        copied = self._accounts.setdefault(event.account, _Copied(Head(sources={}), EMPTY))
        if not copied.last:
            copied.oldest = event.seq
        elif event.seq != copied.last + 1:
            raise StoreDamaged(
                f"event {copied.last + 1} of an account is gone: retention was faster; try again"
            )
        copied.last = event.seq
        if event.seq > copied.head.seq:
            line = line_of(event)
            sources = copied.head.sources | {line.source: line.n}
            copied.head = Head(event.seq, line.source, sources)
            copied.picture = event.picture or copied.picture
        key, value = event_key(event.account, event.seq), encode_event(event)
        puts.append((key, value))
        copied.bytes += len(key) + len(value)
        page = event.seq // PAGE
        if event.picture is not None and page != copied.page:
            copied.page = page
            picture = encode(PictureRecord(event.picture))
            puts.append((checkpoint_key(event.account, event.seq), picture))

    async def _messages(
        self, stream: str, at: str, place: int, last: int | None
    ) -> AsyncIterator[Sequence[tuple[str, Kept]]]:
        """Messages of accounts behind a place, by account; without those of probes."""
        prefix = f"{self._layout.prefix}.{at}.{self._shard}."
        while last is None or place < last:
            found = await self._after(stream, place, prefix + "*")
            upto = [message for message in found if last is None or message.place <= last]
            if not upto:
                return
            place = upto[-1].place
            named = [(message.subject[len(prefix) :], message) for message in upto]
            yield [(name, message) for name, message in named if not name.startswith(RESERVED)]

    async def _after(self, stream: str, place: int, subject: str) -> Sequence[Kept]:
        """From any copy; that there are no more only the leader can say."""
        while True:
            found = await patiently(
                lambda: self._js.several(
                    stream, seq=place + 1, next_by_subj=subject, batch=_AT_ONCE
                )
            )
            if found:
                return found
            one = await patiently(lambda: self._js.get(stream, seq=place + 1, next_by_subj=subject))
            if one is None:
                return ()
            await asyncio.sleep(_PAUSE_S)


def _end(name: str, copied: _Copied) -> Puts:
    oldest = copied.oldest if copied.last else copied.head.seq + 1
    window = WindowRecord(oldest=oldest, bytes=copied.bytes)
    return [
        (head_key(name), encode(copied.head)),
        (picture_key(name), encode(PictureRecord(copied.picture))),
        (window_key(name), encode(window)),
    ]
