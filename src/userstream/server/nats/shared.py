"""Listen keys and accounts of all nodes: what a node needs to share them."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Mapping

from userstream.core.ratelimit import RateLimiter
from userstream.core.tokens import Minter
from userstream.errors import InvalidSettings
from userstream.server.accounts import AccountTable
from userstream.server.clock import Clock
from userstream.server.kept import Kept
from userstream.server.nats.accounts import NatsAccounts
from userstream.server.nats.address import NatsSettings
from userstream.server.nats.bucket import Change, Conflict
from userstream.server.nats.keys import NatsKeys
from userstream.server.nats.link import Link
from userstream.server.nats.rates import SharedRates
from userstream.server.nats.register import Register, Timing
from userstream.venue import KeyPolicy

_SECRET = "m.secret"  # noqa: S105 - where its fingerprint lies


class Shared:
    """One node's share. ``async with`` opens it; what it serves must have stopped at the end.

    Raises:
        StoreUnavailable: on entry, where NATS does not answer, or has no quorum.
        InvalidSettings: on entry, where the secret is not that of the other nodes.

    ``secret`` is the same 32 bytes on every node. The clock is set to the other nodes' time.
    """

    def __init__(
        self,
        link: Link,
        settings: NatsSettings,
        secret: bytes,
        policies: Mapping[str, KeyPolicy],
        clock: Clock,
        *,
        reserved: Collection[str] = (),
        timing: Timing | None = None,
    ) -> None:
        self._link = link
        self._prefix = settings.prefix
        self.register = Register(link, settings, clock, timing)

        self.keys = NatsKeys(self.register, Minter(secret), policies)
        table = AccountTable(secret, reserved=reserved)
        self.accounts = NatsAccounts(self.register, table, self.keys)
        self._fingerprint = hmac.digest(secret, b"userstream fingerprint", hashlib.sha256)[:8]
        self._known = b""
        self.register.on("m", self._met)

    async def __aenter__(self) -> Kept:
        await self.register.open()
        try:
            await self._check()
        except BaseException:
            await self._close()
            raise
        return Kept(self.keys, self.accounts)

    async def __aexit__(self, *_: object) -> None:
        await self._close()

    def rates(self, limiters: Mapping[str, RateLimiter]) -> SharedRates:
        """Limits by address of all nodes together; ``async with`` begins to share them."""
        return SharedRates(self._link, self._prefix, self.register.node, limiters)

    async def _check(self) -> None:
        ours = self._fingerprint.hex().encode()
        if not self._known:
            try:
                await self.register.put(_SECRET, ours)
            except Conflict:
                await self.register.catch_up()
        if self._known != ours:
            raise InvalidSettings(
                f"the key secret differs from that of the other nodes: its fingerprint is "
                f"{ours.decode()}, theirs {self._known.decode()}; copy the file of one of them"
            )

    async def _close(self) -> None:
        await self.keys.stop()
        await self.register.close()

    def _met(self, change: Change) -> None:
        self._known = change.value
