"""R13: 500 streams are dropped within 100 ms, and all come back at once."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from tests.reliability.server.exchange import Exchange
from tests.reliability.server.follower import Follower
from tests.reliability.server.manykeys import ROOM
from tests.reliability.server.proof import NONE, settled
from tests.server.running import JSON_VENUES, TOKEN, running, until
from userstream.server.localbus import LocalBus

CLIENTS, ACCOUNTS = 500, 20
MISSED = 200
"""Events of each account while everybody was away; their pages fit into ``replay_cache_bytes``."""


async def test_r13_500_that_are_dropped_at_once_are_back_and_share_what_is_read(
    tmp_path: Path,
) -> None:
    names = tuple(f"a{n}" for n in range(ACCOUNTS))
    bus = f"file:{tmp_path / 'data'}"
    async with running(limits=ROOM, accounts=names, bus=bus) as server:
        exchange = Exchange(server.service.urls["admin"], TOKEN, names)
        urls = {
            (account, venue): server.url(venue, await server.key(venue, f"{account}key"))
            for account in names
            for venue in JSON_VENUES
        }
        followers = []
        for n in range(CLIENTS):
            account, venue = names[n % ACCOUNTS], JSON_VENUES[n % 3]

            async def dial(url: str = urls[account, venue]) -> str:
                return url

            epoch = server.epoch(account)
            followers.append(Follower(account, server.venues[venue], epoch, dial).start())
        await until(lambda: all(f.live for f in followers), within_s=30)
        reads = 0
        log = server.service.bus
        assert isinstance(log, LocalBus)
        load_page = log._pages.load

        def counted(account: str, number: int) -> Any:
            nonlocal reads
            reads += 1
            return load_page(account, number)

        log._pages.load = counted  # type: ignore[method-assign]
        for follower in followers:  # away while much is published, and then back in one moment
            follower.hold()
        await until(lambda: server.service.edge.sockets == 0, 60)
        for name in names:
            await exchange.publish(MISSED, name)
        before = [f.attempts for f in followers]
        back_s = time.monotonic()
        for follower in followers:
            follower.release()
        async with exchange.load(50):
            await until(lambda: all(f.live for f in followers), within_s=30)
        meanwhile = exchange.total - ACCOUNTS * MISSED
        waits_s = [f.live_s[-1] - back_s for f in followers]
        tries = sum(f.attempts for f in followers) - sum(before)
        counts = await settled(exchange.acked, followers, 60)
        for follower in followers:
            await follower.stop()
        await exchange.close()
    assert counts == NONE, counts
    assert max(waits_s) <= 30, f"the last one was live after {max(waits_s):.1f} s"
    assert tries <= 1.5 * CLIENTS
    # Each page about once, and again when its account went on meanwhile; not for every stream.
    pages = 2 * ACCOUNTS
    assert reads <= 2 * pages + meanwhile, f"{reads} reads of {pages} pages, {meanwhile} new events"
