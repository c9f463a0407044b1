"""Where a stream is opened, and what is asked for on it: combined, bare, by subscription."""

from __future__ import annotations

import json
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from tests.server.running import MEXC_CHANNELS, Running, running, subscribe, take
from tests.venues.orders import UPDATE, order
from userstream.core.limits import Limits
from userstream.events import AccountUpdate, OrderUpdate
from userstream.venues import names
from userstream.venues.mexc.push_pb2 import Push

FILL = order(
    execution="TRADE", status="FILLED", last_quantity="1", last_price="64000", trade_id="7",
    cumulative_quantity="1", cumulative_quote="64000",
)  # fmt: skip


async def ask(socket: Any, method: str, *params: str) -> dict[str, Any]:
    """A request on a bare Binance stream, and its answer."""
    await socket.send(json.dumps({"method": method, "params": params, "id": 3}))
    answer: dict[str, Any] = json.loads(await socket.recv())
    assert answer["id"] == 3
    return answer


async def test_a_combined_stream_names_its_key_around_the_same_bytes() -> None:
    async with running() as server:
        key = await server.key()
        async with server.open(f"/stream?streams={key}") as socket:
            answer = await server.publish("alice", UPDATE)
            expected = server.frames("binance", "alice", answer)
            assert await take(socket, len(expected)) == [
                b'{"stream":"%b","data":%b}' % (key.encode(), frame) for frame in expected
            ]


async def test_a_combined_stream_carries_several_accounts_each_under_its_key() -> None:
    async with running() as server:
        keys = {"alice": await server.key(), "bob": await server.key(api_key="bobkey")}
        async with server.open(f"/binance/stream?streams={'/'.join(keys.values())}") as socket:
            for account, key in keys.items():
                answer = await server.publish(account)
                (frame,) = await take(socket, 1)
                shown = json.loads(frame)
                assert shown["stream"] == key
                assert [shown["data"]] == [
                    json.loads(f) for f in server.frames("binance", account, answer)
                ]


async def test_the_notice_on_a_combined_stream_names_the_key_that_ended() -> None:
    async with running() as server:
        keys = [await server.key(), await server.key(api_key="bobkey")]
        async with server.open(f"/stream?streams={'/'.join(keys)}") as socket:
            await server.rest.delete(
                "/api/v1/userDataStream", params={"listenKey": keys[1]},
                headers={"X-MBX-APIKEY": "bobkey"},
            )  # fmt: skip
            (frame,) = await take(socket, 1)
            shown = json.loads(frame)
            assert shown["stream"] == shown["data"]["listenKey"] == keys[1]
            assert shown["data"]["e"] == "listenKeyExpired"


async def test_a_bare_stream_hears_what_it_subscribes_to() -> None:
    async with running() as server:
        key = await server.key()
        async with server.open("/ws") as socket:
            await server.publish()
            assert await ask(socket, "SUBSCRIBE", key) == {"result": None, "id": 3}
            assert await ask(socket, "LIST_SUBSCRIPTIONS") == {"result": [key], "id": 3}
            answer = await server.publish()
            assert await take(socket, 1) == server.frames("binance", "alice", answer)
            assert await ask(socket, "UNSUBSCRIBE", key) == {"result": None, "id": 3}
            await server.publish()
            assert await ask(socket, "LIST_SUBSCRIPTIONS") == {"result": [], "id": 3}


async def test_subscribing_twice_doubles_nothing() -> None:
    async with running() as server:
        key = await server.key()
        async with server.open(f"/ws/{key}") as socket:
            assert (await ask(socket, "SUBSCRIBE", key))["result"] is None
            first = await server.publish()
            second = await server.publish()
            expected = [f for a in (first, second) for f in server.frames("binance", "alice", a)]
            assert await take(socket, 2) == expected


async def test_an_unknown_key_cannot_be_subscribed_to() -> None:
    async with running() as server:
        await server.key()
        async with server.open("/ws") as socket:
            assert (await ask(socket, "SUBSCRIBE", "x" * 60))["error"]["code"] == -1125


async def test_subscribing_does_not_get_around_the_sockets_of_a_key() -> None:
    async with running(limits=Limits(sockets_per_key=1)) as server:
        key = await server.key()
        async with server.open(f"/ws/{key}"), server.open("/ws") as socket:
            assert (await ask(socket, "SUBSCRIBE", key))["error"]["code"] == -1125


async def test_mexc_pushes_protobuf_on_the_channels_that_were_subscribed_to() -> None:
    async with running() as server:
        key = await server.key("mexc")
        async with server.open(server.url("mexc", key)) as socket:
            await server.publish("alice", UPDATE)
            await subscribe(socket, MEXC_CHANNELS[1])
            await server.publish("alice", UPDATE)
            answer = await server.publish("alice", FILL)
            (frame,) = await take(socket, 1)
            push = Push.FromString(frame)
            assert push.channel == MEXC_CHANNELS[1]
            assert push.privateDeals.orderId == FILL.order_id
            await subscribe(socket, *MEXC_CHANNELS)
            answer = await server.publish("alice", FILL)
            expected = server.frames("mexc", "alice", answer)
            assert await take(socket, len(expected)) == expected


async def test_mexc_subscriptions_can_be_given_back() -> None:
    async with running() as server, server.stream("mexc") as socket:
        request = {"method": "UNSUBSCRIPTION", "params": list(MEXC_CHANNELS[1:])}
        await socket.send(json.dumps(request))
        assert json.loads(await socket.recv())["code"] == 0
        await server.publish("alice", FILL)
        answer = await server.publish("alice", UPDATE)
        assert await take(socket, 1) == server.frames("mexc", "alice", answer)


async def test_mexc_answers_ping_in_any_case() -> None:
    async with running() as server, server.stream("mexc") as socket:
        for method in ("PING", "ping"):
            await socket.send(json.dumps({"method": method}))
            assert json.loads(await socket.recv()) == {"id": 0, "code": 0, "msg": "PONG"}


async def test_mexc_without_a_key_opens_and_refuses_private_channels() -> None:
    async with running() as server, server.open("/mexc/ws") as socket:
        await socket.send(json.dumps({"method": "SUBSCRIPTION", "params": [MEXC_CHANNELS[0]]}))
        assert json.loads(await socket.recv())["msg"] == (
            f"Not Subscribed successfully! [{MEXC_CHANNELS[0]}].  Reason： Blocked! "
        )


async def test_a_broker_ping_in_json_is_answered_in_json() -> None:
    async with running() as server, server.stream("bhex") as socket:
        await socket.send('{"ping":123}')
        assert json.loads(await socket.recv()) == {"pong": 123}


async def test_compression_that_is_offered_is_declined() -> None:
    async with running() as server:
        key = await server.key()
        async with server.open(f"/ws/{key}", compression="deflate") as socket:
            assert socket.response is not None
            assert "Sec-WebSocket-Extensions" not in socket.response.headers


async def test_an_origin_does_not_matter() -> None:
    async with (
        running() as server,
        server.open(f"/ws/{await server.key()}", origin="http://localhost:1") as socket,
    ):
        assert socket.state.name == "OPEN"


async def test_every_venue_is_found_by_prefix_and_by_host() -> None:
    async with running(hosts={"API.broker.example": "bhex"}) as server:
        for venue in names():
            key = await server.key(venue)
            path = server.url(venue, key).partition(f"/{venue}")[2]
            async with server.open(f"/{venue}{path}"):
                pass
            port = server.service.urls["stream"].rpartition(":")[2]
            headers = {"Host": f"{venue}.localhost:{port}"}
            async with _with_host(server, path, headers["Host"]):
                pass
        async with _with_host(
            server, f"/openapi/ws/{await server.key('bhex')}", "api.Broker.example"
        ):
            pass


def _with_host(server: Running, path: str, host: str) -> Any:
    port = int(server.service.urls["stream"].rpartition(":")[2])
    return server.open(f"ws://{host.partition(':')[0]}:{port}{path}", host="127.0.0.1", port=port)


@pytest.mark.parametrize("venue", names())
async def test_the_root_is_the_venue_that_was_chosen(venue: str) -> None:
    async with running(venue=venue) as server:
        key = await server.key(venue)
        path = server.url(venue, key).partition(f"/{venue}")[2]
        async with server.open(path) as socket:
            assert socket.state.name == "OPEN"


async def test_with_no_root_a_bare_path_is_nowhere() -> None:
    async with running(venue="") as server:
        with pytest.raises(InvalidStatus) as refused:
            async with server.open("/ws/key"):
                pass
        assert refused.value.response.status_code == 404
        assert (await server.rest.get("/api/v1/ping")).json()["code"] == 404


def test_the_fill_is_an_order_and_the_update_an_account() -> None:
    assert isinstance(FILL, OrderUpdate)
    assert isinstance(UPDATE, AccountUpdate)
