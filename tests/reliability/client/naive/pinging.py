"""Believes in pongs: while they come, so will events."""

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
    while True:
        with suppress(OSError, WebSocketException, TimeoutError):
            url = f"{site.stream}/ws/{await new_key(site)}"
            async with connect(url, proxy=None, close_timeout=1) as socket:
                while True:
                    try:
                        async with asyncio.timeout(site.minute_s / 6):
                            site.book.frame(await socket.recv())
                    except TimeoutError:
                        await asyncio.wait_for(await socket.ping(), site.minute_s / 6)
