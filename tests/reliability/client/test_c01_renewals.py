"""C1: renewals fail, up to twenty times in a row. The key never lapses, and nothing is missed."""

from __future__ import annotations

import msgspec
import pytest

from tests.reliability.client.course import Course, course
from tests.reliability.client.runners import HASTY, Player, playing
from tests.server.running import until
from userstream import State

HOUR_MS = 3_600_000


async def renewals_fail(c: Course, player: Player, answer: str, count: int, **more: int) -> None:
    """Trade, while so many renewals fail, and until one is good again; then the alarm is over."""
    good = len(player.asked.of("PUT"))
    set_ = await c.fault("rest", answer=answer, count=count, method="PUT", **more)
    number = int(set_["id"][1:])
    began = len(player.states)
    while not await spent(c, number):
        await c.trade(1, 0.05)
    await until(lambda: any(x.status == 200 for x in player.asked.of("PUT")[good + count :]))
    await player.state(State.LIVE)
    states = player.states[began:]
    assert State.BLIND not in states
    assert (State.DEGRADED in states) == (count >= 2)


async def spent(c: Course, number: int) -> bool:
    faults = (await c.b.server.admin.get("/_sandbox/faults")).json()
    return all(f["spent"] for f in faults if f["id"] == f"f{number}")


@pytest.mark.parametrize(
    ("answer", "count", "speed", "more"),
    [
        ("500", 20, 1_200, {}),
        ("500", 1, 1_200, {}),
        ("timeout", 10, 720, {}),
        ("429", 3, 360, {"retry_after_s": 1}),
        ("418", 3, 360, {"retry_after_s": 1}),
    ],
)
async def test_c1_a_key_lives_on_where_a_try_succeeds_within_its_hour(
    answer: str, count: int, speed: int, more: dict[str, int]
) -> None:
    bounds = msgspec.structs.replace(
        HASTY, renew_from_ms=600_000 // speed, renew_to_ms=900_000 // speed,
        retry_ms=max(1, 1_000 // speed), max_retry_ms=60_000 // speed, answer_ms=100,
    )  # fmt: skip
    async with course(clock_speed=float(speed)) as c:
        # Requests with a timestamp cannot keep up with such a clock, so none is signed.
        given = {"secret": None, "life_ms": HOUR_MS // speed, "bounds": bounds}
        async with playing(c, **given) as player:
            begin, began_ms = c.seq + 1, c.b.sandbox.clock.ms()
            await renewals_fail(c, player, answer, count, **more)
            while c.b.sandbox.clock.ms() < began_ms + HOUR_MS + HOUR_MS // 5:
                await c.trade(1, 0.05)
            assert len(player.asked.of("POST")) == 1
            assert player.open_gaps == []
            c.b.sandbox.clock.change(speed=1.0)
            assert not (await c.verdict(player)).kinds
            assert (await c.frames(player.raw, begin)).clean


@pytest.mark.parametrize("venue", ["bhex", "mexc", "spacedex"])
@pytest.mark.parametrize("answer", ["500", "-1021"])
async def test_c1_so_it_is_at_every_venue(venue: str, answer: str) -> None:
    bounds = msgspec.structs.replace(HASTY, renew_from_ms=200, renew_to_ms=300)
    async with course(venue) as c, playing(c, bounds=bounds) as player:
        begin = c.seq + 1
        await renewals_fail(c, player, answer, 5)
        assert not (await c.verdict(player)).kinds
        assert (await c.frames(player.raw, begin)).clean
        assert len(player.asked.of("POST")) == 1
