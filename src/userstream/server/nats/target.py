"""Streams of a NATS that a move fills: made for it, and nobody's until it is over."""

from __future__ import annotations

import re

from userstream.errors import InvalidSettings
from userstream.server.nats.address import NatsSettings
from userstream.server.nats.jetstream import (
    STREAM_NOT_FOUND,
    JetStream,
    JetStreamRefused,
    patiently,
)
from userstream.server.nats.layout import (
    Layout,
    epoch_of,
    first_of,
    is_moving,
    provide,
    unmarked,
)


class Target:
    """The streams and the bucket of one ``nats.prefix``."""

    def __init__(self, js: JetStream, settings: NatsSettings) -> None:
        self._js = js
        self._settings = settings
        self._first = first_of(settings.prefix)

    async def make(self, epoch: str) -> Layout:
        """Makes the streams, marked; what an earlier try of the same move left goes first.

        Raises:
            InvalidSettings: something else is there, or NATS does not allow the streams.
            StoreError: NATS does not answer.
        """
        names = await patiently(self._names)
        if names:
            metadata = await patiently(self._metadata)
            if not (is_moving(metadata) and epoch_of(metadata) == epoch):
                raise InvalidSettings(
                    f"NATS has data of nats.prefix {self._settings.prefix!r} already, "
                    f"{len(names)} streams: move to a prefix of its own, or delete them"
                )
        for name in names:  # the first, with the mark, comes last
            await patiently(lambda name=name: self._js.delete(name))  # type: ignore[misc]
        return await patiently(lambda: provide(self._js, self._settings, epoch, moving=True))

    async def finish(self, epoch: str) -> None:
        """Takes the mark away: from now on nodes may use the streams. May be repeated.

        Raises:
            InvalidSettings: these are not the streams of that epoch.
            StoreError: NATS does not answer.
        """
        metadata = await patiently(self._metadata)
        if epoch_of(metadata) != epoch:
            raise InvalidSettings(
                f"the folder was moved already, but not to here: nats.prefix "
                f"{self._settings.prefix!r} has no streams of its epoch {epoch}"
            )
        if is_moving(metadata):
            await patiently(lambda: self._js.change(self._first, unmarked))

    async def _names(self) -> list[str]:
        prefix = re.escape(self._settings.prefix)
        ours = re.compile(rf"{prefix}-(events|heads)-\d+|KV_{prefix}-keys")
        found = [name for name in await self._js.names() if ours.fullmatch(name)]
        return sorted(found, key=lambda name: name == self._first)

    async def _metadata(self) -> dict[str, str]:
        try:
            return (await self._js.info(self._first)).config.metadata
        except JetStreamRefused as e:
            if e.err_code != STREAM_NOT_FOUND:
                raise
            return {}
