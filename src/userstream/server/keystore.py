"""Listen keys, kept: every change is stored before it is answered, every end is told."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence

from userstream.core.closing import End
from userstream.core.listenkeys import KeyRecord, KeyTable
from userstream.core.rest import Admitted, Change, Identity, Response, RestGate, Served
from userstream.core.tokens import ENTROPY_BYTES
from userstream.errors import StoreError
from userstream.server.clock import Alarm, Clock
from userstream.server.committer import Committer
from userstream.server.records import encode, listen_key_key
from userstream.venue import Refusal

Ended = Callable[[KeyRecord, End], None]
_AT_ONCE = 300
"""Keys that end in one turn of the loop; each may have streams, which take some 0.1 ms to end."""


class KeyStore:
    """Performs what ``KeyTable`` decides, and tells who listens when a key ends."""

    def __init__(self, table: KeyTable, committer: Committer, clock: Clock) -> None:
        self.table = table
        self._committer = committer
        self._clock = clock
        self._ended: list[Ended] = []
        self._alarm = Alarm(clock, self._expire)

    def start(self) -> None:
        """Begins to expire keys."""
        self._alarm.set(self.table.deadline())

    def stop(self) -> None:
        """Expires no more keys."""
        self._alarm.cancel()

    def key_of(self, place: tuple[str, str]) -> str:
        """The listen key of a random part, for its owner's own stream only."""
        return self.table.key_of(*place)

    def on_end(self, ended: Ended) -> None:
        """Calls back when a key expires, is deleted or revoked."""
        self._ended.append(ended)

    async def serve(self, gate: RestGate, admitted: Admitted, identity: Identity) -> Response:
        """Acts on an admitted request; a change that could not be stored is refused."""
        served = gate.serve(
            admitted, identity, secrets.token_bytes(ENTROPY_BYTES), self._clock.ms()
        )
        if served.record is None:
            return served.response
        try:
            await self._store(served, served.record)
        except StoreError:
            if served.change is Change.DELETED:  # in force, though a restart would forget it
                self._tell(served.record, End.DELETED)
            return gate.refuse(Refusal.UNAVAILABLE, verdict=admitted.verdict)
        if served.change is Change.DELETED:
            self._tell(served.record, End.DELETED)
        self._alarm.set(self.table.deadline())
        return served.response

    async def revoke(self, api_keys: Iterable[str], put: tuple[bytes, bytes]) -> int:
        """Ends every listen key that these API keys were given, and says how many.

        ``put``, which says why, is stored in the same commit.

        Raises:
            StoreError: nothing was stored; the keys live on, without the streams that they had.
        """
        records = self.table.revoke(api_keys)
        for record in records:
            self._tell(record, End.REVOKED)
        try:
            await self._committer.write([put], [listen_key_key(r) for r in records])
        except StoreError:
            for record in records:
                self.table.restore(record)
            raise
        return len(records)

    async def end(self, records: Sequence[KeyRecord], end: End) -> None:
        """Ends live keys for that reason, as if their owner or time had done it.

        Raises:
            StoreError: they have ended, though a restart would forget it.
        """
        for record in records:
            self.table.forget(record)
            self._tell(record, end)
        await self._committer.write([], [listen_key_key(r) for r in records])

    async def _store(self, served: Served, record: KeyRecord) -> None:
        key = listen_key_key(record)
        if served.change is Change.DELETED:
            await self._committer.write([], [key])
            return
        try:
            await self._committer.write([(key, encode(record))])
        except StoreError:
            # A key that nobody was told of must not live on; one that was renewed may.
            if served.new:
                self.table.forget(record)
            raise

    def _expire(self) -> None:
        records = self.table.expire(self._clock.ms(), _AT_ONCE)
        for record in records:
            self._tell(record, End.EXPIRED)
        if records:
            # An expired key that stays stored is expired still at the next start.
            self._committer.put([], [listen_key_key(r) for r in records], lambda _: None)
        self._alarm.set(self.table.deadline())

    def _tell(self, record: KeyRecord, end: End) -> None:
        for ended in self._ended:
            ended(record, end)
