"""L1: a reader that is stopped among 200 does not slow the others down, and resumes.

Pairs of runs under the same load, one after the other: in the first of a pair the reader reads, in
the second it is stopped. Whether that makes others slower is judged by the scatter of the pairs.
"""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path

from tests.reliability.server.home import Home, names
from tests.reliability.server.pairs import p99, rise
from tests.reliability.server.proof import NONE, differences
from tests.server.running import until

OTHERS = names(199)
PAIRS, RUN_S = 10, 1.2
RATE, BURST = 600, 5_000
"""Events a second of the others, and events of a run for the one: more than its bound holds."""


async def delays_p99(home: Home) -> float:
    """The others' 99th percentile from publishing to arrival, in a run with a burst for the one."""
    exchange, marks = home.exchange, [len(f.log) for f in home.followers]
    steps = 60
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


async def test_l1_199_others_are_no_slower_for_a_stopped_one_which_resumes(tmp_path: Path) -> None:
    async with Home(tmp_path) as home:
        exchange = await home.open([*OTHERS, "sleeper"])
        for name in OTHERS:
            home.follow(name)
        with await home.reading("sleeper") as sleeper:
            await sleeper.live()
            await home.all_live()
            awake, stopped = [], []
            for _ in range(PAIRS):
                awake.append(await delays_p99(home))
                sleeper.stop()
                stopped.append(await delays_p99(home))
                sleeper.go_on()
                await sleeper.complete(len(exchange.acked["sleeper"]))
            counts = differences(exchange.acked, [("sleeper", sleeper.logs()[0])])
            assert counts == NONE, counts
        await home.proven()
        cut = await home.metric('userstream_streams_ended_total{reason="slow"')
    assert cut == PAIRS
    risen = rise(awake, stopped)
    assert risen.low <= 1 or risen.middle < 1.1, f"p99 of the others rose {risen}"
