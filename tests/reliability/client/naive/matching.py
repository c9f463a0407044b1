"""Knows its orders by the answers to them: an event that comes before its answer is not its own."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from websockets.asyncio.client import connect

from tests.reliability.client.naive.rest import call, new_key

if TYPE_CHECKING:
    from tests.reliability.client.runners import Site

ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
         "quantity": "0.01", "price": "50000"}  # fmt: skip


async def run(site: Site) -> None:
    url = f"{site.stream}/ws/{await new_key(site)}"
    mine: set[int] = set()

    async def place() -> None:
        for _ in range(5):
            mine.add((await call(site, "POST", "/api/v3/order", signed=True, **ORDER))["orderId"])

    async with connect(url, proxy=None) as socket:
        placing = asyncio.create_task(place())
        async for frame in socket:
            event = json.loads(frame)
            if event["e"] != "executionReport" or event["i"] in mine:
                site.book.frame(frame)
    await placing
