"""Knows its orders by the answers to them: what comes before an answer is not its own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from websockets.asyncio.client import connect

from tests.reliability.client.naive.rest import new_key

if TYPE_CHECKING:
    from tests.reliability.client.runners import Site


async def run(site: Site) -> None:
    url = f"{site.stream}/ws/{await new_key(site)}"
    async with connect(url, proxy=None, close_timeout=1) as socket:
        async for frame in socket:
            event = json.loads(frame)
            if event["e"] != "executionReport" or str(event["i"]) in site.answers:
                site.book.frame(frame)
