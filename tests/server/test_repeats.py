"""Stock bots that reconnect get what their pongs did not prove, where that is switched on."""

from __future__ import annotations

import asyncio
from typing import Any
from unittest import mock

import pytest

from tests.server.running import JSON_VENUES, hasty, metric, rest_of, running, take, until
from tests.server.wire import PING, PONG, masked, upgraded
from tests.venues.orders import UPDATE, order
from userstream.core.closing import End
from userstream.core.limits import Limits
from userstream.core.receipts import Receipt
from userstream.server.replay import Replays
from userstream.venue import Call

ON: dict[str, Any] = {"replay_on_reconnect": True}


async def proven(server: Any, seq: int) -> None:
    """Waits until every stream's pongs prove that much."""
    connections = server.service.edge._connections
    await until(lambda: all(c.pings.receipt.proven >= seq for c in connections if c.pings))


@pytest.mark.parametrize("venue", JSON_VENUES)
async def test_what_was_not_proven_comes_again_and_nothing_is_lost(venue: str) -> None:
    async with running(venues=hasty(), **ON) as server:
        key = await server.key(venue)
        async with server.stream(venue, key) as socket:
            answers = [await server.publish(event=order(order_id=str(n))) for n in range(3)]
            frames = [f for a in answers for f in server.frames(venue, "alice", a)]
            assert await take(socket, 3) == frames
            await proven(server, 3)
            with mock.patch.object(Receipt, "pong"):  # on a slow machine one comes in between
                answers = [await server.publish(event=e) for e in (order(), UPDATE, order())]
                due = [f for a in answers for f in server.frames(venue, "alice", a)]
                (connection,) = server.service.edge._connections
                connection.abort()
                await rest_of(socket)
        answers = [await server.publish(event=order()) for _ in range(2)]
        due += [f for a in answers for f in server.frames(venue, "alice", a)]
        async with server.stream(venue, key) as socket:
            assert await take(socket, len(due)) == due
            answer = await server.publish()
            assert await take(socket, 1) == server.frames(venue, "alice", answer)
            (connection,) = server.service.edge._connections
            assert connection.reader is None  # from there on as any other
            await proven(server, 9)
        async with server.stream(venue, key) as socket:
            answer = await server.publish()
            assert await take(socket, 1) == server.frames(venue, "alice", answer)


async def test_what_came_while_nobody_was_there_comes_too() -> None:
    async with running(venues=hasty(), **ON) as server:
        key = await server.key()
        async with server.stream("binance", key) as socket:
            await server.publish()
            await take(socket, 1)
            await proven(server, 1)
        await until(lambda: server.service.edge.sockets == 0)
        answers = [await server.publish() for _ in range(3)]
        due = [f for a in answers for f in server.frames("binance", "alice", a)]
        async with server.stream("binance", key) as socket:
            assert await take(socket, 3) == due


async def test_two_streams_of_a_key_that_break_both_lose_nothing() -> None:
    async with running(venues=hasty(), **ON) as server:
        key = await server.key()
        async with server.stream("binance", key), server.stream("binance", key):
            await until(lambda: server.service.edge.sockets == 2)
        await until(lambda: server.service.edge.sockets == 0)
        frames = server.frames("binance", "alice", await server.publish())
        async with server.stream("binance", key) as one, server.stream("binance", key) as two:
            assert [await take(one, 1), await take(two, 1)] == [frames, frames]


async def test_an_empty_pong_is_no_proof() -> None:
    async with running(venues=hasty(), **ON) as server:
        key = await server.key()
        async with upgraded(server.url("binance", key)) as wire:
            answer = await server.publish()
            while (frame := await wire.frame()).opcode != PING:
                pass
            assert frame.payload in {b"us:0", b"us:1"}
            await wire.send(masked(PONG))
            await wire.send(masked(PONG, b"us:99"))
            await asyncio.sleep(0.05)
        await until(lambda: server.service.edge.sockets == 0)
        async with server.stream("binance", key) as socket:
            assert await take(socket, 1) == server.frames("binance", "alice", answer)


async def test_a_dead_key_leaves_nothing_and_mexc_and_the_extension_have_no_receipts() -> None:
    async with running(**ON) as server:
        key = await server.key()
        async with server.stream("binance", key):
            await server.publish()
            await server.call("binance", Call.DELETE, key=key)
        assert len(server.service.edge._repeats.receipts) == 0  # type: ignore[union-attr]
        async with (
            server.stream("mexc"),
            server.open(server.url("bhex", await server.key("bhex")) + "?us=1"),
        ):
            assert [c.pings for c in server.service.edge._connections] == [None, None]


@pytest.mark.parametrize("end", [End.EXPIRED, End.DELETED, End.REVOKED])
async def test_no_more_is_kept_than_for_keys_that_live(end: End) -> None:
    async with running(**ON) as server:
        repeats, keys = server.service.edge._repeats, server.service.keys
        assert repeats is not None
        for venue in JSON_VENUES:
            key = await server.key(venue)
            for _ in range(3):
                async with server.stream(venue, key), server.stream(venue, key):
                    pass
        await until(lambda: server.service.edge.sockets == 0)
        assert len(repeats.receipts) == len(JSON_VENUES)
        async with server.stream("binance", await server.key()):
            for venue in JSON_VENUES:
                record = keys.find(venue, *await keys.owned_by(venue, "alice"))
                assert record is not None
                await keys.end([record], end)
            await until(lambda: server.service.edge.sockets == 0)
        assert len(repeats.receipts) == 0


async def test_a_repeat_does_not_look_for_what_it_would_not_say() -> None:
    async with running(**ON) as server:
        key = await server.key()
        async with server.stream("binance", key):
            pass
        await until(lambda: server.service.edge.sockets == 0)
        frames = server.frames("binance", "alice", await server.publish())
        with mock.patch.object(Replays, "_last_shown", side_effect=AssertionError) as looked:
            async with server.stream("binance", key) as socket:
                assert await take(socket, 1) == frames
        looked.assert_not_called()


async def test_what_is_not_retained_cannot_come_again() -> None:
    async with running(limits=Limits(memory_events_per_account=2), **ON) as server:
        key = await server.key()
        async with server.stream("binance", key):
            pass
        async with server.stream("binance", key):
            await server.publish()
        await until(lambda: server.service.edge.sockets == 0)
        answers = [await server.publish(event=order(order_id=str(n))) for n in range(4)]
        due = [f for a in answers[2:] for f in server.frames("binance", "alice", a)]
        async with server.stream("binance", key) as socket:
            assert await take(socket, 2) == due
            (connection,) = server.service.edge._connections
            connection.end(End.SHUTDOWN)
            assert await rest_of(socket) == ([], 1001, "server shutdown")


async def test_it_is_off_by_default() -> None:
    async with running(venues=hasty()) as server:
        key = await server.key()
        async with upgraded(server.url("binance", key)) as wire:
            await server.publish()
            while (frame := await wire.frame()).opcode != PING:
                pass
            assert frame.payload == b""
        async with server.stream("binance", key) as socket:
            answer = await server.publish()
            assert await take(socket, 1) == server.frames("binance", "alice", answer)
        assert metric(server.service, "userstream_replayed_events_total") == 0
