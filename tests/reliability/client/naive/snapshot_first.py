"""After a break it asks for its trades, and then connects: what happens between is nobody's."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from tests.reliability.client.naive.rest import call, new_key

if TYPE_CHECKING:
    from tests.reliability.client.runners import Site


async def run(site: Site) -> None:
    url = f"{site.stream}/ws/{await new_key(site)}"
    while True:
        with suppress(OSError, WebSocketException):
            for trade in await call(site, "GET", "/api/v3/myTrades", signed=True, symbol="BTCUSDT"):
                order_id, mark = (
                    str(trade["orderId"]),
                    ("BTCUSDT", str(trade["orderId"]), str(trade["id"])),
                )
                if mark not in [fill.mark for fill in site.book.fills.get(order_id, [])]:
                    site.book.fill(order_id, mark, trade["qty"])
            async with connect(url, proxy=None, close_timeout=1) as socket:
                async for frame in socket:
                    site.book.frame(frame)
