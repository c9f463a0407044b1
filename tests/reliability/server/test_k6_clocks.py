"""K6: the wall clock is set by two hours and by seconds while the server runs."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from tests.server.cutting import rig
from tests.server.running import Running, rest_of, running
from tests.server.test_key_ends import short
from tests.venues.orders import order
from userstream.venue import WHOLE, Cursor
from userstream.venues import load

STEPS_S = (7_200, -7_200, -7_200, 7_200, 1, -1, 1, 1, -1, -1)


class Wall:
    """A wall clock that can be set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._off_s = 0
        real, real_ns = time.time, time.time_ns
        monkeypatch.setattr(time, "time", lambda: real() + self._off_s)
        monkeypatch.setattr(time, "time_ns", lambda: real_ns() + self._off_s * 1_000_000_000)

    def step(self, seconds: int) -> None:
        self._off_s += seconds


async def test_k6_no_key_ends_early_or_late_and_seq_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wall, life_s = Wall(monkeypatch), 5

    async def lived(server: Running, account: str) -> None:
        before = time.monotonic()
        key = await server.key(api_key=f"{account}key")
        after = time.monotonic()
        async with server.stream("binance", key) as socket:
            _, code, text = await rest_of(socket)
        assert (code, text) == (1008, "listen key expired")
        assert before + life_s <= time.monotonic() <= after + life_s + 1

    accounts = tuple(f"a{n}" for n in range(len(STEPS_S)))
    async with running(venues=short(life_s * 1_000), accounts=accounts) as server:
        lives = []
        seq = 0
        for account, step in zip(accounts, STEPS_S, strict=True):
            lives.append(asyncio.create_task(lived(server, account)))
            await asyncio.sleep(0.2)
            wall.step(step)
            for _ in range(3):
                seq += 1
                assert (await server.publish("a0")).seq == seq
        await asyncio.gather(*lives)


async def test_k6_a_restart_in_the_past_goes_on_with_seq_and_replays_in_order(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wall = Wall(monkeypatch)
    for start, step in enumerate((-7_200, 7_200, 300, -300)):
        async with rig(tmp_path / "data") as rigged:
            rigged.n = start * 300
            await rigged.publish([order(order_id=str(n)) for n in range(300)])
            stream = rigged.stream(load("bhex"), resume=Cursor(rigged.epoch(), 0, WHOLE))
            await stream.settled()
            seqs = [stream.mark(frame).seq for frame in stream.frames]
            assert seqs == [*range(1, start * 300 + 301)]
        wall.step(step)
