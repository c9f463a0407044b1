"""Believes that a socket that is open brings everything, and takes it as it comes."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.reliability.client.naive.rest import new_key

if TYPE_CHECKING:
    from tests.reliability.client.runners import Site


async def run(site: Site) -> None:
    url = f"{site.stream}/ws/{await new_key(site)}"
    async with connect(url, proxy=None, close_timeout=1) as socket:
        with suppress(ConnectionClosed):
            async for frame in socket:
                site.book.frame(frame)
        await asyncio.Event().wait()  # the rest of the bot goes on trading
