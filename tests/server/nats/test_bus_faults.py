"""What befalls the bus on a NATS: other writers, losses on the way, ends without a goodbye."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from unittest import mock

from tests.server.bus.places import LIMITS, OnNats, Opened, numbered
from tests.server.nats.servers import Nodes
from tests.server.running import until
from tests.venues.orders import SNAPSHOT, UPDATE
from userstream.core.limits import Limits
from userstream.core.publishing import Acknowledged, Appended, Duplicate, Refused
from userstream.server.nats import flow
from userstream.server.nats.bus import NatsBus
from userstream.server.nats.flow import Flow
from userstream.server.nats.jetstream import JetStream, Kept, Which
from userstream.server.nats.link import Link
from userstream.server.nats.shard import Shard


def nats_of(it: Opened) -> NatsBus:
    assert isinstance(it.bus, NatsBus)
    return it.bus


def shard_of(it: Opened, account: str = "alice") -> Shard:
    bus = nats_of(it)
    return bus._appends.shards[bus._layout.shard_of(account)]


def told(it: Opened, account: str, line: bytes) -> None:
    """A line to the server about an account's subscription, behind the bus's back."""
    found = nats_of(it)._follower.get(account)
    assert found is not None
    subject = nats_of(it)._layout.live_subject(account).encode()
    nats_of(it)._js.link.send(line.replace(b"SUBJECT", subject) + b" %d\r\n" % found.sid)


@contextlib.asynccontextmanager
async def left(place: OnNats, owner: str = "me") -> AsyncIterator[Opened]:
    """A bus whose process is gone at the end, without a goodbye."""
    bus = await place.bus(LIMITS, owner)
    yield Opened(bus, bus._appends._clock)
    await bus._retention.stop()
    await bus._js.link.close()
    for shard in bus._appends.shards:
        shard.mine = False
    await bus.close()


async def test_a_hole_is_repaired_before_anything_behind_it_is_shown(nats_node: Nodes) -> None:
    async with OnNats(nats_node).open() as it:
        await it.follow("alice")
        await it.publish([1, 2])
        told(it, "alice", b"UNSUB")
        await it.publish(range(3, 600))
        told(it, "alice", b"SUB SUBJECT")
        await it.publish([600, 601])
        given = await it.given("alice", 601)
        assert [e.seq for e in given] == [*range(1, 602)]


async def test_a_lost_end_is_found_by_its_tail(nats_node: Nodes) -> None:
    async with OnNats(nats_node).open() as it:
        await it.follow("alice")
        await it.publish([1])
        told(it, "alice", b"UNSUB")
        await it.publish([2, 3])
        assert [e.seq for e in await it.given("alice", 3)] == [1, 2, 3]


async def test_what_came_while_the_connection_was_gone_is_read(nats_node: Nodes) -> None:
    place = OnNats(nats_node)
    async with place.open() as writer, place.open(owner="another", writes=False) as reader:
        await reader.follow("alice")
        link = nats_of(reader)._js.link
        await writer.publish([1])
        assert link._transport is not None
        with mock.patch.object(link._address.__class__, "proof", side_effect=OSError("not yet")):
            link._transport.abort()
            await until(lambda: not link.connected)
            await writer.publish(range(2, 50))
            assert not reader.bus.proven("alice")
        assert [e.seq for e in await reader.given("alice", 49)] == [*range(1, 50)]
        await until(lambda: reader.bus.proven("alice"))


async def test_retention_that_overtakes_a_follower_is_told(nats_node: Nodes) -> None:
    async with OnNats(nats_node).open() as it:
        gaps: list[str] = []
        it.bus.on_gap(gaps.append)
        await it.follow("alice")
        await it.publish([1])
        await it.given("alice", 1)
        told(it, "alice", b"UNSUB")
        await it.publish(range(2, 20))
        await nats_of(it)._js.purge(shard_of(it).stream, shard_of(it).base)
        told(it, "alice", b"SUB SUBJECT")
        await it.publish([20])
        given = await it.given("alice", 20)
        assert gaps == ["alice"]
        assert given[0].seq == 1
        assert await it.bus.oldest("alice") > 2


async def test_a_lost_acknowledgement_stores_nothing_twice(nats_node: Nodes) -> None:
    took, dropped = Flow._acked, 0

    def acked(self: Flow, place: int) -> None:
        nonlocal dropped
        if self.base > 1 and dropped < 5:
            dropped += 1
        else:
            took(self, place)

    with mock.patch.object(Flow, "_acked", acked), mock.patch.object(flow, "_RUN", 7):
        async with OnNats(nats_node).open(Limits(append_wait_s=10)) as it:
            await it.follow("alice")
            outcomes = await asyncio.gather(*(it.publish([n]) for n in range(1, 60)))
            assert all(isinstance(o[0], Appended) for o in outcomes)
            assert dropped == 5
            assert [e.seq for e in await it.given("alice", 59)] == [*range(1, 60)]
            assert len(await it.bus.history("alice", 1, 100)) == 59


async def test_what_is_lost_within_a_run_is_sent_again_and_nothing_behind_it_stored(
    nats_node: Nodes,
) -> None:
    send, lost = Link.send, 0

    def sent(self: Link, data: bytes) -> None:
        nonlocal lost
        messages = data.split(b"HPUB ")
        if lost < 3 and len(messages) > 9:
            lost += 1
            del messages[5]
        send(self, b"HPUB ".join(messages))

    with mock.patch.object(Link, "send", sent):
        async with OnNats(nats_node).open(Limits(append_wait_s=10)) as it:
            await it.follow("alice")
            outcomes = await it.publish(range(1, 300))
            assert all(isinstance(o, Appended) for o in outcomes)
            assert lost == 3
            assert [e.seq for e in await it.given("alice", 299)] == [*range(1, 300)]
            assert len(await it.bus.history("alice", 1, 1_000)) == 299


async def test_a_writer_that_was_replaced_is_refused_and_shows_nothing(nats_node: Nodes) -> None:
    place = OnNats(nats_node)
    async with place.open() as old:
        await old.follow("alice")
        await old.publish([1, 2])
        async with place.open() as new:  # the same place: it need not wait for the lease
            await new.follow("alice")
            await new.publish([3])
            # The stream is emptied, too: a fence does not need what it was set by.
            await nats_of(new)._js.ask(f"STREAM.PURGE.{shard_of(new).stream}")
            with mock.patch.object(shard_of(old)._lease, "take", return_value=None):
                (refused,) = await old.publish([3])
                assert isinstance(refused, Refused)
                assert refused.code == "unavailable"
                (repeat, handed) = await old.publish([3, 4])  # to whoever writes now
                assert isinstance(repeat, Duplicate)
                assert isinstance(handed, Acknowledged)
                assert handed.seq == 4
                assert [e.seq for e in await new.given("alice", 4)] == [3, 4]
                assert [e.seq for e in await old.given("alice", 4)] == [1, 2, 3, 4]


async def test_a_shard_waits_until_its_writer_gives_it_up(nats_node: Nodes) -> None:
    place = OnNats(nats_node)
    one = await place.bus(owner="one")
    await Opened(one, one._appends._clock).publish([1])
    async with place.open(owner="two") as two:
        (handed,) = await two.publish([2])
        assert isinstance(handed, Acknowledged)
        assert not shard_of(two).mine
        await one.close()
        await until(lambda: shard_of(two).mine)
        (taken,) = await two.publish([3])
        assert isinstance(taken, Appended)
        assert taken.seq == 3


async def test_heads_of_a_writer_that_is_gone_are_written_by_the_next(nats_node: Nodes) -> None:
    place = OnNats(nats_node)
    async with left(place) as it:
        await it.send(numbered(1, event=SNAPSHOT), *(numbered(n) for n in range(2, 30)))
    async with place.open() as it:
        assert await it.bus.history("alice", 1, 1)
        await place.settled(it)
        floor = shard_of(it).floor
        assert floor >= 29
        await it.send(numbered(1, "bob"))  # somebody whose head is not behind
        await nats_of(it)._js.purge(shard_of(it).stream, 30)
    async with place.open() as it:
        (repeat, updated) = await it.send(numbered(29), numbered(30, event=UPDATE))
        assert isinstance(repeat, Duplicate)
        assert isinstance(updated, Appended)
        assert updated.seq == 30
        assert updated.picture is not None
        assert len(updated.picture.balances) == 2


async def test_what_is_too_old_goes_by_itself_once_its_head_is_written(nats_node: Nodes) -> None:
    limits = Limits(retention_s=1, retention_check_s=0.05)
    with mock.patch("userstream.server.nats.heads.SETTLES_S", 0.2):
        async with OnNats(nats_node).open(limits) as it:
            await it.publish(range(1, 10))
            await it.follow("alice")
            while await it.bus.history("alice", 1, 1):
                pass
            it.bus.unfollow("alice")
            await it.follow("alice")
            assert (it.bus.head("alice"), await it.bus.oldest("alice")) == (9, 10)
            assert await it.bus.read("alice", 10) == []
            assert it.bus.short_windows() == {}


async def test_a_picture_that_no_message_can_hold_is_refused(nats_node: Nodes) -> None:
    async with OnNats(nats_node).open() as it:
        await it.publish([1])
        link = nats_of(it)._js.link
        info = type(link.info)(version=link.info.version, max_payload=300)
        with mock.patch.object(link, "info", info):
            (refused, blocked) = await it.send(numbered(2, event=SNAPSHOT), numbered(3))
        assert isinstance(refused, Refused)
        assert refused.code == "too_large"
        assert isinstance(blocked, Refused)
        (stored,) = await it.publish([2])
        assert isinstance(stored, Appended)
        assert stored.seq == 2


async def test_many_who_resume_share_what_is_read_of_an_account(nats_node: Nodes) -> None:
    async with OnNats(nats_node).open() as it:
        for n in range(1, 2_001, 250):
            await it.publish(range(n, n + 250))
        await it.follow("alice")
        asked, several = 0, JetStream.several

        async def counted(self: JetStream, stream: str, **which: Which) -> Sequence[Kept]:
            nonlocal asked
            asked += 1
            return await several(self, stream, **which)

        async def whole(start: int, stop: int = 2_000) -> list[int]:
            seqs: list[int] = []
            while not seqs or seqs[-1] < stop:
                seqs += [e.seq for e in await it.bus.read("alice", seqs[-1] + 1 if seqs else start)]
            return seqs

        with mock.patch.object(JetStream, "several", counted):
            herd = await asyncio.gather(*(whole(start) for start in range(1, 201)))
            assert herd == [[*range(start, 2_001)] for start in range(1, 201)]
            shared = asked
            await it.publish(range(2_001, 2_011))  # the last page grows
            await it.given("alice", 2_010)
            assert await whole(1_995, 2_010) == [*range(1_995, 2_011)]
        pages = 2_000 // 256 + 1
        assert shared <= 12 * pages, "each page is found once, by halves, and read once"
        assert it.bus._pages._size <= LIMITS.replay_cache_bytes  # type: ignore[attr-defined]
