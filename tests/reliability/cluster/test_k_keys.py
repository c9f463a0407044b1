"""K2, K3, K5, K6, K9: listen keys of all processes, their ends, and clocks that disagree."""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from tests.reliability.cluster.changed import program
from tests.reliability.cluster.home import Cluster, Member
from tests.reliability.cluster.traders import Closed, Trader, calling, closed
from tests.reliability.server.home import names
from tests.server.nats.servers import Nodes

TOLD_S = 1.0
"""Until all processes have ended a key's streams."""
BUSY_S = 2.0
"""More than that on a machine with other work."""
LATE_TICK_S = 0.5
"""A key's life begins with the last tick before it is made: there are four a second."""
RACES, FULL_RACES = 200, 10_000
TOGETHER = 200


async def test_k3_k9_a_key_that_is_deleted_or_revoked_ends_five_streams_over_two_processes(
    tmp_path: Path, nats_cluster: Nodes
) -> None:
    async with Cluster(tmp_path, nats_cluster) as home, calling() as http:
        await home.open(["alice", "bob", "carol"])
        a, b = home.rest_processes
        loop = asyncio.get_running_loop()
        for venue in ("binance", "spacedex", "mexc"):
            alice, bob = (Trader(home, http, venue, name) for name in ("alice", "bob"))
            async with AsyncExitStack() as exits:
                key = await alice.make(a)
                sockets = await alice.five(exits, home.edges, key)
                other = await bob.five(exits, home.edges, await bob.make(b))
                began = loop.time()
                assert (await alice.call("DELETE", b, key)).status_code == 200
                ends = await asyncio.gather(*map(closed, sockets))
                assert {end.text for end in ends} == {"listen key deleted"}
                assert max(end.at_s for end in ends) - began <= TOLD_S + BUSY_S
                for socket in other:
                    await (await socket.ping())  # nobody else's
        carol = Trader(home, http, "mexc", "carol")
        async with AsyncExitStack() as exits:
            sockets = []
            for rest in (a, b):  # two keys, as MEXC gives each program its own
                sockets += await carol.five(exits, home.edges, await carol.make(rest))
            began = loop.time()
            response = await home.admin.delete("/_accounts/carol")
            assert response.json()["listen_keys_ended"] == 2
            ends = await asyncio.gather(*map(closed, sockets))
            assert {end.text for end in ends} == {"api key revoked"}
            assert max(end.at_s for end in ends) - began <= TOLD_S + BUSY_S
        assert (await carol.call("POST", b)).status_code != 200


async def test_caps_hold_over_all_processes_and_a_dead_one_frees_its_places(
    tmp_path: Path, nats_cluster: Nodes
) -> None:
    async with Cluster(tmp_path, nats_cluster) as home, calling() as http:
        await home.open(["alice"])
        a, b = home.rest_processes
        alice = Trader(home, http, "mexc", "alice")
        made = await asyncio.gather(
            *(alice.call("POST", rest) for rest in (a, b) for _ in range(35))
        )
        given = [r.json()["listenKey"] for r in made if r.status_code == 200]
        assert len(set(given)) == len(given) == 60
        shown = (await alice.call("GET", b)).json()["listenKey"]
        assert sorted(shown) == sorted(given)
        binance = Trader(home, http, "binance", "alice")
        same = await asyncio.gather(*(binance.make(rest) for rest in (a, b) for _ in range(5)))
        assert len(set(same)) == 1
        first, second = home.edges
        async with AsyncExitStack() as exits:
            await alice.five(exits, [first, second], given[0])
            for edge in home.edges:
                assert await refused(alice, edge, given[0])
            first.kill()  # with three of the five
            for _ in range(200):
                await asyncio.sleep(0.2)
                if not await refused(alice, second, given[0]):
                    break
            else:
                pytest.fail("the places of a dead process are not free again")


async def refused(trader: Trader, edge: Member, key: str) -> bool:
    """Whether a stream more is not let in."""
    try:
        async with trader.stream(edge, key):
            return False
    except InvalidStatus as e:
        if e.response.status_code >= 500:
            raise
        return True


async def races(path: Path, nodes: Nodes, count: int) -> None:
    """Renewals at either process about when keys expire."""
    home = Cluster(path, nodes)
    life_s = 4.0
    for member in home.members.values():
        member.program = program(f"life={life_s}")
    kept = lost = 0
    async with home, calling() as http:
        accounts = names(count)
        await home.open(accounts)
        loop = asyncio.get_running_loop()
        turns = asyncio.Semaphore(50)  # more exceed a venue's calls a minute from one address

        async def race(name: str) -> None:
            nonlocal kept, lost
            trader, rests = Trader(home, http, "spacedex", name), home.rest_processes
            async with turns:
                posted_s = loop.time()
                key = await trader.make(random.choice(rests))
                await asyncio.sleep(life_s - random.uniform(-0.1, 0.5))
                asked_s = loop.time()
                response = await trader.call("PUT", random.choice(rests), key)
                if response.status_code != 200:
                    assert loop.time() - posted_s >= life_s - LATE_TICK_S, "it was refused early"
                    lost += 1
                    return
                kept += 1
                edge = random.choice(home.edges)
                async with trader.stream(edge, key) as socket:
                    end = await closed(socket)
                assert end.text == "listen key expired", end
                assert end.at_s >= asked_s + life_s, "a renewal that was granted was cut short"

        await asyncio.gather(*map(race, accounts))
    assert kept
    assert lost


async def test_k2_a_renewal_that_was_granted_at_either_process_is_a_whole_life_more(
    tmp_path: Path, nats_cluster: Nodes
) -> None:
    await races(tmp_path, nats_cluster, RACES)


@pytest.mark.slow
@pytest.mark.timeout(7_200)
async def test_k2_full_size(tmp_path: Path, nats_cluster: Nodes) -> None:
    await races(tmp_path, nats_cluster, FULL_RACES)


async def skewed(path: Path, nodes: Nodes, count: int) -> None:
    """Keys that end together, of processes whose wall clocks are five minutes apart and more."""
    life_s, home = 20.0, Cluster(path, nodes)
    for member, skew in zip(home.members.values(), (300, -300, 0, 300), strict=True):
        member.program = program(f"life={life_s}", f"skew={skew}")
    async with home, calling() as http, AsyncExitStack() as exits:
        accounts = names(count)
        exchange = await home.open(accounts)
        loop, turns = asyncio.get_running_loop(), asyncio.Semaphore(40)
        ready, made = asyncio.Event(), asyncio.Semaphore(0)
        began, done = dict.fromkeys(accounts, 0.0), dict.fromkeys(accounts, 0.0)

        async def one(n: int, name: str) -> Closed:
            trader = Trader(home, http, "spacedex", name)
            async with turns:
                key = await trader.make(home.rest_processes[n % 2])
                stream = trader.stream(home.edges[n // 2 % 2], key)
                socket = await exits.enter_async_context(stream)
            made.release()
            await ready.wait()  # then all are renewed, to end together
            async with turns:
                began[name] = loop.time()
                response = await trader.call("PUT", home.rest_processes[(n + 1) % 2], key)
                assert response.status_code == 200, response.text
                done[name] = loop.time()
            return await closed(socket)

        tasks = [asyncio.create_task(one(n, name)) for n, name in enumerate(accounts)]
        await exchange.publish(2 * count)
        for _ in tasks:
            await made.acquire()
        ready.set()
        ends = await asyncio.gather(*tasks)
        await exchange.publish(2 * count)
        for name in accounts[:20]:
            assert await home.stored(name) == exchange.acked[name]  # seq has no holes either
        for name, end in zip(accounts, ends, strict=True):
            assert end.text == "listen key expired", end
            assert end.at_s >= began[name] + life_s, "it expired early"
            assert end.at_s <= done[name] + life_s + 1 + BUSY_S, "it expired late"


async def test_k5_k6_keys_end_together_on_the_second_whatever_the_clocks_of_processes_say(
    tmp_path: Path, nats_cluster: Nodes
) -> None:
    await skewed(tmp_path, nats_cluster, TOGETHER)
