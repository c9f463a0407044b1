"""A move: all that a data folder holds goes to a NATS, and keeps its epoch and its places.

Until it is over the streams are marked, and no node uses them; when all is there the folder is
marked, so that nobody goes on with it; then the streams are free. A try that was cut short is
begun anew, or, once the folder is marked, finished.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from userstream.errors import InvalidSettings
from userstream.server.clock import Clock
from userstream.server.contents import Contents
from userstream.server.folder import MOVED, SECRET, Folder, copy_secret, open_folder
from userstream.server.nats.address import NatsSettings, read_address
from userstream.server.nats.filling import Filling
from userstream.server.nats.jetstream import JetStream, patiently
from userstream.server.nats.link import Link
from userstream.server.nats.shared import Shared
from userstream.server.nats.target import Target
from userstream.server.records import decode, encode
from userstream.server.stores.witness import sync_folder
from userstream.venue import KeyPolicy

_OPEN_S = 10.0
Told = Callable[[str, int, int], None]
"""What is being moved, how many of it were, and how many there are."""


class Moved(msgspec.Struct, frozen=True):
    """What a move did; also the content of the file that marks the folder."""

    to: str
    prefix: str
    epoch: str
    positions: int
    """Accounts that ever had an event."""
    events: int
    accounts: int
    listen_keys: int
    v: int = 1


class Move:
    """One folder, and where its data is to lie. The folder's server must have stopped."""

    def __init__(
        self,
        data: Path,
        bus: str,
        settings: NatsSettings,
        keys: Path,
        policies: Mapping[str, KeyPolicy],
        told: Told,
    ) -> None:
        """``bus`` and ``settings`` are those of the nodes to come, ``keys`` their key secret."""
        self._data = data
        self._settings = settings
        self._keys = keys
        self._policies = policies
        self._told = told
        self._address = read_address(bus, settings)

    async def run(self) -> Moved:
        """Moves what is there, or finishes what an earlier try left. May be repeated.

        Raises:
            InvalidSettings: the folder is none, or the target has other data; says what to do.
            StoreError: the folder is in use or cannot be read, or NATS does not answer. What was
                copied is nobody's, and goes at the next try.
        """
        if not (self._data / SECRET).exists():
            raise InvalidSettings(f"{self._data} is no data folder: it has no {SECRET}")
        link = Link(self._address)
        await link.open(_OPEN_S)
        try:
            target = Target(JetStream(link), self._settings)
            moved = self._marked()
            if moved is None:
                moved = await self._copied(link, target)
                self._mark(moved)
            await target.finish(moved.epoch)
        finally:
            await link.close()
        return moved

    async def _copied(self, link: Link, target: Target) -> Moved:
        folder = open_folder(self._data, synced=True)
        contents = Contents(folder.store)
        try:
            copy_secret(folder.secret, self._keys)
            tails = sum(1 for _ in contents.tails())
            layout = await target.make(folder.run.epoch)
            filling = Filling(JetStream(link), layout, self._settings, contents, self._told)
            events = await filling.run()
            accounts, keys = await patiently(lambda: self._shared(link, folder))
        finally:
            contents.close()
            folder.close()
        to = ",".join(map(str, self._address.servers))
        epoch = folder.run.epoch
        return Moved(to, self._settings.prefix, epoch, tails, events, accounts, keys)

    async def _shared(self, link: Link, folder: Folder) -> tuple[int, int]:
        """Stores accounts and listen keys; how many of each. May be repeated."""
        clock = Clock()
        shared = Shared(link, self._settings, folder.secret, self._policies, clock)
        accounts = list(folder.accounts())
        keys = [key for key in folder.listen_keys() if key.expires_ms > clock.ms()]
        self._told("accounts and listen keys", 0, len(accounts) + len(keys))
        async with shared:
            await shared.accounts.take(accounts)
            self._told("accounts and listen keys", len(accounts), len(accounts) + len(keys))
            await shared.keys.take(keys)
        return len(accounts), len(keys)

    def _marked(self) -> Moved | None:
        file = self._data / MOVED
        return decode(file.read_bytes(), Moved) if file.exists() else None

    def _mark(self, moved: Moved) -> None:
        unfinished = self._data / f"{MOVED}.new"
        unfinished.write_bytes(encode(moved))
        unfinished.replace(self._data / MOVED)
        sync_folder(self._data)
