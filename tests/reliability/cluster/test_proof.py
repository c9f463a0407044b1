"""The checker fails where a process of a cluster loses, repeats or swaps events."""

from __future__ import annotations

from pathlib import Path

from tests.reliability.cluster.changed import program
from tests.reliability.cluster.home import Cluster
from tests.reliability.server.home import names
from tests.reliability.server.proof import NONE, Counts, settled
from tests.server.nats.servers import Nodes


async def test_what_one_process_loses_repeats_and_swaps_is_seen(
    tmp_path: Path, nats_cluster: Nodes
) -> None:
    home = Cluster(tmp_path, nats_cluster)
    home.edges[0].program = program("faulty")
    async with home:
        exchange = await home.open(names(6))
        home.follow_all()
        await home.all_live()
        for _ in range(6):
            await exchange.publish(6 * 10)
        counts = await settled(exchange.acked, home.followers, 5)
        assert counts == Counts(missing=1, duplicated=1, reordered=1, foreign=0)
        assert counts != NONE
        for name in exchange.accounts:  # the log itself has them all
            assert await home.stored(name) == exchange.acked[name]
