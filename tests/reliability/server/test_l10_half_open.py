"""L10: peers that are gone without a word: packets vanish, or a proxy acknowledges for the dead.

With the venues' own pings and idle rules, so it takes as long as they say.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

from tests.client.gathering import Gathered, gathered
from tests.reliability.proxy import proxied
from tests.reliability.server.blackhole import blackhole
from tests.reliability.server.home import Home
from tests.reliability.server.proof import NONE, differences
from userstream import Gap, UserStream
from userstream.venues import names

DROPPED_S, NOTICED_S = 80, 30


async def ended(home: Home, count: int, within_s: float) -> None:
    """Waits until the server has ended so many streams."""
    name = "userstream_streams_ended_total"
    await home.until_metric(name, lambda there: there >= count, within_s)


async def test_l10_behind_a_proxy_that_acknowledges_both_sides_notice_and_nothing_is_lost(
    tmp_path: Path,
) -> None:
    async with Home(tmp_path) as home, AsyncExitStack() as exits:
        exchange = await home.open(["alice"])
        proxy = await exits.enter_async_context(proxied(home.server.urls["stream"]))
        seen: dict[str, Gathered] = {}
        for venue in names():
            stream = UserStream(
                venue, key="alicekey", rest_url=f"{home.server.urls['rest']}/{venue}",
                stream_url=f"{proxy.url()}/{venue}", extension=True,
            )  # fmt: skip
            await exits.enter_async_context(stream)
            seen[venue] = await exits.enter_async_context(gathered(stream))
            await stream.live(10)
        await exchange.publish(5)
        for one in seen.values():
            await one.until(lambda one=one: len(one.orders) == 5)  # type: ignore[misc]
        proxy.stall()
        began = time.monotonic()
        await exchange.publish(5)
        dropping = asyncio.create_task(ended(home, len(seen), DROPPED_S))
        for venue, one in seen.items():
            await one.until(lambda one=one: len(one.orders) == 10, NOTICED_S + 5)  # type: ignore[misc]
            noticed_s = time.monotonic() - began
            assert noticed_s <= NOTICED_S, f"{venue}: noticed after {noticed_s:.0f} s"
        await dropping
        ids = {venue: [int(e.order_id) for e in one.orders] for venue, one in seen.items()}
        for venue, one in seen.items():
            assert not one.of(Gap)
            assert differences(exchange.acked, [("alice", ids[venue])]) == NONE


async def test_l10_of_clients_whose_packets_vanish_the_server_hangs_up(tmp_path: Path) -> None:
    with blackhole() as hole:
        async with Home(tmp_path, "--stream", f"{hole.address}:0") as home:
            await home.open([*home.venues])
            with ExitStack() as exits:
                for venue in home.venues:
                    reading = await home.reading(venue, venue, inside=hole.inside)
                    await exits.enter_context(reading).live()
                hole.swallow()
                began = time.monotonic()
                await home.exchange.publish(30)
                await ended(home, len(home.venues), DROPPED_S)
                took_s = time.monotonic() - began
                await home.until_metric("userstream_sockets ", lambda left: left == 0, 10)
    assert took_s <= DROPPED_S
