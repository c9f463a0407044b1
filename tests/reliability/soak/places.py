"""What a soak runs on: one server on a folder, or processes on a NATS of three nodes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

from tests.reliability.cluster.home import EDGES, FULL_SHARD_BYTES, RESTS, Cluster
from tests.reliability.server.home import Home
from tests.reliability.soak import nodes, troubles
from tests.server.nats.servers import Nodes, cluster, running

H = TypeVar("H", bound=Home)
SOCKETS = 100_000
RETENTION_S = 900
"""Of a cluster: a night's events would fill a disk, and retention has work to do."""
DRAIN_S = 2
PATIENCE_S = 5.0
"""Of publishers, with a process that stands still."""
SHARDS = 4


@dataclass(frozen=True)
class Place(Generic[H]):
    """How it is started on a folder, and what befalls it."""

    words: str
    started: Callable[[Path], AbstractAsyncContextManager[H]]
    menu: Mapping[str, Callable[[H], Awaitable[None]]]
    cut_off: Collection[str] = ()
    """Troubles in which a process may not reach where listen keys are stored."""


def members(path: Path, on: Nodes) -> Cluster:
    """Two edges and two REST processes, not started, one of each behind cables."""
    home = Cluster(
        path, on, shards=SHARDS, max_bytes=FULL_SHARD_BYTES, cabled=(EDGES[0], RESTS[0]),
        sockets=SOCKETS, retention_s=RETENTION_S, drain_s=DRAIN_S,
    )  # fmt: skip
    home.patience_s = PATIENCE_S
    return home


@asynccontextmanager
async def _started(path: Path) -> AsyncIterator[Cluster]:
    with ExitStack() as exits:
        own = running(cluster(path / "nats"))
        async with members(path, await asyncio.to_thread(exits.enter_context, own)) as home:
            yield home


SERVER = Place("One server on a folder", partial(Home, sockets=SOCKETS), troubles.MENU)
CLUSTER = Place(
    "Two edges and two REST processes on three nodes of NATS", _started, nodes.MENU, nodes.CUT_OFF
)
