"""A shard's writer without a NATS: what it does is seen by what it sends."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any, cast
from unittest import mock

from structlog.testing import capture_logs

from tests.server.running import until
from userstream.errors import StoreDamaged, StoreError, StoreUnavailable
from userstream.server.nats.inbox import Handler, Inbox, NobodyError
from userstream.server.nats.jetstream import JetStream, Kept
from userstream.server.nats.layout import Layout
from userstream.server.nats.lease import Term
from userstream.server.nats.shard import Shard
from userstream.server.nats.streaminfo import State, StreamInfo
from userstream.server.nats.wire import Message

LAYOUT = Layout("us", 1, "e", batches=True)
_SENT = re.compile(
    rb"HPUB (\S+) (?:(\S+) )?\d+ \d+\r\nNATS/1.0\r\nNats-Expected-Last-Sequence: (\d+)"
)
NO_LEADER = (
    b'{"error":{"code":503,"err_code":10008,"description":"no quorum"},"stream":"s","seq":0}'
)


class Wire:
    """A link on which appends are seen, and answered as a test wants."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.on_down: list[Callable[[], None]] = []
        self.answer: bytes | None = None
        self._inbox = Inbox()

    def inbox(self, answered: Handler, stored: Callable[[int], None]) -> tuple[str, bytes]:
        return self._inbox.open(answered, stored)

    def forget(self, token: bytes) -> None:
        self._inbox.forget(token)

    async def request(self, *_: object) -> Message:
        raise NobodyError("nobody takes its lines")

    def send(self, data: bytes) -> None:
        self.sent.append(data)
        if self.answer is not None:
            asyncio.get_running_loop().call_soon(self._reply, data, self.answer)

    def stored(self, at: int, place: int) -> None:
        """Says where what was sent lies."""
        self._reply(self.sent[at], b'{"stream":"s","seq":%d}' % place)

    def _reply(self, data: bytes, answer: bytes) -> None:
        to = re.findall(rb"HPUB \S+ (\S+) \d+ \d+\r\n", data)[-1]
        self._inbox.answered(Message(1, to, b"", b"", answer))


class Streams:
    """JetStream, whose only stream is empty, or says where it ends, and has a leader."""

    def __init__(self, link: Wire) -> None:
        self.link = link
        self.end = 0

    async def info(self, _: str) -> StreamInfo:
        await asyncio.sleep(0)
        return StreamInfo(state=State(last_seq=self.end))

    async def get(self, _: str, **__: object) -> Kept | None:
        return None


def shard_on(link: Wire, wait_s: float = 30.0, layout: Layout = LAYOUT) -> Shard:
    """A shard that nobody else wants."""
    js = cast("JetStream", Streams(link))
    shard = Shard(0, layout, js, "us", wait_s, lambda *_: None, lambda _: None)

    async def take(*_: object) -> Term:
        return Term(1, 0, 0)

    cast("Any", shard._lease).take = take
    return shard


async def until_taken(shard: Shard) -> None:
    shard.start()
    await until(lambda: shard.mine)


async def test_thousands_can_wait_for_the_same_append() -> None:
    link = Wire()
    shard = shard_on(link)
    await until_taken(shard)
    await until(lambda: link.sent)
    told: list[int] = []
    for n in range(5_000):
        shard.barrier(lambda error, n=n: told.append(n if error is None else -1))  # type: ignore[misc]
    waiting = asyncio.gather(*(shard.stored() for _ in range(2_000)))
    await asyncio.sleep(0)
    link.stored(0, 1)
    await waiting
    assert told == [*range(5_000)]
    link.answer = b'{"stream":"s","seq":2}'
    await shard.close()


async def test_a_leader_without_a_quorum_is_not_asked_all_the_time() -> None:
    link = Wire()
    link.answer = NO_LEADER
    shard = shard_on(link)
    await until_taken(shard)
    outcomes: list[StoreError | None] = []
    shard.put(b"us.in.0.alice", b"{}", lambda error, _: outcomes.append(error))
    await asyncio.sleep(1.2)
    events = [data for data in link.sent if b"us.in.0.alice" in data]
    ticks = [data for data in link.sent if b"_.tick" in data]
    assert 2 <= len(events) < 40
    assert len(ticks) < 40
    assert not outcomes
    await shard.close()
    assert len(outcomes) == 1
    assert isinstance(outcomes[0], StoreError)


async def test_nothing_is_sent_behind_the_word_that_a_shard_is_given_up() -> None:
    link = Wire()
    shard = shard_on(link)
    await until_taken(shard)
    await until(lambda: link.sent)
    outcomes: list[StoreError | None] = []
    closing = asyncio.ensure_future(shard.close())
    await until(lambda: b'"owner":""' in link.sent[-1])
    count = len(link.sent)
    shard.put(b"us.in.0.alice", b"{}", lambda error, _: outcomes.append(error))
    link.stored(0, 1)
    await asyncio.sleep(1.1)  # a tick is due
    assert len(link.sent) == count
    link.stored(1, 2)
    await closing
    assert len(outcomes) == 1
    assert isinstance(outcomes[0], StoreError)
    assert len(link.sent) == count


async def test_what_comes_while_a_shard_is_given_away_is_told_though_the_process_stops() -> None:
    link = Wire()
    shard = shard_on(link)
    await until_taken(shard)
    await until(lambda: link.sent)
    giving = asyncio.ensure_future(shard.give("b"))
    await until(lambda: b'"heir":"b"' in link.sent[-1])
    outcomes: list[StoreError | None] = []
    shard.put(b"us.in.0.alice", b"{}", lambda error, _: outcomes.append(error))
    closing = asyncio.ensure_future(shard.close())
    await asyncio.sleep(0)
    link.stored(0, 1)
    link.stored(1, 2)
    await asyncio.gather(giving, closing)
    assert len(outcomes) == 1
    assert isinstance(outcomes[0], StoreError)


async def test_the_last_of_a_run_asks_for_all_of_it() -> None:
    link = Wire()
    shard = shard_on(link)
    await until_taken(shard)
    await until(lambda: link.sent)
    link.stored(0, 1)
    places: list[int] = []
    for _ in range(250):
        shard.put(b"us.in.0.alice", b"{}", lambda _, place: places.append(place))
    await until(lambda: len(_SENT.findall(b"".join(link.sent))) == 251)
    sent = _SENT.findall(b"".join(link.sent))[1:]
    assert [int(place) for _, _, place in sent] == [*range(1, 251)]
    asked = [int(place) + 1 for _, reply, place in sent if reply]
    assert asked == [101, 201, 251]
    link.stored(1, asked[0])
    assert places == [*range(2, asked[0] + 1)]
    # One that is not stored where it belongs: nobody knows what became of those before it.
    link.stored(2, asked[1] - 1)
    link.stored(3, asked[2])
    assert places == [*range(2, asked[0] + 1)]
    shard.mine = False  # no farewell
    await shard.close()
    assert places[asked[0] - 1 :] == [0] * (251 - asked[0])


async def test_no_more_is_in_flight_than_a_stride_covers() -> None:
    link = Wire()
    shard = shard_on(link)
    await until_taken(shard)
    await until(lambda: link.sent)
    for _ in range(3_000):
        shard.put(b"us.in.0.alice", b"{}", lambda *_: None)

    def sent() -> int:
        return len(_SENT.findall(b"".join(link.sent)))

    await until(lambda: sent() == 999)
    assert _SENT.findall(link.sent[-1])[-1][1]  # or it would wait for ever
    link.stored(0, 1)
    await until(lambda: sent() == 1_000)
    link.stored(1, 101)
    await until(lambda: sent() == 1_100)
    shard.mine = False
    await shard.close()


async def test_where_a_term_begins_with_one_tick_one_append_is_in_flight() -> None:
    """A replaced writer's second one could find its place behind that tick."""
    link = Wire()
    shard = shard_on(link, layout=LAYOUT._replace(batches=False))
    await until_taken(shard)
    await until(lambda: link.sent)
    for _ in range(3):
        shard.put(b"us.in.0.alice", b"{}", lambda *_: None)

    def places() -> list[int]:
        return [int(place) for _, _, place in _SENT.findall(b"".join(link.sent))]

    await asyncio.sleep(0)
    assert places() == [0]
    link.stored(0, 1)
    assert places() == [0, 1]
    shard.mine = False
    await shard.close()


async def test_behind_a_leader_that_lags_a_shard_is_given_up_and_taken_once_it_does_not() -> None:
    link = Wire()
    streams = Streams(link)
    js = cast("JetStream", streams)
    shard = Shard(0, LAYOUT, js, "us", 0.2, lambda *_: None, lambda _: None)

    async def append(_: object) -> int:
        streams.end += 1_000
        return streams.end

    cast("Any", streams).append = append
    await until_taken(shard)
    base, streams.end = shard.base, 7
    outcomes: list[StoreError | None] = []
    with capture_logs() as logged:
        shard.put(b"us.in.0.alice", b"{}", lambda error, _: outcomes.append(error))
        shard._troubled()
        await until(lambda: outcomes)  # told as soon as of any other trouble
        assert isinstance(outcomes[0], StoreUnavailable)
        assert f"ends at 7, but {base} was acknowledged" in str(outcomes[0])
        assert not shard.mine
        told = "a shard ends before what was acknowledged"
        await until(lambda: told in [entry["event"] for entry in logged])
    assert not shard.mine
    streams.end = base
    await until(lambda: shard.mine)
    assert shard.base > base
    link.answer = b'{"stream":"s","seq":2001}'
    await shard.close()


async def test_a_shard_that_makes_no_sense_is_asked_for_again() -> None:
    link = Wire()
    shard = shard_on(link)
    take = cast("Any", shard._lease).take
    tries = 0

    async def strange(*_: object) -> Term:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise StoreDamaged("a tick that nobody can read")
        if tries == 2:
            raise RuntimeError("nobody expected that")
        return cast("Term", await take())

    cast("Any", shard._lease).take = strange
    with mock.patch("userstream.server.nats.shard._AGAIN_S", 0.01):
        await until_taken(shard)
    assert tries == 3
    link.answer = b'{"stream":"s","seq":1}'
    await shard.close()
