"""One node's copy of the listen keys. Every node applies the same records at the same times.

Both come in the order of the stream, so all nodes agree which renewal came in time, and when a
key ended. ADR 15.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import msgspec

from userstream.core.closing import End, end_named
from userstream.core.listenkeys import KeyRecord, KeyTable
from userstream.server.clock import Alarm
from userstream.server.keys import Ended, Ends, Place
from userstream.server.nats.bucket import Change
from userstream.server.nats.register import Register
from userstream.server.records import decode

_AT_ONCE = 300
"""Keys that end in one turn of the loop; each may have streams, which take some 0.1 ms to end."""


class StoredKey(msgspec.Struct, frozen=True):
    """A listen key as it lies in the register; with an ``end`` it is dead."""

    record: KeyRecord
    was_ms: int = 0
    """When it would have expired without this renewal; 0: it is new."""
    end: str | None = None
    v: int = 1


class Owned(msgspec.Struct, frozen=True):
    """The keys of an account on a venue, some perhaps dead: the record that caps are held by."""

    randoms: tuple[str, ...]
    v: int = 1


class KeyCopy:
    """Applies what is stored, ends keys in the stream's time, and tells of it."""

    def __init__(self, register: Register, table: KeyTable, venues: Collection[str]) -> None:
        self.table = table
        self.register = register
        self._venues = venues
        self._owned: dict[tuple[str, str], tuple[str, ...]] = {}
        self._ends = Ends()
        self._ending = False
        self._alarm = Alarm(register.clock, self._due)
        register.on("k", self._key_stored)
        register.on("o", self._owner_stored)
        register.on_time(self._expire)

    def stop(self) -> None:
        """Waits for no deadline any more."""
        self._alarm.cancel()

    def on_end(self, ended: Ended) -> None:
        """Calls back when a key ends."""
        self._ends.add(ended)

    def at(self, place: Place) -> KeyRecord | None:
        """The record of a key that lives in the stream's time."""
        record = self.table.at(*place)
        return record if record is not None and record.expires_ms > self.register.time.ms else None

    def live(self, venue: str, account: str) -> list[KeyRecord]:
        """Live keys that count: those that the account's record names."""
        records = [self.at((venue, random)) for random in self._owned.get((venue, account), ())]
        return [record for record in records if record is not None]

    def _key_stored(self, change: Change) -> None:
        _, venue, random = change.key.split(".")
        if not change.value or venue not in self._venues:
            return  # aged out in NATS, whose clock is not ours: the deadline counts
        stored = decode(change.value, StoredKey)
        before = self.table.at(venue, random)
        if stored.end is not None:
            if before is not None:
                self.table.forget(before)
                self._tell(before, end_named(stored.end))
            return
        now_ms = self.register.time.ms
        if before is None:  # new, or not seen before: its deadline was to come, or it is too late
            good = self.register.loading or not 0 < stored.was_ms <= now_ms
        else:
            good = before.expires_ms > now_ms
        if good:
            self.table.put(stored.record)
            self._wait()

    def _owner_stored(self, change: Change) -> None:
        _, venue, account = change.key.split(".")
        self._owned[venue, account] = decode(change.value, Owned).randoms if change.value else ()

    def _expire(self) -> None:
        if not self._ending:
            self._expire_some()

    def _expire_some(self) -> None:
        records = self.table.expire(self.register.time.ms, _AT_ONCE)
        self._ending = len(records) == _AT_ONCE
        for record in records:
            self._tell(record, End.EXPIRED)
        if self._ending:
            asyncio.get_running_loop().call_soon(self._expire_some)
        else:
            self._wait()

    def _wait(self) -> None:
        due_ms = self.table.deadline()
        if due_ms is not None and due_ms > self.register.clock.ms():
            self._alarm.set(due_ms)

    def _due(self) -> None:
        due_ms = self.table.deadline()
        if due_ms is not None and self.register.time.ms < due_ms:
            self.register.hurry()

    def _tell(self, record: KeyRecord, end: End) -> None:
        if not self.register.loading:
            self._ends.tell(record, end)
