"""Revocations that all nodes learn of, in the order in which listen keys are stored. ADR 25."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from functools import partial

import msgspec

from userstream.core.rest import Identity
from userstream.server.nats.bucket import Change
from userstream.server.nats.register import Register
from userstream.server.records import decode, encode
from userstream.server.revocations import Revocations
from userstream.server.tasks import all_of

_LIFE_S = 3_600
"""In NATS, whose clock may step; nodes forget in their own time."""


class Revoked(msgspec.Struct, frozen=True):
    """An API key whose listen keys end, as it lies in the register."""

    account: str
    api_key: str
    v: int = 1


class SharedRevocations:
    """``Revocations`` of this node, which hears of those of all nodes."""

    def __init__(self, register: Register) -> None:
        self.seen = Revocations()
        self._register = register
        register.on("r", self._stored)

    async def store(self, account: str, api_keys: Collection[str]) -> None:
        """Returns when this copy shows them, with all that was stored before.

        Raises:
            StoreUnavailable: not all are stored.
        """
        revoked = [Revoked(account, api_key) for api_key in api_keys]
        await all_of(self._register.retried(partial(self._store, one)) for one in revoked)

    async def _store(self, revoked: Revoked, _: bool) -> bool:
        value = encode(revoked)
        digest = hashlib.blake2b(value, digest_size=16).hexdigest()  # a name may be any text
        await self._register.put(f"r.{digest}", value, _LIFE_S)
        return True

    def _stored(self, change: Change) -> None:
        if change.value and not self._register.loading:
            revoked = decode(change.value, Revoked)
            self.seen.add(Identity(revoked.account, revoked.api_key))
