"""K1, K2, K5: listen keys end when their time has come, not before, and in any number."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from tests.reliability.server.manykeys import ROOM, make
from tests.server.running import Running, rest_of, running, take, until
from userstream.core.closing import End
from userstream.core.listenkeys import Issued, KeyRecord
from userstream.server.keystore import KeyStore
from userstream.server.localbus import LocalBus
from userstream.server.records import LISTEN_KEYS, decode
from userstream.venue import Call, Refusal

HOUR_MS = 3_600_000


class Ends:
    """Ends of keys, with the server's time."""

    def __init__(self, server: Running) -> None:
        self._clock = server.service.clock
        self.told: dict[str, list[tuple[int, End]]] = {}
        server.service.keys.on_end(self._end)

    def _end(self, record: KeyRecord, end: End) -> None:
        self.told.setdefault(record.random, []).append((self._clock.ms(), end))


async def test_k1_10000_keys_end_within_their_second_and_never_early() -> None:
    async with running(limits=ROOM, accounts=()) as server, contextlib.AsyncExitStack() as exits:
        ends, clock = Ends(server), server.service.clock
        made = await make(server, 10_000, clock.ms() + HOUR_MS, spread_ms=2_000)
        some = random.sample([*made], 200)
        sockets = [
            (made[key], await exits.enter_async_context(server.stream("binance", key)))
            for key in some
        ]
        clock.change(advance_ms=min(_dues(made)) - clock.ms() - 3_000)
        assert not ends.told
        got = await asyncio.gather(*(rest_of(socket) for _, socket in sockets))
        for (record, _), (frames, code, text) in zip(sockets, got, strict=True):
            notice = json.loads(frames[-1])
            assert notice["e"] == "listenKeyExpired"
            assert 0 <= notice["E"] - record.expires_ms <= 1_000
            assert (code, text) == (1008, "listen key expired")
        await until(lambda: len(ends.told) == len(made), 30)
        for record in made.values():
            ((at_ms, end),) = ends.told[record.random]
            assert end is End.EXPIRED
            assert 0 <= at_ms - record.expires_ms <= 1_000
        for key in (some[0], "x" * 60):
            with pytest.raises(InvalidStatus) as refused:
                async with server.open(server.url("binance", key)):
                    pass
            assert refused.value.response.status_code == 400


async def _stored(server: Running) -> list[KeyRecord]:
    """The listen keys in the store, once all that was put so far is there."""
    keys, bus = server.service.keys, server.service.bus
    assert isinstance(keys, KeyStore)
    assert isinstance(bus, LocalBus)
    await keys._committer.write([])
    return [decode(value, KeyRecord) for _, value in bus._store.scan(*LISTEN_KEYS, 10**9)]


def _dues(made: dict[str, KeyRecord]) -> list[int]:
    return [record.expires_ms for record in made.values()]


async def test_k2_of_10000_renewals_that_race_with_the_end_each_200_means_an_hour(
    tmp_path: Path,
) -> None:
    async with running(accounts=(), bus=f"file:{tmp_path / 'data'}") as server:
        ends, clock, keys = Ends(server), server.service.clock, server.service.keys
        made = await make(server, 10_000, clock.ms() + 3_000, spread_ms=8_000)
        renewed: dict[str, int] = {}

        async def race(key: str, record: KeyRecord) -> None:
            at_ms = record.expires_ms + random.randint(-3, 3)
            await asyncio.sleep(max(at_ms - clock.ms(), 0) / 1_000)
            asked_ms = clock.ms()
            answer = await keys.renew("binance", key, record.account)
            if isinstance(answer, Issued):
                renewed[record.random] = asked_ms
            else:
                assert answer is Refusal.LISTEN_KEY_UNKNOWN

        await asyncio.gather(*(race(*item) for item in made.items()))
        await until(lambda: len(ends.told) + len(renewed) == len(made))
        assert len(renewed) > 1_000 < len(ends.told)
        assert not renewed.keys() & ends.told.keys()
        stored = await _stored(server)
        assert {r.random for r in stored} == {*renewed}
        assert all(r.expires_ms >= renewed[r.random] + HOUR_MS for r in stored)
        clock.change(advance_ms=min(r.expires_ms for r in stored) - clock.ms() - 1_000)
        await asyncio.sleep(0.2)
        assert not renewed.keys() & ends.told.keys()
        clock.change(advance_ms=30_000)
        await until(lambda: len(ends.told) == len(made), 30)
        assert all(len(told) == 1 for told in ends.told.values())


class Turns:
    """The longest turn of the loop, in seconds of this thread's own work."""

    def __init__(self) -> None:
        self.longest_s = 0.0
        self._last = 0.0
        self._going = False

    def _turn(self) -> None:
        now = time.thread_time()
        self.longest_s = max(self.longest_s, now - self._last)
        self._last = now
        if self._going:
            asyncio.get_running_loop().call_soon(self._turn)

    @contextlib.asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        self._going, self._last = True, time.thread_time()
        asyncio.get_running_loop().call_soon(self._turn)
        try:
            yield
        finally:
            self._going = False
            await asyncio.sleep(0)


async def test_k5_100000_keys_that_end_in_one_second_hold_nobody_up(tmp_path: Path) -> None:
    async with running(bus=f"file:{tmp_path / 'data'}") as server:
        ends, clock, turns = Ends(server), server.service.clock, Turns()
        made = await make(server, 100_000, clock.ms() + HOUR_MS, spread_ms=1)
        waits_s = []
        async with server.stream("binance") as socket, turns.watched():
            clock.change(advance_ms=min(_dues(made)) - clock.ms() - 500)
            while len(ends.told) < len(made):
                began = time.monotonic()
                assert (await server.call("bhex", Call.CREATE)).status_code == 200
                waits_s.append(time.monotonic() - began)
                answer = await server.publish()
                assert await take(socket, 1) == server.frames("binance", "alice", answer)
        left = await _stored(server)
    assert max(waits_s) <= 1, f"the slowest of {len(waits_s)} requests took {max(waits_s):.2f} s"
    assert turns.longest_s <= 0.1, f"a turn of the loop took {turns.longest_s:.3f} s"
    assert all(len(told) == 1 for told in ends.told.values())
    assert len(left) == 2  # alice's own
