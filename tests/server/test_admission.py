"""Who may open a stream, and what everybody else is told."""

from __future__ import annotations

import asyncio
import contextlib
import json

import pytest
from websockets.exceptions import InvalidStatus

from tests.server.running import Running, begin_window, metric, running, take, until
from tests.server.wire import dial, handshake, upgraded
from userstream.core.limits import Limits
from userstream.venue import Call
from userstream.venues import names

UNKNOWN = {
    "binance": (400, {"code": -1125, "msg": "This listenKey does not exist."}),
    "bhex": (400, {"code": -1125, "msg": "This listenKey does not exist."}),
    "spacedex": (400, None),
    "mexc": (400, {"code": 730708, "msg": "listen key information error"}),
}


async def refused(server: Running, url: str) -> tuple[int, dict[str, object]]:
    """Status and body of a handshake that is refused."""
    with pytest.raises(InvalidStatus) as failure:
        async with server.open(url):
            pass
    response = failure.value.response
    assert response.headers["Cache-Control"] == "no-store"
    return response.status_code, json.loads(bytes(response.body or b""))


@pytest.mark.parametrize("venue", names())
async def test_an_unknown_key_is_refused_at_the_handshake_in_the_venues_words(venue: str) -> None:
    async with running() as server:
        key = await server.key(venue)
        status, body = UNKNOWN[venue]
        for wrong in (key[:-1] + ("0" if key[-1] != "0" else "1"), "nonsense", "x" * 500):
            got = await refused(server, server.url(venue, wrong))
            assert got[0] == status
            assert body is None or got[1] == body


async def test_a_key_of_another_venue_is_unknown() -> None:
    async with running() as server:
        key = await server.key("spacedex")
        assert (await refused(server, server.url("bhex", key)))[0] == 400


async def test_an_expired_key_is_unknown() -> None:
    async with running(clock_speed=100_000) as server:
        key = await server.key()
        await until(lambda: len(server.service.keys) == 0)
        assert (await refused(server, server.url("binance", key)))[0] == 400


async def test_lenient_streams_take_an_unknown_key_and_stay_silent() -> None:
    async with (
        running(lenient_ws=True) as server,
        server.open("/ws/unknown") as socket,
        server.stream("binance") as known,
    ):
        answer = await server.publish()
        assert await take(known, 1) == server.frames("binance", "alice", answer)
        await (await socket.ping())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await socket.recv()


async def test_after_too_many_bad_keys_an_address_gets_429() -> None:
    async with running(limits=Limits(bad_keys_per_ip=3)) as server:
        begin_window(server.service.clock)
        url = server.url("binance", "unknown")
        assert [(await refused(server, url))[0] for _ in range(5)] == [400, 400, 400, 429, 429]
        key = await server.key()
        async with server.stream("binance", key) as socket:  # good keys are let in
            assert socket.state.name == "OPEN"


async def test_handshakes_of_an_address_are_counted_good_and_bad() -> None:
    limits = Limits(connects_per_ip=3)
    async with running(limits=limits) as server:
        begin_window(server.service.clock, limits.connects_window_s)
        key = await server.key()
        for _ in range(3):
            async with server.stream("binance", key):
                pass
        status, body = await refused(server, server.url("binance", key))
        assert (status, body["code"]) == (429, -1003)


async def test_more_sockets_than_an_address_may_have_are_dropped_and_forgotten() -> None:
    async with running(limits=Limits(sockets_per_ip=2)) as server:
        key = await server.key()
        async with server.stream("binance", key), server.stream("binance", key):
            for _ in range(20):
                async with dial(server.service.urls["stream"]) as wire:
                    await wire.send(handshake(f"/ws/{key}"))
                    assert await wire.rest() == b""
            await until(lambda: server.service.edge.sockets == 2)
        await until(lambda: server.service.edge.sockets == 0)
        async with server.stream("binance", key) as socket:
            assert socket.state.name == "OPEN"


async def test_more_sockets_than_the_process_may_have_are_dropped() -> None:
    async with (
        running(limits=Limits(sockets=1)) as server,
        server.stream("binance"),
        dial(server.service.urls["stream"]) as wire,
    ):
        assert await wire.rest() == b""


async def test_a_key_takes_as_many_sockets_as_it_may_and_no_more() -> None:
    async with running(limits=Limits(sockets_per_key=2)) as server:
        key = await server.key()
        async with server.stream("binance", key), server.stream("binance", key):
            status, _ = await refused(server, server.url("binance", key))
            assert status in {400, 403, 429}
        async with server.stream("binance", key):
            pass


async def test_k4_the_sixth_socket_on_a_mexc_key_is_refused_with_403() -> None:
    async with running() as server, contextlib.AsyncExitStack() as exits:
        key = await server.key("mexc")
        for _ in range(5):
            await exits.enter_async_context(server.stream("mexc", key))
        assert await refused(server, server.url("mexc", key)) == (
            403,
            {"code": 403, "msg": "Access Denied"},
        )
        other = await server.key("mexc")
        async with server.stream("mexc", other):
            pass


async def test_k4_the_sixty_first_mexc_key_is_refused() -> None:
    async with running() as server:
        keys = [await server.key("mexc") for _ in range(60)]
        assert len(set(keys)) == 60
        response = await server.call("mexc", Call.CREATE)
        assert (response.status_code, response.json()["code"]) == (400, 26)
        listed = (await server.call("mexc", Call.LIST)).json()["listenKey"]
        assert listed == keys
        await server.call("mexc", Call.DELETE, key=keys[0])
        assert (await server.call("mexc", Call.CREATE)).status_code == 200


BAD_REQUESTS = [
    (b"POST /ws/key HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", 400),
    (b"GET /ws/key HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    (b"GET /ws/key HTTP/1.0\r\n\r\n", 400),
    (b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n", 404),
    (handshake("/nowhere"), 404),
    (handshake("/ws/a/b"), 404),
    (handshake("/ws/key", Sec_WebSocket_Version="12"), 400),
    (handshake("/ws/key", Sec_WebSocket_Key=""), 400),
    (handshake("/ws/key", Sec_WebSocket_Key="dG9vIHNob3J0"), 400),
    (handshake("/ws/key", Upgrade="h2c"), 400),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    (bytes(range(256)) * 4, 400),
    (b"\x00" * 20_000, 400),
    (b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n", 414),
    (b"GET /mexc/ws?" + b"x" * 9_000 + b" HTTP/1.1\r\n\r\n", 414),
    (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 500 + b"\r\n", 400),
    (handshake("/ws/key", X_Long="y" * 8_100), 431),
    (b"GET / HTTP/1.1\r\n" + (b"X: " + b"y" * 100 + b"\r\n") * 100, 431),
]


@pytest.mark.parametrize("cut", [0, 1_000], ids=["in one piece", "in pieces"])
async def test_what_is_no_handshake_is_answered_in_json_and_closed(cut: int) -> None:
    async with running() as server:
        for data, status in BAD_REQUESTS:
            async with dial(server.service.urls["stream"]) as wire:
                for at in range(0, len(data), cut or len(data)):
                    await wire.send(data[at : at + (cut or len(data))])
                    await asyncio.sleep(0)
                answer = await wire.rest()
                if answer or len(data) < 10_000:  # a reset may overtake the answer to a flood
                    head, _, body = answer.partition(b"\r\n\r\n")
                    assert head.startswith(b"HTTP/1.1 %d " % status), (data[:60], answer)
                    assert set(json.loads(body)) == {"code", "msg"}
        await until(lambda: server.service.edge.sockets == 0)


@pytest.mark.parametrize("sent", [b"", b"GET /ws/", handshake("/ws/key")[:-2]])
async def test_half_a_handshake_is_dropped_in_time(sent: bytes) -> None:
    async with (
        running(limits=Limits(handshake_s=0.1)) as server,
        dial(server.service.urls["stream"]) as wire,
        server.stream("binance") as good,
    ):
        await wire.send(sent)
        assert await wire.rest(2) == b""
        assert good.state.name == "OPEN"  # the deadline is the handshake's alone
        await until(lambda: server.service.edge.sockets == 1)


async def test_a_dripping_handshake_is_dropped_in_time() -> None:
    async with (
        running(limits=Limits(handshake_s=0.15)) as server,
        dial(server.service.urls["stream"]) as wire,
    ):
        reading = asyncio.create_task(wire.rest(2))
        await wire.drip(handshake("/ws/" + "k" * 60), 0.01)
        assert await reading == b""


async def test_a_handshake_cut_anywhere_is_understood() -> None:
    async with running() as server:
        whole = handshake(f"/ws/{await server.key()}")
        for at in range(1, len(whole), 7):
            async with dial(server.service.urls["stream"]) as wire:
                await wire.send(whole[:at])
                await asyncio.sleep(0)
                await wire.send(whole[at:])
                assert (await wire.until(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 "), at


async def test_a_client_that_half_closes_during_its_handshake_leaves_nothing_behind() -> None:
    async with running() as server:
        async with dial(server.service.urls["stream"]) as wire:
            await wire.send(handshake(f"/ws/{await server.key()}"))
            wire.writer.write_eof()
            await wire.rest()
        await until(lambda: server.service.edge.sockets == 0)


async def test_five_hundred_slow_handshakes_do_not_keep_others_out() -> None:
    async with running(limits=Limits(handshake_s=1.0)) as server, contextlib.AsyncExitStack() as ex:
        wires = [
            await ex.enter_async_context(dial(server.service.urls["stream"])) for _ in range(500)
        ]
        for wire in wires:
            await wire.send(b"G")
        key = await server.key()
        async with asyncio.timeout(0.9):
            async with upgraded(server.url("binance", key)):
                pass
        for wire in wires:
            assert await wire.rest(3) == b""
        await until(lambda: server.service.edge.sockets == 0)


async def test_refused_handshakes_are_counted_by_their_reason() -> None:
    async with running() as server:
        await refused(server, server.url("mexc", "unknown"))
        await refused(server, "/nowhere")
        series = "userstream_handshakes_total"
        assert metric(server.service, series, venue="mexc", outcome="listen_key_unknown") == 1
        assert metric(server.service, series, venue="binance", outcome="not_found") == 1


async def test_a_combined_stream_of_too_many_keys_is_refused() -> None:
    async with running(limits=Limits(max_parameters=2)) as server:
        url = "/stream?streams=" + "/".join(f"key{n}" for n in range(3))
        assert (await refused(server, url))[0] == 400
