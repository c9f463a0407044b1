"""R13: 500 streams and 40 ``UserStream``s are dropped at once, and all come back at once."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from tests.client.gathering import Gathered, gathered
from tests.reliability.server.exchange import Exchange
from tests.reliability.server.follower import Follower, following
from tests.reliability.server.home import VENUES
from tests.reliability.server.manykeys import ROOM
from tests.reliability.server.proof import NONE, differences, settled
from tests.reliability.server.sizes import SIZES
from tests.server.running import TOKEN, Running, running, until
from userstream import Gap, UserStream
from userstream.core.limits import Limits
from userstream.server.localbus import LocalBus

CLIENTS = SIZES.r13_clients
ACCOUNTS = CLIENTS // 25
STREAMS = 40
"""Of the client; each has a thread of its own."""
MISSED = 200
"""Events of each account while everybody was away; their pages fit into ``replay_cache_bytes``."""


PAGES = 2 * ACCOUNTS
LIMITS = msgspec.structs.replace(
    ROOM, replay_cache_bytes=Limits().replay_cache_bytes * ACCOUNTS // 20
)


async def whole(
    streams: Sequence[tuple[str, Gathered]], acked: Mapping[str, Sequence[int]]
) -> None:
    """Each ``UserStream`` was shown all events of its account, once, in order and without a gap."""
    for account, seen in streams:
        await seen.until(lambda a=account, s=seen: len(s.orders) >= len(acked[a]), 60)  # type: ignore[misc]
    logs = [(account, [int(e.order_id) for e in seen.orders]) for account, seen in streams]
    assert differences(acked, logs) == NONE
    assert not [gap for _, seen in streams for gap in seen.of(Gap)]


async def many(server: Running, names: Sequence[str]) -> AsyncIterator[Follower]:
    """Bots of these accounts; where 5 sockets a key are allowed, the rest are elsewhere."""
    keys = {
        (account, venue): await server.key(venue, f"{account}key")
        for account in names
        for venue in VENUES
    }
    for n in range(CLIENTS):
        account, venue = names[n % ACCOUNTS], VENUES[n // ACCOUNTS % 5 % len(VENUES)]
        yield following(server, account, venue, keys[account, venue])


def counted_reads(server: Running) -> list[str]:
    """The accounts of which a page was read, once for each, from now on."""
    log, reads = server.service.bus, list[str]()
    assert isinstance(log, LocalBus)
    load_page = log._pages.load

    def counted(account: str, number: int) -> Any:
        reads.append(account)
        return load_page(account, number)

    log._pages.load = counted  # type: ignore[method-assign]
    return reads


def drop_all(server: Running) -> None:
    """Every connection is gone, without a word."""
    for connection in tuple(server.service.edge._connections):
        assert connection._transport is not None
        connection._transport.abort()


async def test_r13_500_dropped_at_once_are_back_and_share_what_is_read(tmp_path: Path) -> None:
    names, bus = tuple(f"a{n}" for n in range(ACCOUNTS)), f"file:{tmp_path / 'data'}"
    async with (
        running(limits=LIMITS, accounts=names, bus=bus) as server,
        contextlib.AsyncExitStack() as exits,
    ):
        exchange = Exchange(server.service.urls["admin"], TOKEN, names)
        followers = [f async for f in many(server, names)]
        await until(lambda: all(f.live for f in followers), within_s=60)
        streams = await exits.enter_async_context(clients(server, names))
        reads = counted_reads(server)
        for follower in followers:  # away while much is published, and then back in one moment
            follower.hold()
        await until(lambda: server.service.edge.sockets == STREAMS, 60)
        for name in names:
            await exchange.publish(MISSED, name)
        before = sum(f.attempts for f in followers)
        shaken = handshakes(server)
        back_s = time.monotonic()
        drop_all(server)
        for follower in followers:
            follower.release()
        async with exchange.load(50):
            await until(lambda: all(f.live for f in followers), within_s=30)
        meanwhile = exchange.total - ACCOUNTS * MISSED
        waits_s = [f.live_s[-1] - back_s for f in followers]
        counts = await settled(exchange.acked, followers, 60)
        await whole(streams, exchange.acked)
        tries = sum(f.attempts for f in followers) - before
        theirs = handshakes(server) - shaken - tries
        for follower in followers:
            await follower.stop()
        await exchange.close()
    assert counts == NONE, counts
    assert max(waits_s) <= 30, f"the last one was live after {max(waits_s):.1f} s"
    assert tries <= 1.5 * CLIENTS
    assert STREAMS <= theirs <= 1.5 * STREAMS, f"{theirs} handshakes of {STREAMS} UserStreams"
    # Each page about once, and again when its account went on meanwhile; not for every stream.
    most = 2 * PAGES + meanwhile
    assert len(reads) <= most, f"{len(reads)} reads of {PAGES} pages, {meanwhile} new events"


@contextlib.asynccontextmanager
async def clients(
    server: Running, names: Sequence[str]
) -> AsyncIterator[list[tuple[str, Gathered]]]:
    """Streams of the client that are live, at accounts and venues in turn."""
    urls = server.service.urls
    async with contextlib.AsyncExitStack() as exits:
        found = []
        for n in range(STREAMS):
            account, venue = names[n % len(names)], VENUES[n % len(VENUES)]
            stream = UserStream(
                venue, key=f"{account}key", rest_url=f"{urls['rest']}/{venue}",
                stream_url=f"{urls['stream']}/{venue}", extension=True,
            )  # fmt: skip
            await exits.enter_async_context(stream)
            found.append((account, await exits.enter_async_context(gathered(stream))))
            await stream.live(20)
        yield found


def handshakes(server: Running) -> int:
    """So many there were, whatever came of them."""
    families = server.service.metrics.registry.collect()
    return sum(
        int(sample.value)
        for family in families
        if family.name == "userstream_handshakes"
        for sample in family.samples
        if sample.name.endswith("_total")
    )
