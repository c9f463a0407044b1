"""What a node says of accounts while it cannot know, and when events are lost for good."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from tests.server.nats.virtual import VirtualLoop, run_virtually
from tests.server.nats.world import LAYOUT, NAMES, World, in_world, opened
from tests.server.running import until
from userstream.core.limits import Limits
from userstream.errors import StoreDamaged, StoreError, StoreUnavailable
from userstream.server.nats.history import History
from userstream.venue import WHOLE, Cursor

SHORT = Limits(retention_s=60)


def cursor(seq: int) -> Cursor:
    return Cursor("e", seq, WHOLE)


async def follow(world: World, account: str) -> None:
    """Two follow it: one whom a gap ends, and one whom it does not, as with the extension."""
    world.follow(account)
    world.bus.follow(account, lambda _: None)
    await asyncio.sleep(7)


async def away(world: World, for_s: float) -> None:
    """The node cannot reach NATS for so long."""
    world.nats.dark_s["nats"] = asyncio.get_running_loop().time() + for_s
    world.pipe().cut(arrives=False)


async def retained_no_more(world: World) -> None:
    """A node is away; meanwhile five events come, and go."""
    world.publish("a", 5, heard=True)
    await follow(world, "a")
    await away(world, 200)
    world.publish("a", 5, heard=False)
    world.settle("a")
    await world.purge()
    await asyncio.sleep(180)
    assert world.oldest("a") == 11
    assert world.bus.head("a") == 5
    await until(lambda: world.bus._js.link.connected, 60)


@pytest.mark.parametrize("wait_s", [0.0, 10.0], ids=["at once", "later"])
def test_who_was_away_for_longer_than_retention_knows_a_good_cursor(wait_s: float) -> None:
    async def test(world: World) -> None:
        await retained_no_more(world)
        await asyncio.sleep(wait_s)
        assert await world.judged("a", cursor(10)) is None
        assert await world.judged("a", cursor(9)) == "too_old"
        assert await world.judged("a", cursor(11)) == "epoch"
        assert world.bus.head("a") == 10
        assert world.gaps == ["a"]

    in_world(test, SHORT)


def test_who_was_away_for_longer_than_retention_says_so_without_a_cursor() -> None:
    async def test(world: World) -> None:
        await retained_no_more(world)
        await asyncio.sleep(10)
        assert world.gaps == ["a"]
        assert (world.bus.head("a"), world.bus.proven("a")) == (10, True)
        world.publish("a", 1, heard=True)
        world.follow("a")
        await asyncio.sleep(1)
        assert world.bus.head("a") == 11
        assert world.gaps == ["a"]

    in_world(test, SHORT)


# ── cursors ahead ───────────────────────────────────────────────────────────────────────────────


def test_a_node_that_cannot_reach_the_log_says_nothing_of_a_cursor_ahead() -> None:
    async def test(world: World) -> None:
        world.publish("a", 2, heard=True)
        await follow(world, "a")
        await away(world, 30)
        world.publish("a", 2, heard=False)  # another node shows them
        for _ in range(2):
            began_s = asyncio.get_running_loop().time()
            with pytest.raises(StoreUnavailable):
                await world.judged("a", cursor(4))
            assert asyncio.get_running_loop().time() - began_s < 6
        await asyncio.sleep(30)
        assert await world.judged("a", cursor(4)) is None

    in_world(test)


def test_a_node_whose_leader_was_replaced_says_nothing_of_a_cursor_ahead() -> None:
    async def test(world: World) -> None:
        world.publish("a", 2, heard=True)
        await follow(world, "a")
        assert await world.judged("a", cursor(3)) == "epoch"
        world.events.parted_at = len(world.events.ops)
        world.publish("a", 2, heard=True)
        with pytest.raises(StoreUnavailable):
            await world.judged("a", cursor(4))
        world.events.parted_at = None
        assert await world.judged("a", cursor(4)) is None

    in_world(test)


def test_a_leader_that_lacks_a_tick_which_came_here_is_not_asked() -> None:
    async def test(world: World) -> None:
        world.publish("a", 2, heard=True)
        await follow(world, "a")
        world.publish("a", 2, heard=False)
        world.events.behind = 50
        world.events.lags = [50] * 1_000
        with pytest.raises(StoreUnavailable):
            await world.judged("a", cursor(4))
        world.events.behind = 0
        world.events.lags.clear()
        assert await world.judged("a", cursor(4)) is None

    in_world(test)


def test_until_a_tick_came_the_leader_is_asked_for_tails() -> None:
    async def main(loop: VirtualLoop) -> None:
        world = await opened(loop, Limits())
        world.tick()
        world.publish("a", 1, heard=False)
        world.follow("a")
        await asyncio.sleep(0.1)
        world.publish("a", 1, heard=False)
        world.events.lags = [1]
        await asyncio.sleep(2)
        assert world.bus.head("a") == 2

    run_virtually(main)


# ── damage ──────────────────────────────────────────────────────────────────────────────────────


def damage(world: World, data: bytes, *, heard: bool) -> None:
    """The next event of an account lies damaged in its stream."""
    world.seqs["a"] += 1
    world.add(LAYOUT.event_subject("a"), data, heard=heard)


@pytest.mark.parametrize("data", [b"\x00", b'{"seq":3}'], ids=["bytes", "fields"])
@pytest.mark.parametrize("heard", [True, False])
@pytest.mark.parametrize("last", [True, False])
def test_a_damaged_event_is_told_and_passed(data: bytes, heard: bool, last: bool) -> None:
    async def test(world: World) -> None:
        world.publish("a", 2, heard=True)
        for name in NAMES[:2]:
            await follow(world, name)
        with capture_logs() as logged:
            damage(world, data, heard=heard)
            if not last:
                world.publish("a", 1, heard=True)
            await asyncio.sleep(60)
        assert world.gaps == ["a"]
        assert world.bus.head("a") == world.seqs["a"]
        assert world.bus._follower._followed["a"].task is None
        assert world.bus.proven("a")
        assert world.bus.proven("b")
        errors = [e for e in logged if e["event"].startswith("an event is damaged")]
        assert [e["account"] for e in errors] == ["a"]
        assert await world.judged("a", cursor(2)) == "too_old"
        assert await world.judged("a", cursor(world.seqs["a"])) is None
        assert [e.seq for e in await world.bus.read("a", 4)] == ([] if last else [4])

    in_world(test)


def test_who_reads_history_comes_to_a_damaged_event_and_not_over_it() -> None:
    async def test(world: World) -> None:
        world.publish("a", 2, heard=True)
        damage(world, b"{}", heard=True)
        world.publish("a", 2, heard=True)
        world.follow("a")
        await asyncio.sleep(1)
        read = world.bus.read
        reached = [[e.seq for e in await read("a", n)] for n in (3, 1, 3, 5)]
        assert reached == [[4, 5], [1, 2], [4, 5], [5]]
        began_s = asyncio.get_running_loop().time()
        found = await History(world.bus._js, LAYOUT).read("a", 3, 5, world.events.leader.last)
        assert [e.seq for e in found] == [4, 5]
        assert asyncio.get_running_loop().time() - began_s < 1
        assert await world.bus.oldest("a") == 4
        assert [s.seq for s in await world.bus.history("a", 1, 9)] == [1, 2, 4, 5]

    in_world(test)


def test_the_first_event_is_the_first_that_can_be_read() -> None:
    async def test(world: World) -> None:
        damage(world, b"{}", heard=True)
        world.publish("a", 1, heard=True)
        world.follow("a")
        await asyncio.sleep(1)
        world.events.lags = [len(world.events.ops)]  # the first that is asked has none yet
        assert await world.bus.oldest("a") == 2

    in_world(test)


def test_of_an_account_whose_last_event_is_damaged_nothing_is_said() -> None:
    async def test(world: World) -> None:
        world.publish("a", 1, heard=True)
        await follow(world, "a")
        damage(world, b"{}", heard=True)
        await asyncio.sleep(7)
        with pytest.raises(StoreUnavailable):
            await world.judged("a", cursor(3))

    in_world(test)


def test_an_account_whose_head_is_damaged_is_not_followed() -> None:
    async def test(world: World) -> None:
        world.heads.add(LAYOUT.head_subject("a"), b"no head")
        told: list[StoreError | None] = []
        world.bus.follow("a", told.append)
        await asyncio.sleep(1)
        assert isinstance(told[0], StoreDamaged)

    in_world(test)


def test_what_somebody_deleted_is_lost_and_told() -> None:
    async def test(world: World) -> None:
        world.publish("a", 2, heard=True)
        await follow(world, "a")
        world.publish("a", 4, heard=False)
        del world.events.leader.messages[world.events.leader.last - 2]
        await asyncio.sleep(7)
        assert world.gaps == ["a"]
        assert world.bus.head("a") == 6
        assert await world.judged("a", cursor(3)) == "too_old"
        assert await world.judged("a", cursor(4)) is None

    in_world(test)


def test_a_hole_that_cannot_be_read_now_is_told_once_and_read_later() -> None:
    async def test(world: World) -> None:
        world.publish("a", 2, heard=True)
        await follow(world, "a")
        with capture_logs() as logged:
            world.publish("a", 1, heard=False)
            world.publish("a", 1, heard=True)
            world.nats.failing = 40
            await asyncio.sleep(10)
        assert (world.bus.head("a"), world.gaps) == (4, [])
        assert [e["event"] for e in logged if e["log_level"] == "error"] == [
            "events cannot be read again yet"
        ]

    in_world(test)


# ── beginnings ──────────────────────────────────────────────────────────────────────────────────


def test_beginnings_of_a_shard_that_does_not_answer_are_given_up_together() -> None:
    async def test(world: World) -> None:
        world.pipe().lost_answers = 1_000_000
        told: list[StoreError | None] = []
        for n in range(1_100):
            world.bus.follow(f"a{n}", told.append)
        await asyncio.sleep(6)
        assert len(told) == 1_100
        assert all(isinstance(error, StoreUnavailable) for error in told)
        world.pipe().lost_answers = 0
        for n in range(1_100):
            world.bus.follow(f"a{n}", told.append)
        await asyncio.sleep(6)
        assert told[1_100:] == [None] * 1_100

    in_world(test)
