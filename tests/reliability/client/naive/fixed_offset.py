"""Measures the venue's clock once, at its start, and signs renewals by it for ever."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.reliability.client.naive.rest import call

if TYPE_CHECKING:
    from tests.reliability.client.runners import Site

KEYS = "/openapi/v1/userDataStream"


async def run(site: Site) -> None:
    there = (await call(site, "GET", "/openapi/v1/time"))["serverTime"]
    offset = there - int(time.time() * 1000)
    answer = await call(site, "POST", KEYS, signed=True, timestamp=there)
    key = answer["listenKey"]

    async def renew() -> None:
        while True:
            await asyncio.sleep(10 * site.minute_s)
            now = int(time.time() * 1000) + offset
            with suppress(OSError):
                await call(site, "PUT", KEYS, signed=True, timestamp=now, listenKey=key)

    url = f"{site.stream}/openapi/ws/{key}"
    async with asyncio.TaskGroup() as tasks, connect(url, proxy=None, close_timeout=1) as socket:
        tasks.create_task(renew())
        with suppress(ConnectionClosed):
            async for frame in socket:
                site.book.frame(frame)
