"""What the bus on a NATS is made of, in this process: accounts followed, and bare appends."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from tests.server.nats.servers import Nodes
from tests.venues.orders import order

from benches.ours import NATS_SHARD_BYTES, NATS_SHARDS
from benches.process import Failed
from benches.trial import Row
from userstream.client.publisher import line
from userstream.core.limits import Limits
from userstream.core.publishing import Appended
from userstream.errors import StoreError
from userstream.server.clock import Clock
from userstream.server.nats.address import NatsSettings, read_address
from userstream.server.nats.bus import NatsBus
from userstream.server.nats.jetstream import JetStream
from userstream.server.nats.link import Link
from userstream.server.nats.wire import Message, pub

_AT_ONCE = 500
_RAW_IN_FLIGHT = 8_000


@contextlib.contextmanager
def scratch(data: Path) -> Iterator[Path]:
    """A folder that goes at the end."""
    folder = Path(tempfile.mkdtemp(prefix="bench-data-", dir=data))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.asynccontextmanager
async def _bus(nats: Nodes, prefix: str, owner: str, *, writes: bool) -> AsyncIterator[NatsBus]:
    settings = NatsSettings(
        prefix=prefix,
        shards=NATS_SHARDS,
        replicas=nats.replicas,
        max_bytes=NATS_SHARD_BYTES,
    )
    address = read_address(nats.url, settings)
    entropy = secrets.token_bytes(32)
    bus = await NatsBus.open(address, settings, owner, Clock(), Limits(), entropy, writes=writes)
    try:
        yield bus
    finally:
        await bus.close()


async def follow(nats: Nodes, count: int) -> Row:
    """How long it takes until accounts, each with an event, are followed, all asked for at once."""
    names = [f"a{n:06d}" for n in range(count)]
    prefix = f"b{secrets.token_hex(4)}"
    async with (
        _bus(nats, prefix, "writer", writes=True) as writer,
        _bus(nats, prefix, "edge", writes=False) as edge,
    ):
        for at in range(0, count, _AT_ONCE):
            lines = [line(n, order(), source="bench", n=1) for n in names[at : at + _AT_ONCE]]
            ticket = writer.append(writer.submission(), lines)
            await ticket.committed()
            if not all(isinstance(o, Appended) for o in ticket.outcomes):
                raise Failed(f"not stored: {ticket.outcomes}")
        began, used, waits = time.monotonic(), time.process_time(), count
        done = asyncio.Event()

        def followed(error: StoreError | None) -> None:
            nonlocal waits
            if error is not None:
                raise Failed(f"an account cannot be followed: {error}")
            waits -= 1
            if not waits:
                done.set()

        for name in names:
            edge.follow(name, followed)
        async with asyncio.timeout(120):
            await done.wait()
        took, used = time.monotonic() - began, time.process_time() - used
        if any(edge.head(name) != 1 for name in names):
            raise Failed("an account's head is not its event")
    return {
        "accounts": count,
        "s_per_10k": round(took / count * 10_000, 2),
        "cpu_us": round(used / count * 1e6, 1),
    }


async def raw_acks(nats: Nodes, seconds: float) -> int:
    """Acknowledgements a second of one stream, of messages that are ready and only counted."""
    settings = NatsSettings(prefix="raw")
    link = Link(read_address(nats.url, settings))
    await link.open(10)
    stream = {
        "name": "raw", "subjects": ["raw.*"], "storage": "file", "discard": "new",
        "num_replicas": nats.replicas, "max_bytes": NATS_SHARD_BYTES * NATS_SHARDS,
    }  # fmt: skip
    acked = 0

    def count(message: Message) -> None:
        nonlocal acked
        acked += 1

    try:
        await JetStream(link).provide(stream)
        reply, _ = link.inbox(count)
        payload = line("a000000", order(), source="bench", n=1)
        chunk = b"".join(pub(f"raw.{n}", payload, reply) for n in range(_AT_ONCE))
        sent, began = 0, time.monotonic()
        while (took := time.monotonic() - began) < seconds or not acked:  # a slow disk
            if sent - acked < _RAW_IN_FLIGHT:
                link.send(chunk)
                sent += _AT_ONCE
            await asyncio.sleep(0)
        return round(acked / took)
    finally:
        await link.close()
