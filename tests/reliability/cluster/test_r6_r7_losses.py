"""R6, R7: what comes live is lost, history is purged too early, acknowledgements are lost."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from unittest import mock

import pytest

from tests.server.bus.places import OnNats, Opened, numbered
from tests.server.nats.servers import Nodes
from tests.server.running import until
from userstream.core.limits import Limits
from userstream.core.publishing import Appended, Refused
from userstream.server.nats.bus import NatsBus
from userstream.server.nats.flow import Batches

TIMES = 10


def _nats(it: Opened) -> NatsBus:
    assert isinstance(it.bus, NatsBus)
    return it.bus


def _unsubscribe(bus: NatsBus, account: str) -> None:
    """Behind the bus's back: the server sends no more of the account."""
    found = bus._follower.get(account)
    assert found is not None
    bus._js.link.send(b"UNSUB %d\r\n" % found.sid)


def _subscribe(bus: NatsBus, account: str) -> None:
    found = bus._follower.get(account)
    assert found is not None
    subject = bus._layout.live_subject(account).encode()
    bus._js.link.send(b"SUB %b %d\r\n" % (subject, found.sid))


async def test_r6_a_live_subscription_is_dropped_ten_times(nats_cluster: Nodes) -> None:
    async with OnNats(nats_cluster).open(Limits()) as it:
        bus, n = _nats(it), 0
        await it.follow("alice")
        for drop in range(TIMES):
            _unsubscribe(bus, "alice")
            await it.publish(range(n + 1, n + 21))
            n += 20
            if drop % 2:  # the hole shows with the next event; else only the tail tells
                _subscribe(bus, "alice")
                n += 1
                await it.publish([n])
            start = asyncio.get_running_loop().time()
            given = await it.given("alice", n)
            assert [e.seq for e in given] == [*range(1, n + 1)]
            assert asyncio.get_running_loop().time() - start < 8
            _unsubscribe(bus, "alice")
            _subscribe(bus, "alice")


async def test_r6_the_connection_is_cut_ten_times_under_load(nats_cluster: Nodes) -> None:
    place = OnNats(nats_cluster)
    async with (
        place.open(Limits()) as writer,
        place.open(Limits(), "another", writes=False) as reader,
    ):
        accounts = [f"a{n}" for n in range(20)]
        await reader.follow(*accounts)
        sent = 0

        async def load() -> None:
            nonlocal sent
            while True:
                sent += 1
                outcomes = await writer.send(*(numbered(sent, a) for a in accounts))
                assert all(isinstance(o, Appended) for o in outcomes), outcomes

        async def more() -> None:
            before = sent
            await until(lambda: sent > before + 20, 30)

        loading = asyncio.create_task(load())
        for cut in range(TIMES):
            await more()
            cut_off = (reader, writer)[cut % 2]
            transport = _nats(cut_off)._js.link._transport
            assert transport is not None
            transport.abort()
        await more()
        loading.cancel()
        await asyncio.gather(loading, return_exceptions=True)
        for account in accounts:
            given = await reader.given(account, sent - 1)
            assert [e.seq for e in given] == [*range(1, len(given) + 1)]


async def test_r6_history_is_purged_past_a_follower(nats_cluster: Nodes) -> None:
    async with OnNats(nats_cluster).open(Limits()) as it:
        bus = _nats(it)
        gaps: list[str] = []
        bus.on_gap(gaps.append)
        await it.follow("alice")
        await it.publish(range(1, 11))
        await it.given("alice", 10)
        shard = bus._appends.shards[bus._layout.shard_of("alice")]
        found = bus._follower.get("alice")
        assert found is not None
        _unsubscribe(bus, "alice")
        await it.publish(range(11, 31))
        with mock.patch.object(bus._follower, "_repair"):  # so slow is this follower
            await bus._js.purge(shard.stream, shard.base)
            _subscribe(bus, "alice")
        await it.publish([31])
        given = await it.given("alice", 31)
        assert gaps == ["alice"]
        assert [e.seq for e in given][:10] == [*range(1, 11)]
        assert given[-1].seq == 31
        assert await it.bus.oldest("alice") > 11


@pytest.mark.parametrize("change", [False, True], ids=["lost acks", "and another leader"])
async def test_r7_lost_acknowledgements_store_nothing_twice(
    change: bool, nats_cluster: Nodes
) -> None:
    lose = random.Random(7)
    took, lost = Batches._acked, 0

    def acked(self: Batches, place: int) -> None:
        nonlocal lost
        if lose.random() < 0.1:
            lost += 1
        else:
            took(self, place)

    place = OnNats(nats_cluster)
    with mock.patch.object(Batches, "_acked", acked):
        async with place.open(Limits(append_wait_s=20)) as it:
            bus = _nats(it)
            await it.follow("a0")
            sending = asyncio.gather(
                *(
                    it.send(*(numbered(n, f"a{a}") for n in range(start, start + 50)))
                    for start in range(1, 1_000, 50)
                    for a in range(10)
                )
            )
            if change:
                await until(lambda: bus._appends.shards[0].base > 50, 20)
                await bus._js.ask(f"STREAM.LEADER.STEPDOWN.{bus._layout.events(0)}")
            outcomes = [o for group in await sending for o in group]
            assert lost > 5
            counts = Counter(type(o) for o in outcomes)
            assert counts[Refused] == 0, [o for o in outcomes if isinstance(o, Refused)][:3]
            for account in (f"a{a}" for a in range(10)):
                stored = await it.bus.history(account, 1, 2_000)
                assert [s.seq for s in stored] == [*range(1, 1_001)]
                assert [s.record.line.n for s in stored] == [*range(1, 1_001)]
            assert [e.seq for e in await it.given("a0", 1_000)] == [*range(1, 1_001)]
