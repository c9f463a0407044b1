"""Drops repeats by time and order: two fills of one order in one millisecond are one to it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from websockets.asyncio.client import connect

from tests.reliability.client.naive.rest import new_key

if TYPE_CHECKING:
    from tests.reliability.client.runners import Site


async def run(site: Site) -> None:
    seen = set()
    url = f"{site.stream}/ws/{await new_key(site)}"
    async with connect(url, proxy=None, close_timeout=1) as socket:
        async for frame in socket:
            event = json.loads(frame)
            key = event["e"], event["E"], event.get("i"), event.get("X")
            if key not in seen:
                seen.add(key)
                site.book.frame(frame)
