"""What goes wrong in a cluster besides: processes and nodes of NATS die, stand still, restart."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from tests.reliability.cluster.home import WRITES, Cluster, Member
from tests.reliability.soak import troubles
from tests.server.nats.servers import Node
from tests.server.running import until

AWAY_S = 4.0
"""How long at least something is away."""
CUTS = 5


async def kill_edge(home: Cluster) -> None:
    """R1: kill -9 of an edge; its bots go on at the other one, and it comes back."""
    await _killed(home, random.choice(home.edges))


async def kill_rest(home: Cluster) -> None:
    """R1: kill -9 of a REST process, and a start."""
    await _killed(home, random.choice(home.rest_processes))


async def kill_writer(home: Cluster) -> None:
    """R1: kill -9 of the process that writes a shard; another one writes, and it comes back."""
    await _killed(home, (await _writer(home))[0])


async def pause_edge(home: Cluster) -> None:
    """SIGSTOP of an edge: its streams stay open, and get all the same later."""
    async with _still(random.choice(home.edges)):
        await _all_acknowledged(home)
        await asyncio.sleep(AWAY_S)


async def pause_writer(home: Cluster) -> None:
    """SIGSTOP of the process that writes a shard, until others write; then it is one too many."""
    writer, shards = await _writer(home)
    async with _still(writer):
        await _all_acknowledged(home)
        for shard in shards:
            if await asyncio.to_thread(home.writer, shard) is writer:
                raise RuntimeError(f"{writer.name} writes shard {shard} while it stands still")


async def kill_node(home: Cluster) -> None:
    """R3: kill -9 of the node of NATS that leads a shard's stream, and a start."""
    node = await _leader(home)
    await asyncio.to_thread(node.kill)
    await _all_acknowledged(home)
    await asyncio.to_thread(node.start)


async def pause_node(home: Cluster) -> None:
    """R3: SIGSTOP of the node of NATS that leads a shard's stream, until another one leads."""
    node = await _leader(home)
    node.pause()
    try:
        await _all_acknowledged(home)
    finally:
        node.resume()


async def no_quorum(home: Cluster) -> None:
    """R4: two of the three nodes are away; nothing can be stored, and streams stay."""
    await _nodes_away(home, random.sample(home.nodes.nodes, 2))


async def no_nats(home: Cluster) -> None:
    """L8: kill -9 of all nodes of NATS at once, and a start."""
    await _nodes_away(home, home.nodes.nodes)


async def cut_nats(home: Cluster) -> None:
    """R6: connections of an edge and a REST process to NATS are reset, five times over."""
    for _ in range(CUTS):
        await until(lambda: any(cable.open for cable in home.cables), 20)
        for cable in home.cables:
            cable.reset()
        await asyncio.sleep(random.uniform(0.2, 1))
    await _all_acknowledged(home)


async def roll(home: Cluster) -> None:
    """R11, R12: each process in turn is drained by SIGTERM, and started."""
    for member in home.members.values():
        status = await member.stop()
        if status != 0:
            raise RuntimeError(f"SIGTERM ended {member.name} with status {status}")
        await home.launch(member)
        await home.all_live()


async def roll_nodes(home: Cluster) -> None:
    """Each node of NATS in turn is ended by SIGTERM, and started; the next once it is well."""
    for node in home.nodes.nodes:
        await asyncio.to_thread(node.stop)
        await asyncio.to_thread(node.start)
    await _all_acknowledged(home)


MENU: dict[str, Callable[[Cluster], Awaitable[None]]] = {
    "kill-edge": kill_edge,
    "kill-rest": kill_rest,
    "kill-writer": kill_writer,
    "kill-node": kill_node,
    "pause-edge": pause_edge,
    "pause-writer": pause_writer,
    "pause-node": pause_node,
    "no-quorum": no_quorum,
    "no-nats": no_nats,
    "cut-nats": cut_nats,
    "roll": roll,
    "roll-nodes": roll_nodes,
    "kill": troubles.kill,
    **troubles.OF_BOTS,
}
CUT_OFF = (
    "kill-node", "pause-node", "no-quorum", "no-nats", "cut-nats", "roll-nodes", "pause-writer",
)  # fmt: skip
"""In these a process does not hear for a while what others store."""


async def _killed(home: Cluster, member: Member) -> None:
    """Kills it, and starts it again once the others do its work."""
    member.kill()
    await _all_acknowledged(home)
    await home.all_live()
    await home.start()


@contextlib.asynccontextmanager
async def _still(member: Member) -> AsyncIterator[None]:
    member.pause()
    try:
        yield
    finally:
        member.resume()


async def _nodes_away(home: Cluster, away: Sequence[Node]) -> None:
    for node in away:
        await asyncio.to_thread(node.kill)
    try:
        await asyncio.sleep(AWAY_S)
    finally:
        await asyncio.to_thread(home.nodes.start)
    await _all_acknowledged(home)


async def _writer(home: Cluster) -> tuple[Member, list[int]]:
    """The process that writes some shard, and all the shards that it writes."""

    def writers() -> dict[int, Member]:
        shards = {int(line["shard"]) for m in home.rest_processes for line in m.said(WRITES)}
        return {shard: home.writer(shard) for shard in sorted(shards)}

    found = await asyncio.to_thread(writers)
    one = random.choice([*found.values()])
    return one, [shard for shard, member in found.items() if member is one]


async def _leader(home: Cluster) -> Node:
    return await asyncio.to_thread(home.leader, random.randrange(home.shards))


async def _all_acknowledged(home: Cluster, within_s: float = 60) -> None:
    """An event of every account that begins now is acknowledged: the cluster goes on."""
    exchange = home.exchange
    waiting = list(exchange.accounts)
    for account in waiting:
        exchange.offer(1, account)
    due = {account: exchange.last(account) for account in waiting}

    def done() -> bool:
        while waiting and due[waiting[-1]] <= max(exchange.acked[waiting[-1]][-1:], default=0):
            waiting.pop()
        return not waiting

    await until(done, within_s)
