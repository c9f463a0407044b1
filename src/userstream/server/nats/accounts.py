"""The accounts of all nodes, in the register."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from itertools import islice

from userstream.core.rest import Credentials, Identity
from userstream.errors import InvalidSettings, StoreUnavailable
from userstream.server.accounts import AccountRecord, AccountTable, ApiKey, Revoked
from userstream.server.nats.bucket import Change, Conflict
from userstream.server.nats.keys import NatsKeys
from userstream.server.nats.register import Register
from userstream.server.records import decode, encode
from userstream.server.tasks import all_of
from userstream.venue import Refusal

_AT_ONCE = 256


class NatsAccounts:
    """``Registry`` of one node among others."""

    def __init__(self, register: Register, table: AccountTable, keys: NatsKeys) -> None:
        self._register = register
        self._keys = keys
        self._table = table
        register.on("a", self._stored)

    def listed(self) -> list[AccountRecord]:
        """Every account, by name, as far as this node knows."""
        return self._table.listed()

    async def verify(self, credentials: Credentials) -> Identity | Refusal:
        """The account of an API key; one that another node added a moment ago is known."""
        found = self._table.verify(credentials)
        if found is not Refusal.API_KEY_REJECTED:
            return found
        try:
            await self._register.catch_up()
        except StoreUnavailable:
            return Refusal.UNAVAILABLE
        return self._table.verify(credentials)

    async def add(self, name: str, api_key: str, api_secret: str | None) -> ApiKey:
        """Gives an account an API key."""
        key = self._table.key(name, api_key, api_secret)
        await self._give(name, key)
        return key

    async def take(self, records: Iterable[AccountRecord]) -> None:
        """Stores accounts that were kept elsewhere with the same secret; may be repeated.

        Raises:
            InvalidSettings: an API key belongs to another account here.
            StoreUnavailable: not all are stored.
        """
        left = iter(records)
        while some := list(islice(left, _AT_ONCE)):
            await all_of(self._take(record) for record in some)

    async def revoke(self, name: str, fingerprint: str | None) -> Revoked:
        """Takes back one API key of an account, or all; then the listen keys end.

        Those, too, that a revocation left which failed between the two.
        """
        gone: list[str] = []
        try:
            gone = await self._take_back(name, fingerprint)
        except InvalidSettings:
            if not self._left(name, fingerprint):
                raise
        gone = [*dict.fromkeys((*gone, *self._left(name, fingerprint)))]
        return Revoked(gone, await self._keys.revoke(name, gone))

    def _left(self, name: str, fingerprint: str | None) -> list[str]:
        """API keys that the account has no more, and listen keys still have."""
        record = self._table.at(name)
        known = {key.fingerprint for key in record.api_keys} if record else set()
        left = self._keys.given_to(name) - known
        return sorted(left if fingerprint is None else left & {fingerprint})

    async def _take(self, record: AccountRecord) -> None:
        for key in record.api_keys:
            await self._give(record.name, key)
        if self._table.at(record.name) is None:  # all that it had were taken back
            with suppress(Conflict):
                await self._put(record)

    async def _give(self, name: str, key: ApiKey) -> None:
        while True:
            await self._register.catch_up()
            record = self._table.with_key(name, key)
            try:
                await self._put(record)
            except Conflict:
                continue
            if self._table.owner(key) != name:  # of two nodes that add one key at once
                await self._take_back(name, key.fingerprint)
                raise InvalidSettings("this API key belongs to another account")
            return

    async def _take_back(self, name: str, fingerprint: str | None) -> list[str]:
        while True:
            await self._register.catch_up()
            after, gone = self._table.without(name, fingerprint)
            with suppress(Conflict):
                await self._put(after)
                return [key.fingerprint for key in gone]

    async def _put(self, record: AccountRecord) -> None:
        await self._register.put(f"a.{record.name}", encode(record))

    def _stored(self, change: Change) -> None:
        if change.value:
            self._table.put(decode(change.value, AccountRecord))
