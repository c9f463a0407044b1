"""A shard that is given, without a NATS: what its writer sends, and whom it declines."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, cast
from unittest import mock

import pytest

from tests.server.nats.test_shard import LAYOUT, Streams, Wire, shard_on, until_taken
from tests.server.running import until
from userstream.errors import StoreUnavailable
from userstream.server.nats.giving import Ask, AskAnswer, Giving
from userstream.server.nats.inbox import Handler
from userstream.server.nats.jetstream import Kept
from userstream.server.nats.lease import Term
from userstream.server.nats.shard import Shard
from userstream.server.nats.wire import Message
from userstream.server.records import decode, encode


def given_away(shard: Shard) -> asyncio.Event:
    """Its lease: nobody gets a term until the test says so; then it is the next."""
    again = asyncio.Event()
    take = cast("Any", shard._lease).take

    async def later(known: int, *_: object) -> Term | None:
        if shard.term == 0:
            return cast("Term", await take(known))
        return Term(3, known + 1, 0) if again.is_set() else None

    cast("Any", shard._lease).take = later
    return again


async def test_a_shard_is_given_behind_all_that_was_put_and_can_come_back() -> None:
    link = Wire()
    shard = shard_on(link)
    again = given_away(shard)
    await until_taken(shard)
    await until(lambda: link.sent)
    link.stored(0, 1)
    stored: list[int] = []
    shard.put(b"us.in.0.alice", b"{}", lambda _, place: stored.append(place))
    giving = asyncio.ensure_future(shard.give("heir"))
    await until(lambda: b'"heir":"heir"' in link.sent[-1])
    assert b"us.in.0.alice" in link.sent[-2]
    count = len(link.sent)
    shard.put(b"us.in.0.bob", b"{}", lambda _, place: stored.append(place))
    await asyncio.sleep(1.1)  # a tick is due
    assert len(link.sent) == count
    link.stored(-2, 2)
    assert shard.mine
    link.stored(-1, 3)
    assert not shard.mine
    await giving
    assert stored == [2, 0]
    await asyncio.sleep(1.1)
    assert len(link.sent) == count
    again.set()
    shard.nudge()
    await until(lambda: shard.mine)
    await until(lambda: len(link.sent) > count)
    assert b'"term":3' in link.sent[-1]
    link.answer = b'{"stream":"s","seq":6}'
    await shard.close()


async def test_a_farewell_whose_acknowledgement_was_lost_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    link = Wire()
    shard = shard_on(link)
    given_away(shard)
    await until_taken(shard)
    await until(lambda: link.sent)
    link.stored(0, 1)
    giving = asyncio.ensure_future(shard.give("heir"))
    await until(lambda: b'"heir":"heir"' in link.sent[-1])
    streams = cast("Streams", shard._js)
    subject, payload = shard._lease.farewell(1, 0, "heir")

    async def get(_: str, **__: object) -> Kept:
        return Kept(subject.decode(), 2, payload)

    monkeypatch.setattr(streams, "get", get)
    streams.end = 2
    count = len(link.sent)
    shard._troubled()
    await giving
    assert not shard.mine
    await asyncio.sleep(1.1)
    assert len(link.sent) == count
    await shard.close()


class Asked:
    """A process that writes so many shards, and a link on which it is asked for one."""

    connected = True

    def __init__(self, mine: int = 4) -> None:
        self.handlers: list[Handler] = []
        self.answers: list[AskAnswer] = []
        self.counts = mock.Mock(return_value=Counter({"b": 1}))
        layout = LAYOUT._replace(shards=mine)
        self.shards = [
            mock.Mock(number=n, mine=True, calm=True, give=mock.AsyncMock()) for n in range(mine)
        ]
        for shard in self.shards:
            shard.settle = shard.close = mock.AsyncMock()
        given = cast("Any", self)
        self.giving = Giving(given, layout, cast("Any", self.shards), given, given, given)
        self.giving.opened(cast("Shard", self.shards[0]))
        self.hold, self.release = mock.Mock(), mock.Mock()

    def __iter__(self) -> Iterator[object]:
        return iter(())

    def subscribe(self, subject: str, handler: Handler) -> int:
        assert subject == "us.put.0-ask"
        self.handlers.append(handler)
        return 1

    def unsubscribe(self, _: int) -> None:
        self.handlers.clear()

    def send(self, data: bytes) -> None:
        found = re.search(rb"\{.*\}", data)
        assert found is not None
        self.answers.append(decode(found[0], AskAnswer))

    async def asked(self, ask: bytes, reply: bytes = b"reply") -> str | None:
        self.handlers[0](Message(1, b"", reply, b"", ask))
        if self.giving._task is not None:
            await self.giving._task
        return self.answers.pop().declined if self.answers else None


async def test_one_is_given_to_who_has_two_less() -> None:
    it = Asked()
    assert await it.asked(encode(Ask("b", 2))) == ""
    it.shards[0].give.assert_awaited_once_with("b")
    assert (it.hold.call_count, it.release.call_count) == (1, 1)


async def test_who_asks_without_a_reason_is_declined_in_words() -> None:
    it = Asked()
    assert await it.asked(encode(Ask("b", 3))) == "it writes no more shards than whoever asks"
    it.counts.return_value["b"] = 3  # as its ticks have it
    assert await it.asked(encode(Ask("b", 0))) == "it writes no more shards than whoever asks"
    it.counts.return_value.clear()
    assert "cannot be read" in (await it.asked(b"what") or "")
    assert "version 2" in (await it.asked(b'{"owner":"b","count":0,"v":2}') or "")
    assert await it.asked(encode(Ask("b", 0)), b"") is None
    it.shards[0].calm = False
    assert await it.asked(encode(Ask("b", 0))) == "the shard has trouble of its own"
    it.shards[0].calm = True
    it.giving._hold(cast("Shard", it.shards[1]))
    assert await it.asked(encode(Ask("b", 0))) == "another shard is being given"
    it.giving._release()
    await it.giving.close()
    assert await it.asked(encode(Ask("b", 0))) == "the server stops"
    it.giving.lost(cast("Shard", it.shards[0]))
    assert not it.handlers
    for shard in it.shards:
        shard.give.assert_not_awaited()


@pytest.mark.parametrize("error", [StoreUnavailable("no"), RuntimeError("nobody expected that")])
async def test_what_fails_is_told_and_the_next_one_is_given(error: Exception) -> None:
    it = Asked()
    it.shards[0].give.side_effect = error
    assert str(error) in (await it.asked(encode(Ask("b", 0))) or "")
    it.shards[0].mine = False
    assert "writes it now" in (await it.asked(encode(Ask("b", 0))) or "")
    it.shards[0].mine, it.shards[0].give.side_effect = True, None
    assert await it.asked(encode(Ask("b", 0))) == ""
