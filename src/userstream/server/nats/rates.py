"""Rate limits of all nodes together, nearly: each tells the others what it let through.

Told ten times a second on a plain subject, and lost where NATS is out of reach: then, and for a
tenth of a second, each node counts for itself. ADR 15.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Self

import msgspec

from userstream.core.ratelimit import RateLimiter, Taken
from userstream.server.logs import logger
from userstream.server.nats.link import Link
from userstream.server.nats.wire import Message, pub
from userstream.server.tasks import ended, lasting

_log = logger("rates")
_EVERY_S = 0.1
_AT_ONCE = 1_000


class _Told(msgspec.Struct, frozen=True):
    limiter: str
    taken: list[Taken]
    v: int = 1


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Told).decode


class SharedRates:
    """``async with`` shares the limiters, each by the name that all nodes have for it."""

    def __init__(
        self, link: Link, prefix: str, node: str, limiters: Mapping[str, RateLimiter]
    ) -> None:
        self._link = link
        self._subject = f"{prefix}.rates."
        self._node = node
        self._limiters = limiters

    async def __aenter__(self) -> Self:
        self._sid = self._link.subscribe(f"{self._subject}*", self._hear)
        self._telling = lasting("rates", self._tell_on)
        return self

    async def __aexit__(self, *_: object) -> None:
        await ended(self._telling)
        self._link.unsubscribe(self._sid)

    async def _tell_on(self) -> None:
        while True:
            for name, limiter in self._limiters.items():
                taken = limiter.taken()
                for at in range(0, len(taken), _AT_ONCE):
                    self._tell(_Told(name, taken[at : at + _AT_ONCE]))
            await asyncio.sleep(_EVERY_S)

    def _tell(self, told: _Told) -> None:
        if self._link.connected:
            self._link.send(pub(self._subject + self._node, _encode(told)))

    def _hear(self, message: Message) -> None:
        if message.subject.decode().endswith(self._node):
            return
        try:
            told = _decode(message.payload)
        except msgspec.MsgspecError as e:
            _log.error("rates of another node cannot be read", error=str(e))
            return
        limiter = self._limiters.get(told.limiter)
        if limiter is not None:
            for taken in told.taken:
                limiter.hear(taken)
