"""The admin port: who may use it, what it shows, what it never shows."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from unittest import mock

import httpx
import pytest

from tests.server.fakes import SlowStore, on_store
from tests.server.running import running
from tests.server.test_publishing import numbered
from tests.venues.orders import SNAPSHOT
from userstream.core.limits import Limits
from userstream.errors import StoreUnavailable
from userstream.venue import Call

GUARDED = [
    ("GET", "/_metrics"),
    ("GET", "/_events?account=alice"),
    ("POST", "/_events"),
    ("GET", "/_accounts"),
    ("POST", "/_accounts"),
    ("DELETE", "/_accounts/alice"),
    ("DELETE", "/_listen_keys/alice?api_key=x"),
]


@pytest.mark.parametrize("token", ["", "Bearer", "Bearer wrong", "Basic x", "Bearer \u00e9"])
async def test_everything_but_health_needs_the_token(token: str) -> None:
    async with running() as server:
        headers = [(b"authorization", token.encode("latin-1"))]
        async with httpx.AsyncClient(base_url=server.service.urls["admin"]) as nobody:
            for method, path in GUARDED:
                response = await nobody.request(method, path, headers=headers)
                assert response.status_code == 401, path
                assert response.json()["error"]["code"] == "unauthorized"
            for path in ("/_health/live", "/_health/ready"):
                assert (await nobody.get(path, headers=headers)).status_code == 200
        assert len((await server.admin.get("/_accounts")).json()) == 2


async def test_health_turns_with_the_stop() -> None:
    async with running() as server:
        everything = ["rest", "stream", "writer"]
        assert (await server.admin.get("/_health/ready")).json() == {
            "ready": True, "roles": everything, "reasons": [], "warnings": [],
        }  # fmt: skip
        server.service.readiness.drain()
        response = await server.admin.get("/_health/ready")
        assert response.status_code == 503
        assert response.json()["reasons"] == ["the process stops"]
        assert (await server.admin.get("/_health/live")).json() == {"live": True}


async def test_nothing_of_the_admin_port_is_on_the_public_ones() -> None:
    async with running() as server:
        for path in ("/_health/live", "/_metrics", "/_accounts", "/_events", "/binance/_metrics"):
            response = await server.rest.get(path, headers=server.admin.headers)
            assert response.status_code == 404
        assert (await server.admin.get("/api/v1/time")).status_code == 404


async def test_wrong_paths_and_methods_are_answered_in_json() -> None:
    async with running() as server:
        assert (await server.admin.get("/nowhere")).json()["error"]["code"] == "not_found"
        response = await server.admin.put("/_events")
        assert (response.status_code, response.json()["error"]["code"]) == (405, "method")


@pytest.mark.parametrize("start", [running, lambda: on_store(SlowStore())], ids=["memory", "store"])
async def test_events_are_read_back_in_order_from_any_seq(start: Any) -> None:
    async with start() as server:
        await server.publish("alice", SNAPSHOT)
        for _ in range(3):
            await server.publish("alice")
        response = await server.admin.get("/_events", params={"account": "alice", "from": "3"})
        lines = [json.loads(text) for text in response.text.splitlines()]
        assert [(x["seq"], x["n"], x["source"]) for x in lines] == [
            (3, 3, "publisher"),
            (4, 4, "publisher"),
        ]
        assert lines[0]["epoch"] == server.epoch()
        assert lines[0]["event"]["type"] == "order_update"
        whole = await server.admin.get("/_events?account=alice")
        assert len(whole.text.splitlines()) == 4
        assert (await server.admin.get("/_events?account=nobody")).text == ""


async def test_the_memory_bus_keeps_the_last_events_of_an_account() -> None:
    async with running(limits=Limits(memory_events_per_account=2)) as server:
        for _ in range(5):
            await server.publish("alice")
        await server.publish("bob")
        for name, kept in (("alice", [4, 5]), ("bob", [1])):
            response = await server.admin.get(f"/_events?account={name}")
            assert [json.loads(text)["seq"] for text in response.text.splitlines()] == kept


@pytest.mark.parametrize(
    "query", ["", "account=", "account=a%20b", "account=a&from=x", "account=a&from=-1",
              "account=a&from=%C2%B2", "account=a&from=" + "9" * 30]
)  # fmt: skip
async def test_a_wrong_question_about_events_says_what_is_allowed(query: str) -> None:
    async with running() as server:
        response = await server.admin.get(f"/_events?{query}")
        assert (response.status_code, response.json()["error"]["code"]) == (400, "invalid")


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'{"account":"x"}', b'{"account":"x","api_key":"k","more":1}',
     b'{"account":"a b","api_key":"k"}', b'{"account":"x","api_key":""}',
     b'{"account":"x","api_key":"\\u00e9"}', b'{"account":"x","api_key":"alicekey"}',
     b'{"account":"x","api_key":"k","api_secret":"\\n"}'],
    ids=range(10),
)  # fmt: skip
async def test_an_account_that_cannot_be_added_says_why(body: bytes) -> None:
    async with running() as server:
        response = await server.admin.post("/_accounts", content=body)
        assert (response.status_code, response.json()["error"]["code"]) == (400, "invalid")
        assert len(await _names(server.admin)) == 2


async def _names(admin: httpx.AsyncClient) -> list[str]:
    return [a["account"] for a in (await admin.get("/_accounts")).json()]


async def test_accounts_are_added_listed_and_revoked() -> None:
    async with running(accounts=()) as server:
        added = await server.admin.post("/_accounts", json={"account": "carol", "api_key": "hers"})
        assert added.status_code == 201
        fingerprint = added.json()["api_key"]
        await server.admin.post(
            "/_accounts", json={"account": "carol", "api_key": "other", "api_secret": "s"}
        )
        (carol,) = (await server.admin.get("/_accounts")).json()
        assert [k["secret"] for k in carol["api_keys"]] == [False, True]
        gone = await server.admin.delete("/_accounts/carol", params={"api_key": fingerprint})
        assert gone.json()["revoked"] == [fingerprint]
        for path in ("/_accounts/nobody", f"/_accounts/carol?api_key={fingerprint}"):
            assert (await server.admin.delete(path)).status_code == 400


async def test_accounts_that_are_changed_at_the_same_time_lose_nothing() -> None:
    store = SlowStore()
    async with on_store(store, accounts=()) as server:
        await asyncio.gather(*(server.account("carol", f"key{n}") for n in range(10)))
        (carol,) = server.service.accounts.listed()
        assert len(carol.api_keys) == 10
        results = await asyncio.gather(
            server.account("carol", "shared"), server.account("dave", "shared"),
            return_exceptions=True,
        )  # fmt: skip
        assert sum(isinstance(r, Exception) for r in results) == 1


async def test_a_disk_that_refuses_is_503_here_and_the_venues_form_there() -> None:
    store = SlowStore()
    async with on_store(store) as server, server.stream("binance") as socket:
        key = await server.key()
        store.fail("the disk is full")
        response = await server.admin.post("/_accounts", json={"account": "x", "api_key": "k"})
        assert (response.status_code, response.json()["error"]["code"]) == (503, "unavailable")
        assert (await server.call("binance", Call.CREATE, "bobkey")).status_code >= 500
        assert (await server.call("binance", Call.RENEW, key=key)).status_code >= 500
        assert (await server.call("binance", Call.DELETE, key=key)).status_code >= 500
        await socket.wait_closed()
        assert socket.close_code == 1000
        store.heal()
        assert await server.key(api_key="bobkey")


async def test_metrics_have_series_and_their_help() -> None:
    async with running() as server, server.stream("binance"):
        await server.publish()
        response = await server.admin.get("/_metrics")
        assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
        for series in (
            "userstream_sockets 1.0",
            "userstream_listen_keys 1.0",
            "userstream_delivered_frames_total 1.0",
            'userstream_handshakes_total{outcome="accepted",venue="binance"} 1.0',
            'userstream_requests_total{status="200",venue="binance"} 1.0',
            'userstream_published_lines_total{outcome="acknowledged"} 1.0',
            "userstream_append_queue_bytes 0.0",
        ):
            assert series in response.text


async def test_a_log_that_refuses_is_not_ready_and_is_again_by_itself(tmp_path: Path) -> None:
    async with running(bus=f"file:{tmp_path / 'data'}") as server:
        store = server.service.bus._store  # type: ignore[attr-defined]
        with mock.patch.object(type(store), "commit", side_effect=StoreUnavailable("full")):
            response = await server.admin.post("/_events", content=numbered(1))
            assert response.json()["error"]["code"] == "unavailable"
            response = await server.admin.get("/_health/ready")
            assert response.status_code == 503
            assert response.json()["reasons"] == ["the log refuses what is committed"]
        async with asyncio.timeout(20):
            while (await server.admin.get("/_health/ready")).status_code != 200:
                pass
