"""How listen keys end: by time, by DELETE, by revoking; and what their streams are told."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Mapping
from dataclasses import replace

import pytest

from tests.server.running import JSON_VENUES, hasty, metric, rest_of, running, take
from userstream.venue import Call, Venue
from userstream.venues import load, names


def short(life_ms: int) -> Mapping[str, Venue]:
    """The venues, with keys that live for a shorter time."""
    venues = {name: load(name) for name in names()}
    return {n: replace(v, keys=replace(v.keys, life_ms=life_ms)) for n, v in venues.items()}


@pytest.mark.parametrize("venue", JSON_VENUES)
async def test_a_key_ends_on_the_second_with_a_notice_and_1008(venue: str) -> None:
    async with running(venues=short(60_000), clock_speed=100) as server:
        before = server.service.clock.ms()
        key = await server.key(venue)
        after = server.service.clock.ms()
        async with server.stream(venue, key) as socket:
            frames, code, text = await rest_of(socket)
        notice = json.loads(frames[-1])
        assert (notice["e"], notice["listenKey"]) == ("listenKeyExpired", key)
        # Never early; late by less than a second of real time, however busy the machine is.
        assert before + 60_000 <= notice["E"] <= after + 60_000 + 100 * 1_000
        assert (code, text) == (1008, "listen key expired")
        assert (await server.call(venue, Call.RENEW, key=key)).json()["code"] == -1125


async def test_on_mexc_a_key_ends_without_a_word() -> None:
    async with (
        running(venues=short(20_000), clock_speed=20) as server,
        server.stream("mexc") as socket,
    ):
        assert await rest_of(socket) == ([], 1008, "listen key expired")


async def test_an_hour_is_an_hour_on_a_fast_clock() -> None:
    async with (
        running(clock_speed=7_200) as server,
        server.stream("binance") as socket,
    ):
        opened = server.service.clock.ms()
        frames, code, _ = await rest_of(socket)
        assert code == 1008
        lived = json.loads(frames[-1])["E"] - opened
        # The key is older than its stream by what it took to connect.
        assert 3_600_000 - 7_200 * 1_000 <= lived <= 3_600_000 + 7_200 * 1_000


async def test_renewing_puts_the_end_off() -> None:
    async with running(venues=short(30_000), clock_speed=40) as server:
        key = await server.key()
        async with server.stream("binance", key) as socket:
            renewed = time.monotonic()
            while time.monotonic() < renewed + 1.0:
                assert (await server.call("binance", Call.RENEW, key=key)).json() == {}
                await asyncio.sleep(0.02)
            answer = await server.publish()
            assert await take(socket, 1) == server.frames("binance", "alice", answer)
            last = server.service.clock.ms()
            await server.call("binance", Call.RENEW, key=key)
            frames, code, _ = await rest_of(socket)
        assert code == 1008
        assert json.loads(frames[-1])["E"] >= last + 30_000


@pytest.mark.parametrize("venue", names())
async def test_k3_delete_closes_all_5_streams_of_the_key_with_1000_within_a_second(
    venue: str,
) -> None:
    async with running() as server, contextlib.AsyncExitStack() as exits:
        key = await server.key(venue)
        sockets = [await exits.enter_async_context(server.stream(venue, key)) for _ in range(5)]
        began = time.monotonic()
        response = await server.call(venue, Call.DELETE, key=key)
        assert response.json() == ({"listenKey": key} if venue == "mexc" else {})
        for socket in sockets:
            frames, code, text = await rest_of(socket)
            assert (code, text) == (1000, "listen key deleted")
            assert len(frames) == (0 if venue == "mexc" else 1)
        assert time.monotonic() - began < 1
        again = await server.call(venue, Call.DELETE, key=key)
        assert (again.status_code, again.json()["code"]) == (
            400,
            730708 if venue == "mexc" else -1125,
        )


async def test_a_deleted_key_leaves_other_keys_alone() -> None:
    async with running() as server:
        key, other = await server.key("mexc"), await server.key("mexc")
        async with server.stream("mexc", other) as socket:
            await server.call("mexc", Call.DELETE, key=key)
            answer = await server.publish()
            expected = server.frames("mexc", "alice", answer)
            assert await take(socket, len(expected)) == expected


async def test_nobody_but_its_owner_may_end_a_key() -> None:
    async with running() as server, server.stream("binance", await server.key()) as socket:
        key = await server.key()
        refused = await server.call("binance", Call.DELETE, "bobkey", key=key)
        assert refused.json()["code"] == -1125
        answer = await server.publish()
        assert await take(socket, 1) == server.frames("binance", "alice", answer)


async def test_k4_two_clients_share_a_binance_key_and_a_closed_socket_does_not_end_it() -> None:
    async with running() as server:
        await server.account("alice", "second-api-key")
        key = await server.key()
        assert await server.key(api_key="second-api-key") == key
        async with server.stream("binance", key):
            pass
        async with server.stream("binance", key) as socket:
            answer = await server.publish()
            assert await take(socket, 1) == server.frames("binance", "alice", answer)


async def test_k9_revoking_an_api_key_ends_the_streams_of_every_venue_within_a_second() -> None:
    async with running() as server, contextlib.AsyncExitStack() as exits:
        sockets = [await exits.enter_async_context(server.stream(v)) for v in names()]
        other = await exits.enter_async_context(server.stream("binance", api_key="bobkey"))
        began = time.monotonic()
        gone = (await server.admin.delete("/_accounts/alice")).json()
        assert gone["listen_keys_ended"] == 4
        for socket in sockets:
            assert (await rest_of(socket))[1:] == (1008, "api key revoked")
        assert time.monotonic() - began < 1
        assert (await server.call("binance", Call.CREATE)).json()["code"] == -2015
        answer = await server.publish("bob")
        assert await take(other, 1) == server.frames("binance", "bob", answer)
        assert metric(
            server.service, "userstream_streams_ended_total", venue="mexc", reason="revoked"
        ) == 1  # fmt: skip


@pytest.mark.parametrize("venue", names())
async def test_k9_the_notice_comes_before_the_close_where_the_venue_has_one(venue: str) -> None:
    """Where it is switched off, and on MEXC, the close says it alone."""
    async with running() as server, contextlib.AsyncExitStack() as exits:
        key = await server.key(venue)
        sockets = [await exits.enter_async_context(server.stream(venue, key)) for _ in range(2)]
        before = server.service.clock.ms()
        await server.admin.delete("/_accounts/alice")
        for socket in sockets:
            frames, code, text = await rest_of(socket)
            assert (code, text) == (1008, "api key revoked")
            if venue == "mexc":
                assert frames == []
                continue
            (notice,) = (json.loads(frame) for frame in frames)
            assert notice == {"e": "listenKeyExpired", "E": notice["E"], "listenKey": key}
            assert before <= notice["E"] <= server.service.clock.ms()


@pytest.mark.parametrize("venue", JSON_VENUES)
async def test_k9_a_venue_without_the_notice_closes_without_it(venue: str) -> None:
    quiet = {venue: load(venue, {"expiry_notice": False})}
    async with running(venues=quiet, venue=venue) as server, server.stream(venue) as socket:
        await server.admin.delete("/_accounts/alice")
        assert await rest_of(socket) == ([], 1008, "api key revoked")


async def test_revoking_one_of_two_api_keys_ends_a_key_that_both_were_given() -> None:
    async with running() as server:
        await server.account("alice", "second-api-key")
        accounts = (await server.admin.get("/_accounts")).json()
        second = accounts[0]["api_keys"][1]["api_key"]
        assert await server.key() == await server.key(api_key="second-api-key")
        async with server.stream("binance") as socket:
            await server.admin.delete("/_accounts/alice", params={"api_key": second})
            assert (await rest_of(socket))[1] == 1008
        await server.key()  # the first one still makes keys


async def test_a_stream_is_cut_at_its_greatest_age() -> None:
    venues = {
        name: replace(v, stream=replace(v.stream, max_age_ms=20_000))
        for name, v in short(3_600_000).items()
    }
    async with (
        running(venues=venues, clock_speed=100) as server,
        server.stream("binance") as socket,
    ):
        assert (await rest_of(socket))[1:] == (1001, "maximum connection age reached")


async def test_mexc_closes_a_socket_without_a_subscription_and_one_without_data() -> None:
    async with running(venues=hasty()) as server:
        key = await server.key("mexc")
        async with server.open(server.url("mexc", key)) as silent:
            frames, code, text = await rest_of(silent)
            assert (frames, code, text) == ([], 1000, "no valid subscription in time")
        async with server.stream("mexc", key) as idle:
            assert await rest_of(idle) == ([], 1000, "no data and no ping in time")


async def test_a_client_ping_keeps_a_quiet_mexc_stream_alive() -> None:
    async with (
        running(venues=hasty()) as server,
        server.stream("mexc") as socket,
    ):
        began = server.service.clock.ms()
        while server.service.clock.ms() < began + 1_200:
            await socket.send('{"method":"PING"}')
            assert json.loads(await socket.recv())["msg"] == "PONG"
            await asyncio.sleep(0.1)
