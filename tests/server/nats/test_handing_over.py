"""Publishing at a process that does not write: what befalls lines on their way to the writer."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from unittest import mock

from structlog.testing import capture_logs

from tests.server.bus.places import LIMITS, Beside, OnNats, Opened, numbered
from tests.server.bus.test_bus import codes, seqs
from tests.server.nats.servers import Nodes
from tests.server.nats.test_bus_faults import left, nats_of
from tests.server.running import until
from userstream.core.limits import Limits
from userstream.core.publishing import Acknowledged, Duplicate, Refused
from userstream.server.nats import channel
from userstream.server.nats.batch import Batch, BatchAnswer, Piece, write_batch
from userstream.server.nats.bus import NatsBus
from userstream.server.nats.channel import Channel
from userstream.server.nats.intake import Intake
from userstream.server.nats.link import Link
from userstream.server.nats.wire import pub
from userstream.server.records import decode

PATIENT = Limits(append_wait_s=15.0)


@contextlib.asynccontextmanager
async def reading(place: OnNats, limits: Limits = LIMITS) -> AsyncIterator[Opened]:
    """A process that does not write."""
    bus = await place.bus(limits, "beside", writes=False)
    try:
        yield Opened(bus, place.clock)
    finally:
        await bus.close()


def channel_of(it: Opened) -> Channel:
    bus = nats_of(it)
    return bus._appends._handover.channels[bus._layout.shard_of("alice")]


async def test_many_batches_are_under_way_and_come_in_order(nats_node: Nodes) -> None:
    with mock.patch.object(channel, "_BATCH_LINES", 7):
        async with Beside(nats_node).open() as it:
            await it.follow("alice", "bob")
            requests = [
                it.publish(range(n, n + 50), account)
                for n in range(1, 1_000, 50)
                for account in ("alice", "bob")
            ]
            outcomes = await asyncio.gather(*requests)
            assert [seq for o in outcomes[::2] for seq in seqs(o)] == [*range(1, 1_001)]
            for account in ("alice", "bob"):
                given = await it.given(account, 1_000)
                assert [e.envelope.event.order_id for e in given] == [  # type: ignore[union-attr]
                    str(n) for n in range(1, 1_001)
                ]
            assert it.bus.pending_bytes == 0


async def test_a_refused_line_blocks_those_of_later_batches_by_its_number(
    nats_node: Nodes,
) -> None:
    with mock.patch.object(channel, "_BATCH_LINES", 2):
        async with Beside(nats_node).open() as it:
            lines = [numbered(1), numbered(3, prev_n=2), *(numbered(n) for n in range(4, 30))]
            outcomes = await it.send(*lines)
            assert codes(outcomes) == ["Appended", "hole", *["blocked_by"] * 26]
            last = outcomes[-1]
            assert isinstance(last, Refused)
            assert last.msg == "line 2 of this account was refused"
            (big, blocked, other) = await it.send(
                numbered(2) + b" " * LIMITS.event_bytes, numbered(3), numbered(1, "bob")
            )
            assert codes([big, blocked, other]) == ["too_large", "blocked_by", "Appended"]


async def test_a_lost_batch_is_followed_by_none(nats_node: Nodes) -> None:
    sent, lost = Link.send, 0

    def send(self: Link, data: bytes) -> None:
        nonlocal lost
        if b".put." in data[:60] and b'"number":1,' in data:
            lost += 1
        else:
            sent(self, data)

    with (
        mock.patch.object(channel, "_BATCH_LINES", 5),
        mock.patch.object(channel, "_ANSWER_S", 0.5),
    ):
        async with Beside(nats_node).open() as it:
            await it.follow("alice")
            with mock.patch.object(Link, "send", send):
                outcomes = await it.publish(range(1, 31))
            assert lost == 1
            assert codes(outcomes[:5]) == ["Appended"] * 5
            assert codes(outcomes[5:]) == ["unavailable"] * 25
            assert it.bus.head("alice") == 5
            again = await it.publish(range(1, 31))  # as the contract says
            assert codes(again) == ["Duplicate"] * 5 + ["Appended"] * 25
            given = await it.given("alice", 30)
            assert [e.envelope.event.order_id for e in given] == [str(n) for n in range(1, 31)]  # type: ignore[union-attr]


async def test_lines_wait_for_the_next_writer(nats_node: Nodes) -> None:
    place = OnNats(nats_node)
    one = await place.bus(owner="one")
    async with reading(place, PATIENT) as it:
        assert seqs(await it.publish([1])) == [1]
        await one.close()  # it gives its shards up, as in every graceful stop
        sending = asyncio.gather(*(it.publish([n]) for n in range(2, 40)))
        await asyncio.sleep(0.3)
        assert not sending.done()
        async with place.open(owner="two"):
            outcomes = await sending
            assert [seq for o in outcomes for seq in seqs(o)] == [*range(2, 40)]


async def test_nothing_is_lost_or_told_wrongly_when_a_writer_dies(nats_node: Nodes) -> None:
    place = OnNats(nats_node)
    acked: set[int] = set()
    async with reading(place) as it:
        await it.follow("alice")
        async with left(place, owner="one"):
            for n in range(1, 20):
                acked.update(m for m, o in zip([n], await it.publish([n]), strict=True) if good(o))
            sending = asyncio.gather(*(it.publish([n]) for n in range(20, 60)))
            await asyncio.sleep(0)
        outcomes = [o for (o,) in await sending]
        acked.update(n for n, o in zip(range(20, 60), outcomes, strict=True) if good(o))
        assert {o.code for o in outcomes if isinstance(o, Refused)} <= {"unavailable"}
        async with place.open(owner="two") as two:
            await until(lambda: all(s.mine for s in nats_of(two)._appends.shards), 20)
            last = max(
                (n for n, o in zip(range(20, 60), outcomes, strict=True) if good(o)), default=19
            )
            again = await it.publish(range(last + 1, 61))
            assert all(good(o) for o in again)
            acked.update(range(last + 1, 61))
            history = await it.bus.history("alice", 1, 100)
            stored = [s.record.line.n for s in history]
            assert stored == sorted(set(stored))
            assert acked <= set(stored)
            assert [s.seq for s in history] == [*range(1, len(stored) + 1)]


def good(outcome: object) -> bool:
    return isinstance(outcome, Acknowledged | Duplicate)


async def test_where_nobody_writes_publishers_are_told_in_time(nats_node: Nodes) -> None:
    place = OnNats(nats_node)
    async with place.open():
        pass
    with mock.patch("userstream.server.nats.writers.LEASE_S", 0.3):
        async with reading(place) as it:
            assert not it.bus.unwritable  # it is not known yet
            (refused, blocked) = await it.publish([1, 2])
            assert isinstance(refused, Refused)
            assert (refused.code, refused.msg) == (
                "unavailable", "not known to be stored: no process writes this account now",
            )  # fmt: skip
            assert isinstance(blocked, Refused)
            assert it.bus.refusing
            assert it.bus.unwritable
            async with place.open():
                await until(lambda: not it.bus.refusing)
                assert seqs(await it.publish([1, 2])) == [1, 2]


async def test_a_full_queue_of_the_writer_holds_lines_back(nats_node: Nodes) -> None:
    full = True
    place = Beside(nats_node)
    async with place.open(PATIENT) as it:
        with mock.patch.object(type(place._writer._appends), "full", property(lambda _: full)):
            sending = asyncio.ensure_future(it.publish(range(1, 10)))
            await asyncio.sleep(0.5)
            assert not sending.done()
            assert channel_of(it)._stalled_s is not None
            full = False
            assert seqs(await sending) == [*range(1, 10)]


async def test_a_connection_that_breaks_tells_publishers(nats_node: Nodes) -> None:
    async with Beside(nats_node).open() as it:
        link = nats_of(it)._js.link
        assert seqs(await it.publish([1])) == [1]
        with mock.patch.object(Intake, "_answer", _silent):
            sending = asyncio.ensure_future(it.publish([2, 3]))
            await until(lambda: channel_of(it)._flights)
            assert link._transport is not None
            link._transport.abort()
            assert codes(await sending) == ["unavailable"] * 2
        await until(lambda: link.connected)
        assert codes(await it.publish([2, 3, 4])) == ["Duplicate", "Duplicate", "Appended"]


async def _silent(*_: object) -> None:
    pass


async def _asked(bus: NatsBus, payload: bytes) -> BatchAnswer:
    subject = bus._layout.put_subject(bus._layout.shard_of("alice"))
    return decode((await bus._js.link.request(subject, payload, 5)).payload, BatchAnswer)


async def test_what_another_version_says_is_understood_or_refused_in_words(
    nats_node: Nodes,
) -> None:
    async with Beside(nats_node).open() as it:
        bus = nats_of(it)
        text = numbered(1)
        batch = write_batch(Batch("s", 0, 0, [Piece(1, [1], [len(text)])]), [text])
        head, _, rest = batch.partition(b"\n")
        more = json.loads(head) | {"color": "blue"}
        more["pieces"][0]["weight"] = 7
        answer = await _asked(bus, json.dumps(more).encode() + b"\n" + rest)
        assert answer.outcomes == [1]
        answer = await _asked(bus, json.dumps(more | {"v": 2, "session": "t"}).encode() + b"\n")
        assert "version 2; this userstream knows 1" in answer.not_taken
        assert "not as long" in (await _asked(bus, batch[:-1])).not_taken
        assert "cannot be read" in (await _asked(bus, b"hello")).not_taken
        assert "came before" in (await _asked(bus, batch)).not_taken  # taken once, not twice
        assert seqs(await it.publish([2])) == [2]


async def test_a_batch_that_names_nobody_to_answer_is_told_once_and_not_taken(
    nats_node: Nodes,
) -> None:
    async with Beside(nats_node).open() as it:
        bus = nats_of(it)
        subject = bus._layout.put_subject(bus._layout.shard_of("alice"))
        text = numbered(1)
        batch = write_batch(Batch("s", 0, 0, [Piece(1, [1], [len(text)])]), [text])
        with mock.patch.object(Intake, "_take") as take, capture_logs() as logged:
            for payload in (b"hello", batch, batch):
                bus._js.link.send(pub(subject, payload))
            await _asked(bus, b"hello")  # comes behind them, and is answered
            await _asked(bus, b"hello")
        assert not take.called
        said = [entry["event"] for entry in logged]
        assert not any("NATS refuses" in event for event in said)
        assert sum("nobody to answer" in event for event in said) == 1
        assert seqs(await it.publish([1])) == [1]


async def test_an_answer_of_a_later_version_is_read_and_nonsense_is_none(
    nats_node: Nodes,
) -> None:
    told = b""

    async def answer(self: Intake, _: object, tickets: object, reply: str) -> None:
        self._link.send(b"PUB %b %d\r\n%b\r\n" % (reply.encode(), len(told), told))

    async with Beside(nats_node).open() as it:
        await until(lambda: channel_of(it)._writers.term(_shard(it)))
        with mock.patch.object(Intake, "_answer", answer):
            told = b'{"term":1,"outcomes":[1],"mood":"good","v":1}'
            assert seqs(await it.publish([1])) == [1]
            for bad in (b'{"term":1,"outcomes":[],"v":1}', b"no", b'{"term":1,"v":2}'):
                told = bad
                assert codes(await it.publish([2])) == ["unavailable"]
        assert codes(await it.publish([2])) == ["Duplicate"]


async def test_what_a_writer_took_before_it_died_is_given_up_once_it_is_replaced(
    nats_node: Nodes,
) -> None:
    place = OnNats(nats_node)
    async with reading(place, PATIENT) as it:
        with mock.patch.object(Intake, "_came"):  # what is handed over is read, and then it dies
            async with left(place):
                await until(lambda: channel_of(it)._writers.term(_shard(it)))
                publishing = asyncio.ensure_future(it.publish([1, 2]))
                await until(lambda: channel_of(it)._flights)
                await asyncio.sleep(0.2)
        async with place.open():
            async with asyncio.timeout(10):  # and not as long as any answer is awaited: 18 s
                outcomes = await publishing
            assert codes(outcomes) == ["unavailable", "unavailable"]
            assert isinstance(outcomes[0], Refused)
            assert "its writer was replaced" in outcomes[0].msg
            assert seqs(await it.publish([1, 2])) == [1, 2]


def _shard(it: Opened) -> int:
    return nats_of(it)._layout.shard_of("alice")


async def test_lines_that_wait_behind_a_loop_that_stood_still_are_not_given_up(
    nats_node: Nodes,
) -> None:
    async with Beside(nats_node).open() as it:
        sending = asyncio.ensure_future(it.publish(range(1, 50)))
        await asyncio.sleep(0)
        time.sleep(2 * LIMITS.append_wait_s)  # noqa: ASYNC251 - that is the point
        assert seqs(await sending) == [*range(1, 50)]


async def test_while_nats_is_out_of_reach_lines_wait_and_are_then_given_up(
    nats_node: Nodes,
) -> None:
    async with Beside(nats_node).open() as it:
        link = nats_of(it)._js.link
        assert link._transport is not None
        with mock.patch.object(link._address.__class__, "proof", side_effect=OSError("not yet")):
            link._transport.abort()
            await until(lambda: not link.connected)
            (refused,) = await it.publish([1])
            assert isinstance(refused, Refused)
            assert refused.msg == "not known to be stored: NATS cannot be reached"
            assert it.bus.pending_bytes == 0
        assert codes(await it.accepted(1)) == ["Appended"]
