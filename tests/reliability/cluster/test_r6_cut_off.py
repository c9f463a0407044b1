"""R6: an edge's connections to NATS are cut, and history is purged while it is away."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.reliability.cluster.home import EDGES, Cluster
from tests.reliability.proxy import Proxy
from tests.reliability.server.follower import Follower
from tests.reliability.server.home import names
from tests.server.nats.servers import Nodes
from tests.server.running import until
from userstream.server.nats.address import NatsSettings, read_address
from userstream.server.nats.jetstream import JetStream
from userstream.server.nats.layout import read_tick
from userstream.server.nats.link import Link

CUTS = 10


@asynccontextmanager
async def cabled(path: Path, nodes: Nodes, bots: int) -> AsyncIterator[tuple[Cluster, list[Proxy]]]:
    """A cluster with live bots; the first edge reaches each node of NATS through one of these."""
    async with Cluster(path, nodes, cabled=EDGES[:1]) as home:
        await home.open(names(bots))
        home.follow_all()
        await home.all_live()
        yield home, home.cables


async def test_r6_an_edge_whose_connections_are_cut_ten_times_under_load(
    tmp_path: Path, nats_cluster: Nodes
) -> None:
    async with cabled(tmp_path, nats_cluster, 20) as (home, proxies):
        async with home.exchange.load(300):
            for _ in range(CUTS):
                await asyncio.sleep(random.uniform(0.2, 1))
                assert any(proxy.open for proxy in proxies)
                for proxy in proxies:
                    proxy.reset()
                await until(lambda: any(proxy.open for proxy in proxies), 20)
        await home.proven_and_stored()
        assert sum(proxy.connections for proxy in proxies) > CUTS
        assert [len(f.live_s) for f in home.followers] == [1] * 20  # nobody had to come back


async def test_r6_what_was_purged_past_an_edge_that_was_away_is_told(
    tmp_path: Path, nats_cluster: Nodes
) -> None:
    async with cabled(tmp_path, nats_cluster, 10) as (home, proxies):
        exchange = home.exchange
        await exchange.publish(100)
        await until(lambda: all(len(f.log) == 10 for f in home.followers), 20)
        for proxy in proxies:
            proxy.refuses = True
            proxy.reset()
        await exchange.publish(200)
        await asyncio.sleep(2)
        away = [f for f in home.followers if len(f.log) == 10]
        assert 0 < len(away) < 10, "some bots are at each edge"
        await purge(home)
        for proxy in proxies:
            proxy.refuses = False
        await exchange.publish(100)
        await until(lambda: all(told(f) for f in away), 60)
        await home.all_live()
        await exchange.publish(100)
        await until(lambda: all(f.log[-1] == exchange.acked[f.account][-1] for f in away), 30)
        for follower in home.followers:
            acked = exchange.acked[follower.account]
            if follower in away:  # what it has before and after is whole; what lacks was told
                after = len(follower.log) - 10
                assert follower.log == acked[:10] + acked[-after:]
                assert 10 <= after < 40
            else:
                assert (follower.log, follower.refusals) == (acked, [])


def told(follower: Follower) -> bool:
    """Whether its stream ended as too slow, and its cursor was refused as too old."""
    return "slow" in [end.reason for end in follower.ends] and follower.refusals == ["too_old"]


async def purge(home: Cluster) -> None:
    """Takes all events out of the streams, behind everybody's back.

    Not before all heads are written, as retention never does: of events behind the floor only
    their writer knows, and that may give its shard to another one. The last ticks stay.
    """
    link = Link(read_address(home.nodes.url, NatsSettings(prefix=home.prefix)))
    await link.open(10)
    try:
        js = JetStream(link)
        for shard in range(2):
            stream, subjects = f"{home.prefix}-events-{shard}", f"{home.prefix}.in.{shard}"
            last = await js.get(stream, last_by_subj=f"{subjects}.*")
            assert last is not None
            while True:
                tick = await js.get(stream, last_by_subj=f"{subjects}._.tick")
                assert tick is not None
                if read_tick(tick.data).floor >= last.place:
                    break
                await asyncio.sleep(0.2)
            await js.purge(stream, tick.place)
    finally:
        await link.close()
