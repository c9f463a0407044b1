"""How full the streams are. A full stream refuses, so publishers are told before it is.

The writer keeps some room: its ticks, and with them the purge of what is old, need a little.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from userstream.errors import StoreError
from userstream.server.logs import logger
from userstream.server.nats.jetstream import JetStream
from userstream.server.readiness import ALARM
from userstream.server.tasks import ended, lasting

_log = logger("fullness")
_LOOK_S = 5.0
_MOST = 0.95
_MESSAGE_BYTES = 256
"""At most, of a message in its stream besides its payload: subject, header, checksum."""


class Fullness:
    """Looks at streams every few seconds."""

    def __init__(self, js: JetStream, streams: Sequence[str]) -> None:
        self._js = js
        self._streams = streams
        self._left: dict[str, float] = {}
        self._taken = dict.fromkeys(streams, 0)
        self._arrived = dict.fromkeys(streams, 0)
        self._parts: dict[str, float] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to look."""
        self._task = lasting("fullness", self._run)

    async def close(self) -> None:
        """Looks no more."""
        await ended(self._task)

    def parts(self) -> dict[str, float]:
        """The part of its bound that each stream held when it was last looked at."""
        return self._parts

    def takes(self, stream: str, size: int) -> bool:
        """Whether there is room for one more payload, which is under way then."""
        needed = size + _MESSAGE_BYTES
        left = self._left.get(stream)
        if left is not None:
            if left < needed:
                return False
            self._left[stream] = left - needed
        self._taken[stream] += needed
        return True

    def arrived(self, stream: str, size: int) -> None:
        """A payload that there was room for is stored, or is not."""
        self._arrived[stream] += size + _MESSAGE_BYTES

    async def look(self) -> None:
        """Looks at every stream once; at those that cannot be asked, next time."""
        for stream in self._streams:
            arrived = self._arrived[stream]
            try:
                info = await self._js.info(stream)
            except StoreError:
                continue
            most = info.config.max_bytes
            if most <= 0:
                continue
            part, before = info.state.bytes / most, self._parts.get(stream, 0.0)
            if (part >= ALARM) != (before >= ALARM):
                tell = _log.warning if part >= ALARM else _log.info
                tell("a stream fills up" if part >= ALARM else "a stream has room again",
                     stream=stream, part=round(part, 3))  # fmt: skip
            # What had not arrived when it was asked may not be in its answer.
            under_way = self._taken[stream] - arrived
            self._left[stream] = most * _MOST - info.state.bytes - under_way
            self._parts[stream] = part

    async def _run(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(_LOOK_S)
