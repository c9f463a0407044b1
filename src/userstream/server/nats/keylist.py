"""The listen keys of an account, as its owner asks for them. ADR 29."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

from userstream.core.listenkeys import KeyRecord
from userstream.core.rest import Identity
from userstream.errors import StoreUnavailable
from userstream.server.nats.keycopy import KeyCopy, StoredKey
from userstream.server.nats.revoking import SharedRevocations
from userstream.server.tasks import all_of
from userstream.venue import Refusal

Store = Callable[[StoredKey], Awaitable[None]]
"""Stores a record in place of the one that this copy shows."""


class KeyList:
    """Lists keys, and notes to whom they were shown."""

    def __init__(self, copy: KeyCopy, revocations: SharedRevocations, store: Store) -> None:
        self._copy = copy
        self._register = copy.register
        self._revocations = revocations
        self._store = store

    async def owned_by(self, venue: str, account: str) -> list[str]:
        """The live keys; in an outage as far as this node knows."""
        return self._keys_of(await self._live(venue, account))

    async def shown(self, venue: str, identity: Identity, asked_s: float) -> list[str] | Refusal:
        """The live keys, given to that API key.

        Raises:
            StoreUnavailable: it was not given all of them before, and this cannot be stored.
        """
        live = await self._live(venue, identity.account)
        acts = (partial(self._give, record, identity.api_key) for record in live)
        await all_of(self._register.retried(act) for act in acts)
        # As a POST: a revocation is stored before these, and shows here, or finds and ends them.
        refusal = self._revocations.seen.refusal(identity, asked_s)
        if refusal is not None:
            return refusal
        return self._keys_of(live)

    async def _live(self, venue: str, account: str) -> list[KeyRecord]:
        with suppress(StoreUnavailable):
            await self._register.catch_up()
        return self._copy.live(venue, account)

    def _keys_of(self, records: list[KeyRecord]) -> list[str]:
        return [self._copy.table.key_of(record.venue, record.random) for record in records]

    async def _give(self, record: KeyRecord, api_key: str, _: bool) -> bool:
        current = self._copy.at((record.venue, record.random))
        if current is not None:  # else it ended: it opens nothing for whoever sees it
            given = current.given(api_key)
            if given is not current:
                await self._store(StoredKey(given, was_ms=current.expires_ms))
        return True
