"""Listen keys in numbers, put straight into a server."""

from __future__ import annotations

import random

from tests.server.running import Running
from userstream.core.limits import Limits
from userstream.core.listenkeys import KeyRecord
from userstream.server.keystore import KeyStore
from userstream.server.records import encode, listen_key_key

ROOM = Limits(connects_per_ip=1_000_000, sockets_per_ip=100_000)
ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"


async def make(
    server: Running,
    count: int,
    first_ms: int,
    spread_ms: int,
    account: str | None = None,
    venue: str = "binance",
) -> dict[str, KeyRecord]:
    """Stored listen keys, of one account or as many, which expire in turn from a time on."""
    keys = server.service.keys
    assert isinstance(keys, KeyStore)
    half = server.venues[venue].keys.length // 2
    made = {}
    for n in range(count):
        part = "".join(random.choices(ALPHABET, k=half))
        due_ms = first_ms + n * spread_ms // count
        record = KeyRecord(venue, part, account or f"a{n}", ("fingerprint",), due_ms)
        keys._table.put(record)
        made[keys.key_of((venue, part))] = record
    await keys._committer.write([(listen_key_key(r), encode(r)) for r in made.values()])
    keys._alarm.set(keys._table.deadline())
    return made
