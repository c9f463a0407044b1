"""An acknowledged event reaches every socket of its account, and nobody else's."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import NoReturn

import pytest

from tests.server.running import JSON_VENUES, metric, rest_of, running, take
from tests.venues.orders import SNAPSHOT, UPDATE, order
from userstream.client.publisher import line
from userstream.venues import load, names


async def test_an_event_is_on_every_socket_of_its_account_on_all_four_venues_at_once() -> None:
    async with running() as server, contextlib.AsyncExitStack() as exits:
        sockets = []
        for venue in names():
            key = await server.key(venue)
            for _ in range(2):
                socket = await exits.enter_async_context(server.stream(venue, key))
                sockets.append((venue, socket))
        for event in (SNAPSHOT, order(), UPDATE):
            answer = await server.publish("alice", event)
            for venue, socket in sockets:
                expected = server.frames(venue, "alice", answer)
                assert await take(socket, len(expected)) == expected, venue


async def test_nobody_else_sees_it() -> None:
    async with running() as server, contextlib.AsyncExitStack() as exits:
        streams = [
            (v, await exits.enter_async_context(server.stream(v, api_key="bobkey")))
            for v in names()
        ]
        for _ in range(20):
            await server.publish("alice")
        own = await server.publish("bob")
        for venue, socket in streams:
            expected = server.frames(venue, "bob", own)
            assert await take(socket, len(expected)) == expected  # and nothing before it


async def test_all_sockets_see_the_same_order() -> None:
    async with running() as server, server.stream("binance") as one, server.stream("bhex") as two:
        answers = [await server.publish() for _ in range(50)]
        assert [a.seq for a in answers] == list(range(1, 51))
        for venue, socket in (("binance", one), ("bhex", two)):
            expected = [f for a in answers for f in server.frames(venue, "alice", a)]
            assert await take(socket, 50) == expected


async def test_an_order_is_on_plain_and_combined_streams_alike() -> None:
    async with running() as server, contextlib.AsyncExitStack() as exits:
        key = await server.key("binance")
        alone = f"/binance/stream?streams={await server.key('binance', 'bobkey')}"
        other = await exits.enter_async_context(server.open(alone))
        sockets = [
            await exits.enter_async_context(server.open(f"/binance{path}{key}"))
            for path in ("/ws/", "/stream?streams=", "/ws/")
        ]
        for order_id in ("1", "2", "an-id-of-text", "4"):
            answer = await server.publish("alice", order(order_id=order_id))
            (frame,) = server.frames("binance", "alice", answer)
            wrapped = b'{"stream":"%b","data":%b}' % (key.encode(), frame)
            for socket, expected in zip(sockets, (frame, wrapped, frame), strict=True):
                assert await take(socket, 1) == [expected]
            answer = await server.publish("bob", order(order_id=order_id))
            assert server.frames("binance", "bob", answer)[0] in (await take(other, 1))[0]


async def test_a_socket_hears_nothing_of_what_came_before_it() -> None:
    async with running() as server:
        await server.publish()
        async with server.stream("binance") as socket:
            answer = await server.publish()
            assert await take(socket, 1) == server.frames("binance", "alice", answer)


async def test_a_repeated_line_is_shown_once() -> None:
    async with running() as server, server.stream("binance") as socket:
        first = await server.publish()
        again = await server.publisher.publish("alice", order(), n=1)
        assert again.duplicate
        assert again.seq == first.seq
        second = await server.publish()
        expected = [f for a in (first, second) for f in server.frames("binance", "alice", a)]
        assert await take(socket, 2) == expected


async def test_a_socket_that_closed_is_forgotten_and_the_others_go_on() -> None:
    async with running() as server:
        key = await server.key("spacedex")
        async with server.stream("spacedex", key) as stays:
            async with server.stream("spacedex", key):
                assert server.service.edge.sockets == 2
            answer = await server.publish()
            assert await take(stays, 1) == server.frames("spacedex", "alice", answer)
            assert server.service.edge.sockets == 1


@pytest.mark.plain_loop
async def test_it_all_works_on_asyncios_own_loop() -> None:
    async with running() as server, contextlib.AsyncExitStack() as exits:
        streams = [(v, await exits.enter_async_context(server.stream(v))) for v in names()]
        answer = await server.publish()
        for venue, socket in streams:
            expected = server.frames(venue, "alice", answer)
            assert await take(socket, len(expected)) == expected


async def test_a_burst_far_above_one_write_arrives_whole_and_in_order() -> None:
    async with running() as server, server.stream("binance") as socket:
        reading = asyncio.create_task(take(socket, 3_000))
        lines = [
            line("alice", order(order_id=str(n)), source="publisher", n=n) for n in range(1, 3_001)
        ]
        answers = await server.publisher.send(lines)
        assert [a.seq for a in answers] == list(range(1, 3_001))
        expected = [f for a in answers for f in server.frames("binance", "alice", a)]
        assert await reading == expected


@pytest.mark.parametrize("venue", JSON_VENUES)
async def test_a_frame_that_cannot_be_made_ends_the_stream_and_not_the_server(venue: str) -> None:
    def fail(*_: object) -> NoReturn:
        raise ZeroDivisionError

    venues = {name: load(name) for name in names()}
    venues[venue] = replace(venues[venue], encode=fail)
    async with (
        running(venues=venues) as server,
        server.stream(venue) as broken,
        server.stream("mexc") as fine,
    ):
        for order_id in ("x", "y"):  # not even a template has a number for these
            await server.publish(event=order(order_id=order_id))
        assert (await rest_of(broken))[1:] == (1011, "internal error")
        assert len(await take(fine, 2)) == 2
        assert (
            metric(server.service, "userstream_streams_ended_total", venue=venue, reason="internal")
            == 1
        )
