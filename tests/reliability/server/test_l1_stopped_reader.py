"""L1: a reader that is stopped among 200 does not slow the others down, and resumes.

Pairs of runs under the same load, one after the other: in the first of a pair the reader reads, in
the second it is stopped. Whether that makes others slower is judged by the scatter of the pairs.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator
from pathlib import Path

from tests.reliability.server.home import VENUES, Home, names
from tests.reliability.server.pairs import compared, p99
from tests.reliability.server.proof import NONE, differences
from tests.reliability.server.sizes import SIZES
from tests.server.running import until
from userstream.server.tasks import ended

OTHERS = names(SIZES.l1_others)
RUN_S = 1.2
MIB = 1 << 20
_CUT = 'userstream_streams_ended_total{reason="slow",venue="binance"}'
RATE, BURST = 600, 5_000
"""Events a second of the others, and events of a run for the one: more than its bound holds."""


async def delays_p99(home: Home) -> float:
    """The others' 99th percentile from publishing to arrival, in a run with a burst for the one."""
    exchange, marks = home.exchange, [len(f.log) for f in home.followers]
    steps = 30
    began = time.monotonic()
    for step in range(steps):
        for name in random.sample(OTHERS, round(RATE * RUN_S / steps)):
            exchange.offer(1, name)
        await exchange.publish(BURST // steps, "sleeper")
        await asyncio.sleep(max(began + (step + 1) * RUN_S / steps - time.monotonic(), 0))
    acked = exchange.acked
    await until(lambda: all(len(f.log) == len(acked[f.account]) for f in home.followers), 60)
    return p99([
        at_s - exchange.sent_s[number]
        for follower, mark in zip(home.followers, marks, strict=True)
        for number, at_s in zip(follower.log[mark:], follower.arrived_s[mark:], strict=True)
    ])  # fmt: skip


class Depth:
    """The most bytes that waited for clients, nearly all of them for one who does not read."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self.most = 0.0

    @contextlib.asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Asks again and again."""
        watching = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            await ended(watching)

    async def _watch(self) -> None:
        while True:
            self.most = max(self.most, await self._home.metric("userstream_outbox_bytes"))
            await asyncio.sleep(0.02)


async def test_l1_199_others_are_no_slower_for_a_stopped_one_which_resumes(tmp_path: Path) -> None:
    async with Home(tmp_path) as home:
        exchange = await home.open([*OTHERS, "sleeper"])
        for at, name in enumerate(OTHERS):
            home.follow(name, VENUES[at % len(VENUES)])
        depth, stops = Depth(home), 0
        with await home.reading("sleeper") as sleeper:
            await sleeper.live()
            await home.all_live()

            async def awake() -> float:
                return await delays_p99(home)

            async def stopped() -> float:
                nonlocal stops
                stops += 1
                sleeper.stop()
                late_s = await delays_p99(home)
                cut = await home.metric(_CUT)
                sleeper.go_on()
                await sleeper.complete(len(exchange.acked["sleeper"]))
                assert cut == stops
                return late_s

            async with depth.watched():  # apart: to be asked takes time from the others too
                await stopped()
            risen = await compared(awake, stopped, sure_of=1.5, least=5, most=8)
            counts = differences(exchange.acked, [("sleeper", sleeper.logs()[0])])
            assert counts == NONE, counts
        await home.proven()
    # The frame that is too much is still counted, and so is what goes to the others just then.
    assert MIB / 4 < depth.most <= MIB + MIB / 16, f"{depth.most} bytes waited for the stopped one"
    assert risen.low <= 1 or risen.middle < 1.1, f"p99 of the others rose {risen}"
    assert risen.high < 2.5, f"the runs scatter too much to say anything: {risen}"
