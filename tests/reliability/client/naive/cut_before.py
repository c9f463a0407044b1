"""Comes before the venue's daily cut: closes its socket after 23 hours, and opens the next."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from websockets.asyncio.client import connect

from tests.reliability.client.naive.rest import new_key

if TYPE_CHECKING:
    from tests.reliability.client.runners import Site


async def run(site: Site) -> None:
    url = f"{site.stream}/ws/{await new_key(site)}"
    while True:
        async with connect(url, proxy=None, close_timeout=1) as socket:
            with suppress(TimeoutError):
                async with asyncio.timeout(23 * 60 * site.minute_s):
                    while True:
                        site.book.frame(await socket.recv())
