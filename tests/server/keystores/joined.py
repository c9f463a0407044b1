"""Nodes on a NATS that comes to harm: they are in more of a hurry than real ones."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import AsyncIterator

from tests.server.keystores.nodes import Node, OnNats, lasting
from tests.server.nats.servers import Nodes
from userstream.server.nats.register import Timing
from userstream.server.nats.shared import Shared

HASTY = Timing(tick_s=0.1, answer_s=1.0, settle_s=2.5, lease_s=1.5)


@contextlib.asynccontextmanager
async def joined(
    nodes: Nodes, count: int, life_ms: int = 3_600_000, timing: Timing = HASTY
) -> AsyncIterator[list[Shared]]:
    """So many nodes, and an account."""
    on_nats = OnNats(nodes.url, nodes.replicas, timing)
    secret, prefix = secrets.token_bytes(32), f"keys-{secrets.token_hex(6)}"
    async with contextlib.AsyncExitStack() as exits:
        shares = [await on_nats.join(exits, prefix, secret, lasting(life_ms)) for _ in range(count)]
        await shares[0].accounts.add("alice", "alicekey", "alicesecret")
        yield shares


def node(shared: Shared) -> Node:
    """What a server would see."""
    return Node(shared.keys, shared.accounts, shared.register.clock)
