"""Knows every event and field of the document, and nothing else: one new one ends its loop."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from websockets.asyncio.client import connect

from tests.reliability.client.naive.rest import new_key

if TYPE_CHECKING:
    from tests.reliability.client.runners import Site

KNOWN = {"executionReport", "outboundAccountInfo", "outboundAccountPosition"}


async def read(site: Site, url: str) -> None:
    async with connect(url, proxy=None) as socket:
        async for frame in socket:
            event = json.loads(frame)
            if event["e"] not in KNOWN:
                raise ValueError(event["e"])
            site.book.frame(frame)


async def run(site: Site) -> None:
    url = f"{site.stream}/ws/{await new_key(site)}"
    await asyncio.wait([asyncio.create_task(read(site, url))])
    await asyncio.Event().wait()  # nobody looks at what became of it
