"""Nodes that share listen keys and accounts, on each kind of store."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from userstream.core.closing import End
from userstream.core.listenkeys import Issued, KeyRecord
from userstream.core.rest import Credentials, Identity
from userstream.server.accounts import Registry
from userstream.server.clock import Clock
from userstream.server.committer import Committer
from userstream.server.folder import open_folder
from userstream.server.kept import kept_in
from userstream.server.keys import ListenKeys
from userstream.server.nats.address import NatsSettings, read_address
from userstream.server.nats.link import Link
from userstream.server.nats.register import Timing
from userstream.server.nats.shared import Shared
from userstream.venue import KeyPolicy, Refusal
from userstream.venues import load, names

_BUCKET_BYTES = 16 << 20
POLICIES: Mapping[str, KeyPolicy] = {name: load(name).keys for name in names()}


def lasting(life_ms: int) -> Mapping[str, KeyPolicy]:
    """The venues' policies, with keys that live for another time."""
    return {name: replace(policy, life_ms=life_ms) for name, policy in POLICIES.items()}


@dataclass
class Node:
    """One server's view of the keys, and what it was told of their ends, when, in its time."""

    keys: ListenKeys
    accounts: Registry
    clock: Clock
    ends: dict[tuple[str, str], list[tuple[End, int]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.keys.on_end(self._ended)

    def _ended(self, record: KeyRecord, end: End) -> None:
        told = self.ends.setdefault((record.venue, record.random), [])
        told.append((end, self.clock.ms()))

    def told(self, issued: Issued) -> list[End]:
        """Why this node was told that a key ended."""
        record = issued.record
        return [end for end, _ in self.ends.get((record.venue, record.random), [])]

    def ended_ms(self, issued: Issued) -> int:
        """When this node was told of the one end of a key."""
        record = issued.record
        ((_, ms),) = self.ends[record.venue, record.random]
        return ms

    async def knows(self, venue: str, key: str) -> KeyRecord | None:
        """What a handshake would find here."""
        found = self.keys.find(venue, key)
        if found is None and self.keys.others is not None:
            return await self.keys.others.seek(venue, key)
        return found

    async def create(self, venue: str, account: str = "alice", api_key: str = "") -> Issued:
        """A listen key that must be given."""
        done = await self.asked(venue, await self.identity(api_key or f"{account}key"))
        assert isinstance(done, Issued), done
        return done

    async def asked(
        self, venue: str, identity: Identity, asked_s: float | None = None
    ) -> Issued | Refusal:
        """What a POST is answered whose verifier was asked then, or just now."""
        since_s = time.monotonic() if asked_s is None else asked_s
        return await self.keys.create(venue, identity, since_s)

    async def identity(self, api_key: str) -> Identity:
        """Whose an API key is."""
        identity = await self.accounts.verify(Credentials(api_key))
        assert isinstance(identity, Identity), identity
        return identity

    async def renewed(self, issued: Issued, account: str = "alice") -> Issued:
        """A renewal that must be granted."""
        done = await self.keys.renew(issued.record.venue, issued.key, account)
        assert isinstance(done, Issued), done
        return done


class Backend(Protocol):
    """A kind of store."""

    shared: bool
    """Whether several nodes can use it at once."""

    def nodes(
        self,
        count: int,
        policies: Mapping[str, KeyPolicy] = ...,
        clocks: Callable[[], Clock] = ...,
        accounts: tuple[str, ...] = ...,
    ) -> contextlib.AbstractAsyncContextManager[list[Node]]:
        """So many nodes of one store that is empty but for accounts; where it is not shared,
        the same one again and again."""
        ...


class Embedded:
    """The store of one process, in memory or in a folder."""

    shared = False

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    @contextlib.asynccontextmanager
    async def nodes(
        self,
        count: int,
        policies: Mapping[str, KeyPolicy] = POLICIES,
        clocks: Callable[[], Clock] = Clock,
        accounts: tuple[str, ...] = ("alice", "bob"),
    ) -> AsyncIterator[list[Node]]:
        folder = open_folder(self._folder, synced=False)
        committer = Committer(folder.store)
        clock = clocks()
        try:
            with kept_in(folder, committer, policies, clock) as kept:
                for name in accounts:
                    await kept.accounts.add(name, f"{name}key", None)
                yield [Node(*kept, clock)] * count
        finally:
            await committer.close()
            folder.close()


class OnNats:
    """The register, on a NATS that runs; each use has a bucket of its own."""

    shared = True

    def __init__(self, url: str, replicas: int, timing: Timing | None = None) -> None:
        self._url = url
        self._replicas = replicas
        self._timing = timing

    @contextlib.asynccontextmanager
    async def nodes(
        self,
        count: int,
        policies: Mapping[str, KeyPolicy] = POLICIES,
        clocks: Callable[[], Clock] = Clock,
        accounts: tuple[str, ...] = ("alice", "bob"),
    ) -> AsyncIterator[list[Node]]:
        secret, prefix = secrets.token_bytes(32), f"keys-{secrets.token_hex(6)}"
        async with contextlib.AsyncExitStack() as exits:
            nodes = []
            for _ in range(count):
                shared = await self.join(exits, prefix, secret, policies, clocks())
                nodes.append(Node(shared.keys, shared.accounts, shared.register.clock))
            for name in accounts:
                await nodes[0].accounts.add(name, f"{name}key", None)
            yield nodes

    async def join(
        self,
        exits: contextlib.AsyncExitStack,
        prefix: str,
        secret: bytes,
        policies: Mapping[str, KeyPolicy] = POLICIES,
        clock: Clock | None = None,
    ) -> Shared:
        """One more node; it leaves when the stack ends."""
        settings = NatsSettings(prefix=prefix, replicas=self._replicas, max_bytes=_BUCKET_BYTES)
        link = Link(read_address(self._url, settings))
        await link.open(10)
        exits.push_async_callback(link.close)
        shared = Shared(link, settings, secret, policies, clock or Clock(), timing=self._timing)
        await exits.enter_async_context(shared)
        return shared


async def soon(condition: Callable[[], object], within_s: float) -> float:
    """Waits for a condition, and says how many seconds it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < within_s, "it did not come true in time"
        await asyncio.sleep(0.002)
    return time.monotonic() - began


def refused(done: Issued | Refusal) -> Refusal:
    """A refusal that must have been given."""
    assert isinstance(done, Refusal), done
    return done


def told_by(issued: Issued, *nodes: Node) -> bool:
    """Whether all these nodes were told that a key ended."""
    return all(node.told(issued) for node in nodes)
