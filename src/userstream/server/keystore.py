"""The listen keys of one process: every change is stored before it is answered."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence

from userstream.core.closing import End
from userstream.core.listenkeys import Issued, KeyRecord, KeyTable
from userstream.core.rest import Identity
from userstream.core.tokens import ENTROPY_BYTES
from userstream.errors import StoreError
from userstream.server.clock import Alarm, Clock
from userstream.server.committer import Committer
from userstream.server.keys import Ended, Ends, Place
from userstream.server.records import encode, listen_key_key
from userstream.server.revocations import Revocations
from userstream.venue import Refusal

_AT_ONCE = 300
"""Keys that end in one turn of the loop; each may have streams, which take some 0.1 ms to end."""


class KeyStore:
    """``ListenKeys`` in an embedded store: performs what ``KeyTable`` decides, tells of ends."""

    others = None
    """Nobody shares the keys of an embedded store."""

    def __init__(self, table: KeyTable, committer: Committer, clock: Clock) -> None:
        self._table = table
        self._committer = committer
        self._clock = clock
        self._ends = Ends()
        self._revocations = Revocations()
        self._alarm = Alarm(clock, self._expire)

    def __len__(self) -> int:
        return len(self._table)

    def start(self) -> None:
        """Begins to expire keys."""
        self._alarm.set(self._table.deadline())

    def stop(self) -> None:
        """Expires no more keys."""
        self._alarm.cancel()

    def on_end(self, ended: Ended) -> None:
        """Calls back when a key expires, is deleted or revoked."""
        self._ends.add(ended)

    def key_of(self, place: Place) -> str:
        """The listen key of a random part."""
        return self._table.key_of(*place)

    def find(self, venue: str, key: str) -> KeyRecord | None:
        """The record of a live key."""
        return self._table.find(venue, key, self._clock.ms())

    async def owned_by(self, venue: str, account: str) -> list[str]:
        """The live keys of an account, the oldest first."""
        return self._table.owned_by(venue, account, self._clock.ms())

    async def create(self, venue: str, identity: Identity, asked_s: float) -> Issued | Refusal:
        """The account's key, new or extended."""
        # Nothing is awaited until the table has the key: what revokes it later finds it there.
        refusal = self._revocations.refusal(identity, asked_s)
        if refusal is not None:
            return refusal
        entropy = secrets.token_bytes(ENTROPY_BYTES)
        account, api_key = identity
        return await self._store(
            self._table.create(venue, account, api_key, entropy, self._clock.ms())
        )

    async def shown(self, venue: str, identity: Identity, asked_s: float) -> list[str] | Refusal:
        """The account's keys, for that API key, with which they end."""
        # As above; to whom it could not be shown counts as if it had been.
        refusal = self._revocations.refusal(identity, asked_s)
        if refusal is not None:
            return refusal
        puts = []
        live = self._table.live(venue, identity.account, self._clock.ms())
        for record in live:
            given = record.given(identity.api_key)
            if given is not record:
                self._table.put(given)
                puts.append((listen_key_key(given), encode(given)))
        if puts:
            await self._committer.write(puts)
        return [self.key_of((venue, record.random)) for record in live]

    async def renew(self, venue: str, key: str, account: str) -> Issued | Refusal:
        """A whole life from now on; a renewal that could not be stored holds until a restart."""
        return await self._store(self._table.renew(venue, key, account, self._clock.ms()))

    async def delete(self, venue: str, key: str, account: str) -> Issued | Refusal:
        """Ends a key. What could not be stored is in force, though a restart would forget it."""
        done = self._table.delete(venue, key, account, self._clock.ms())
        if isinstance(done, Issued):
            try:
                await self._committer.write([], [listen_key_key(done.record)])
            finally:
                self._ends.tell(done.record, End.DELETED)
        return done

    async def revoke(self, account: str, api_keys: Iterable[str]) -> int:
        """Ends every listen key that these API keys of the account were given."""
        return await self.revoke_with(account, api_keys)

    async def revoke_with(
        self, account: str, api_keys: Iterable[str], *puts: tuple[bytes, bytes]
    ) -> int:
        """As ``revoke``; ``puts``, which say why, are stored in the same commit.

        Raises:
            StoreError: nothing was stored; the keys live on, without the streams that they had.
        """
        revoked = set(api_keys)
        for api_key in revoked:
            self._revocations.add(Identity(account, api_key))
        records = self._table.revoke(account, revoked)
        for record in records:
            self._ends.tell(record, End.REVOKED)
        try:
            await self._committer.write(puts, [listen_key_key(r) for r in records])
        except StoreError:
            for record in records:
                self._table.put(record)
            self._alarm.set(self._table.deadline())
            raise
        return len(records)

    async def end(self, records: Sequence[KeyRecord], end: End) -> None:
        """Ends live keys. What could not be stored holds, though a restart would forget it."""
        live = [r for r in records if self._table.at(r.venue, r.random) is not None]
        for record in live:
            self._table.forget(record)
            self._ends.tell(record, end)
        await self._committer.write([], [listen_key_key(r) for r in live])

    async def _store(self, done: Issued | Refusal) -> Issued | Refusal:
        if isinstance(done, Refusal):
            return done
        record = done.record
        try:
            await self._committer.write([(listen_key_key(record), encode(record))])
        except StoreError:
            # A key that nobody was told of must not live on; one that was renewed may.
            if done.new:
                self._table.forget(record)
            raise
        self._alarm.set(self._table.deadline())
        return done

    def _expire(self) -> None:
        records = self._table.expire(self._clock.ms(), _AT_ONCE)
        self._alarm.set(self._table.deadline())
        for record in records:
            self._ends.tell(record, End.EXPIRED)
        if records:
            # An expired key that stays stored is expired still at the next start.
            self._committer.put([], [listen_key_key(r) for r in records], lambda _: None)
