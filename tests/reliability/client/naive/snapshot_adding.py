"""Connects, asks for its trades, and adds what the stream brings: what is in both counts twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from websockets.asyncio.client import connect

from tests.reliability.client.naive.rest import call, new_key

if TYPE_CHECKING:
    from tests.reliability.client.runners import Site


async def run(site: Site) -> None:
    url = f"{site.stream}/ws/{await new_key(site)}"
    async with connect(url, proxy=None, close_timeout=1) as socket:
        await socket.recv()  # the first event: trading has begun
        for trade in await call(site, "GET", "/api/v3/myTrades", signed=True, symbol="BTCUSDT"):
            order_id = str(trade["orderId"])
            site.book.fill(order_id, ("BTCUSDT", order_id, str(trade["id"])), trade["qty"])
        async for frame in socket:
            site.book.frame(frame)
