"""L3, L7: much for one account, published or replayed, and the others meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

from tests.cli.command import TOKEN
from tests.reliability.server.exchange import SPAN, Exchange
from tests.reliability.server.home import Home, names
from tests.reliability.server.pairs import p99
from tests.reliability.server.proof import NONE, differences

OTHERS = names(50)
RATE = 300
"""Events a second of the others."""


class Watch:
    """How late the others' events were, while a block ran."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._from: list[int] = []
        self.late_s: list[float] = []

    @contextlib.asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        followers, sent_s = self._home.followers, self._home.exchange.sent_s
        marks = [len(f.log) for f in followers]
        yield
        for follower, mark in zip(followers, marks, strict=True):
            arrived = zip(follower.log[mark:], follower.arrived_s[mark:], strict=False)
            self.late_s += [at_s - sent_s[number] for number, at_s in arrived]


class Burst:
    """Events of one account that another process publishes at once, in five requests."""

    def __init__(self, home: Home, total: int) -> None:
        exchange = Exchange(home.server.urls["admin"], TOKEN, ["burst"])
        self._url = home.server.urls["admin"]
        self._files = []
        for at in range(5):
            exchange.offer(total // 5, "burst")
            file = home.path / f"part{at}"
            file.write_bytes(b"".join(exchange.line(*p) + b"\n" for p in exchange.taken()))
            self._files.append(file)
        self.numbers = [SPAN + n for n in range(1, total + 1)]

    async def publish(self) -> None:
        """Returns when each is acknowledged."""
        for file in self._files:
            # Without "Expect:" curl would ask for leave, and wait for it.
            curl = f"curl -sf -H Expect: -H 'Authorization: Bearer {TOKEN}' {self._url}/_events"
            command = f"{curl} --data-binary @{file} -o {file}.out"
            process = await asyncio.create_subprocess_shell(command)
            assert await process.wait() == 0
        for file in self._files:
            answers = file.with_name(f"{file.name}.out").read_bytes()
            assert answers.count(b'"seq"') == len(self.numbers) // 5
            assert b"error" not in answers


async def test_l3_50000_events_of_one_account_at_once_keep_others_within_250_ms(
    tmp_path: Path,
) -> None:
    total = 50_000
    async with Home(tmp_path) as home:
        await home.open([*OTHERS, "burst"])
        home.exchange.accounts = OTHERS
        for name in OTHERS:
            home.follow(name)
        with await home.reading("burst") as reading:
            await reading.live()
            await home.all_live()
            watch, burst = Watch(home), Burst(home, total)
            async with home.exchange.load(RATE), watch.watching():
                await asyncio.sleep(0.5)
                began = time.monotonic()
                await burst.publish()
                took_s = time.monotonic() - began
                async with asyncio.timeout(40):
                    while reading.sizes()[0] < total:
                        await asyncio.sleep(0.05)
            print(took_s, time.monotonic()-began, p99(watch.late_s), max(watch.late_s))
            counts = differences({"burst": burst.numbers}, [("burst", reading.logs()[0])])
            assert counts == NONE, counts
        await home.proven()
    assert p99(watch.late_s) < 0.25, f"p99 of the others is {p99(watch.late_s):.3f} s"


async def test_l7_20_replays_of_100000_events_hold_live_events_up_less_than_twice(
    tmp_path: Path,
) -> None:
    total, clients = 50_000, 20
    async with Home(tmp_path) as home:
        await home.open([*OTHERS, "burst"])
        home.exchange.accounts = OTHERS
        for name in OTHERS:
            home.follow(name)
        burst = Burst(home, total)
        await burst.publish()
        await home.all_live()
        before, during = Watch(home), Watch(home)
        async with home.exchange.load(RATE):
            async with before.watching():
                await asyncio.sleep(5)
            with await home.reading("burst", count=clients) as reading:
                async with during.watching():
                    began = time.monotonic()
                    await reading.live(clients)
                    print(time.monotonic() - began)
                logs = reading.logs()
        print(p99(before.late_s), p99(during.late_s), max(during.late_s))
        counts = differences({"burst": burst.numbers}, [("burst", log) for log in logs])
        assert counts == NONE, counts
        await home.proven()
