"""How accounts begin to be followed: many with one question, each as the leader knows it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from unittest import mock

from tests.server.bus.places import OnNats, Opened, numbered
from tests.server.nats.servers import Nodes
from tests.server.nats.test_bus_faults import nats_of
from userstream.core.publishing import Appended
from userstream.errors import StoreDamaged, StoreError
from userstream.server.nats.jetstream import JetStream, Kept
from userstream.server.nats.layout import read_event

NAMES = [f"a{n}" for n in range(40)]


async def followed(it: Opened, names: Sequence[str]) -> dict[str, StoreError | None]:
    """Follows accounts in one turn of the loop; what was said of each."""
    told: dict[str, StoreError | None] = {}
    done = asyncio.Event()

    def one(name: str, error: StoreError | None) -> None:
        told[name] = error
        if len(told) == len(names):
            done.set()

    for name in names:
        it.bus.follow(name, lambda error, name=name: one(name, error))  # type: ignore[misc]
    async with asyncio.timeout(20):
        await done.wait()
    return told


def answering(first: Sequence[Kept]) -> Any:
    """The first question for many tails is answered so, and truly from then on."""
    really, left = JetStream.several, [first]

    async def several(js: JetStream, stream: str, **which: Any) -> Sequence[Kept]:
        return left.pop() if left and "multi_last" in which else await really(js, stream, **which)

    return mock.patch.object(JetStream, "several", several)


async def test_accounts_of_a_shard_begin_with_one_question(nats_node: Nodes) -> None:
    async with OnNats(nats_node).open() as it:
        await it.send(*(numbered(1, name) for name in NAMES[:30]))
        reads = nats_of(it)._history
        with mock.patch.object(reads, "reached", wraps=reads.reached) as asked:
            assert set((await followed(it, NAMES)).values()) == {None}
        assert sorted(call.args[0] for call in asked.mock_calls) == [0, 1]
        assert [it.bus.head(name) for name in NAMES] == [1] * 30 + [0] * 10
        await it.publish([2], NAMES[0])
        assert [e.seq for e in await it.given(NAMES[0], 2)] == [2]


async def test_where_the_copy_that_answers_lags_the_leader_is_asked(nats_node: Nodes) -> None:
    async with OnNats(nats_node).open() as it:
        await it.publish([1])
        bus = nats_of(it)
        shard = bus._layout.shard_of("alice")
        subject = bus._layout.event_subject("alice")
        old = await bus._js.several(bus._layout.events(shard), multi_last=[subject])
        await it.publish([2, 3])
        with answering(old):
            await it.follow("alice")
        assert it.bus.head("alice") == 3
        it.bus.unfollow("alice")
        with answering([]):
            await it.follow("alice")
        assert it.bus.head("alice") == 3


async def test_an_account_that_cannot_be_read_keeps_no_other_from_it(nats_node: Nodes) -> None:
    async with OnNats(nats_node).open() as it:
        await it.send(*(numbered(1, name) for name in NAMES))

        def damaged(account: str, data: bytes) -> Appended:
            if account == NAMES[3]:
                raise StoreDamaged("its bytes are no event")
            return read_event(account, data)

        with mock.patch("userstream.server.nats.history.read_event", damaged):
            told = await followed(it, NAMES)
        assert isinstance(told.pop(NAMES[3]), StoreDamaged)
        assert set(told.values()) == {None}
        assert await followed(it, NAMES[3:4]) == {NAMES[3]: None}


async def test_what_makes_no_sense_is_told_to_all_who_wait(nats_node: Nodes) -> None:
    async with OnNats(nats_node).open() as it:
        await it.send(*(numbered(1, name) for name in NAMES))  # of an empty log nothing is asked
        for wrong, kind in ((ValueError("no"), StoreDamaged), (TimeoutError(), StoreError)):
            with mock.patch.object(JetStream, "several", side_effect=wrong):
                told = await followed(it, NAMES)
            assert all(isinstance(error, kind) for error in told.values())
        assert set((await followed(it, NAMES)).values()) == {None}


async def test_one_who_fails_when_told_keeps_no_other_from_it(nats_node: Nodes) -> None:
    async with OnNats(nats_node).open() as it:
        it.bus.follow(NAMES[0], mock.Mock(side_effect=RuntimeError("a bug")))
        assert set((await followed(it, NAMES)).values()) == {None}


async def test_an_account_that_is_left_before_it_began_is_not_followed(nats_node: Nodes) -> None:
    async with OnNats(nats_node).open() as it:
        told = mock.Mock()
        it.bus.follow("alice", told)
        it.bus.unfollow("alice")
        it.bus.follow("bob", told)
        await asyncio.sleep(0)  # its question is on its way
        it.bus.unfollow("bob")
        await it.follow("alice", "bob")
        told.assert_not_called()
        assert (it.bus.head("alice"), it.bus.head("bob")) == (0, 0)


async def test_the_first_event_is_asked_for_once_and_only_if_needed(nats_node: Nodes) -> None:
    async with OnNats(nats_node).open() as it:
        await it.publish(range(1, 4))
        await it.follow("alice")
        reads = nats_of(it)._history
        with mock.patch.object(reads, "oldest", wraps=reads.oldest) as asked:
            assert await asyncio.gather(*(it.bus.oldest("alice") for _ in range(20))) == [1] * 20
            assert await it.bus.oldest("alice") == 1
        asked.assert_awaited_once_with("alice")
