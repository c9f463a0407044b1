"""A clock that is changed while it runs."""

from __future__ import annotations

import asyncio
import json
import time

from tests.server.running import rest_of, running, take, until
from userstream.server.clock import Alarm, Clock, Deadlines


async def test_time_goes_on_without_a_jump_at_another_speed() -> None:
    clock = Clock()
    before = clock.ms()
    clock.change(speed=1_000)
    assert 0 <= clock.ms() - before < 1_000
    await asyncio.sleep(0.05)
    fast = clock.ms()
    assert fast - before >= 40_000
    clock.change(speed=0.001)
    assert 0 <= clock.ms() - fast < 100_000  # the last moments of the fast clock
    slow = clock.ms()
    await asyncio.sleep(0.05)
    assert 0 <= clock.ms() - slow <= 10


async def test_an_alarm_that_is_set_rings_by_the_changed_clock() -> None:
    clock = Clock()
    rung: list[int] = []
    alarm = Alarm(clock, lambda: rung.append(clock.ms()))
    due = clock.ms() + 3_600_000
    alarm.set(due)
    clock.change(speed=36_000)
    await until(lambda: rung, within_s=2)
    assert rung[0] >= due - 36_000  # a timer may be early by a millisecond of real time


async def test_an_alarm_waits_on_where_the_loop_wakes_it_too_early() -> None:
    class Slow(Clock):
        now_ms = 0

        def ms(self) -> int:
            return self.now_ms

    clock, rung = Slow(), list[int]()
    alarm = Alarm(clock, lambda: rung.append(clock.ms()))
    alarm.set(5)
    clock.now_ms = 4
    await asyncio.sleep(0.05)
    assert not rung
    clock.now_ms = 5
    await until(lambda: rung == [5], within_s=2)


async def test_deadlines_come_at_once_when_the_clock_jumps_over_them() -> None:
    clock = Clock()
    handed: list[str] = []
    deadlines = Deadlines(clock, handed.append, lambda _: True)
    deadlines.add(clock.ms() + 86_400_000, "tomorrow")
    deadlines.add(clock.ms() + 60_000, "soon")
    clock.change(advance_ms=60_000)
    await until(lambda: handed == ["soon"], within_s=2)
    clock.change(advance_ms=86_400_000)
    await until(lambda: handed == ["soon", "tomorrow"], within_s=2)
    deadlines.add(clock.ms() + 60_000, "never")
    deadlines.cancel()
    clock.change(speed=100_000)
    await asyncio.sleep(0.01)
    assert len(handed) == 2


async def test_deadlines_let_go_of_what_waits_no_more() -> None:
    clock = Clock()
    waiting = set(range(0, 1_000, 7))
    handed: list[int] = []
    deadlines = Deadlines(clock, handed.append, waiting.__contains__)
    for n in range(1_000):
        deadlines.add(clock.ms() + 60_000 + n, n)
        if n not in waiting:
            deadlines.forget_one()
    assert len(deadlines._heap) < 2 * len(waiting) + 200
    clock.change(advance_ms=120_000)
    await until(lambda: waiting <= {*handed}, within_s=2)
    assert [n for n in handed if n in waiting] == sorted(waiting)


async def test_an_hour_passes_in_a_second_and_only_the_key_notices() -> None:
    async with running() as server, server.stream("binance") as socket:
        opened = server.service.clock.ms()
        began = time.monotonic()
        server.service.clock.change(speed=7_200)
        frames, code, _ = await rest_of(socket)
        assert code == 1008
        assert json.loads(frames[-1])["E"] - opened >= 3_590_000
        assert 0.4 < time.monotonic() - began < 5


async def test_a_jump_of_fifty_minutes_ends_no_stream() -> None:
    async with running() as server, server.stream("binance") as one, server.stream("mexc") as two:
        server.service.clock.change(advance_ms=3_000_000)
        await asyncio.sleep(0.05)
        answer = await server.publish()
        for venue, socket in (("binance", one), ("mexc", two)):
            expected = server.frames(venue, "alice", answer)
            assert await take(socket, len(expected)) == expected
