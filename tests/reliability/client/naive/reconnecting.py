"""Connects again after each break, with the listen key that it has, and goes on."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from tests.reliability.client.naive.rest import new_key

if TYPE_CHECKING:
    from tests.reliability.client.runners import Site


async def run(site: Site) -> None:
    url = f"{site.stream}/ws/{await new_key(site)}"
    while True:
        with suppress(OSError, WebSocketException):
            async with connect(url, proxy=None, close_timeout=1) as socket:
                async for frame in socket:
                    site.book.frame(frame)
        await asyncio.sleep(site.minute_s / 60)
