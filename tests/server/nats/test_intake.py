"""The intake of a shard's writer without a NATS, while the shard goes from process to process."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Sequence
from typing import cast

import pytest

from tests.server.nats.virtual import run_virtually
from userstream.core.limits import Limits
from userstream.core.publishing import Acknowledged, Ledger
from userstream.core.submission import Submission
from userstream.errors import StoreUnavailable
from userstream.server.bus import Ticket
from userstream.server.nats import intake as module
from userstream.server.nats.batch import Batch, BatchAnswer, Piece, unknown_batch, write_batch
from userstream.server.nats.inbox import Handler
from userstream.server.nats.intake import Intake
from userstream.server.nats.layout import Layout
from userstream.server.nats.link import Link
from userstream.server.nats.shard import Shard
from userstream.server.nats.wire import Message
from userstream.server.records import decode

LAYOUT = Layout("us", 1, "e")
THEIRS, OURS = 4, 5


class Wire:
    """A link whose messages a test sends, and whose answers it reads."""

    def __init__(self) -> None:
        self._sids = itertools.count()
        self.handlers: dict[int, Handler] = {}
        self.answers: list[BatchAnswer] = []

    def subscribe(self, subject: str, handler: Handler) -> int:
        assert subject == "us.put.0"
        sid = next(self._sids)
        self.handlers[sid] = handler
        return sid

    def unsubscribe(self, sid: int, *, late: bool = False) -> None:
        if not late:
            del self.handlers[sid]

    def send(self, data: bytes) -> None:
        found = re.search(rb"\{.*\}", data)
        assert found is not None
        self.answers.append(decode(found[0], BatchAnswer))

    async def answer(self, *_: object) -> None:
        raise StoreUnavailable("there is no NATS")

    def came(self, payload: bytes, *to: Handler) -> None:
        for handler in to or [*self.handlers.values()]:
            handler(Message(1, b"us.put.0", b"reply", b"", payload))


class Number:
    """All that an intake wants to know of a shard."""

    number = 0

    def __init__(self, term: int) -> None:
        self.term = term


class Process:
    """A process that writes the shard, or is about to."""

    full = False

    def __init__(self, wire: Wire, term: int) -> None:
        self.took: list[bytes] = []
        self.shard = cast("Shard", Number(term))
        self.intake = Intake(cast("Link", wire), LAYOUT, self)

    def submission(self) -> Submission:
        return Submission(Ledger("e", Limits(), lambda _: None))

    def take(self, _: Submission, numbers: Sequence[int], lines: Sequence[bytes]) -> Ticket:
        self.took += lines
        ticket = Ticket(1, [Acknowledged("a", "e", n) for n in numbers])
        ticket.settle()
        return ticket


@pytest.fixture
def wire() -> Wire:
    return Wire()


def batch(text: bytes, number: int = 0, term: int = THEIRS, session: str = "s") -> bytes:
    return write_batch(Batch(session, number, 0, [Piece(1, [1], [len(text)])], term), [text])


async def told(wire: Wire) -> list[str]:
    """Why batches were not taken; empty: they were."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    found = [answer.not_taken.partition(" to ")[0] for answer in wire.answers]
    wire.answers.clear()
    return found


async def test_what_comes_while_a_shard_is_given_is_taken_once_or_not_at_all(wire: Wire) -> None:
    giver, heir = Process(wire, THEIRS), Process(wire, 0)
    giver.intake.opened(giver.shard)
    heir.intake.expect(heir.shard)
    wire.came(batch(b"1"))
    assert await told(wire) == [""]
    giver.intake.hold([giver.shard])
    wire.came(batch(b"2", 1))
    wire.came(batch(b"2", session="t"))
    assert await told(wire) == ["its writer is about"] * 2
    giver.intake.lost(giver.shard)
    giver.intake.release()
    wire.came(batch(b"2", session="u"))
    assert await told(wire) == ["its writer has left"]
    wire.came(batch(b"2", term=OURS, session="v"))  # the tick was faster than what it answers
    assert await told(wire) == []
    heir.shard.term = OURS
    heir.intake.opened(heir.shard)
    assert await told(wire) == [""], "of what the giver took or refused, the heir says nothing"
    wire.came(batch(b"2", session="w"))
    assert await told(wire) == ["its writer has left"]
    wire.came(batch(b"3", 1, OURS, "v"))
    assert await told(wire) == [""]
    assert (giver.took, heir.took) == ([b"1"], [b"2", b"3"])
    await giver.intake.close()
    assert len(wire.handlers) == 1
    await heir.intake.close()


def test_of_two_that_got_a_batch_none_refuses_what_the_other_takes(wire: Wire) -> None:
    """However late it comes to one of them, and whether it names a term or not."""

    async def main(_: object) -> None:
        giver, heir = Process(wire, THEIRS), Process(wire, 0)
        giver.intake.opened(giver.shard)
        heir.intake.expect(heir.shard)
        to_giver, to_heir = wire.handlers.values()
        wire.came(batch(b"1"), to_giver)
        assert await told(wire) == [""]
        giver.intake.hold([giver.shard])
        giver.intake.lost(giver.shard)
        giver.intake.release()
        heir.shard.term = OURS
        heir.intake.opened(heir.shard)
        wire.came(batch(b"1"), to_heir)
        assert await told(wire) == [], "its giver took it, and its answer may be on its way"
        for i, after_s in enumerate((0.0, 0.5, 0.7, 0.7, 0.7, 0.7)):
            await asyncio.sleep(after_s)
            for term in (0, THEIRS):
                wire.came(batch(b"%d" % i, term=term, session=f"{i}-{term}"))
                found = await told(wire)
                assert found
                assert "" not in found or found == [""]
                assert (found == [""]) == (term == 0 and after_s * i > 3)
        assert heir.took == [b"5"]
        await giver.intake.close()
        await heir.intake.close()

    run_virtually(main)


async def test_who_took_a_shard_by_itself_refuses_at_once_what_was_for_another(wire: Wire) -> None:
    it = Process(wire, OURS)
    it.intake.opened(it.shard)  # it got nothing before: none of it was stored, nor will be
    wire.came(batch(b"1"))
    wire.came(batch(b"2", term=0, session="of the version before"))
    assert await told(wire) == ["its writer does not know what came before", ""]
    await it.intake.close()


async def test_who_does_not_know_that_it_was_replaced_takes_nothing_of_the_next(wire: Wire) -> None:
    stopped, it = Process(wire, THEIRS), Process(wire, OURS)
    for process in (stopped, it):
        process.intake.opened(process.shard)
    wire.came(batch(b"1", term=OURS))
    wire.came(batch(b"2", 1, OURS))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert [answer.term for answer in wire.answers] == [OURS, OURS]
    assert (stopped.took, it.took) == ([], [b"1", b"2"])
    for process in (stopped, it):
        await process.intake.close()


def test_who_gave_a_shard_and_asks_for_it_again_goes_on_refusing(wire: Wire) -> None:
    async def main(_: object) -> None:
        it = Process(wire, THEIRS)
        it.intake.opened(it.shard)
        it.intake.hold([it.shard])
        it.intake.lost(it.shard)
        it.intake.release()
        it.intake.expect(it.shard)
        wire.came(batch(b"1"))
        assert await told(wire) == ["its writer has left"]
        it.intake.leave(it.shard)
        wire.came(batch(b"2", session="t"))
        assert await told(wire) == ["its writer has left"]
        it.intake.expect(it.shard)
        await asyncio.sleep(5)
        assert wire.handlers
        wire.came(batch(b"3", session="u"))
        assert await told(wire) == []
        it.intake.leave(it.shard)
        assert not wire.handlers

    run_virtually(main)


async def test_who_gave_a_shard_listens_for_a_while_and_may_get_it_back(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LINGER_S", 0.05)
    it = Process(wire, THEIRS)

    def give() -> None:
        it.intake.opened(it.shard)
        it.intake.hold([it.shard])
        it.intake.lost(it.shard)
        it.intake.release()

    give()
    assert wire.handlers
    await asyncio.sleep(0.1)
    assert not wire.handlers
    give()
    it.shard.term = OURS
    it.intake.opened(it.shard)
    await asyncio.sleep(0.1)
    wire.came(batch(b"1", term=OURS))
    assert await told(wire) == [""]
    give()
    await it.intake.close()
    assert not wire.handlers


async def test_a_giving_that_is_off_leaves_no_session_with_a_hole(wire: Wire) -> None:
    it = Process(wire, THEIRS)
    it.intake.opened(it.shard)
    wire.came(batch(b"1"))
    it.intake.hold([it.shard])
    wire.came(batch(b"2", 1))
    it.intake.release()
    wire.came(batch(b"3", 2))
    wire.came(batch(b"2", session="t"))
    answers = await told(wire)  # what is taken is answered once it is stored
    assert sorted(why == "" for why in answers) == [False, False, True, True]
    assert it.took == [b"1", b"2"]
    await it.intake.close()


async def test_who_asked_in_vain_is_as_if_it_had_not(wire: Wire) -> None:
    it = Process(wire, 0)
    it.intake.expect(it.shard)
    wire.came(b"nonsense")
    wire.came(unknown_batch())
    assert await told(wire) == []
    it.intake.leave(it.shard)
    assert not wire.handlers
    it.shard.term = OURS
    it.intake.opened(it.shard)
    assert await told(wire) == []


async def test_whether_somebody_writes_is_asked_without_a_trace(wire: Wire) -> None:
    it = Process(wire, THEIRS)
    it.intake.opened(it.shard)
    for _ in range(3):
        wire.came(unknown_batch())
    assert await told(wire) == ["its writer does not know what came before"] * 3
    assert it.took == []


def test_who_left_a_shard_refuses_what_is_for_its_term_until_it_is_gone(wire: Wire) -> None:
    """Else who only asked for the shard would keep NATS from saying that nobody takes it."""

    async def main(_: object) -> None:
        it, asking, next_one = (Process(wire, term) for term in (THEIRS, 0, 0))
        it.intake.opened(it.shard)
        asking.intake.expect(asking.shard)
        it.intake.hold([it.shard])
        it.intake.lost(it.shard)
        it.intake.release()
        for term in (0, THEIRS - 1, THEIRS):
            wire.came(batch(b"1", term=term))
            assert await told(wire) == ["its writer has left"]
        wire.came(batch(b"1", term=OURS))
        assert await told(wire) == []
        await it.intake.close()
        next_one.intake.takes(next_one.shard, True)  # behind the farewell
        asking.intake.leave(asking.shard)
        wire.came(batch(b"2"))
        wire.came(batch(b"3", term=OURS, session="t"))
        assert await told(wire) == []
        next_one.shard.term = OURS
        next_one.intake.opened(next_one.shard)
        next_one.intake.takes(next_one.shard, False)
        assert sorted(await told(wire)) == ["", "its writer does not write any more"]
        wire.came(batch(b"4", term=0, session="u"))
        assert await told(wire) == ["its writer does not write any more"]
        await asyncio.sleep(2.1)
        wire.came(batch(b"4", term=0, session="u"))
        assert await told(wire) == [""]
        assert next_one.took == [b"3", b"4"]
        await next_one.intake.close()

    run_virtually(main)


async def test_who_did_not_get_a_shard_that_was_left_says_nothing(wire: Wire) -> None:
    it = Process(wire, 0)
    it.intake.takes(it.shard, True)
    it.intake.expect(it.shard)
    it.intake.takes(it.shard, False)
    assert wire.handlers, "it is asked for"
    wire.came(batch(b"1"))
    it.intake.leave(it.shard)
    assert not wire.handlers
    assert await told(wire) == []
