"""Shards spread over the processes that write, while publishers publish through all of them."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from unittest import mock

import msgspec
import pytest

from tests.server.bus.places import LIMITS, OnNats, Opened, numbered
from tests.server.nats.servers import Nodes
from tests.server.nats.test_bus_faults import left, nats_of
from tests.server.nats.test_handing_over import reading
from tests.server.nats.test_versions import later_version
from tests.server.running import until
from userstream.core.limits import Limits
from userstream.core.publishing import Acknowledged, Appended, Refused
from userstream.errors import StoreUnavailable
from userstream.server.nats.channel import Channel
from userstream.server.nats.giving import Giving
from userstream.server.nats.heads import Heads
from userstream.server.nats.link import Link
from userstream.server.nats.shard import Shard

PATIENT = Limits(append_wait_s=20)
SHARDS = 8


@pytest.fixture(autouse=True)
def soon() -> object:
    """Who has just started asks at once, and does not rest between two shards."""
    with (
        mock.patch("userstream.server.nats.spread._FIRST_S", 0.1),
        mock.patch("userstream.server.nats.spread._PACE_S", 0.05),
    ):
        yield


def place_on(nodes: Nodes, shards: int = SHARDS) -> OnNats:
    place = OnNats(nodes)
    place.settings = msgspec.structs.replace(place.settings, shards=shards)
    return place


def written(*opened: Opened) -> list[int]:
    return [nats_of(it).written for it in opened]


def terms(*opened: Opened) -> list[int]:
    return [shard.term for it in opened for shard in nats_of(it)._appends.shards if shard.mine]


class Load:
    """Publishers that publish one line after the other, each of an account of its own."""

    def __init__(self) -> None:
        self.last: dict[str, int] = {}
        self.failed: list[object] = []
        self._names = (f"account{n}" for n in itertools.count())
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def through(self, it: Opened, publishers: int = 12) -> None:
        """So many more publish through a process."""
        for name in itertools.islice(self._names, publishers):
            self._tasks.append(asyncio.ensure_future(self._publish(it, name)))

    async def _publish(self, it: Opened, name: str) -> None:
        self.last[name] = 0
        while not self._stop.is_set():
            first = self.last[name] + 1
            while True:
                outcomes = await it.publish([first, first + 1], name)
                self.failed += [o for o in outcomes if not isinstance(o, Appended | Acknowledged)]
                if not any(isinstance(o, Refused) for o in outcomes):
                    break
            self.last[name] += 2
            await asyncio.sleep(0.002)

    async def went_on(self) -> None:
        """Waits until every publisher has got something more stored."""
        before = dict(self.last)
        await until(lambda: all(self.last[name] > last for name, last in before.items()), 60)

    async def proven(self, it: Opened) -> None:
        """Ends; what was acknowledged lies in the log once and in its order."""
        self._stop.set()
        await asyncio.gather(*self._tasks)
        for name, last in self.last.items():
            stored: list[tuple[int, int]] = []
            while page := await it.bus.history(name, len(stored) + 1, 10_000):
                stored += [(event.seq, event.record.line.n) for event in page]
            assert stored == [(n, n) for n in range(1, last + 1)], name


async def even(*opened: Opened, within_s: float = 30) -> None:
    """Waits until all write as many, but for one; and that they do so still a while later."""
    await until(lambda: sum(written(*opened)) == SHARDS and _apart(*opened) < 2, within_s)
    before = terms(*opened)
    await asyncio.sleep(1)
    assert terms(*opened) == before, "a shard went to and fro"


def _apart(*opened: Opened) -> int:
    return max(written(*opened)) - min(written(*opened))


@contextlib.asynccontextmanager
async def process(place: OnNats, owner: str, limits: Limits = PATIENT) -> AsyncIterator[Opened]:
    async with place.open(limits, owner) as it:
        yield it


async def shared_by_three(nodes: Nodes) -> None:
    """A second and a third process start, and one stops, while all are published to."""
    place, load = place_on(nodes), Load()
    async with process(place, "one") as one:
        assert written(one) == [SHARDS]
        load.through(one)
        async with process(place, "two") as two:
            load.through(two)
            await even(one, two)
            assert written(one, two) == [4, 4]
            async with process(place, "three") as three:
                load.through(three)
                await even(one, two, three)
                await load.proven(three)
                assert not load.failed, load.failed[:3]
        # A stop gives all up to anybody.
        await until(lambda: written(one) == [SHARDS], 20)


async def test_shards_spread_over_all_and_no_line_is_refused_or_lost(nats_node: Nodes) -> None:
    await shared_by_three(nats_node)


async def test_shards_spread_on_three_nodes_as_well(nats_cluster: Nodes) -> None:
    await shared_by_three(nats_cluster)


async def test_lines_of_a_process_without_shards_find_the_next_writer(nats_node: Nodes) -> None:
    place, load = place_on(nats_node), Load()
    async with process(place, "one") as one, reading(place, PATIENT) as beside:
        load.through(beside, 30)
        async with process(place, "two") as two:
            await even(one, two)
            await load.proven(beside)
            assert not load.failed, load.failed[:3]


async def test_all_that_is_said_may_say_more(nats_node: Nodes) -> None:
    place = place_on(nats_node)
    with later_version() as said:
        async with process(place, "one") as one, process(place, "two") as two:
            await even(one, two)
    assert {"giving", "spread"} <= set(said)


async def test_a_line_of_a_head_that_is_slow_to_read_keeps_its_shard_here(
    nats_node: Nodes,
) -> None:
    place, load, slow = place_on(nats_node), Load(), asyncio.Event()

    async def load_slowly(self: Heads, account: str) -> object:
        if account == "slow":
            await slow.wait()
        return await read(self, account)

    read = Heads.load
    with (
        mock.patch.object(Heads, "load", load_slowly),
        mock.patch("userstream.server.nats.giving._CLEAR_S", 0.1),
    ):
        async with process(place, "one") as one:
            shard = nats_of(one)._appends.shards[nats_of(one)._layout.shard_of("slow")]
            waits = asyncio.ensure_future(one.publish([1], "slow"))
            load.through(one)
            await until(lambda: [*nats_of(one)._appends._waiting])
            giving = nats_of(one)._appends._giving
            giving._hold(shard)
            later = asyncio.ensure_future(one.publish([2], "slow"))
            await giving._give(shard, "two", "nobody")
            assert shard.mine
            slow.set()
            assert [type(o) for o in [*await waits, *await later]] == [Appended, Appended]
            await load.proven(one)


async def test_lines_that_waited_are_refused_if_the_farewell_is_not_known_to_be_stored(
    nats_node: Nodes,
) -> None:
    send, lost = Link.send, 0

    def without_farewells(self: Link, data: bytes) -> None:
        nonlocal lost
        if b'"heir":"two"' in data:
            lost += 1
        else:
            send(self, data)

    async with process(place_on(nats_node), "one", LIMITS) as one:
        await one.publish([1])
        appends = nats_of(one)._appends
        shard = appends.shards[nats_of(one)._layout.shard_of("alice")]
        with mock.patch.object(Link, "send", without_farewells):
            appends._giving._hold(shard)
            giving = asyncio.ensure_future(appends._giving._give(shard, "two", "nobody"))
            outcomes = await one.send(numbered(2), numbered(3))
            await giving
        assert lost
        assert [o.code for o in outcomes if isinstance(o, Refused)] == ["unavailable", "blocked_by"]
        await until(lambda: shard.mine, 20)
        assert [type(o) for o in await one.publish([2, 3])] == [Appended, Appended]


async def test_an_heir_writes_though_who_gave_it_the_shard_is_dead(nats_node: Nodes) -> None:
    place, load, given = place_on(nats_node, 2), Load(), asyncio.Event()
    async with reading(place) as beside, contextlib.AsyncExitStack() as exits:
        one = await exits.enter_async_context(left(place, "one"))
        load.through(beside)
        give = Shard.give

        async def then_die(self: Shard, heir: str) -> None:
            await give(self, heir)
            given.set()
            await exits.aclose()
            raise StoreUnavailable("dead")

        async def close(self: Giving) -> None:  # and does not wait for what dies
            await asyncio.gather(*(shard.close() for shard in self._shards))

        with mock.patch.object(Shard, "give", then_die), mock.patch.object(Giving, "close", close):
            async with process(place, "two", LIMITS) as two:
                await until(given.is_set, 20)
                await until(lambda: written(two) == [2], 30)
                assert written(one) == [0]
                await load.went_on()
                await load.proven(two)


async def test_a_shard_whose_heir_is_dead_is_taken_by_another(nats_node: Nodes) -> None:
    place, load = place_on(nats_node, 2), Load()
    taken: list[Shard] = []

    async def die(self: Shard) -> None:
        taken.append(self)
        await asyncio.Event().wait()

    async with process(place, "one", LIMITS) as one:
        load.through(one)
        take = Shard._take

        async def of_one_only(self: Shard) -> None:
            await (take(self) if self._lease._owner == "one" else die(self))

        with mock.patch.object(Shard, "_take", of_one_only):
            with mock.patch("userstream.server.nats.appends._TAKE_S", 0.1):
                async with left(place, "two"):
                    await until(lambda: written(one) == [1], 20)
            assert len(taken) == 2
            await until(lambda: written(one) == [2], 30)
            await load.went_on()
        await load.proven(one)


async def test_lines_of_one_request_stay_in_order_when_their_shard_comes_here(
    nats_node: Nodes,
) -> None:
    accounts = ("alice", "bob", "carol", "dave")
    place = place_on(nats_node, 2)
    # What was handed over comes late: later lines find their writer here before it.
    late = mock.patch.object(Channel, "offer")
    async with process(place, "one") as one, process(place, "two") as two:
        request, tickets, n, more = two.bus.submission(), [], 0, 100
        with late:
            while more:
                n += 1
                more -= written(one, two) == [1, 1]
                tickets.append(two.bus.append(request, [numbered(n, name) for name in accounts]))
                await asyncio.sleep(0.001)
        for ticket in tickets:
            await ticket.committed()
        outcomes = [outcome for ticket in tickets for outcome in ticket.outcomes]
        wrong = [o for o in outcomes if not isinstance(o, Appended | Acknowledged)]
        assert not wrong, f"{len(wrong)} of {len(outcomes)}: {wrong[:3]}"
        for name in accounts:
            stored = await two.bus.history(name, 1, 10_000)
            assert [event.record.line.n for event in stored] == [*range(1, len(stored) + 1)]
