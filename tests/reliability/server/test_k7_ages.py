"""K7: 2,000 streams of all venues that were opened together reach their greatest age."""

from __future__ import annotations

import time
from collections.abc import Mapping

from tests.reliability.server.exchange import Exchange
from tests.reliability.server.follower import Follower, following
from tests.reliability.server.home import VENUES, names
from tests.reliability.server.lag import Lag
from tests.reliability.server.manykeys import make
from tests.reliability.server.proof import NONE, settled
from tests.server.running import TOKEN, Running, running, until
from userstream.core.limits import Limits

DAY_MS = 86_400_000
CLIENTS, ACCOUNTS = 2_000, 100
SPEED = 20
EARLY_MS = DAY_MS // 200
ROOM = Limits(connects_per_ip=1_000_000, sockets_per_ip=100_000, memory_events_per_account=100_000)


async def opened(server: Running, keys: Mapping[tuple[str, str], str]) -> list[Follower]:
    """Streams that are live, by account and then by venue."""
    followers: list[Follower] = []
    accounts = names(ACCOUNTS)
    for n in range(CLIENTS):
        account, venue = accounts[n % ACCOUNTS], VENUES[n // ACCOUNTS % len(VENUES)]
        key = keys[venue, account]
        followers.append(following(server, account, venue, key, heartbeat_s=60))
        if n % 50 == 49:
            await until(lambda: all(f.live for f in followers), 60)
    return followers


async def test_k7_2000_streams_are_cut_in_turn_before_a_day_is_over_and_lose_nothing() -> None:
    async with running(limits=ROOM, accounts=()) as server:
        clock = server.service.clock
        keys: dict[tuple[str, str], str] = {}
        for name in VENUES:
            made = await make(server, ACCOUNTS, clock.ms() + 2 * DAY_MS, 1, venue=name)
            keys |= {(name, record.account): key for key, record in made.items()}
        exchange = Exchange(server.service.urls["admin"], TOKEN, names(ACCOUNTS))
        opened_ms = clock.ms()
        followers = await opened(server, keys)
        all_opened_ms = clock.ms()
        sessions = [c.session for c in server.service.edge._connections]
        due_s = [session._ends_ms / 1_000 for session in sessions if session is not None]
        lag = Lag()
        async with exchange.load(50), lag.watched():
            began = time.monotonic()
            start_ms = opened_ms + DAY_MS - EARLY_MS - 2_000
            clock.change(advance_ms=start_ms - clock.ms(), speed=SPEED)
            assert not any(f.ends for f in followers)
            await until(lambda: all(f.ends for f in followers), within_s=90)
            clock.change(speed=1)
            await until(lambda: all(f.live for f in followers), 60)
        counts = await settled(exchange.acked, followers, 60)
        for follower in followers:
            await follower.stop()
        await exchange.close()
    assert counts == NONE, counts
    assert {(e.code, e.reason) for f in followers for e in f.ends} == {(1001, "max_age")}
    cut_s = sorted((f.ends[0].at_s - began) * SPEED for f in followers)
    late_s = SPEED * 5  # of real time, for a busy machine
    assert cut_s[0] >= 1
    assert cut_s[-1] <= (2_000 + EARLY_MS + all_opened_ms - opened_ms) / 1_000 + late_s
    assert most_in_a_second(due_s) <= CLIENTS * 0.05
    # What was due while this machine did something else comes at once when it goes on.
    held_up = CLIENTS / (EARLY_MS / 1_000) * SPEED * lag.longest_s
    most = most_in_a_second(cut_s)
    assert most <= CLIENTS * 0.05 + held_up, f"{most} of {CLIENTS} were cut within a second"


def most_in_a_second(times_s: list[float]) -> int:
    """The most of some times that lie in one second."""
    return max(sum(at <= other < at + 1 for other in times_s) for at in times_s)
