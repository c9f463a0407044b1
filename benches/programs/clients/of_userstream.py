"""Client: UserStream, its async form; with a secret it keeps what to compare REST with."""

import asyncio
import sys

from tally import REST, STREAM, TIMED, VENUE, Tally

from userstream import OrderEvent, UserStream

ASKS = {"secret": "s", "symbols": ("BTCUSDT",)} if sys.argv[6:] == ["secret"] else {}


async def main() -> None:
    """Until the tally is through."""
    tally = Tally()
    async with UserStream(VENUE, key="k", rest_url=REST, stream_url=STREAM, **ASKS) as stream:
        if TIMED:
            async for event in stream:
                if isinstance(event, OrderEvent) and event.client_order_id:
                    tally.timed(int(event.client_order_id))
        async for event in stream:
            if isinstance(event, OrderEvent):
                tally.given()


asyncio.run(main())
