"""Heads of which one cannot be written: what that holds back, and who hears of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from tests.server.bus.places import numbered
from tests.server.nats.simulated import Nats
from tests.server.nats.simulated_streams import Stream
from tests.server.nats.virtual import VirtualLoop, run_virtually
from userstream.core.publishing import Appended
from userstream.errors import StoreDamaged, StoreUnavailable
from userstream.server.metrics import DAMAGED_HEADS
from userstream.server.nats.heads import Heads
from userstream.server.nats.jetstream import JetStream
from userstream.server.nats.layout import Layout, write_event
from userstream.server.nats.shard import Shard

LAYOUT = Layout("us", 2, "e")
NAMES = ["a", "b", "c", "d", "e", "f"]
FIRST, OTHER = ([name for name in NAMES if LAYOUT.shard_of(name) == n] for n in (0, 1))


class Written:
    """A shard of which all is stored at once."""

    def __init__(self, nats: Nats, number: int) -> None:
        self.number = number
        self.stream = LAYOUT.events(number)
        self.log = nats.streams[self.stream]
        self.floor = 0

    @property
    def base(self) -> int:
        return self.log.leader.last

    async def stored(self) -> None:
        pass


class Rig:
    """Two shards, and the heads of their accounts; nothing of them is in a ledger."""

    def __init__(self, nats: Nats, js: JetStream) -> None:
        self.nats = nats
        self.heads = Heads(js, LAYOUT, lambda _: None)
        self.shards = [Written(nats, n) for n in range(2)]
        for shard in self.shards:
            self.heads.opened(cast("Shard", shard), 0)

    def publish(self, account: str, n: int = 1) -> None:
        shard = self.shards[LAYOUT.shard_of(account)]
        event = Appended(account, "e", n, 1, numbered(n, account), None)
        message = shard.log.add(LAYOUT.event_subject(account), write_event(event))
        self.heads.stored(cast("Shard", shard), account, message.place)

    def damage(self, account: str) -> None:
        heads = self.nats.streams[LAYOUT.heads(LAYOUT.shard_of(account))]
        heads.add(LAYOUT.head_subject(account), b"no head")

    @property
    def floors(self) -> list[int]:
        return [shard.floor for shard in self.shards]


def on_rig(test: Callable[[Rig], Coroutine[Any, Any, None]]) -> None:
    async def main(loop: VirtualLoop) -> None:
        streams = [Stream(LAYOUT.events(n), f"us.in.{n}.") for n in range(2)]
        heads = [Stream(LAYOUT.heads(n), f"us.head.{n}.", one_a_subject=True) for n in range(2)]
        nats = Nats(loop, [*streams, *heads])
        link, _ = await nats.link()
        rig = Rig(nats, JetStream(link))
        await asyncio.sleep(0.1)  # nothing was there before
        await test(rig)

    run_virtually(main)


def test_a_damaged_head_holds_back_what_lies_behind_it_and_no_more() -> None:
    async def test(rig: Rig) -> None:
        good, bad, later = FIRST[0], FIRST[1], OTHER[0]
        rig.damage(bad)
        for account in (good, bad, good, later):
            rig.publish(account)
        before = DAMAGED_HEADS._value.get()
        with capture_logs() as logged:
            await rig.heads.settle(0)
        assert rig.floors == [1, 1]  # behind it lies an event that no head holds
        (told,) = [entry for entry in logged if entry["log_level"] == "error"]
        assert (told["account"], told["first"]) == (bad, 2)
        assert DAMAGED_HEADS._value.get() == before + 1
        rig.publish(good, 2)
        await rig.heads.settle(0)
        assert rig.floors == [1, 1]
        heads = rig.nats.streams[LAYOUT.heads(0)].leader
        assert b'"seq":2' in cast("Any", heads.last_of(LAYOUT.head_subject(good))).data
        heads.messages.clear()  # somebody mended it
        heads._lasts.clear()
        await rig.heads.settle(0)
        assert rig.floors == [4, 1]

    on_rig(test)


def test_what_is_tried_again_and_again_is_counted_and_told_once_in_a_while() -> None:
    async def test(rig: Rig) -> None:
        bad = FIRST[0]
        rig.damage(bad)
        rig.publish(bad)
        before = DAMAGED_HEADS._value.get()
        with capture_logs() as logged:
            for _ in range(30):  # as many as there are in five minutes
                await asyncio.sleep(10)
                await rig.heads.settle(0)
                rig.heads.unread(bad, StoreDamaged("its bytes are no head"))
            rig.heads.unread(bad, StoreUnavailable("nobody answers"))
        assert DAMAGED_HEADS._value.get() == before + 60
        assert len([entry for entry in logged if entry["log_level"] == "error"]) == 10

    on_rig(test)


def test_damaged_heads_do_not_keep_the_others_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("userstream.server.nats.heads._AT_ONCE", 1)

    async def test(rig: Rig) -> None:
        bad, good = FIRST[0], FIRST[1]
        rig.damage(bad)
        for account in (bad, good):
            rig.publish(account)
        await asyncio.sleep(1)
        await rig.heads.settle(0.5)
        assert rig.nats.streams[LAYOUT.heads(0)].leader.last_of(LAYOUT.head_subject(good))
        assert rig.floors[0] == 0

    on_rig(test)


def test_a_shard_that_does_not_answer_holds_up_no_other() -> None:
    async def test(rig: Rig) -> None:
        rig.publish(FIRST[0])
        rig.publish(OTHER[0])
        rig.nats.failing = 4  # two questions, each asked twice
        with pytest.raises(StoreUnavailable):
            await rig.heads.settle(0)
        assert rig.floors == [0, 1]
        await rig.heads.settle(0)
        assert rig.floors == [1, 1]

    on_rig(test)


def test_of_events_that_somebody_purged_nothing_is_left_to_hold() -> None:
    async def test(rig: Rig) -> None:
        gone, here = FIRST[0], FIRST[1]
        rig.publish(gone)
        rig.publish(here)
        stream = rig.shards[0].log
        stream.behind = 2  # whoever says that it leads does not know of them
        await rig.heads.settle(0)
        assert rig.floors[0] == 0
        stream.behind = 0
        stream.purge(2)
        with capture_logs() as logged:
            await rig.heads.settle(0)
        assert [entry["account"] for entry in logged] == [gone]
        assert rig.floors[0] == 2

    on_rig(test)
