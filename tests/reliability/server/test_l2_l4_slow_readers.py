"""L2, L4: readers that are slow cost a bounded memory and nobody but themselves."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.reliability.server.home import VENUES, Home, names
from tests.server.running import until

CLIENTS, SLOW = 200, 20
CAP = (1 << 20) + 327_680
"""``outbox_bytes``, the default; and what one write hands to the transport, with its own buffer."""
MIB = 1 << 20


async def test_l2_20_slow_readers_of_200_cost_no_more_than_their_bounds(tmp_path: Path) -> None:
    async with Home(tmp_path) as home:
        exchange = await home.open(names(CLIENTS))
        for at, name in enumerate(exchange.accounts):  # the slow ones where most is said
            home.follow(name, "binance" if at < SLOW else VENUES[at % len(VENUES)])
        await home.all_live()

        async def flood(highest: int) -> int:
            """Publishes to some more than their bound holds; the most memory meanwhile."""
            for _ in range(10):
                for name in exchange.accounts[:SLOW]:
                    exchange.offer(500, name)
                await exchange.publish(0)
                highest = max(highest, home.resident_bytes())
            return highest

        for _ in range(2):  # until the log has the memory that it takes
            baseline = await flood(home.resident_bytes())
            await home.proven()
        slow = home.followers[:SLOW]
        for follower in slow:
            follower.pause()
        highest = await flood(0)
        # The others go on meanwhile.
        await exchange.publish(10 * CLIENTS)
        fast = home.followers[SLOW:]
        await until(lambda: all(len(f.log) == len(exchange.acked[f.account]) for f in fast), 60)
        highest = max(highest, home.resident_bytes())
        assert await home.metric('userstream_streams_ended_total{reason="slow"') == SLOW
        for follower in slow:
            follower.go_on()
        await home.proven()
    over = (highest - baseline) / MIB
    assert highest <= baseline + SLOW * CAP, f"{over:.1f} MiB above {baseline / MIB:.0f}"


async def test_l4_5_sockets_of_one_account_are_as_fast_as_each_is_and_complete(
    tmp_path: Path,
) -> None:
    total, paces = 30_000, (None, 20_000, 10_000, 5_000, 2_500)
    async with Home(tmp_path) as home:
        exchange = await home.open(["alice"])
        for pace in paces:
            home.follow("alice", pace=pace)
        await home.all_live()
        through: list[int] = []

        async def watch(at: int) -> None:
            await until(lambda: len(home.followers[at].log) >= total, within_s=90)
            through.append(at)

        watching = [asyncio.create_task(watch(at)) for at in range(len(paces))]
        for _ in range(total // 500):
            await exchange.publish(500)
        await until(lambda: through, within_s=5)  # the first waits for nobody
        await asyncio.wait_for(asyncio.gather(*watching), 100)
        await home.proven()
        assert await home.metric('userstream_streams_ended_total{reason="slow"') >= 1
    assert through == [0, 1, 2, 3, 4]
