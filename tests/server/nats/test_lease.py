"""Leases without a NATS: who may take a shard, when, and what its term begins with."""

from __future__ import annotations

import re
from typing import cast

import msgspec
import pytest
from structlog.testing import capture_logs

from userstream.errors import StoreUnavailable
from userstream.server.nats import lease
from userstream.server.nats.inbox import NobodyError
from userstream.server.nats.jetstream import JetStream, JetStreamRefused, Kept, Refusal
from userstream.server.nats.layout import Layout, Tick, read_tick
from userstream.server.nats.lease import HUSH_S, LEASE_S, Lease
from userstream.server.nats.streaminfo import State, StreamInfo
from userstream.server.nats.wire import Message

LAYOUT = Layout("us", 1, "e", batches=True)
STRIDE = 1_000


class Stream:
    """A shard's stream, in which only ticks lie, and the link of whoever looks at it."""

    def __init__(self) -> None:
        self.link = self
        self.ticks: list[bytes] = []
        self.end = 0
        self.writer = "answers"
        self.refuses = False

    async def info(self, _: str) -> StreamInfo:
        if self.writer == "no NATS":
            raise StoreUnavailable("NATS cannot be reached")
        return StreamInfo(state=State(last_seq=self.end))

    async def get(self, _: str, **__: object) -> Kept | None:
        return Kept("us.in.0._.tick", self.end, self.ticks[-1]) if self.ticks else None

    async def append(self, line: object) -> int:
        if self.refuses:
            raise JetStreamRefused(Refusal(description="wrong last sequence"))
        text: bytes = line("to")  # type: ignore[operator]
        fence = re.search(rb"Expected-Last-Sequence: (\d+)", text)
        assert fence is not None
        assert int(fence[1]) == self.end
        found = re.findall(rb'\{"term".*\}', text)
        self.put(found[-1], len(found))
        if self.writer == "no answer":
            raise StoreUnavailable("no answer in time")
        return self.end

    async def request(self, subject: str, *_: object) -> Message:
        assert subject == "us.put.0"
        if self.writer == "gone":
            raise NobodyError("nobody")
        if self.writer == "silent":
            raise StoreUnavailable("no answer in time")
        return Message(1, b"", b"", b"", b"{}")

    def put(self, tick: bytes, count: int = 1) -> None:
        self.ticks += [tick] * count
        self.end += count

    def lease(self, owner: str) -> Lease:
        return Lease(cast("JetStream", self), LAYOUT, 0, owner, STRIDE)


class Hands:
    """A clock that a test moves."""

    now_s = 100.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Hands:
    hands = Hands()
    monkeypatch.setattr(lease, "time", hands)
    return hands


@pytest.fixture
def stream() -> Stream:
    return Stream()


async def test_what_was_never_written_is_taken_at_once(stream: Stream) -> None:
    term = await stream.lease("a").take(0)
    assert (term, stream.end) == ((1, 1, 0), 1)
    assert read_tick(stream.ticks[0]).owner == "a"


async def test_before_a_term_begins_it_is_told_that_whoever_wrote_has_left(
    stream: Stream,
) -> None:
    ends: list[int] = []
    assert await stream.lease("a").take(0, lambda: ends.append(stream.end))
    assert await stream.lease("a").take(0, lambda: ends.append(stream.end))
    assert not ends, "nobody wrote, or this process"
    stream.put(stream.lease("a").farewell(4, 7)[1])
    left = stream.end
    assert await stream.lease("b").take(0, lambda: ends.append(stream.end))
    assert ends == [left]


async def test_an_heir_takes_at_once_behind_the_farewell_and_needs_no_stride(
    stream: Stream,
) -> None:
    stream.put(stream.lease("a").farewell(4, 7, "b")[1])
    assert await stream.lease("b").take(0) == (5, 2, 7)
    assert stream.end == 2


@pytest.mark.parametrize("other", ["a", "c"], ids=["who gave it", "somebody else"])
async def test_another_takes_it_once_the_heir_was_silent(
    other: str, stream: Stream, clock: Hands
) -> None:
    stream.put(stream.lease("a").farewell(4, 0, "b")[1])
    taking = stream.lease(other)
    assert await taking.take(0) is None
    clock.now_s += LEASE_S
    assert await taking.take(0) is None
    clock.now_s += 0.1
    assert await taking.take(0) == (5, 2, 0)  # nothing is sent behind a farewell, whoever it names


@pytest.mark.parametrize("heir", ["", "b"])
@pytest.mark.parametrize("owner", ["", "a"])
async def test_who_has_left_nobody_to_take_lines_is_replaced_sooner(
    owner: str, heir: str, stream: Stream, clock: Hands
) -> None:
    if not owner and not heir:
        return
    stream.put(msgspec.json.encode(Tick(1, owner, 0, heir)))
    taking = stream.lease("c")
    assert await taking.take(0) is None
    clock.now_s += HUSH_S + 0.1
    for writer in ("answers", "silent"):
        stream.writer = writer
        assert await taking.take(0) is None
    stream.writer = "gone"
    assert await taking.take(0) is not None
    assert stream.end == 1 + (STRIDE if owner else 1)


async def test_a_tick_or_an_outage_begins_the_time_anew(stream: Stream, clock: Hands) -> None:
    writing, taking = stream.lease("a"), stream.lease("b")
    stream.put(writing.tick(1, 0)[1])
    stream.writer = "gone"
    assert await taking.take(0) is None
    clock.now_s += HUSH_S
    stream.put(writing.tick(1, 0)[1])
    clock.now_s += 0.1
    assert await taking.take(0) is None
    clock.now_s += HUSH_S
    stream.writer = "no NATS"
    with pytest.raises(StoreUnavailable):
        await taking.take(0)
    stream.writer = "gone"
    clock.now_s += 0.1
    assert await taking.take(0) is None


async def test_who_is_back_at_its_place_takes_its_own_with_a_stride(stream: Stream) -> None:
    stream.put(stream.lease("a").tick(3, 2)[1])
    assert await stream.lease("a").take(0) == (4, 1 + STRIDE, 2)


async def test_of_two_by_one_name_the_later_keeps_it(stream: Stream, clock: Hands) -> None:
    first, second = stream.lease("a"), stream.lease("a")
    assert await first.take(0) == (1, 1, 0)
    assert await second.take(0) == (2, 1 + STRIDE, 0)
    with capture_logs() as logs:
        assert await first.take(0) is None
        assert await first.take(0) is None
    assert [log["owner"] for log in logs] == ["a"]
    clock.now_s += LEASE_S + 0.1
    assert await first.take(0) is not None


async def test_who_does_not_know_whether_it_took_it_takes_it_again(stream: Stream) -> None:
    stream.put(stream.lease("b").farewell(3, 0)[1])
    taking, stream.writer = stream.lease("a"), "no answer"
    with pytest.raises(StoreUnavailable):
        await taking.take(0)
    stream.writer = "gone"
    assert await taking.take(0) == (5, 2 + STRIDE, 0)


async def test_of_two_that_take_one_is_refused(stream: Stream) -> None:
    stream.put(stream.lease("a").farewell(1, 0)[1])
    stream.refuses = True
    assert await stream.lease("b").take(0) is None


async def test_a_stream_that_was_purged_is_taken_as_from_somebody_who_may_write_still(
    stream: Stream, clock: Hands
) -> None:
    stream.end, taking = 5_000, stream.lease("a")
    assert await taking.take(0) is None
    clock.now_s += LEASE_S
    assert await taking.take(0) is None
    assert stream.end == 5_000
    clock.now_s += 0.1
    # Above all terms of which other processes know: each began with a message at least.
    assert await taking.take(0) == (5_001, 6_000, 0)
    assert stream.end == 5_000 + STRIDE


class TickBefore(msgspec.Struct, frozen=True):
    """A tick as the version before has it."""

    term: int
    owner: str
    floor: int
    v: int = 1


def test_the_version_before_reads_a_farewell_and_its_own_is_read() -> None:
    _, data = Stream().lease("a").farewell(3, 9, "b")
    assert msgspec.json.decode(data, type=TickBefore) == TickBefore(3, "", 9)
    assert read_tick(msgspec.json.encode(TickBefore(3, "", 9))) == Tick(3, "", 9, "")
