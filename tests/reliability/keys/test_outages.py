"""R3, R4, R14, S-7: keys while NATS loses a node, a quorum, or everything."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.reliability.proxy import proxied
from tests.server.keystores.joined import HASTY, joined, node
from tests.server.keystores.nodes import Backend, Node, OnNats, refused, soon
from tests.server.nats.servers import Nodes, one_node, running
from userstream.core.closing import End
from userstream.core.listenkeys import Issued
from userstream.core.rest import Credentials, Identity
from userstream.errors import StoreUnavailable
from userstream.server.nats.jetstream import JetStream, patiently
from userstream.server.nats.register import Timing
from userstream.server.nats.shared import Shared
from userstream.venue import Refusal
from userstream.venues import names

SHARED = tuple(venue for venue in names() if venue != "mexc")
"""Venues where a POST gives the account's one key again, and renews it."""
UNKNOWN = Refusal.LISTEN_KEY_UNKNOWN


async def test_in_an_outage_renewals_are_granted_and_no_key_dies(tmp_path: Path) -> None:
    with running(one_node(tmp_path)) as nodes:
        async with joined(nodes, 2, life_ms=4_000) as shares:
            await _outage(nodes, shares, within_s=12)


async def test_without_a_quorum_renewals_are_granted_and_no_key_dies(nats_cluster: Nodes) -> None:
    async with joined(nats_cluster, 2, life_ms=6_000) as shares:
        await _outage(nats_cluster, shares, within_s=30)


async def _outage(nodes: Nodes, shares: list[Shared], within_s: float) -> None:
    a, b = (node(shared) for shared in shares)
    kept, left = await a.create("mexc"), await a.create("mexc")
    shown = [await a.create(venue) for venue in SHARED]
    identity = await a.identity("alicekey")
    await soon(lambda: len(b.keys) == 2 + len(SHARED), 2)
    stopped = nodes.nodes[len(nodes.nodes) // 2 :]
    for one in stopped:
        one.pause()
    try:
        await b.renewed(kept)
        for issued in shown:  # POST renews, too
            assert (await a.create(issued.record.venue)).key == issued.key
        await soon(lambda: shares[0].register.down and shares[1].register.down, 5)
        await _while_down(b, shares[1], kept, left)
        with pytest.raises(StoreUnavailable):
            await b.asked("mexc", identity)
        last_ms = max(issued.record.expires_ms for issued in (kept, left, *shown))
        await soon(lambda: b.clock.ms() > last_ms + 500, 10)
        renewed = await b.renewed(kept)
        for n in (a, b):
            for issued in (kept, left, *shown):
                assert n.keys.find(issued.record.venue, issued.key) is not None
    finally:
        for one in stopped:
            one.resume()
    await soon(lambda: a.told(left) and b.told(left), within_s)
    for n in (a, b):
        assert n.told(left) == [End.EXPIRED]
        if not n.told(kept):
            found = n.keys.find("mexc", kept.key)
            assert found is not None
            assert found.expires_ms >= renewed.record.expires_ms
    await soon(lambda: a.told(kept) and b.told(kept), within_s)
    for n in (a, b):
        assert n.ended_ms(kept) >= renewed.record.expires_ms


async def _while_down(b: Node, shared: Shared, kept: Issued, left: Issued) -> None:
    await soon(lambda: shared.register.still, 5)
    asked = time.monotonic()
    assert isinstance(await b.keys.renew("mexc", kept.key, "alice"), Issued)
    assert refused(await b.keys.renew("mexc", kept.key, "bob")) is UNKNOWN
    assert time.monotonic() - asked < 0.5
    assert set(await b.keys.owned_by("mexc", "alice")) == {kept.key, left.key}
    its = await b.identity("alicekey")
    listed = await shared.keys.shown("mexc", its, time.monotonic())
    assert isinstance(listed, list)
    assert set(listed) == {kept.key, left.key}
    with pytest.raises(StoreUnavailable):  # they would not end with an API key that is new to them
        await shared.keys.shown("mexc", Identity("alice", "reader"), time.monotonic())
    with pytest.raises(StoreUnavailable):
        await b.keys.delete("mexc", left.key, "alice")
    with pytest.raises(StoreUnavailable):
        await shared.keys.seek("mexc", b.keys.key_of(("mexc", "0" * 32)))
    with pytest.raises(StoreUnavailable):
        await shared.keys.take_place(kept.record, 0)
    with pytest.raises(StoreUnavailable):
        await b.accounts.add("alice", "another", None)
    assert await b.accounts.verify(Credentials("another")) is Refusal.UNAVAILABLE


@pytest.mark.parametrize("venue", SHARED)
async def test_who_is_cut_off_alone_renews_the_key_that_it_knows_until_it_is_back(
    nats_cluster: Nodes, venue: str
) -> None:
    """It cannot know that the key was deleted elsewhere. Nobody else takes that key, and what was
    granted is not stored; ADR 15 says why it answers."""
    prefix, secret = f"keys-{secrets.token_hex(6)}", secrets.token_bytes(32)
    async with contextlib.AsyncExitStack() as exits:
        cable = await exits.enter_async_context(proxied(nats_cluster.nodes[0].url))
        at = [OnNats(url, 3, HASTY) for url in (nats_cluster.url, cable.url("nats"))]
        joining = [await one.join(exits, prefix, secret) for one in at]
        a, b = (node(shared) for shared in joining)
        await a.accounts.add("alice", "alicekey", None)
        made = await a.create(venue)
        await joining[1].register.catch_up()
        cable.refuses = True
        cable.reset()
        await soon(lambda: joining[1].register.down, 5)
        assert isinstance(await a.keys.delete(venue, made.key, "alice"), Issued)
        fresh = await a.create(venue)
        assert fresh.key != made.key
        identity = await a.identity("alicekey")
        granted = await b.asked(venue, identity)
        assert isinstance(granted, Issued)
        assert granted.key == made.key
        assert await a.knows(venue, made.key) is None
        with pytest.raises(StoreUnavailable):
            await b.asked("mexc", identity)
        cable.refuses = False
        await soon(lambda: b.told(made) and not joining[1].register.down, 10)
        assert b.told(made) == a.told(made) == [End.DELETED]
        assert (await b.create(venue)).key == fresh.key
        assert [await n.knows(venue, made.key) for n in (a, b)] == [None, None]


async def lives(n: Node, granted: Mapping[str, int]) -> None:
    """Keys live for a node as long as was granted; nothing ended but what was deleted."""
    for venue in names():
        for key in await n.keys.owned_by(venue, "alice"):
            found = n.keys.find(venue, key)
            assert found is not None
            assert found.expires_ms >= granted.get(key, 0)
    assert sum(n.keys.find(v, k) is not None for v in names() for k in granted) == 3
    assert not [told for told in n.ends.values() if told[0][0] is not End.DELETED]


async def test_what_was_granted_outlives_the_leader_of_the_keys(nats_cluster: Nodes) -> None:
    async with joined(nats_cluster, 2, timing=Timing()) as shares:
        a, b = (node(shared) for shared in shares)
        bucket = shares[0].register._bucket
        granted: dict[str, int] = {}
        stop = False

        async def use(venue: str) -> None:
            while not stop:
                await asyncio.sleep(0.005)  # what is owed takes no time
                try:
                    made = await a.create(venue)
                    if venue == "mexc":
                        assert isinstance(await b.keys.delete(venue, made.key, "alice"), Issued)
                        continue
                    done = await b.keys.renew(venue, made.key, "alice")
                    assert isinstance(done, Issued)
                    granted[made.key] = max(granted.get(made.key, 0), done.record.expires_ms)
                except StoreUnavailable:
                    await asyncio.sleep(0.05)

        users = [asyncio.create_task(use(venue)) for venue in names()]
        for _ in range(2):
            await soon(lambda: len(granted) == 3 and not any(s.register.down for s in shares), 20)
            info = await JetStream(bucket._link).info(bucket._stream)
            leader = nats_cluster.named(info.cluster.leader)
            await asyncio.to_thread(leader.kill)
            await asyncio.sleep(1)
            await asyncio.to_thread(leader.start)
            granted.clear()
        await soon(lambda: len(granted) == 3 and not any(s.register.down for s in shares), 20)
        stop = True
        await asyncio.gather(*users)
        for n, shared in ((a, shares[0]), (b, shares[1])):
            await patiently(shared.register.catch_up)  # its watch may just be made anew
            await lives(n, granted)


async def test_two_thousand_keys_are_found_on_the_other_node_at_once(backend: Backend) -> None:
    async with backend.nodes(2, accounts=()) as (a, b):
        who = [f"u{n}" for n in range(50)]
        await asyncio.gather(*(a.accounts.add(name, f"{name}key", None) for name in who))

        async def pairs(name: str) -> None:
            for _ in range(10):
                for venue in names():
                    made = await a.create(venue, name)
                    assert await b.knows(venue, made.key) is not None
                    if venue != "mexc":
                        await b.keys.delete(venue, made.key, name)

        await asyncio.gather(*(pairs(name) for name in who))
