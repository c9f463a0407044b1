"""Listen keys and accounts of all nodes: what a node needs to share them."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Mapping

from userstream.core.rest import Identity
from userstream.core.tokens import Minter
from userstream.errors import InvalidSettings
from userstream.server.accounts import AccountTable
from userstream.server.clock import Clock
from userstream.server.nats.accounts import NatsAccounts
from userstream.server.nats.address import NatsSettings
from userstream.server.nats.bucket import Change, Conflict
from userstream.server.nats.keys import NatsKeys
from userstream.server.nats.link import Link
from userstream.server.nats.register import Register, Timing
from userstream.venue import KeyPolicy

_SECRET = "m.secret"  # noqa: S105 - where its fingerprint lies


class Shared:
    """One node's share. ``open`` it before anything is served, ``close`` it after the edge.

    ``secret`` is the same 32 bytes on every node. The clock is set to the other nodes' time.
    With ``own_accounts`` API keys are those of the register; else an exchange's own verifier
    knows them, and also ends what they were given.
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
        own_accounts: bool = True,
        timing: Timing | None = None,
    ) -> None:
        self.register = Register(link, settings, clock, timing)

        def confirmed(identity: Identity) -> bool:
            return not own_accounts or self.accounts.confirmed(identity)

        self.keys = NatsKeys(self.register, Minter(secret), policies, confirmed)
        table = AccountTable(secret, reserved=reserved)
        self.accounts = NatsAccounts(self.register, table, self.keys.revoke)
        self._fingerprint = hmac.digest(secret, b"userstream fingerprint", hashlib.sha256)[:8]
        self._known = b""
        self.register.on("m", self._met)

    async def open(self) -> None:
        """Copies what is shared and joins the other nodes.

        Raises:
            StoreUnavailable: NATS does not answer, or has no quorum.
            InvalidSettings: the secret is not that of the other nodes.
        """
        await self.register.open()
        ours = self._fingerprint.hex().encode()
        if not self._known:
            try:
                await self.register.put(_SECRET, ours)
            except Conflict:
                await self.register.catch_up()
        if self._known != ours:
            await self.close()
            raise InvalidSettings(
                f"the key secret differs from that of the other nodes: its fingerprint is "
                f"{ours.decode()}, theirs {self._known.decode()}; copy the file of one of them"
            )

    async def close(self) -> None:
        """Leaves the other nodes."""
        await self.keys.stop()
        await self.register.close()

    def _met(self, change: Change) -> None:
        self._known = change.value
