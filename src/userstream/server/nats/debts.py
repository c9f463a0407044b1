"""Renewals that were granted in an outage, and are stored when it is over. ADR 15."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import msgspec

from userstream.core.listenkeys import Issued, KeyRecord
from userstream.errors import StoreUnavailable
from userstream.server.keys import Place
from userstream.server.logs import logger
from userstream.server.nats.keycopy import KeyCopy
from userstream.server.tasks import lasting
from userstream.venue import KeyPolicy

_log = logger("keys")
_PAID_AT_ONCE = 500
_SAFE_MS = 60_000
"""Life left in which a key outlives a short outage and what is to be stored after it."""
Extend = Callable[[KeyRecord, int], Awaitable[Issued | None]]
"""Stores a renewal up to a time; ``None``: the key ended before."""


class Debts:
    """What this node granted, and has yet to store."""

    def __init__(self, copy: KeyCopy, policies: Mapping[str, KeyPolicy], extend: Extend) -> None:
        self._copy = copy
        self._register = copy.register
        self._policies = policies
        self._extend = extend
        self._owed: dict[Place, int] = {}
        self._paying: asyncio.Task[None] | None = None
        self._register.on_tick(self._pay)

    def stop(self) -> None:
        """Stores no more of it."""
        if self._paying is not None:
            self._paying.cancel()

    async def owe(self, record: KeyRecord) -> Issued | None:
        """Grants a renewal in an outage; ``None``: it is over, or there was none.

        Once time stands still no key expires. Before, only a key that would outlive a short
        outage, and the time that it takes to store this then, can be renewed.
        """
        register, place = self._register, (record.venue, record.random)
        safe_ms = _SAFE_MS * register.clock.speed
        while register.down:
            now_ms = register.clock.ms()
            if register.still or record.expires_ms - now_ms > safe_ms:
                expires_ms = self._owed[place] = now_ms + self._policies[record.venue].life_ms
                renewed = msgspec.structs.replace(record, expires_ms=expires_ms)
                return Issued(self._copy.table.key_of(*place), renewed)
            await asyncio.sleep(register.timing.tick_s)
        return None

    def _pay(self) -> None:
        if self._owed and (self._paying is None or self._paying.done()):
            self._paying = lasting("keys", self._pay_all)

    async def _pay_all(self) -> None:
        while self._owed:
            some = list(self._owed.items())[:_PAID_AT_ONCE]
            acts = (partial(self._pay_one, *owed) for owed in some)
            try:
                await asyncio.gather(*(self._register.retried(act) for act in acts))
            except StoreUnavailable:
                return  # at the next tick
            for place, expires_ms in some:
                if self._owed.get(place) == expires_ms:
                    del self._owed[place]

    async def _pay_one(self, place: Place, expires_ms: int, sure: bool) -> bool | None:
        record = self._copy.at(place)
        if record is not None and record.expires_ms >= expires_ms:
            return True
        if record is not None and await self._extend(record, expires_ms) is not None:
            return True
        if not sure:
            return None
        _log.warning("a key ended before its renewal of the outage was stored", venue=place[0])
        return True
