"""Renews every 30 minutes; when that fails it logs, and tries again in 30 minutes."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.reliability.client.naive.rest import call, new_key

if TYPE_CHECKING:
    from tests.reliability.client.runners import Site


async def renew(site: Site, key: str) -> None:
    while True:
        await asyncio.sleep(30 * site.minute_s)
        with suppress(OSError):
            await call(site, "PUT", "/api/v1/userDataStream", listenKey=key)


async def run(site: Site) -> None:
    key = await new_key(site)
    url = f"{site.stream}/ws/{key}"
    async with asyncio.TaskGroup() as tasks, connect(url, proxy=None, close_timeout=1) as socket:
        tasks.create_task(renew(site, key))
        with suppress(ConnectionClosed):
            async for frame in socket:
                site.book.frame(frame)
