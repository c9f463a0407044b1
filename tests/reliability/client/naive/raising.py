"""Its handler is called where frames are read: what it raises once ends the reading."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from websockets.asyncio.client import connect

from tests.reliability.client.naive.rest import new_key

if TYPE_CHECKING:
    from tests.reliability.client.runners import Site


async def run(site: Site) -> None:
    url = f"{site.stream}/ws/{await new_key(site)}"
    async with connect(url, proxy=None) as socket:

        async def read() -> None:
            async for frame in socket:
                site.book.frame(frame)

        reading = asyncio.create_task(read())
        await asyncio.wait([reading])
        await asyncio.Event().wait()  # nobody looks at what became of it
