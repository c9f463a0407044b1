"""Processes that stop at the worst moment, in virtual time."""

from __future__ import annotations

from tests.server.nats.processes import LAYOUT, World, world_of
from tests.server.nats.virtual import VirtualLoop, run_virtually
from tests.server.running import until
from userstream.core.publishing import Refused


def _missing(world: World) -> set[int]:
    """Shards that nobody writes."""
    mine = {s.number for p in world.processes for s in p.appends.shards if s.mine}
    return set(range(LAYOUT.shards)) - mine


def test_an_heir_that_stops_while_it_asks_leaves_its_shard_as_any_other() -> None:
    async def main(loop: VirtualLoop) -> None:
        world = await world_of(loop, 2)
        giver, heir = world.processes
        giver.pipe().up_delay_s = 0.1
        await until(heir.appends._spread._asking.locked)
        await heir.appends.retire()
        assert heir.appends.written == 0
        assert sum(shard.term for shard in heir.appends.shards) > 0, "it took what it had asked for"
        await until(lambda: not _missing(world), within_s=1.5)
        for process in world.processes:
            await process.appends.close()

    run_virtually(main)


def test_who_stops_while_it_takes_a_shard_leaves_it_as_any_other() -> None:
    async def main(loop: VirtualLoop) -> None:
        world = await world_of(loop, 2)
        one, two = world.processes
        await one.appends.retire()
        two.pipe().down_delay_s = 0.1
        await until(lambda: two.appends._intake._taking)
        await two.appends.close()
        world.processes = [one, await world.begin()]
        assert not _missing(world)
        for process in world.processes:
            await process.appends.close()

    run_virtually(main)


def test_a_line_that_comes_after_the_close_is_refused() -> None:
    async def main(loop: VirtualLoop) -> None:
        world = await world_of(loop, 1)
        (it,) = world.processes
        await it.appends.close()
        world.publish(0, 0, ["a1", "a1"])
        ((_, ticket, _), _) = world.told
        await ticket.committed()
        said = [(o.code, o.msg) for o in ticket.outcomes if isinstance(o, Refused)]
        assert said[0] == ("unavailable", "not known to be stored: the server has stopped")
        assert [code for code, _ in said[1:]] == ["unavailable"]

    run_virtually(main)
