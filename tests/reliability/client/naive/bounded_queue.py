"""Reads into a queue of 100 events, and drops what does not fit; its program is slow at times."""

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
    queue: asyncio.Queue[str | bytes] = asyncio.Queue(100)

    async def program() -> None:
        while True:
            site.book.frame(await queue.get())
            await asyncio.sleep(site.minute_s / 60_000)

    async with asyncio.TaskGroup() as tasks, connect(url, proxy=None, close_timeout=1) as socket:
        tasks.create_task(program())
        async for frame in socket:
            with suppress(asyncio.QueueFull):
                queue.put_nowait(frame)
