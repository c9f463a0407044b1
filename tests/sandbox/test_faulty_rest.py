"""REST requests that are refused, or hang, in each venue's own form."""

from __future__ import annotations

import asyncio
import time

import httpx
import pytest

from tests.sandbox.playing import fault, hits, sandbox, struck, truth
from tests.server.wire import dial
from userstream.venue import Call
from userstream.venues import names

CODES = {
    "500": {"mexc": (500, 500)},
    "429": {"mexc": (429, 429)},
    "418": {"mexc": (418, 429)},
    "-1021": {"mexc": (400, 700003)},
    "-1125": {"mexc": (400, 730708)},
}
DEFAULTS = {
    "500": (500, -1000),
    "429": (429, -1003),
    "418": (418, -1003),
    "-1021": (400, -1021),
    "-1125": (400, -1125),
}


@pytest.mark.parametrize("venue", names())
@pytest.mark.parametrize("answer", CODES)
async def test_so_many_requests_are_refused_in_the_venues_form(answer: str, venue: str) -> None:
    async with sandbox() as server:
        key = await server.key(venue)
        await fault(server, "rest", answer=answer, venue=venue, account="alice", count=2)
        for _ in range(2):
            refused = await server.call(venue, Call.RENEW, key=key)
            expected = CODES[answer].get(venue, DEFAULTS[answer])
            assert (refused.status_code, refused.json()["code"]) == expected
            assert "{" not in refused.json()["msg"]
            wait = {"429": "5", "418": "120"}.get(answer)
            assert refused.headers.get("retry-after") == wait
        assert (await server.call(venue, Call.RENEW, key=key)).status_code == 200
        line = (await truth(server))[-1]["fault"]
        assert (line["answer"], line["method"], line["venue"]) == (answer, "PUT", venue)
        assert key not in str(await truth(server))


async def test_retry_after_is_as_asked() -> None:
    async with sandbox() as server:
        await fault(server, "rest", answer="418", retry_after_s=0)
        refused = await server.call("binance", Call.CREATE)
        assert refused.headers["retry-after"] == "0"


async def test_requests_are_told_apart_by_account_method_and_path() -> None:
    async with sandbox() as server:
        key, other = await server.key(), await server.key(api_key="bobkey")
        await fault(
            server, "rest", answer="500", account="alice", method="PUT", count=9,
            path="/api/v1/userDataStream",
        )  # fmt: skip
        assert (await server.call("binance", Call.RENEW, key=key)).status_code == 500
        assert (await server.call("binance", Call.RENEW, "bobkey", key=other)).status_code == 200
        assert (await server.call("binance", Call.CREATE)).status_code == 200
        v3 = await server.rest.put(
            "/binance/api/v3/userDataStream", params={"listenKey": key},
            headers={"X-MBX-APIKEY": "alicekey"},
        )  # fmt: skip
        assert v3.status_code == 200
        for headers in ({}, {"X-MBX-APIKEY": "nobody"}):
            answer = await server.rest.put("/api/v1/userDataStream", headers=headers)
            assert answer.status_code == 401 or answer.json()["code"] == -1102
        assert (await server.rest.get("/nowhere/at/all")).status_code == 404
        assert await hits(server) == [1]


async def test_a_public_call_is_struck_too_and_a_path_without_a_venue_is_not() -> None:
    async with sandbox(venue="") as server:
        await fault(server, "rest", answer="500", count=2)
        assert (await server.rest.get("/api/v1/ping")).status_code == 404
        assert (await server.rest.get("/binance/api/v1/ping")).status_code == 500
        assert await hits(server) == [1]


async def test_a_request_that_times_out_gets_no_answer_until_the_client_gives_up() -> None:
    async with sandbox() as server:
        await fault(server, "rest", answer="timeout", method="POST")
        headers = {"X-MBX-APIKEY": "alicekey"}
        began = time.monotonic()
        with pytest.raises(httpx.ReadTimeout):
            await server.rest.post("/api/v1/userDataStream", headers=headers, timeout=0.2)
        assert time.monotonic() - began >= 0.2
        assert await server.key()
        assert await server.service.keys.owned_by("binance", "alice") != []
        assert await struck(server) == [("rest", None)]


async def test_a_hanging_request_ends_when_its_fault_is_cleared() -> None:
    async with sandbox() as server:
        await fault(server, "rest", answer="timeout")
        await fault(server, "rest", answer="500")
        asked = asyncio.create_task(server.call("binance", Call.CREATE))
        await asyncio.sleep(0.1)
        await server.admin.delete("/_sandbox/faults/f2")
        await asyncio.sleep(0.1)
        assert not asked.done()
        await server.admin.delete("/_sandbox/faults/f1")
        response = await asyncio.wait_for(asked, 5)
        assert response.status_code == 500  # nobody waits for an answer of a venue any more


async def test_a_hanging_request_with_half_a_body_does_no_harm() -> None:
    async with sandbox() as server:
        await fault(server, "rest", answer="timeout")
        async with dial(server.service.urls["rest"]) as wire:
            await wire.send(
                b"POST /api/v1/userDataStream HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf"
            )
            await asyncio.sleep(0.1)
        assert await server.key()


@pytest.mark.parametrize("answer", ["500", "timeout"])
async def test_a_request_may_be_carried_out_although_it_was_refused(answer: str) -> None:
    async with sandbox() as server:
        key = await server.key("mexc")
        await fault(server, "rest", answer=answer, method="DELETE", carried_out=True)
        deleting = asyncio.create_task(server.call("mexc", Call.DELETE, key=key))
        if answer == "timeout":
            await asyncio.sleep(0.1)
            deleting.cancel()
        else:
            assert (await deleting).status_code == 500
        listed = await server.call("mexc", Call.LIST)
        assert listed.json()["listenKey"] == []
