"""Operations on listen keys a second: create, find, renew, on each kind of store.

``python -m benches.keyops [--seconds 3]``: one node that operates and one that looks on, in one
process; NATS with ``sync_interval: always`` and with its default, one server and three.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.server.keystores.nodes import Backend, Embedded, Node, OnNats
from tests.server.nats.servers import cluster, one_node, running

from userstream.core.listenkeys import Issued

ACCOUNTS = 100
IN_FLIGHT = 200


async def rate(act: Callable[[int], Awaitable[object]], seconds: float, at_once: int) -> float:
    """How often that can be done a second, so many times at once."""
    began = time.perf_counter()
    done = 0

    async def worker(n: int) -> None:
        nonlocal done
        while time.perf_counter() < began + seconds:
            await act(n)
            n += at_once
            done += 1

    await asyncio.gather(*(worker(n) for n in range(at_once)))
    return done / (time.perf_counter() - began)


async def measure(backend: Backend, seconds: float) -> dict[str, float]:
    """How many operations a second, each alone and with many in flight."""
    names = tuple(f"u{n}" for n in range(ACCOUNTS))
    async with backend.nodes(2, accounts=()) as (a, b):
        await asyncio.gather(*(a.accounts.add(n, f"{n}key", None) for n in names))
        identities = [await a.identity(f"{n}key") for n in names]
        made: list[Issued] = []

        async def create(n: int) -> None:
            """A key where the account has room, or one deleted and another made."""
            done = await a.asked("mexc", identities[n % ACCOUNTS])
            if isinstance(done, Issued):
                made.append(done)
            else:
                old = made.pop(n % len(made))
                await a.keys.delete("mexc", old.key, old.record.account)

        async def renew(n: int) -> None:
            issued = made[n % len(made)]
            await a.keys.renew("mexc", issued.key, issued.record.account)

        async def elsewhere(n: int) -> None:
            await look(b, made[n % len(made)])

        alone = await rate(create, seconds / 3, 1)
        creates = await rate(create, seconds, IN_FLIGHT)
        renew_alone = await rate(renew, seconds / 3, 1)
        renews = await rate(renew, seconds, IN_FLIGHT)
        finds = await rate(elsewhere, seconds / 3, 1)
        pair = await rate(lambda n: across(a, b, identities[n % ACCOUNTS]), seconds / 3, 1)
    found = {
        "create_alone": alone, "create": creates, "renew_alone": renew_alone, "renew": renews,
        "find": finds, "across": pair,
    }  # fmt: skip
    return {name: round(value) for name, value in found.items()}


async def look(node: Node, issued: Issued) -> None:
    """Finds a key, as a handshake does."""
    assert await node.knows(issued.record.venue, issued.key) is not None


async def across(a: Node, b: Node, identity: object) -> None:
    """A key from one node, looked up on the other at once."""
    done = await a.asked("binance", identity)  # type: ignore[arg-type]
    assert isinstance(done, Issued)
    await look(b, done)


def main() -> None:
    """Measures all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as folder:
        _show("memory", Embedded(None), seconds)
        _show("folder", Embedded(Path(folder) / "data"), seconds)
        for nodes, sync in ((1, "always"), (1, "2m"), (3, "always"), (3, "2m")):
            place = Path(folder) / f"{nodes}-{sync}"
            started = one_node(place, sync=sync) if nodes == 1 else cluster(place, sync=sync)
            with running(started) as nats:
                name = f"NATS R{nodes}, sync_interval {sync}"
                _show(name, OnNats(nats.url, nodes), seconds)


def _show(name: str, backend: Backend, seconds: float) -> None:
    r = asyncio.run(measure(backend, seconds))
    print(
        f"{name:34} create {r['create_alone']:7,} alone {r['create']:8,}   "
        f"renew {r['renew_alone']:7,} alone {r['renew']:8,}   find {r['find']:9,}   "
        f"POST on A, find on B {r['across']:6,} pairs",
        flush=True,
    )


if __name__ == "__main__":
    main()
