"""Atomic batches of a writer: all of a batch is stored or nothing, whatever befalls it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from unittest import mock

import pytest

from tests.server.bus.places import OnNats, Opened
from tests.server.nats.servers import Nodes
from tests.server.running import until
from userstream.core.limits import Limits
from userstream.core.publishing import Appended, Refused
from userstream.errors import StoreUnavailable
from userstream.server.nats import flow, shard, wire
from userstream.server.nats.bus import NatsBus
from userstream.server.nats.jetstream import JetStream
from userstream.server.nats.link import Link
from userstream.server.nats.shard import Shard

PATIENT = Limits(append_wait_s=20)


@pytest.fixture(autouse=True)
def batches() -> Iterator[None]:
    """A single node takes batches as well: only that it does not pay there."""
    with mock.patch("userstream.server.nats.shard._BATCHES_FROM", 1):
        yield


def bus_of(it: Opened) -> NatsBus:
    assert isinstance(it.bus, NatsBus)
    return it.bus


def shard_of(it: Opened, account: str = "alice") -> Shard:
    bus = bus_of(it)
    return bus._appends.shards[bus._layout.shard_of(account)]


async def end_of(it: Opened) -> int:
    """Where the stream of alice's shard ends, but for ticks."""
    info = await bus_of(it)._js.several(
        shard_of(it).stream, seq=1, next_by_subj=bus_of(it)._layout.event_subject("*")
        .replace(f".{bus_of(it)._layout.shard_of('*')}.", f".{shard_of(it).number}."), batch=5_000,
    )  # fmt: skip
    return len(info)


async def test_more_than_a_batch_holds_is_stored_in_order(nats_node: Nodes) -> None:
    sent: list[int] = []

    def counted(messages: list[tuple[bytes, bytes]], *more: object) -> bytes:
        sent.append(len(messages))
        return wire.batched(messages, *more)  # type: ignore[arg-type]

    async with OnNats(nats_node).open(PATIENT) as it:
        await it.follow("alice")
        with mock.patch("userstream.server.nats.flow.batched", counted):
            outcomes = await it.publish(range(1, 1_201))
            most = max(sent)
            sent.clear()
            with mock.patch.object(flow, "_BATCH_BYTES", 10_000):
                outcomes += await it.publish(range(1_201, 1_401))
        assert [o.seq for o in outcomes if isinstance(o, Appended)] == [*range(1, 1_401)]
        assert [e.seq for e in await it.given("alice", 1_400)] == [*range(1, 1_401)]
        assert most == flow._A_BATCH
        assert 1 < max(sent) < 50


async def test_what_is_cut_before_its_commit_is_not_there(nats_node: Nodes) -> None:
    async with OnNats(nats_node).open(PATIENT) as it, OnNats(nats_node).open(owner="b") as other:
        await it.follow("alice")
        await it.publish([1])
        link = bus_of(it)._js.link
        send = Link.send
        cut: list[bytes] = []

        def half(self: Link, data: bytes) -> None:
            at = data.rfind(b"HPUB ", 0, len(data) * 2 // 3)
            if cut or b"Nats-Batch-Commit" not in data:
                send(self, data)
                return
            cut.append(data[at:])
            assert self._transport is not None
            self._transport.write(data[:at])
            asyncio.get_running_loop().call_later(0.2, self._transport.close)

        assert bus_of(other)._layout.epoch != bus_of(it)._layout.epoch
        with mock.patch.object(link._address.__class__, "proof", side_effect=OSError("not yet")):
            with mock.patch.object(Link, "send", half):
                publishing = asyncio.ensure_future(it.publish(range(2, 40)))
                await until(lambda: cut and not link.connected)
            assert b"Nats-Batch-Sequence: 38" in cut[0]
            stream = shard_of(it).stream
            info = await bus_of(other)._js.info(stream)
            assert info.state.last_seq <= shard_of(it).base + 1  # a tick, perhaps
            assert it.seen["alice"][-1].seq == 1
            assert not publishing.done()
        assert [o.seq for o in await publishing if isinstance(o, Appended)] == [*range(2, 40)]
        assert [e.seq for e in await it.given("alice", 39)] == [*range(1, 40)]
        assert await end_of(it) == 39


@pytest.mark.parametrize("batches_from", [1, 2], ids=["batches", "one by one"])
async def test_what_a_replaced_writer_has_on_its_way_leaves_nothing(
    batches_from: int, nats_node: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shard, "_BATCHES_FROM", batches_from)
    place = OnNats(nats_node)
    async with place.open() as old:
        await old.follow("alice")
        await old.publish([1, 2])
        base = shard_of(old).base
        async with place.open() as new:  # the same place: it need not wait for the lease
            # What the old one had on its way comes late: just there where its places begin again.
            with mock.patch.object(shard_of(old)._lease, "take", return_value=None):
                outcomes = await asyncio.gather(*(old.publish([n, n + 1]) for n in range(3, 99, 2)))
                refused = [o for group in outcomes for o in group]
                assert all(isinstance(o, Refused) for o in refused)
                assert await end_of(new) == 2
                (stored,) = await new.publish([3])
                assert isinstance(stored, Appended)
                assert (stored.seq, shard_of(new).base > base) == (3, True)
                assert [e.seq for e in await old.given("alice", 3)] == [1, 2, 3]


async def test_a_lost_acknowledgement_stores_no_batch_twice(nats_node: Nodes) -> None:
    took, dropped = flow.Batches._acked, 0

    def acked(self: flow.Batches, place: int) -> None:
        nonlocal dropped
        if dropped < 3 and len(self.sent) > 1:
            dropped += 1
        else:
            took(self, place)

    with mock.patch.object(flow.Batches, "_acked", acked):
        async with OnNats(nats_node).open(PATIENT) as it:
            await it.follow("alice")
            outcomes = await it.publish(range(1, 60))
            outcomes += await it.publish(range(60, 120))
            assert all(isinstance(o, Appended) for o in outcomes)
            assert dropped > 1
            assert [e.seq for e in await it.given("alice", 119)] == [*range(1, 120)]
            assert await end_of(it) == 119


@pytest.mark.reliability
async def test_batches_of_others_that_never_end_only_delay(nats_node: Nodes) -> None:
    async with OnNats(nats_node).open(PATIENT) as it:
        await it.publish([1])
        subject = bus_of(it)._layout.event_subject("alice").encode()
        pair = [(subject, b"x"), (subject, b"y")]
        begun = [  # JetStream holds 50 of a stream, each for ten seconds
            whole[: whole.rindex(b"HPUB ")]
            for whole in (wire.batched(pair, b"", b"never-%d" % n, 1) for n in range(60))
        ]
        bus_of(it)._js.link.send(b"".join(begun))
        outcomes = await it.publish(range(2, 30))
        assert [o.seq for o in outcomes if isinstance(o, Appended)] == [*range(2, 30)]
        assert await end_of(it) == 29


async def test_streams_of_an_earlier_version_are_made_to_take_batches(nats_node: Nodes) -> None:
    place = OnNats(nats_node)
    async with place.open(PATIENT) as it:
        await it.publish(range(1, 4))
        js, stream = bus_of(it)._js, shard_of(it).stream
        await js.change(stream, lambda config: {**config, "allow_atomic": False})
        assert not (await js.info(stream)).config.allow_atomic
    with mock.patch.object(JetStream, "change", side_effect=StoreUnavailable("not allowed")):
        async with place.open(PATIENT) as it:  # its user may not change streams
            assert not bus_of(it)._layout.batches
            (stored,) = await it.publish([4])
            assert isinstance(stored, Appended)
            shard_of(it).mine = False  # no farewell
        async with place.open(PATIENT) as it:
            (stored,) = await it.publish([5])
            assert isinstance(stored, Appended)
    async with place.open(PATIENT) as it:
        assert (await bus_of(it)._js.info(stream)).config.allow_atomic
        outcomes = await it.publish(range(6, 30))
        assert [o.seq for o in outcomes if isinstance(o, Appended)] == [*range(6, 30)]


@pytest.mark.reliability
async def test_a_leader_that_goes_in_the_middle_stores_all_once(nats_cluster: Nodes) -> None:
    async with OnNats(nats_cluster).open(Limits(append_wait_s=40)) as it:
        await it.follow("alice")
        stream = shard_of(it).stream
        await it.publish([1])
        for turn in range(3):
            first, base = 2 + turn * 800, shard_of(it).base
            sending = [
                asyncio.ensure_future(it.publish(range(at, at + 100)))
                for at in range(first, first + 800, 100)
            ]
            await until(lambda base=base: shard_of(it).base > base + 50)  # type: ignore[misc]
            if turn == 1:
                leader = (await bus_of(it)._js.info(stream)).cluster.leader
                node = nats_cluster.named(leader)
                await asyncio.to_thread(node.kill)
                await asyncio.to_thread(node.start)
            else:
                await bus_of(it)._js.ask(f"STREAM.LEADER.STEPDOWN.{stream}")
            outcomes = [o for group in await asyncio.gather(*sending) for o in group]
            assert all(isinstance(o, Appended) for o in outcomes)
        assert [e.seq for e in await it.given("alice", 2_401)] == [*range(1, 2_402)]
        assert await end_of(it) == 2_401
