"""R7: answers to a publisher are lost, and a leader changes: each event is stored once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.cli.command import TOKEN
from tests.reliability.cluster.balancer import Publishers
from tests.reliability.cluster.home import FULL_SHARD_BYTES, SHARD_BYTES, Cluster
from tests.reliability.proxy import Proxy, proxied
from tests.reliability.server.exchange import Exchange, open_accounts
from tests.reliability.server.home import names
from tests.server.nats.servers import Nodes
from tests.server.running import until
from userstream.client.publisher import Answer

EVENTS, FULL_EVENTS = 10_000, 1_000_000
LOST = 0.05


class Forgetful(Publishers):
    """Of its requests some lose their answers on the way; what was sent arrives."""

    def __init__(self, urls: list[str], proxies: list[Proxy]) -> None:
        super().__init__(urls)
        self._proxies = proxies
        self._chance = random.Random(7)
        self.lost = 0
        self.duplicates = 0

    async def send(self, lines: Sequence[bytes]) -> list[Answer]:
        """Sends lines, and loses the answers of some."""
        lose = self._chance.random() < LOST
        for proxy in self._proxies:
            proxy.down.swallows = lose
        sending = asyncio.create_task(super().send(lines))
        if lose:
            self.lost += 1
            await asyncio.sleep(0.3)
            for proxy in self._proxies:
                proxy.down.swallows = False
                proxy.reset()
        answers = await sending
        self.duplicates += sum(answer.duplicate for answer in answers)
        return answers


async def stored_once(path: Path, nodes: Nodes, events: int, max_bytes: int = SHARD_BYTES) -> None:
    """Publishes so many, in requests of 50."""
    async with Cluster(path, nodes, max_bytes=max_bytes) as home, AsyncExitStack() as exits:
        accounts = names(20)
        await open_accounts(home.admin, accounts)
        members = (*home.rest_processes, *home.edges)
        proxies = [await exits.enter_async_context(proxied(m.urls["admin"])) for m in members]
        publisher = Forgetful([proxy.url("http") for proxy in proxies], proxies)
        exchange = home.exchange = Exchange("", TOKEN, accounts, publisher)
        home.follow_all()
        await home.all_live()
        for sent in range(0, events, 50):
            await exchange.publish(50)
            if sent == events // 2:
                leader = home.leader()
                await asyncio.to_thread(leader.kill)
                exits.push_async_callback(asyncio.to_thread, leader.start)
        await until(lambda: exchange.total == events)
        await home.proven_and_stored()
        assert publisher.lost > events / 50 * LOST / 3
        assert publisher.duplicates > 50


async def test_r7_lost_answers_and_another_leader_store_nothing_twice(
    tmp_path: Path, nats_cluster: Nodes
) -> None:
    await stored_once(tmp_path, nats_cluster, EVENTS)


@pytest.mark.slow
@pytest.mark.timeout(7_200)
async def test_r7_full_size(tmp_path: Path, nats_cluster: Nodes) -> None:
    await stored_once(tmp_path, nats_cluster, FULL_EVENTS, FULL_SHARD_BYTES)
