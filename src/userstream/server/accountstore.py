"""The accounts of one process, in its embedded store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from userstream.core.rest import Credentials, Identity
from userstream.errors import StoreError
from userstream.server.accounts import AccountRecord, AccountTable, ApiKey, Revoked
from userstream.server.committer import Committer
from userstream.server.records import account_key, encode
from userstream.venue import Refusal

EndKeys = Callable[[str, Sequence[str], tuple[bytes, bytes]], Awaitable[int]]
"""Ends the listen keys of an account's API keys; stores that, together with one more record."""


class Accounts:
    """``Registry`` in an embedded store."""

    def __init__(self, table: AccountTable, committer: Committer, end_keys: EndKeys) -> None:
        self._table = table
        self._committer = committer
        self._end_keys = end_keys
        # A change builds on what the one before it stored.
        self._changing = asyncio.Lock()

    def listed(self) -> list[AccountRecord]:
        """Every account, by name."""
        return self._table.listed()

    async def verify(self, credentials: Credentials) -> Identity | Refusal:
        """The account of an API key, its signature checked where there is one."""
        return self._table.verify(credentials)

    async def add(self, name: str, api_key: str, api_secret: str | None) -> ApiKey:
        """Gives an account an API key."""
        key = self._table.key(name, api_key, api_secret)
        async with self._changing:
            record = self._table.with_key(name, key)
            await self._committer.write([(account_key(name), encode(record))])
            self._table.put(record)
        return key

    async def revoke(self, name: str, fingerprint: str | None) -> Revoked:
        """Takes back one API key of an account, or all.

        API keys and listen keys are stored in one commit, so that no crash leaves a listen key
        of a revoked API key behind. Where it fails nothing was revoked.
        """
        async with self._changing:
            before = self._table.at(name)
            after, gone = self._table.without(name, fingerprint)
            fingerprints = [k.fingerprint for k in gone]
            self._table.put(after)
            try:
                put = (account_key(name), encode(after))
                ended = await self._end_keys(name, fingerprints, put)
            except StoreError:
                if before is not None:
                    self._table.put(before)
                raise
        return Revoked(fingerprints, ended)
