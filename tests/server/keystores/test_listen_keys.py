"""What every store of listen keys does, whether one node uses it or several."""

from __future__ import annotations

import asyncio
import time
from unittest import mock

import pytest
from structlog.testing import capture_logs

from tests.server.keystores.nodes import POLICIES, Backend, lasting, refused, soon
from userstream.core.closing import End
from userstream.core.listenkeys import Issued
from userstream.server.clock import Clock
from userstream.venue import OnCreate, Refusal
from userstream.venues import names

SHARING = [name for name in names() if POLICIES[name].on_create is OnCreate.REUSE]
UNKNOWN = Refusal.LISTEN_KEY_UNKNOWN


@pytest.mark.parametrize("venue", names())
async def test_a_key_lives_on_every_node_until_it_is_deleted(backend: Backend, venue: str) -> None:
    async with backend.nodes(2) as (a, b):
        made = await a.create(venue)
        found = await b.knows(venue, made.key)
        assert found == made.record == a.keys.find(venue, made.key)
        assert (found.account, found.venue) == ("alice", venue)
        assert b.keys.key_of((venue, found.random)) == made.key
        assert await b.keys.owned_by(venue, "alice") == [made.key]
        assert len(a.keys) == len(b.keys) == 1
        renewed = await b.renewed(made)
        assert renewed.key == made.key
        assert renewed.record.expires_ms >= made.record.expires_ms
        gone = await b.keys.delete(venue, made.key, "alice")
        assert isinstance(gone, Issued)
        await soon(lambda: a.told(made), 1)
        assert a.told(made) == b.told(made) == [End.DELETED]
        for node in (a, b):
            assert await node.knows(venue, made.key) is None
            assert refused(await node.keys.renew(venue, made.key, "alice")) is UNKNOWN
            assert refused(await node.keys.delete(venue, made.key, "alice")) is UNKNOWN
            assert await node.keys.owned_by(venue, "alice") == []


@pytest.mark.parametrize("venue", SHARING)
async def test_an_account_has_one_key_however_many_ask_for_it_at_once(
    backend: Backend, venue: str
) -> None:
    async with backend.nodes(2) as (a, b):
        made = await asyncio.gather(*(node.create(venue) for node in (a, b) * 10))
        assert len({issued.key for issued in made}) == 1
        assert sum(issued.new for issued in made) == 1
        assert await a.keys.owned_by(venue, "alice") == [made[0].key]
        assert [await node.knows(venue, made[0].key) is not None for node in (a, b)] == [True] * 2
        other = await b.create(venue, "bob")
        assert other.key != made[0].key


async def test_sixty_keys_an_account_and_not_one_more_on_two_nodes(backend: Backend) -> None:
    async with backend.nodes(2) as (a, b):
        identity = await a.identity("alicekey")
        asked = [node.asked("mexc", identity) for node in (a, b) * 35]
        done = await asyncio.gather(*asked)
        made = [d for d in done if isinstance(d, Issued)]
        assert len({issued.key for issued in made}) == 60
        assert {d for d in done if d not in made} == {Refusal.LISTEN_KEYS_EXHAUSTED}
        for node in (a, b):
            assert set(await node.keys.owned_by("mexc", "alice")) == {i.key for i in made}
        await a.keys.delete("mexc", made[0].key, "alice")
        assert isinstance(await b.asked("mexc", identity), Issued)
        assert refused(await a.asked("mexc", identity)) is Refusal.LISTEN_KEYS_EXHAUSTED


async def test_a_key_is_found_on_another_node_at_once(backend: Backend) -> None:
    async with backend.nodes(2, accounts=tuple(f"u{i}" for i in range(40))) as (a, b):

        async def pair(name: str) -> None:
            for venue in names():
                made = await a.create(venue, name)
                assert await b.knows(venue, made.key) == made.record

        await asyncio.gather(*(pair(f"u{i}") for i in range(40)))


async def test_only_its_owner_renews_or_deletes_a_key(backend: Backend) -> None:
    async with backend.nodes(2) as (a, b):
        made = await a.create("binance")
        assert refused(await b.keys.renew("binance", made.key, "bob")) is UNKNOWN
        assert refused(await b.keys.delete("binance", made.key, "bob")) is UNKNOWN
        for wrong in (made.key[:-1] + ("0" if made.key[-1] != "0" else "1"), "", "x" * 500, "é"):
            assert refused(await a.keys.renew("binance", wrong, "alice")) is UNKNOWN
            assert await a.knows("binance", wrong) is None
        assert await b.knows("spacedex", made.key) is None
        assert await b.knows("binance", made.key) == made.record


async def test_a_key_expires_on_every_node_on_the_second_and_never_early(backend: Backend) -> None:
    async with backend.nodes(2, lasting(800)) as (a, b):
        made = [await node.create(v, n) for node in (a, b) for v, n in
                (("mexc", "alice"), ("mexc", "bob"))]  # fmt: skip
        await soon(lambda: all(n.told(i) for n in (a, b) for i in made), 4)
        for node in (a, b):
            for issued in made:
                assert node.told(issued) == [End.EXPIRED]
                assert 0 <= node.ended_ms(issued) - issued.record.expires_ms < 1_000
                assert await node.knows("mexc", issued.key) is None
                assert refused(await node.keys.renew("mexc", issued.key, "alice")) is UNKNOWN


async def test_an_hour_is_an_hour_on_a_fast_clock(backend: Backend) -> None:
    speed = 3_600
    clock = Clock(speed)
    async with backend.nodes(2, clocks=lambda: clock) as (a, b):
        made = await a.create("bhex")
        began = made.record.expires_ms - 3_600_000
        await soon(lambda: a.told(made) and b.told(made), 10)
        for node in (a, b):
            assert 3_600_000 <= node.ended_ms(made) - began < 3_600_000 + 1_000 * speed


async def test_many_keys_of_one_second_end_within_it_and_hold_nobody_up(backend: Backend) -> None:
    count, life_ms = (300, 3_000) if backend.shared else (1_500, 1_500)
    async with backend.nodes(2, lasting(life_ms), accounts=()) as (a, b):
        await asyncio.gather(*(a.accounts.add(f"u{i}", f"u{i}key", None) for i in range(25)))
        made = await asyncio.gather(*(a.create("mexc", f"u{i % 25}") for i in range(count)))
        last_ms = max(i.record.expires_ms for i in made)
        assert await b.knows("mexc", made[-1].key) is not None
        longest_s = 0.0
        while not all(a.told(i) and b.told(i) for i in made[-1:]):
            before = time.monotonic()
            await asyncio.sleep(0.001)
            longest_s = max(longest_s, time.monotonic() - before)
            assert a.clock.ms() < last_ms + 3_000
        for node in (a, b):
            assert all(node.told(i) == [End.EXPIRED] for i in made)
            late_ms = [node.ended_ms(i) - i.record.expires_ms for i in made]
            assert 0 <= min(late_ms) <= max(late_ms) < 1_000
        assert longest_s < 1.0


async def test_one_who_fails_when_told_keeps_no_key_from_its_end(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("nats.keycopy", "keystore"):
        monkeypatch.setattr(f"userstream.server.{module}._AT_ONCE", 3)
    async with backend.nodes(1, lasting(1_000)) as (node,):
        node.keys.on_end(mock.Mock(side_effect=RuntimeError("nobody expected that")))
        with capture_logs() as logged:
            for _ in range(2):  # as many as end in one turn, and whoever comes later
                made = await asyncio.gather(*(node.create("mexc") for _ in range(3)))
                await soon(lambda made=made: all(map(node.told, made)), 10)  # type: ignore[misc]
                assert [node.told(i) for i in made] == [[End.EXPIRED]] * 3
        assert len([entry for entry in logged if entry["event"] == "a task failed"]) == 6


async def test_a_renewal_that_was_granted_is_a_whole_life_more(backend: Backend) -> None:
    """K2: renewals that race with the deadline."""
    life_ms = 1_500
    async with backend.nodes(2, lasting(life_ms), accounts=tuple("abcdefgh")) as (a, b):
        made = [await a.create("mexc", name) for name in "abcdefgh" for _ in range(10)]
        granted = 0

        async def race(i: int, issued: Issued) -> None:
            nonlocal granted
            node, record = (a, b)[i % 2], issued.record
            due_ms = record.expires_ms - 60 + i * 13 % 1_060
            await asyncio.sleep((due_ms - node.clock.ms()) / 1_000)
            asked_ms = node.clock.ms()
            done = await node.keys.renew("mexc", issued.key, record.account)
            if isinstance(done, Refusal):
                assert done is UNKNOWN
                await soon(lambda: a.told(issued) and b.told(issued), 2)
                assert a.told(issued) == b.told(issued) == [End.EXPIRED]
                return
            granted += 1
            assert done.record.expires_ms >= asked_ms + life_ms
            await soon(lambda: a.told(issued) and b.told(issued), 4)
            for other in (a, b):
                assert other.ended_ms(issued) >= done.record.expires_ms

        await asyncio.gather(*(race(i, issued) for i, issued in enumerate(made)))
        assert 0 < granted < len(made)


async def test_the_wall_clock_may_step_without_a_key_noticing(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """K6: steps of two hours and of a second, while keys live."""
    wall_ns = time.time_ns
    async with backend.nodes(2, lasting(1_500)) as (a, b):
        made = await a.create("binance")
        for step_s in (7_200, -7_200, 1, -1):
            monkeypatch.setattr(time, "time_ns", lambda s=step_s: wall_ns() + s * 10**9)
            monkeypatch.setattr(time, "time", lambda s=step_s: wall_ns() / 10**9 + s)
            await asyncio.sleep(0.1)
            assert await b.knows("binance", made.key) is not None
        await soon(lambda: a.told(made) and b.told(made), 4)
        for node in (a, b):
            assert 0 <= node.ended_ms(made) - made.record.expires_ms < 1_000


async def test_an_end_for_another_reason_is_told_everywhere_with_that_reason(
    backend: Backend,
) -> None:
    async with backend.nodes(2) as (a, b):
        made = [await a.create(venue) for venue in ("binance", "mexc")]
        await b.knows("mexc", made[1].key)
        await b.keys.end([issued.record for issued in made], End.EXPIRED)
        await soon(lambda: all(n.told(i) for n in (a, b) for i in made), 1)
        assert {e for n in (a, b) for i in made for e in n.told(i)} == {End.EXPIRED}
        await a.keys.end([made[0].record], End.DELETED)  # a dead key does not end twice
        assert a.told(made[0]) == [End.EXPIRED]
