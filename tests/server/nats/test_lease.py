"""Leases in streams that tell nothing of who wrote them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import cast
from unittest import mock

from userstream.server.nats.jetstream import JetStream, Kept, StreamInfo, _State
from userstream.server.nats.lease import LEASE_S, Lease, Term


class Emptied:
    """JetStream, whose only stream has no message left."""

    def __init__(self, end: int) -> None:
        self.end = end
        self.sent = b""

    async def info(self, _: str) -> StreamInfo:
        return StreamInfo(state=_State(last_seq=self.end))

    async def get(self, _: str, **__: object) -> Kept | None:
        return None

    async def append(self, line: Callable[[str], bytes]) -> int:
        self.sent = line("answers")
        self.end += self.sent.count(b"HPUB ")
        return self.end


def lease_on(js: Emptied) -> Lease:
    return Lease(cast("JetStream", js), "s", "us.in.0._.tick", "a", 1_000)


async def test_a_stream_that_was_purged_is_taken_as_from_somebody_who_may_write_still() -> None:
    js, now = Emptied(5_000), 100.0
    lease = lease_on(js)
    with mock.patch("userstream.server.nats.lease.time.monotonic", side_effect=lambda: now):
        assert await lease.take(0) is None
        now += LEASE_S
        assert await lease.take(0) is None
        assert not js.sent
        now += 0.1
        term = await lease.take(0)
    # Above all terms of which other processes know: each began with a message at least.
    assert term == Term(5_001, 6_000, 0)
    assert js.sent.count(b"HPUB ") == 1_000
    assert re.findall(rb"Last-Sequence: (\d+)", js.sent) == [b"5000"]


async def test_a_new_stream_is_taken_at_once() -> None:
    js = Emptied(0)
    assert await lease_on(js).take(0) == Term(1, 1, 0)
