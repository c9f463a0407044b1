"""Streams that break: half open, reset, closed with any code; and keys that die."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time

import pytest
from websockets.exceptions import ConnectionClosed

from tests.sandbox.playing import fault, hits, sandbox, struck, truth
from tests.server.running import JSON_VENUES, metric, rest_of, take, until
from tests.server.test_admission import refused
from tests.server.wire import PING, TEXT, masked, upgraded
from userstream.venue import Call
from userstream.venues import names


async def silent(reading: object, within_s: float = 0.15) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(within_s):
            await reading  # type: ignore[misc]


@pytest.mark.parametrize("venue", names())
async def test_a_half_open_stream_stays_open_and_says_nothing_more(venue: str) -> None:
    async with sandbox() as server, server.stream(venue) as socket:
        set_ = await fault(server, "half-open", account="alice")
        assert (set_["hits"], set_["spent"]) == (1, True)
        await server.publish()
        await silent(socket.recv())
        await silent(await socket.ping())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.1):
                await socket.close()  # no answer to the close frame either
        assert await struck(server) == [("half-open", None)]
        name = "userstream_streams_ended_total"
        assert metric(server.service, name, venue=venue, reason="lost") == 1
        socket.transport.abort()


async def test_a_new_stream_beside_a_half_open_one_works_and_the_old_one_is_let_go() -> None:
    async with sandbox() as server:
        key = await server.key("binance")
        async with upgraded(server.url("binance", key)) as wire:
            await until(lambda: server.service.edge.sockets == 1)
            await fault(server, "half-open")
            await wire.send(masked(PING, b"x") + masked(TEXT, b"y" * 100_000))
            await silent(wire.frame())
            async with server.stream("binance", key) as socket:
                answer = await server.publish()
                assert await take(socket, 1) == server.frames("binance", "alice", answer)
            await until(lambda: server.service.edge.sockets == 1)
        await until(lambda: server.service.edge.sockets == 0)


async def test_a_half_open_stream_does_not_hold_up_the_end_of_the_sandbox() -> None:
    async with contextlib.AsyncExitStack() as exits:
        async with sandbox() as server:
            socket = await exits.enter_async_context(server.stream("binance"))
            await fault(server, "half-open")
            began = time.monotonic()
        assert time.monotonic() - began < 5
        with pytest.raises(ConnectionClosed):
            await socket.recv()


async def test_a_reset_stream_is_reset() -> None:
    async with sandbox() as server:
        async with upgraded(server.url("binance", await server.key())) as wire:
            await until(lambda: server.service.edge.sockets == 1)
            await fault(server, "reset", account="alice")
            with pytest.raises(ConnectionResetError):
                await wire._reader.read(1)
        await until(lambda: server.service.edge.sockets == 0)
        assert await struck(server) == [("reset", None)]


@pytest.mark.parametrize("venue", names())
@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (1011, "oh"), (3999, "é"), (1012, "x")])
async def test_a_stream_is_closed_with_any_code(venue: str, code: int, reason: str) -> None:
    async with sandbox() as server, server.stream(venue) as socket:
        await fault(server, "close", code=code, reason=reason)
        assert await rest_of(socket) == ([], code, reason)
        assert (await truth(server))[-1]["fault"]["code"] == code


@pytest.mark.parametrize("code", [1004, 1015, 2999])
async def test_also_with_codes_that_nobody_may_send(code: int) -> None:
    async with sandbox() as server, upgraded(server.url("binance", await server.key())) as wire:
        await until(lambda: server.service.edge.sockets == 1)
        await fault(server, "close", code=code)
        assert await wire.end() == code


async def test_a_close_without_a_code_and_an_end_without_a_close() -> None:
    async with sandbox() as server:
        async with server.stream("binance") as socket:
            await fault(server, "close", code=1005)
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1005
        async with server.stream("binance") as socket:
            await fault(server, "close", code=1006)
            assert await rest_of(socket) == ([], None, "")


async def test_streams_break_as_they_open() -> None:
    async with sandbox() as server:
        key = await server.key()
        await fault(server, "close", code=1013, reason="come back later", on="open", count=2)
        for _ in range(2):
            async with server.stream("binance", key) as socket:
                assert (await rest_of(socket))[1] == 1013
        async with server.stream("binance", key) as socket:
            answer = await server.publish()
            assert await take(socket, 1) == server.frames("binance", "alice", answer)
        assert await hits(server) == [2]


@pytest.mark.parametrize("kind", ["half-open", "reset", "close"])
async def test_streams_break_at_a_frame_which_is_lost_with_them(kind: str) -> None:
    async with sandbox() as server:
        more = {"code": 1001} if kind == "close" else {}
        await fault(server, kind, account="alice", on="frame", after=2, **more)
        async with server.stream("mexc") as socket:
            frames = []
            for _ in range(3):
                frames += server.frames("mexc", "alice", await server.publish())
            assert await take(socket, 2) == frames[:2]
            if kind == "half-open":
                await silent(socket.recv())
                socket.transport.abort()
            else:
                assert (await rest_of(socket))[1] == more.get("code")
        assert (await struck(server))[0][0] == kind


async def test_held_frames_go_out_before_a_close_and_are_lost_with_a_reset() -> None:
    async with sandbox() as server:
        await fault(server, "delay", delay_ms=60_000, count=2)
        async with server.stream("binance") as socket:
            late = server.frames("binance", "alice", await server.publish())
            await fault(server, "close", code=1001)
            assert await rest_of(socket) == (late, 1001, "")
        async with server.stream("binance") as socket:
            await server.publish()
            await fault(server, "reset")
            assert await rest_of(socket) == ([], None, "")


async def test_only_so_many_streams_break() -> None:
    async with sandbox() as server, contextlib.AsyncExitStack() as exits:
        streams = [await exits.enter_async_context(server.stream("binance")) for _ in range(3)]
        await fault(server, "close", code=1012, count=2)
        for socket in streams[:2]:
            assert (await rest_of(socket))[1] == 1012
        answer = await server.publish()
        assert await take(streams[2], 1) == server.frames("binance", "alice", answer)


# ── listen keys ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("venue", names())
@pytest.mark.parametrize("kind", ["delete-key", "expire-key"])
async def test_a_key_dies_as_it_does_on_its_venue(kind: str, venue: str) -> None:
    async with sandbox() as server, server.stream("binance", api_key="bobkey") as other:
        key = await server.key(venue)
        async with server.stream(venue, key) as socket:
            set_ = await fault(server, kind, account="alice", venue=venue)
            assert set_["hits"] == 1
            frames, code, text = await rest_of(socket)
        assert (code, text) == (
            (1000, "listen key deleted") if kind == "delete-key" else (1008, "listen key expired")
        )
        if venue in JSON_VENUES:
            assert json.loads(frames[-1])["e"] == "listenKeyExpired"
        else:
            assert frames == []
        renewed = await server.call(venue, Call.RENEW, key=key)
        assert renewed.json()["code"] == (-1125 if venue != "mexc" else 730708)
        assert (await refused(server, server.url(venue, key)))[0] == 400
        answer = await server.publish("bob")
        assert await take(other, 1) == server.frames("binance", "bob", answer)
        assert await struck(server) == [(kind, None)]


async def test_the_oldest_of_many_keys_dies_first() -> None:
    async with sandbox() as server:
        keys = [await server.key("mexc") for _ in range(3)]
        await fault(server, "delete-key", account="alice", count=2)
        listed = (await server.call("mexc", Call.LIST)).json()["listenKey"]
        assert listed == keys[2:]


@pytest.mark.parametrize("venue", names())
async def test_a_dead_key_may_be_accepted_and_silent(venue: str) -> None:
    async with sandbox() as server:
        key = await server.key(venue)
        async with server.stream(venue, key) as open_before:
            await fault(server, "silent-key", account="alice")
            await fault(server, "expire-key", account="alice", venue=venue)
            await server.publish()
            await silent(open_before.recv())  # no notice, no close, no events
            await (await open_before.ping())
        async with server.open(server.url(venue, key)) as again:
            await server.publish()
            await silent(again.recv())
            await (await again.ping())
        renewed = await server.call(venue, Call.RENEW, key=key)
        assert renewed.json()["code"] == (-1125 if venue != "mexc" else 730708)
        kinds = [kind for kind, _ in await struck(server)]
        assert kinds == ["expire-key", "silent-key", "silent-key"]
        async with server.stream(venue) as fresh:
            answer = await server.publish()
            expected = server.frames(venue, "alice", answer)
            assert await take(fresh, len(expected)) == expected


async def test_a_made_up_key_and_one_of_another_account_are_refused_all_the_same() -> None:
    async with sandbox() as server:
        key = await server.key(api_key="bobkey")
        await fault(server, "silent-key", account="alice")
        await fault(server, "delete-key", account="bob")
        for unknown in (key, "x" * 60):
            assert (await refused(server, server.url("binance", unknown)))[0] == 400
        await server.admin.delete("/_accounts/alice")
        assert await struck(server, "bob") == [("delete-key", None)]


async def test_a_revoked_key_is_never_silent() -> None:
    async with sandbox() as server, server.stream("binance") as socket:
        await fault(server, "silent-key")
        await server.admin.delete("/_accounts/alice")
        assert (await rest_of(socket))[1] == 1008


async def test_dead_keys_are_remembered_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("userstream.sandbox.faults.control._DEAD_KEYS", 1)
    async with sandbox() as server:
        keys = [await server.key("mexc") for _ in range(2)]
        await fault(server, "silent-key")
        await fault(server, "delete-key")
        assert (await refused(server, server.url("mexc", keys[0])))[0] == 400
        async with server.open(server.url("mexc", keys[1])):
            pass
