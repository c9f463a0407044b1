"""Streams with the extension over real sockets."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from websockets.asyncio.client import ClientConnection

from tests.server.running import MEXC_CHANNELS, Running, subscribe, take
from userstream.venue import Cursor, Mark


def asked(url: str, wish: str = "us=1") -> str:
    return url + ("&" if "?" in url else "?") + wish


@contextlib.asynccontextmanager
async def extended(
    server: Running, venue: str, wish: str = "us=1", key: str | None = None, **options: Any
) -> AsyncIterator[ClientConnection]:
    """A stream with the extension, on a key of its own."""
    key = key or await server.key(venue)
    async with server.open(asked(server.url(venue, key), wish), **options) as socket:
        if server.venues[venue].channels:
            await subscribe(socket, *MEXC_CHANNELS)
        if "us_resume" not in wish:
            (beat,) = await take(socket, 1)
            mark = mark_of(server, venue, beat)
            assert (mark.kind, mark.prev) == ("us.heartbeat", mark.seq)
        yield socket


def mark_of(server: Running, venue: str, frame: bytes) -> Mark:
    mark = server.venues[venue].mark(frame)
    assert mark is not None, frame
    return mark


def cursor_of(mark: Mark) -> str:
    return str(Cursor(mark.epoch, mark.seq, mark.part, mark.parts))
