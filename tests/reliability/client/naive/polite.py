"""Cleans up behind itself: when it ends it deletes the listen key, which it shares."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.reliability.client.naive.rest import call, new_key

if TYPE_CHECKING:
    from tests.reliability.client.runners import Site


async def run(site: Site) -> None:
    key = await new_key(site)
    try:
        async with connect(f"{site.stream}/ws/{key}", proxy=None, close_timeout=1) as socket:
            with suppress(ConnectionClosed):
                async for frame in socket:
                    site.book.frame(frame)
            await asyncio.Event().wait()
    finally:
        await call(site, "DELETE", "/api/v1/userDataStream", listenKey=key)
