"""Knows every kind of event of the document: a new one is logged, and ends its loop."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING

from websockets.asyncio.client import connect

from tests.reliability.client.naive.rest import new_key

if TYPE_CHECKING:
    from tests.reliability.client.runners import Site

KNOWN = {"executionReport", "outboundAccountInfo"}
"""Doc: user data stream, 2017."""


async def run(site: Site) -> None:
    url = f"{site.stream}/ws/{await new_key(site)}"
    try:
        async with connect(url, proxy=None, close_timeout=1) as socket:
            async for frame in socket:
                event = json.loads(frame)
                if event["e"] not in KNOWN:
                    raise ValueError(event["e"])
                site.book.frame(frame)
    except Exception:
        logging.getLogger("bot").exception("user stream")
    await asyncio.Event().wait()  # the rest of the bot goes on trading
