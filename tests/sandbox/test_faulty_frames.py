"""Frames that are lost, doubled, late or swapped, as stock clients see them."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from tests.sandbox.playing import fault, hits, sandbox, struck
from tests.server.running import Running, metric, rest_of, take
from userstream.core.limits import Limits
from userstream.venue import Call
from userstream.venues import names


async def publish(server: Running, venue: str, count: int) -> list[bytes]:
    """Publishes events of alice and gives the frames that a venue shows of them."""
    frames = []
    for _ in range(count):
        frames += server.frames(venue, "alice", await server.publish())
    return frames


@pytest.mark.parametrize("venue", names())
async def test_without_a_fault_a_sandbox_is_a_server(venue: str) -> None:
    async with sandbox() as server, server.stream(venue) as socket:
        frames = await publish(server, venue, 3)
        assert await take(socket, len(frames)) == frames


@pytest.mark.parametrize("venue", names())
async def test_dropped_frames_are_missing_and_the_next_ones_come(venue: str) -> None:
    async with sandbox() as server, server.stream(venue) as socket:
        set_ = await fault(server, "drop", account="alice", count=2, after=1)
        frames = await publish(server, venue, 4)
        assert await take(socket, len(frames) - 2) == [frames[0], *frames[3:]]
        assert await hits(server) == [2]
        assert (await struck(server)) == [("drop", 2), ("drop", 3)]
        assert set_["id"] == "f1"
        name = "userstream_sandbox_faults_total"
        assert metric(server.service, name, kind="drop") == 2


async def test_a_fault_of_one_account_and_venue_leaves_all_others_alone() -> None:
    async with (
        sandbox() as server,
        server.stream("binance") as struck_one,
        server.stream("bhex") as other_venue,
        server.stream("binance", api_key="bobkey") as other_account,
    ):
        await fault(server, "drop", account="alice", venue="binance", count=9)
        alice, bob = await server.publish("alice"), await server.publish("bob")
        assert await take(other_venue, 1) == server.frames("bhex", "alice", alice)
        assert await take(other_account, 1) == server.frames("binance", "bob", bob)
        await server.admin.delete("/_sandbox/faults")
        last = await server.publish("alice")
        assert await take(struck_one, 1) == server.frames("binance", "alice", last)
        assert await struck(server, "bob") == []


@pytest.mark.parametrize("venue", names())
async def test_doubled_frames_come_twice(venue: str) -> None:
    async with sandbox() as server, server.stream(venue) as socket:
        await fault(server, "duplicate", venue=venue)
        frames = await publish(server, venue, 2)
        assert await take(socket, len(frames) + 1) == [frames[0], *frames]
        assert await struck(server) == [("duplicate", 1)]


async def test_a_combined_stream_is_struck_by_its_account() -> None:
    async with sandbox() as server:
        one, two = await server.key(), await server.key(api_key="bobkey")
        async with server.open(f"/binance/stream?streams={one}/{two}") as socket:
            await fault(server, "drop", account="bob", count=1)
            await server.publish("bob")
            answer = await server.publish("alice")
            (got,) = await take(socket, 1)
            assert json.loads(got)["stream"] == one
            data = server.frames("binance", "alice", answer)[0]
            assert json.loads(got)["data"] == json.loads(data)


async def test_delayed_frames_come_late_and_in_order_and_pings_do_not_wait() -> None:
    async with sandbox() as server, server.stream("binance") as socket:
        await fault(server, "delay", delay_ms=300)
        began = time.monotonic()
        frames = await publish(server, "binance", 5)
        await (await socket.ping())
        assert time.monotonic() - began < 0.3
        assert await take(socket, 5) == frames
        assert 0.3 <= time.monotonic() - began < 3
        assert await struck(server) == [("delay", 1)]


@pytest.mark.parametrize("venue", names())
async def test_reordered_frames_swap_with_their_successors(venue: str) -> None:
    async with sandbox() as server, server.stream(venue) as socket:
        await fault(server, "reorder", delay_ms=10_000, count=2)
        a, b, c, d, *rest = frames = await publish(server, venue, 5)
        assert await take(socket, len(frames)) == [b, a, d, c, *rest]
        assert len(await struck(server)) == 2


async def test_a_swap_without_a_successor_keeps_its_place_and_is_still_to_come() -> None:
    async with sandbox() as server, server.stream("binance") as socket:
        await fault(server, "reorder", delay_ms=20)
        (alone,) = await publish(server, "binance", 1)
        assert await take(socket, 1) == [alone]
        assert await hits(server) == [0]
        assert await struck(server) == []
        await server.admin.delete("/_sandbox/faults/f1")
        await fault(server, "reorder", delay_ms=10_000)
        one, two = await publish(server, "binance", 2)
        assert await take(socket, 2) == [two, one]
        assert await struck(server) == [("reorder", 2)]


async def test_what_is_held_back_comes_before_the_close() -> None:
    async with sandbox() as server:
        key = await server.key()
        async with server.stream("binance", key) as socket:
            await fault(server, "delay", delay_ms=60_000)
            (late,) = await publish(server, "binance", 1)
            await server.call("binance", Call.DELETE, key=key)
            frames, code, _ = await rest_of(socket)
            assert frames[0] == late
            assert json.loads(frames[1])["e"] == "listenKeyExpired"
            assert code == 1000


async def test_a_delay_is_cut_short_where_it_would_take_too_much() -> None:
    limits = Limits(outbox_bytes=1_000)
    async with sandbox(limits=limits) as server, server.stream("binance") as socket:
        await fault(server, "delay", delay_ms=60_000)
        frames = await publish(server, "binance", 4)
        assert await take(socket, 4) == frames


async def test_a_client_that_leaves_takes_its_late_frames_along() -> None:
    async with sandbox() as server:
        await fault(server, "delay", delay_ms=50, count=9)
        async with server.stream("binance"):
            await publish(server, "binance", 1)
        await asyncio.sleep(0.1)
        async with server.stream("binance") as socket:
            frames = await publish(server, "binance", 1)
            assert await take(socket, 1) == frames


async def test_the_same_seed_loses_the_same_frames() -> None:
    lost = []
    for _ in range(2):
        async with sandbox() as server, server.stream("binance") as socket:
            await fault(server, "drop", probability=0.3, seed=5)
            frames = await publish(server, "binance", 40)
            await server.admin.delete("/_sandbox/faults")
            (last,) = await publish(server, "binance", 1)
            got: list[bytes] = []
            while last not in got:
                got += await take(socket, 1)
            lost.append([n for n, frame in enumerate(frames) if frame not in got])
            assert [seq for _, seq in await struck(server)] == [n + 1 for n in lost[-1]]
    assert lost[0] == lost[1] != []
