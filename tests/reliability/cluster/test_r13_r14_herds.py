"""R13, R14: everybody comes back in one moment; keys are used elsewhere as soon as they exist."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.reliability.cluster.home import Cluster
from tests.reliability.cluster.traders import connected
from tests.reliability.server.home import PATHS, STREAMS, names
from tests.reliability.server.sizes import SCALED, for_cores
from tests.server.nats.servers import Nodes
from tests.server.running import JSON_VENUES, until
from userstream.server.nats.address import NatsSettings, read_address
from userstream.server.nats.link import Link
from userstream.server.nats.wire import Message

CLIENTS, FULL_CLIENTS, EACH_CORE, ACCOUNTS = 400, 10_000, 500, 20
OPENED_AT_ONCE = 200
MISSED = 200
READS = 12
"""Of which eleven are the search: it halves the places of a shard until a page is left."""
PAIRS, FULL_PAIRS = 2_000, 50_000
AT_ONCE = 16
LIVE_S = 30


@asynccontextmanager
async def history_reads(home: Cluster) -> AsyncIterator[Counter[str]]:
    """Counts requests for messages of the events' streams, of all processes."""
    link = Link(read_address(home.nodes.url, NatsSettings(prefix=home.prefix)))
    await link.open(10)
    counted: Counter[str] = Counter()

    def asked(message: Message) -> None:
        if b'"multi_last"' not in message.payload:  # a sweep's; it is not for whoever resumes
            counted["reads"] += 1

    for shard in range(2):
        link.subscribe(f"$JS.API.DIRECT.GET.{home.prefix}-events-{shard}.>", asked)
        link.subscribe(f"$JS.API.DIRECT.GET.{home.prefix}-events-{shard}", asked)
    try:
        yield counted
    finally:
        await link.close()


async def herd(path: Path, nodes: Nodes, clients: int) -> None:
    """So many bots of some accounts are away, and come back in one moment."""
    async with Cluster(path, nodes) as home:
        exchange = await home.open(names(ACCOUNTS))
        for name in exchange.accounts:
            for venue in JSON_VENUES:
                await home.url(venue, name)  # its listen key, which bots share
        for n in range(clients):
            home.follow(exchange.accounts[n % ACCOUNTS], JSON_VENUES[n % 3])
            if n % OPENED_AT_ONCE == OPENED_AT_ONCE - 1:
                await home.all_live()
        await home.all_live()
        for follower in home.followers:
            follower.hold()
        await until(lambda: not any(f.live for f in home.followers), 30)
        for name in exchange.accounts:
            await exchange.publish(MISSED, name)
        before = [f.attempts for f in home.followers]
        async with history_reads(home) as counted, exchange.load(50):
            began = time.monotonic()
            for follower in home.followers:
                follower.release()
            await home.all_live()
            waits_s = [f.live_s[-1] - began for f in home.followers]
            reads, meanwhile = counted["reads"], exchange.total - ACCOUNTS * MISSED
        tries = sum(f.attempts for f in home.followers) - sum(before)
        await home.proven_and_stored()
    assert max(waits_s) <= LIVE_S, f"the last one was live after {max(waits_s):.1f} s"
    assert tries <= 1.5 * clients
    # On each edge an account's place is searched and read once, and again as it goes on.
    most = 2 * ACCOUNTS * READS + meanwhile // 2
    assert 0 < reads <= most, f"{reads} reads for {clients} bots, {meanwhile} new events"


async def test_r13_bots_that_come_back_at_once_share_what_is_read(
    tmp_path: Path, nats_cluster: Nodes
) -> None:
    await herd(tmp_path, nats_cluster, CLIENTS)


@pytest.mark.slow
@pytest.mark.timeout(3_600)
async def test_r13_full_size(
    tmp_path: Path, nats_cluster: Nodes, record_property: Callable[[str, object], None]
) -> None:
    clients = for_cores(FULL_CLIENTS, EACH_CORE)
    record_property(SCALED, f"{clients:,} of {FULL_CLIENTS:,} bots")
    await herd(tmp_path, nats_cluster, clients)


async def pairs(path: Path, nodes: Nodes, count: int) -> None:
    """Listen keys are made on one process, and their streams opened on another, at once."""
    statuses: Counter[int] = Counter()
    async with Cluster(path, nodes) as home:
        accounts = names(AT_ONCE)
        await home.open(accounts)
        left = iter(range(count))

        async def work(at: int) -> None:
            # Each trader has an address of its own, so venues' limits by address let all in.
            way = httpx.AsyncHTTPTransport(local_address=f"127.0.1.{at + 1}")
            async with httpx.AsyncClient(transport=way, timeout=30) as http:
                for n in left:
                    statuses[await pair(home, http, accounts[at], n)] += 1

        await asyncio.gather(*map(work, range(AT_ONCE)))
    assert statuses == {101: count}


async def pair(home: Cluster, http: httpx.AsyncClient, account: str, n: int) -> int:
    """POST at one process, a stream at another one; the status of its handshake."""
    venue = ("binance", "spacedex")[n % 2]
    rest, edge = home.rest_processes[n // 2 % 2], home.edges[n // 4 % 2]
    header = {home.venues[venue].rest.auth.header: f"{account}key"}
    url = f"{rest.urls['rest']}/{venue}{PATHS[venue]}/userDataStream"
    response = await http.post(url, headers=header)
    assert response.status_code == 200, response.text
    key = response.json()["listenKey"]
    status = await connected(f"{edge.urls['stream']}/{venue}{STREAMS[venue]}{key}")
    response = await http.delete(url, params={"listenKey": key}, headers=header)
    assert response.status_code == 200, response.text
    return status


async def test_r14_a_key_made_on_one_process_is_known_to_another_at_once(
    tmp_path: Path, nats_cluster: Nodes
) -> None:
    await pairs(tmp_path, nats_cluster, PAIRS)


@pytest.mark.slow
@pytest.mark.timeout(7_200)
async def test_r14_full_size(tmp_path: Path, nats_cluster: Nodes) -> None:
    await pairs(tmp_path, nats_cluster, FULL_PAIRS)
