"""What goes wrong in a soak, one trouble at a time; after each, every bot is live again."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from tests.reliability.server.follower import Follower
from tests.reliability.server.home import Home
from tests.server.running import until

_CUT = 'userstream_streams_ended_total{reason="slow"'
BURST = 7_000
"""Events for a Binance bot that does not read: more than its bound holds, and the way to it. What
lies between a server and a bot may hold more; then come as many again."""


async def kill(home: Home) -> None:
    """R2: kill -9 of the server, of a cluster all processes at once, and a start."""
    home.kill()
    await home.start()


async def stop(home: Home) -> None:
    """R11: SIGTERM, and a start."""
    status = await home.stop()
    if status != 0:
        raise RuntimeError(f"SIGTERM ended the server with status {status}")
    await home.start()


async def herd(home: Home) -> None:
    """R13: every connection is cut at once."""
    await _drop(home, len(home.followers))


async def churn(home: Home) -> None:
    """L5: a tenth of the connections is cut, five times over."""
    for _ in range(5):
        await _drop(home, max(len(home.followers) // 10, 1))
        await asyncio.sleep(0.5)


async def stall(home: Home) -> None:
    """L2: a few bots stop reading until they are cut, and read again."""
    wordy = [f for f in home.followers if f.venue.name == "binance"]  # SpaceDEX says less
    stalled = random.sample(wordy, min(max(len(wordy) // 50, 1), 8))
    due = await home.metric(_CUT) + len(stalled)
    for follower in stalled:
        follower.pause()
        home.exchange.offer(BURST, follower.account)
    for wait in range(1, 301):  # a bot that does not read sees no end either
        await asyncio.sleep(0.1)
        if await home.metric(_CUT) >= due:
            break
        if wait % 50 == 0:
            for follower in stalled:
                home.exchange.offer(BURST, follower.account)
    else:
        raise TimeoutError("bots that do not read were not cut within 30 s")
    async with _each_ends(stalled):
        for follower in stalled:
            follower.go_on()


async def delete_keys(home: Home) -> None:
    """K3: a tenth of the listen keys is deleted, as another program of the trader would."""
    bereft = random.sample(home.followers, max(len(home.followers) // 10, 1))
    async with _each_ends(bereft):
        for follower in bereft:
            await home.delete_key(follower.venue.name, follower.account)


async def revoke(home: Home) -> None:
    """K9: a few API keys are revoked, which ends their streams at once, and given again."""
    bereft = random.sample(home.followers, max(len(home.followers) // 50, 1))
    async with _each_ends(bereft):
        for follower in bereft:
            follower.stay_away()
            await home.revoke(follower.account)
    for follower in bereft:
        await home.readmit(follower.account)
        follower.release()


async def burst(home: Home) -> None:
    """L3: one account has 50,000 events at once; its bot may fall behind and be cut."""
    lucky = random.choice(home.followers)
    home.exchange.offer(50_000, lucky.account)
    await _reaches(lucky.log, home.exchange.last(lucky.account))


async def replay(home: Home) -> None:
    """L7: five bots are away for 20,000 events each, and read them all from the log."""
    away = random.sample(home.followers, min(len(home.followers), 5))
    acked = home.exchange.acked
    for follower in away:
        follower.hold()
        for _ in range(20):  # the others' events go on between these
            home.exchange.offer(1_000, follower.account)
            await _reaches(acked[follower.account], home.exchange.last(follower.account))
    for follower in away:
        for number in acked[follower.account]:
            home.exchange.sent_s.pop(number, None)  # how long a bot was away is no latency
        follower.release()
    for follower in away:
        await _reaches(follower.log, home.exchange.last(follower.account))


Trouble = Callable[[Home], Awaitable[None]]
OF_BOTS: dict[str, Trouble] = {
    "herd": herd,
    "churn": churn,
    "stall": stall,
    "delete-keys": delete_keys,
    "revoke": revoke,
    "burst": burst,
    "replay": replay,
}
MENU: dict[str, Trouble] = {"kill": kill, "stop": stop, **OF_BOTS}


async def _reaches(log: Sequence[int], order_id: int) -> None:
    """Waits until an event is in a log, which is in order."""
    await until(lambda: log and log[-1] >= order_id, 120)


async def _drop(home: Home, count: int) -> None:
    dropped = [f for f in random.sample(home.followers, count) if f.live]
    async with _each_ends(dropped):
        for follower in dropped:
            follower.drop()


@contextlib.asynccontextmanager
async def _each_ends(followers: Sequence[Follower]) -> AsyncIterator[None]:
    """What is done in the block ends the streams of these."""
    ends = [len(f.ends) for f in followers]
    yield
    await until(lambda: all(len(f.ends) > n for f, n in zip(followers, ends, strict=True)), 30)
