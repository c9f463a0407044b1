"""What only nodes that share a NATS can suffer: outages, lost messages, clocks, other secrets."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from pathlib import Path
from unittest import mock

import pytest
from structlog.testing import capture_logs

from tests.server.keystores.joined import HASTY, joined, node
from tests.server.keystores.nodes import POLICIES, Node, OnNats, lasting, soon, told_by
from tests.server.nats.servers import Nodes, one_node, running
from userstream.core.listenkeys import Issued
from userstream.core.rest import Credentials, Identity
from userstream.core.signing import sign
from userstream.errors import InvalidSettings, StoreUnavailable
from userstream.server.clock import Clock
from userstream.server.committer import Committer
from userstream.server.folder import open_folder
from userstream.server.kept import kept_in
from userstream.server.nats import register as of_register
from userstream.server.nats.jetstream import JetStream
from userstream.server.nats.shared import Shared
from userstream.venue import Refusal
from userstream.venues import names


async def stored(shared: Shared) -> dict[str, bytes]:
    """What lies in the bucket, by key."""
    bucket = shared.register._bucket
    js = JetStream(bucket._link)
    info = await js.info(bucket._stream)
    found = {}
    for seq in range(info.state.first_seq, info.state.last_seq + 1):
        kept = await js.get(bucket._stream, seq=seq)
        if kept is not None:
            found[kept.subject.removeprefix(bucket._prefix)] = kept.data
    return found


async def test_nodes_with_different_secrets_do_not_start_together(nats_node: Nodes) -> None:
    on_nats, prefix = OnNats(nats_node.url, 1, HASTY), f"keys-{secrets.token_hex(6)}"
    async with contextlib.AsyncExitStack() as exits:
        await on_nats.join(exits, prefix, b"s" * 32)
        await on_nats.join(exits, prefix, b"s" * 32)
        with pytest.raises(InvalidSettings, match=r"secret differs .* fingerprint is [0-9a-f]{16}"):
            await on_nats.join(exits, prefix, b"t" * 32)


async def test_no_secret_lies_in_the_bucket(nats_node: Nodes) -> None:
    async with joined(nats_node, 1) as (shared,):
        made = [await node(shared).create(venue) for venue in POLICIES]
        await shared.keys.take_place(made[0].record, 5)
        found = await stored(shared)
        everything = b"\n".join([*found.values(), *(k.encode() for k in found)])
        for issued in made:
            assert issued.record.random.encode() in everything
            assert issued.key.encode() not in everything
            assert issued.key[len(issued.record.random) :].encode() not in everything
        for secret in (b"alicekey", b"alicesecret"):
            assert secret not in everything


async def test_a_node_whose_clock_is_minutes_off_takes_the_time_of_the_others(
    nats_node: Nodes,
) -> None:
    on_nats, prefix = OnNats(nats_node.url, 1, HASTY), f"keys-{secrets.token_hex(6)}"
    secret, policies = secrets.token_bytes(32), lasting(1_500)
    async with contextlib.AsyncExitStack() as exits:
        clocks = [Clock(), Clock(), Clock()]
        for clock, skew_s in zip(clocks, (0, 300, -300), strict=True):
            clock.follow(clock.ms() + skew_s * 1_000)
        shares = [await on_nats.join(exits, prefix, secret, policies, c) for c in clocks]
        times = [clock.ms() for clock in clocks]
        assert max(times) - min(times) < 200
        await shares[0].accounts.add("alice", "alicekey", None)
        began = time.monotonic()
        nodes = [node(shared) for shared in shares]
        made = [await n.create("mexc") for n in nodes]
        await soon(lambda: all(n.told(i) for n in nodes for i in made), 4)
        assert 1.5 <= time.monotonic() - began < 3.5
        for n in nodes:
            assert all(0 <= n.ended_ms(i) - i.record.expires_ms < 1_000 for i in made)


@pytest.mark.parametrize("every", [True, False])
async def test_a_revocation_of_which_only_the_first_half_was_stored_is_repeated(
    nats_node: Nodes, every: bool
) -> None:
    """The API key is gone, and its listen keys live on: whoever revokes is told so."""
    async with joined(nats_node, 2) as shares:
        a, b = (node(shared) for shared in shares)
        made = [await a.create(venue) for venue in ("binance", "mexc")]
        (given,) = made[0].record.api_keys
        which = None if every else given
        outage = StoreUnavailable("NATS has no quorum")
        with (
            mock.patch.object(shares[0].keys, "end", side_effect=outage),
            pytest.raises(StoreUnavailable),
        ):
            await a.accounts.revoke("alice", which)
        assert await b.accounts.verify(Credentials("alicekey")) is Refusal.API_KEY_REJECTED
        assert await b.accounts.revoke("alice", which) == ([given], 2)
        await soon(lambda: all(told_by(issued, a, b) for issued in made), 1)
        with pytest.raises(InvalidSettings, match="no API key"):
            await a.accounts.revoke("alice", which)


async def test_what_got_lost_on_the_way_is_read_again(nats_node: Nodes) -> None:
    async with joined(nats_node, 2) as shares:
        a, b = (node(shared) for shared in shares)
        made = [await a.create("mexc")]
        await soon(lambda: len(b.keys) == 1, 2)
        bucket = shares[1].register._bucket
        for harm in ("subscription", "message"):
            if harm == "subscription":
                assert bucket._sid is not None
                bucket._link.send(b"UNSUB %d\r\n" % bucket._sid)
            else:
                bucket._consumed -= 1
            gone = await a.keys.delete("mexc", made[-1].key, "alice")
            assert isinstance(gone, Issued)
            made.append(await a.create("mexc"))
            await soon(lambda: len(b.keys) == 1 and b.keys.find("mexc", made[-1].key), 4)
        assert sum(len(told) for told in b.ends.values()) == 2


@pytest.mark.parametrize("what", ["put", "seen", "watch"])
async def test_who_waits_for_a_tick_is_told_of_errors_that_nobody_expected(
    what: str, nats_node: Nodes
) -> None:
    async with joined(nats_node, 1) as (shared,):
        register, wrong = shared.register, RuntimeError("nobody expected that")
        late = mock.patch.object(register._bucket, "seen", side_effect=TimeoutError)
        failing = mock.patch.object(register._bucket, what, side_effect=wrong)
        with late if what == "watch" else contextlib.nullcontext(), failing, capture_logs():
            async with asyncio.timeout(5):
                with pytest.raises(StoreUnavailable, match="the copy's tick failed"):
                    await register.catch_up()
        async with asyncio.timeout(5):
            await register.retried(lambda sure: asyncio.sleep(0, sure or None))


async def test_a_renewal_behind_the_end_is_refused_and_buried(nats_node: Nodes) -> None:
    async with joined(nats_node, 2, 700) as shares:
        a, b = (node(shared) for shared in shares)
        made = await a.create("mexc")
        await soon(lambda: a.told(made) and b.told(made), 3)
        assert await shares[0].keys._extend(made.record) is None
        late = f"k.mexc.{made.record.random}"
        assert b'"end":"expired"' in (await stored(shares[0]))[late]
        await shares[1].register.catch_up()
        assert b.keys.find("mexc", made.key) is None
        assert len(a.told(made)) == len(b.told(made)) == 1


async def test_a_record_that_aged_out_in_nats_does_not_end_its_key(nats_node: Nodes) -> None:
    """The clock of a NATS server may step."""
    async with joined(nats_node, 2) as shares:
        a, b = (node(shared) for shared in shares)
        made = await a.create("mexc")
        bucket = shares[0].register._bucket
        body = {"filter": f"{bucket._prefix}k.mexc.{made.record.random}"}
        await JetStream(bucket._link).ask(f"STREAM.PURGE.{bucket._stream}", body)
        assert (await b.renewed(made)).key == made.key
        await shares[0].register.catch_up()
        found = a.keys.find("mexc", made.key)
        assert found is not None
        assert found.expires_ms >= made.record.expires_ms


async def test_a_key_has_five_sockets_on_all_nodes_and_the_dead_give_theirs_back(
    nats_node: Nodes,
) -> None:
    async with joined(nats_node, 3) as shares:
        made = await node(shares[0]).create("mexc")
        await shares[2].register.catch_up()
        record, place = made.record, ("mexc", made.record.random)
        taken = await asyncio.gather(*(s.keys.take_place(record, 5) for s in shares * 3))
        assert sum(taken) == 5
        holder = shares[taken.index(True) % 3]
        holder.keys.leave_place(place)
        deadline = time.monotonic() + 3
        while not await shares[0].keys.take_place(record, 5):
            assert time.monotonic() < deadline
        assert not await shares[1].keys.take_place(record, 5)
        dead = shares[2]
        count = dead.keys._places._sockets[place].get(dead.register.node, 0)
        dead.register._beating.cancel()  # type: ignore[union-attr]
        while sum([await shares[0].keys.take_place(record, 5) for _ in range(5)]) < count:
            assert time.monotonic() < deadline + 10
        again = await node(shares[1]).create("mexc")
        assert await shares[1].keys.take_place(again.record, 5)


async def test_a_node_that_stops_gives_its_places_back_at_once(nats_node: Nodes) -> None:
    on_nats, prefix = OnNats(nats_node.url, 1), f"keys-{secrets.token_hex(6)}"
    secret = secrets.token_bytes(32)
    async with contextlib.AsyncExitStack() as exits:
        a = await on_nats.join(exits, prefix, secret)
        await a.accounts.add("alice", "alicekey", None)
        made = await node(a).create("mexc")
        async with contextlib.AsyncExitStack() as until_it_stops:
            b = await on_nats.join(until_it_stops, prefix, secret)
            assert await b.keys.take_place(made.record, 1)
            assert not await a.keys.take_place(made.record, 1)
        assert await a.keys.take_place(made.record, 1)


async def test_a_nats_that_stores_nothing_is_an_error_at_the_start(tmp_path: Path) -> None:
    with running(one_node(tmp_path)) as nodes:
        async with joined(nodes, 1) as (a,):
            nodes.nodes[0].pause()
            its = a.register._bucket
            late = Shared(its._link, its._settings, b"s" * 32, POLICIES, Clock())
            with (
                mock.patch.object(of_register, "_ELECTED_S", 0),
                pytest.raises(StoreUnavailable, match="does not answer"),
            ):
                await late.__aenter__()
            nodes.nodes[0].resume()


async def test_keys_and_accounts_move_from_a_folder(nats_node: Nodes, tmp_path: Path) -> None:
    folder = open_folder(tmp_path / "data", synced=False)
    committer, clock = Committer(folder.store), Clock()
    with kept_in(folder, committer, POLICIES, clock) as kept:
        before = Node(*kept, clock)
        await before.accounts.add("alice", "alicekey", "alicesecret")
        made = [await before.create(venue) for venue in (*names(), "mexc")]
        await before.create("mexc")
    await committer.close()
    records, accounts = [*folder.listen_keys()], [*folder.accounts()]
    folder.close()
    prefix = f"keys-{secrets.token_hex(6)}"
    async with contextlib.AsyncExitStack() as exits:
        shared = await OnNats(nats_node.url, 1).join(exits, prefix, folder.secret)
        after = node(shared)
        for _ in range(2):  # one that was interrupted is repeated
            await shared.accounts.take(accounts)
            await shared.keys.take(records)
        for issued in made:
            assert after.keys.find(issued.record.venue, issued.key) == issued.record
            await after.renewed(issued)
        assert len(await after.keys.owned_by("mexc", "alice")) == 3
        assert (await after.create("binance")).key in {issued.key for issued in made}
        signed = Credentials("alicekey", b"m", sign("alicesecret", b"m"), signature_required=True)
        assert isinstance(await after.accounts.verify(signed), Identity)
        assert (await after.accounts.revoke("alice", None)).listen_keys == len(records)
