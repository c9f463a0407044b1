"""A channel to a shard's writer without a NATS, while another process becomes the writer."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from tests.server.nats.virtual import run_virtually
from tests.server.running import until
from userstream.core.limits import Limits
from userstream.core.publishing import Acknowledged, Ledger, Refused
from userstream.core.submission import Submission
from userstream.server.bus import Outcome
from userstream.server.nats.batch import Batch, BatchAnswer, No, Repeat, read_batch
from userstream.server.nats.channel import Channel
from userstream.server.nats.handed import Handed
from userstream.server.nats.inbox import Handler, Stored
from userstream.server.nats.layout import Layout
from userstream.server.nats.link import Link
from userstream.server.nats.wire import Info, Message
from userstream.server.nats.writers import Writers
from userstream.server.records import encode

LAYOUT = Layout("us", 1, "e")


class Wire:
    """A link on which batches are seen, and answered by a test."""

    connected = True
    info = Info()

    def __init__(self) -> None:
        self.on_down: list[object] = []
        self.sent: list[tuple[Batch, bytes]] = []
        self._answered: list[Handler] = []

    def inbox(self, answered: Handler, _: Stored | None = None) -> tuple[str, bytes]:
        self._answered.append(answered)
        return "to", b"%d" % len(self._answered)

    def forget(self, _: bytes) -> None:
        pass

    def send(self, data: bytes) -> None:
        self.sent.append(read_batch(data.partition(b"\r\n")[2][:-2]))

    def answer(self, at: int, answer: BatchAnswer) -> None:
        self._answered[at](Message(1, b"", b"", b"", encode(answer)))

    @property
    def said(self) -> list[tuple[int, int, bytes]]:
        """Of each batch its term, its number and its lines."""
        return [(batch.term, batch.number, lines) for batch, lines in self.sent]


class Place:
    """A channel, what it was given, and what became of it."""

    def __init__(self, term: int = 4) -> None:
        self.wire = Wire()
        link = cast("Link", self.wire)
        self.writers = Writers(link, LAYOUT)
        self.writers.heard(0, term)
        self.channel = Channel(0, LAYOUT, link, self.writers, 10)
        self.writers.on_term.append(lambda _: self.channel.offer())
        self.told: list[Outcome] = []
        self.request = Submission(Ledger("e", Limits(), lambda _: None))

    async def put(self, line: int) -> None:
        """A line, in a batch of its own."""
        count = len(self.wire.sent)
        await self.put_behind(line)
        await until(lambda: len(self.wire.sent) > count)

    async def put_behind(self, line: int) -> None:
        """A line that may have to wait."""
        text = b"%d" % line
        self.channel.put(Handed(self.request, line, "a", text, self.told.append))
        await asyncio.sleep(0)
        await asyncio.sleep(0)


async def test_what_was_not_taken_is_offered_to_the_next_writer_at_once() -> None:
    it = Place()
    await it.put(1)
    await it.put(2)
    it.writers.heard(0, 5)
    it.channel.put(Handed(it.request, 3, "a", b"3", it.told.append))
    it.channel._pump()
    assert len(it.wire.sent) == 2, "nothing goes behind what another writer may have taken"
    it.wire.answer(0, BatchAnswer(4, [1]))
    it.wire.answer(1, BatchAnswer(4, not_taken="it is being given"))
    assert it.wire.said[2:] == [(5, 0, b"23")]
    assert it.wire.sent[2][0].session != it.wire.sent[0][0].session
    it.wire.answer(2, BatchAnswer(5, [2, 3]))
    assert it.told == [Acknowledged("a", "e", n) for n in (1, 2, 3)]
    it.channel.close()


async def test_a_new_term_wakes_what_was_not_taken_and_begins_a_session() -> None:
    it = Place()
    await it.put(1)
    it.wire.answer(0, BatchAnswer(4, not_taken="it is being given"))
    assert len(it.wire.sent) == 1
    it.writers.heard(0, 5)
    assert it.wire.said[1:] == [(5, 0, b"1")]
    it.wire.answer(1, BatchAnswer(5, [1]))
    it.writers.heard(0, 6)
    await it.put(2)
    assert it.wire.said[2:] == [(6, 0, b"2")]
    it.channel.close()


async def test_a_writer_says_its_term_to_who_has_not_heard_of_it() -> None:
    it = Place()
    await it.put(1)
    it.wire.answer(0, BatchAnswer(5, not_taken="its writer does not know what came before"))
    assert it.wire.said[1:] == [(5, 0, b"1")]
    it.channel.close()


@pytest.mark.parametrize(
    "answer",
    [
        BatchAnswer(3, not_taken="its append queue is full"),
        BatchAnswer(3, [No("unavailable", "not known to be stored")]),
        BatchAnswer(3, [Repeat(7)]),
    ],
)
async def test_what_one_says_that_was_replaced_before_is_no_answer(answer: BatchAnswer) -> None:
    it = Place()
    await it.put(1)
    await it.put(2)
    it.wire.answer(0, answer)
    it.channel._pump()
    assert (len(it.wire.sent), it.told) == (2, [])
    it.wire.answer(0, BatchAnswer(4, [1]))
    it.wire.answer(1, BatchAnswer(4, [2]))
    assert it.told == [Acknowledged("a", "e", n) for n in (1, 2)]
    it.channel.close()


async def test_one_that_is_replaced_meanwhile_refuses_nothing_for_good() -> None:
    it = Place()
    await it.put(1)
    await it.put(2)
    it.writers.heard(0, 5)
    it.wire.answer(0, BatchAnswer(4, [1]))
    it.wire.answer(1, BatchAnswer(4, [No("hole", "the last one was 7")]))
    assert it.told[:1] == [Acknowledged("a", "e", 1)]
    assert it.told[1:] == [
        Refused("unavailable", "not known to be stored: its writer changed meanwhile", "a")
    ]
    it.channel.close()


def test_of_a_later_writer_it_proves_nothing_once_the_one_before_may_have_taken_it() -> None:
    async def main(_: object) -> None:
        it = Place()
        await it.put(1)
        await asyncio.sleep(1.1)
        it.wire.answer(0, BatchAnswer(5, not_taken="its writer does not write any more"))
        assert len(it.wire.sent) == 1
        await asyncio.sleep(1.5)
        assert [type(outcome) for outcome in it.told] == [Refused]
        assert len(it.wire.sent) == 1
        await it.put(2)
        assert it.wire.said[1:] == [(5, 0, b"2")]
        it.channel.close()

    run_virtually(main)


async def test_the_term_is_asked_for_before_a_line_is_handed_over() -> None:
    it = Place(term=0)
    await it.put(1)
    await it.put_behind(2)
    assert it.wire.said == [(0, 0, b"")]
    it.wire.answer(0, BatchAnswer(5, []))
    assert it.wire.said[1:] == [(5, 0, b"12")]
    it.channel.close()


async def test_a_term_that_is_heard_of_while_it_is_asked_for_will_do() -> None:
    it = Place(term=0)
    await it.put(1)
    it.writers.heard(0, 5)
    assert it.wire.said == [(0, 0, b""), (5, 0, b"1")]
    it.wire.answer(0, BatchAnswer(5, []))
    it.wire.answer(1, BatchAnswer(5, [1]))
    assert it.told == [Acknowledged("a", "e", 1)]
    it.channel.close()
