"""The REST port over real sockets: deadlines, bounds, methods, headers, errors in JSON."""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import json
import time
from dataclasses import replace
from typing import NoReturn

import pytest
from structlog.testing import capture_logs

from tests.server.running import JSON_VENUES, metric, running
from tests.server.wire import dial
from userstream.core.limits import Limits
from userstream.core.rest import Credentials, Identity
from userstream.server.accountstore import Accounts
from userstream.server.parts import Parts
from userstream.venue import Call
from userstream.venues import load, names

POST = b"POST /api/v1/userDataStream HTTP/1.1\r\nHost: x\r\nX-MBX-APIKEY: alicekey\r\n"


@pytest.mark.parametrize("venue", names())
async def test_the_life_of_a_key_over_http(venue: str) -> None:
    async with running() as server:
        key = await server.key(venue)
        assert (await server.call(venue, Call.RENEW, key=key)).status_code == 200
        assert (await server.call(venue, Call.DELETE, key=key)).status_code == 200
        assert (await server.call(venue, Call.RENEW, key=key)).status_code == 400
        assert metric(server.service, "userstream_requests_total", venue=venue, status="400") == 1


@pytest.mark.plain_loop
async def test_answers_come_at_once_without_uvloop_too() -> None:
    async with running() as server:
        await server.rest.get("/api/v1/ping")
        began = time.monotonic()
        for _ in range(25):  # 40 ms each, where the kernel waits for more to send
            assert (await server.rest.get("/api/v1/ping")).status_code == 200
        assert time.monotonic() - began < 0.7


async def test_the_listen_key_may_come_in_a_form_of_a_delete() -> None:
    async with running() as server:
        key = await server.key()
        response = await server.rest.request(
            "DELETE", "/api/v1/userDataStream", data={"listenKey": key},
            headers={"X-MBX-APIKEY": "alicekey"},
        )  # fmt: skip
        assert (response.status_code, response.json()) == (200, {})


@pytest.mark.parametrize("venue", names())
async def test_every_answer_has_a_date_and_is_json(venue: str) -> None:
    async with running() as server:
        for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE"):
            for path in ("/api/v1/userDataStream", "/nowhere", "/", "/%ff%00"):
                response = await server.rest.request(method, f"/{venue}{path}")
                date = email.utils.parsedate_to_datetime(response.headers["date"])
                assert abs(date.timestamp() - time.time()) < 5
                assert response.status_code in {400, 401, 404, 405}, (method, path)
                assert response.headers["content-type"] == "application/json;charset=UTF-8"
                if method != "HEAD":
                    assert set(response.json()) == {"code", "msg"}


async def test_a_wrong_method_is_405_and_a_wrong_path_404() -> None:
    async with running() as server:
        for method in ("PATCH", "OPTIONS", "HEAD", "TRACE", "PROPFIND"):
            response = await server.rest.request(method, "/api/v1/userDataStream")
            assert response.status_code == 405, method
        assert (await server.rest.get("/api/v9/userDataStream")).status_code == 404
        async with dial(server.service.urls["rest"]) as wire:
            await wire.send(b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert json.loads((await wire.rest()).partition(b"\r\n\r\n")[2])["code"]


async def test_venues_are_found_by_prefix_by_host_and_at_the_root() -> None:
    async with running(hosts={"api.broker.example": "bhex"}) as server:
        for path, host, weight in (
            ("/binance/api/v1/time", "x", True),
            ("/api/v1/time", "x", True),
            ("/api/v3/time", "mexc.localhost:8080", False),
            ("/openapi/v1/time", "API.broker.example", False),
        ):
            response = await server.rest.get(path, headers={"Host": host})
            assert response.status_code == 200, path
            assert abs(response.json()["serverTime"] - server.service.clock.ms()) < 1_000
            assert ("X-MBX-USED-WEIGHT" in response.headers) is weight


@pytest.mark.parametrize("venue", names())
async def test_start_up_calls_are_served(venue: str) -> None:
    async with running() as server:
        for route in server.venues[venue].rest.routes:
            if route.call in {Call.PING, Call.TIME, Call.INFO}:
                params = {"timestamp": "1"} if venue == "bhex" else None
                response = await server.rest.get(f"/{venue}{route.path}", params=params)
                assert response.status_code == 200, route.path


@pytest.mark.parametrize("venue", JSON_VENUES)
async def test_a_used_up_window_is_429_with_retry_after_and_then_a_ban(venue: str) -> None:
    known = load(venue)
    venues = {venue: replace(known, rest=replace(known.rest, weight_per_window=10))}
    limits = Limits(ban_after_refusals=3)
    async with running(venues=venues, limits=limits, clock_speed=0.01, venue=venue) as server:
        responses = [await server.call(venue, Call.RENEW, key="x" * 60) for _ in range(18)]
        assert [r.status_code for r in responses] == [400] * 10 + [429] * 3 + [418] * 5
        assert all(int(r.headers["retry-after"]) >= 1 for r in responses[10:])


@pytest.mark.parametrize(
    "sent", [b"", b"POST", POST, POST + b"Content-Length: 10\r\n\r\nlisten"], ids=range(4)
)
async def test_half_a_request_is_dropped_in_time(sent: bytes) -> None:
    async with running(limits=Limits(handshake_s=0.1)) as server:
        async with dial(server.service.urls["rest"]) as wire:
            await wire.send(sent)
            assert await wire.rest(2) == b""
        assert (await server.rest.get("/api/v1/ping")).status_code == 200


@pytest.mark.parametrize("after", [b"", POST + b"Content-Length: 0\r\n\r\n"])
async def test_a_dripping_request_is_dropped_in_time(after: bytes) -> None:
    async with (
        running(limits=Limits(handshake_s=0.15)) as server,
        dial(server.service.urls["rest"]) as wire,
    ):
        await wire.send(after)
        if after:
            assert b"listenKey" in await wire.until(b"}")
        reading = asyncio.create_task(wire.rest(2))
        await wire.drip(POST + b"Content-Length: 1000\r\n\r\n" + b"x" * 1000, 0.01)
        assert await reading == b""


LONG_HEADERS = b" HTTP/1.1\r\nHost: x\r\n" + b"X-Header: %b\r\n" % (b"y" * 90) * 300
URL_TOO_LONG = (414, {"code": -1020, "msg": "The URL is too long."})
PLAIN_TOO_LONG = (414, {"code": 414, "msg": "The URL is too long."})
ADMIN_TOO_LONG = (414, {"error": {"code": "too_long", "msg": "The URL is too long."}})


@pytest.mark.parametrize("cut", [0, 1_000], ids=["in one piece", "in pieces"])
@pytest.mark.parametrize(
    ("port", "head", "expected"),
    [
        ("rest", b"GET /api/v1/ping?" + b"x" * 30_000 + b" HTTP/1.1\r\n\r\n", URL_TOO_LONG),
        ("rest", b"GET /bhex/" + b"x" * 30_000, URL_TOO_LONG),
        ("rest", b"POST /mexc/" + b"x" * 300_000, (414, {"code": 414, "msg": "URI Too Long"})),
        ("rest", b"GET /spacedex/api/v1/ping" + LONG_HEADERS,
         (431, {"code": -1020, "msg": "The headers are too large."})),
        ("admin", b"GET /_events?account=" + b"x" * 30_000, ADMIN_TOO_LONG),
        ("admin", b"POST /_events" + LONG_HEADERS,
         (431, {"error": {"code": "too_long", "msg": "The headers are too large."}})),
    ],
)  # fmt: skip
async def test_a_head_that_is_too_long_is_answered_and_the_last(
    port: str, head: bytes, expected: tuple[int, object], cut: int
) -> None:
    async with running() as server, dial(server.service.urls[port]) as wire:
        for at in range(0, len(head), cut or len(head)):
            await wire.send(head[at : at + (cut or len(head))])
            await asyncio.sleep(0)
        answer, _, body = (await wire.rest()).partition(b"\r\n\r\n")
        assert (int(answer.split()[1]), json.loads(body)) == expected
        assert b"Connection: close" in answer
        assert (await server.rest.get("/api/v1/ping")).status_code == 200


async def test_a_url_that_is_too_long_is_answered_where_no_venue_is() -> None:
    async with running(venue="") as server, dial(server.service.urls["rest"]) as wire:
        await wire.send(b"GET /" + b"x" * 30_000)
        _, _, body = (await wire.rest()).partition(b"\r\n\r\n")
        assert json.loads(body) == PLAIN_TOO_LONG[1]
    async with running(venue="") as server, dial(server.service.urls["stream"]) as wire:
        await wire.send(b"GET /" + b"x" * 9_000)
        _, _, body = (await wire.rest()).partition(b"\r\n\r\n")
        assert json.loads(body) == PLAIN_TOO_LONG[1]


async def test_who_goes_on_after_a_url_that_is_too_long_is_cut_in_time() -> None:
    async with (
        running(limits=Limits(handshake_s=0.5)) as server,
        dial(server.service.urls["rest"]) as wire,
    ):
        await wire.send(b"GET /" + b"x" * 30_000)
        assert (await wire.until(b"}")).startswith(b"HTTP/1.1 414 ")
        async with asyncio.timeout(10):
            while not wire.writer.is_closing():
                await wire.send(b"x" * 1_000)
                await asyncio.sleep(0.01)


async def test_a_head_that_is_too_long_behind_a_request_without_answer_is_dropped() -> None:
    asked, answered = asyncio.Event(), asyncio.Event()

    class Slow:
        async def verify(self, credentials: Credentials) -> Identity:
            asked.set()
            await answered.wait()
            return Identity("carol", "fingerprint")

    async with (
        running(parts=Parts(verifier=Slow())) as server,
        dial(server.service.urls["rest"]) as wire,
    ):
        await wire.send(POST + b"\r\n")
        await asked.wait()
        await wire.send(b"GET /" + b"x" * 30_000)
        assert await wire.rest() == b""
        answered.set()


@pytest.mark.parametrize("data", [b"\x00" * 100, b"GET\r\n\r\n", bytes(range(256))])
async def test_garbage_is_refused(data: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    async with running() as server, dial(server.service.urls["rest"]) as wire:
        await wire.send(data)
        assert (await wire.rest(2)).startswith(b"HTTP/1.1 400 ")
    assert "Traceback" not in capfd.readouterr().err


async def test_a_body_far_too_large_is_refused() -> None:
    async with running() as server:
        response = await server.rest.post(
            "/api/v1/userDataStream", content=b"x" * 100_000, headers={"X-MBX-APIKEY": "alicekey"}
        )
        assert response.status_code == 413
        assert response.json()["code"]


async def test_an_upgrade_on_the_rest_port_is_a_request_like_any_other() -> None:
    async with (
        running(limits=Limits(handshake_s=0.3)) as server,
        dial(server.service.urls["rest"]) as wire,
    ):
        upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
        await wire.send(b"GET /api/v1/time HTTP/1.1\r\nHost: x\r\n" + upgrade + b"\r\n")
        assert b"serverTime" in await wire.until(b"}")


async def test_a_client_that_hangs_up_in_the_middle_is_no_error(
    capfd: pytest.CaptureFixture[str],
) -> None:
    async with running() as server:
        for _ in range(5):
            async with dial(server.service.urls["rest"]) as wire:
                await wire.send(POST + b"Content-Length: 10\r\n\r\nlist")
                await asyncio.sleep(0.005)
        assert (await server.rest.get("/api/v1/ping")).status_code == 200
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("port", ["rest", "admin"])
async def test_a_connection_without_a_request_stays_as_long_as_its_limit_says(port: str) -> None:
    assert Limits().keep_alive_s >= 60  # what the pools of common clients count on
    ask = b"GET /_health/live HTTP/1.1\r\nHost: x\r\n\r\n"
    async with (
        running(limits=Limits(keep_alive_s=1)) as server,
        dial(server.service.urls[port]) as wire,
    ):
        for _ in range(2):
            await wire.send(ask)
            await wire.until(b"}")
        answered = time.monotonic()
        assert await wire.rest() == b""
        assert 0.9 < time.monotonic() - answered < 4


async def test_a_server_that_stops_does_not_wait_for_connections_without_a_request() -> None:
    async with running() as server, dial(server.service.urls["rest"]) as wire:
        await wire.send(b"GET /api/v1/ping HTTP/1.1\r\nHost: x\r\n\r\n")
        await wire.until(b"{}")
        began = time.monotonic()
        await server.service.__aexit__()
        assert await wire.rest() == b""
        assert time.monotonic() - began < 4


async def test_an_error_of_ours_is_the_venues_internal_error() -> None:
    class Broken:
        async def verify(self, credentials: Credentials) -> NoReturn:
            raise ZeroDivisionError

    class Slow:
        async def verify(self, credentials: Credentials) -> Identity:
            await asyncio.sleep(0.01)
            return Identity("carol", "fingerprint")

    async with running(parts=Parts(verifier=Broken())) as server:
        response = await server.call("binance", Call.CREATE)
        assert (response.status_code, response.json()["code"]) == (500, -1000)
    async with (
        running(parts=Parts(verifier=Slow())) as server,
        server.stream("binance", api_key="hers") as socket,
    ):
        answer = await server.publish("carol")
        frame = await socket.recv()
        assert [str(frame).encode()] == server.frames("binance", "carol", answer)


@pytest.mark.parametrize("account", [">", "a.b", "a b", "", "a" * 65])
async def test_no_account_is_taken_from_a_verifier_that_nobody_can_publish_for(
    account: str,
) -> None:
    """On a NATS it would be a part of a subject, and ``>`` everybody's."""

    class Loose:
        async def verify(self, credentials: Credentials) -> Identity:
            return Identity(account, "fingerprint")

    async with running(parts=Parts(verifier=Loose())) as server:
        with capture_logs() as logs:
            response = await server.call("binance", Call.CREATE)
        assert (response.status_code, response.json()["code"]) == (500, -1000)
        assert len(server.service.keys) == 0
    assert "allowed is [A-Za-z0-9_-]{1,64}" in str([log.get("exc_info") for log in logs])


async def test_signatures_are_checked_where_they_are_given() -> None:
    async with running() as server:
        url = f"/bhex/openapi/v1/userDataStream?timestamp={server.service.clock.ms()}"
        headers = {"X-BH-APIKEY": "alicekey"}
        response = await server.rest.post(f"{url}&signature={'0' * 64}", headers=headers)
        assert (response.status_code, response.json()["code"]) == (401, -1022)
        assert (await server.rest.post(url, headers=headers)).status_code == 200


async def test_secrets_that_no_longer_open_are_an_error_and_not_a_yes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running() as server:
        assert isinstance(server.service.accounts, Accounts)
        table = server.service.accounts._table
        monkeypatch.setattr(table, "_seal", type(table._seal)(b"0" * 32))
        url = f"/bhex/openapi/v1/userDataStream?timestamp={server.service.clock.ms()}"
        response = await server.rest.post(
            f"{url}&signature={'0' * 64}", headers={"X-BH-APIKEY": "alicekey"}
        )
        assert response.status_code == 500


async def test_a_request_behind_another_in_the_same_bytes_has_the_deadline_too() -> None:
    async with running(limits=Limits(handshake_s=0.2)) as server:
        first = b"GET /binance/api/v1/ping HTTP/1.1\r\nHost: x\r\n\r\n"
        half = (
            b"POST /binance/api/v1/userDataStream HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\na"
        )
        port = int(server.service.urls["rest"].rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(first + half)
        with contextlib.suppress(ConnectionResetError):
            assert (await asyncio.wait_for(reader.read(), 5)).startswith(b"HTTP/1.1 200")
        writer.close()
