"""Its handler is called where frames are read: what it raises once is logged, and ends that."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from websockets.asyncio.client import connect

from tests.reliability.client.naive.rest import new_key

if TYPE_CHECKING:
    from tests.reliability.client.runners import Site


async def run(site: Site) -> None:
    url = f"{site.stream}/ws/{await new_key(site)}"
    try:
        async with connect(url, proxy=None, close_timeout=1) as socket:
            async for frame in socket:
                site.book.frame(frame)
    except Exception:
        logging.getLogger("bot").exception("user stream")
    await asyncio.Event().wait()  # the rest of the bot goes on trading
