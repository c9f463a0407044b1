"""``POST /_events``: one answer a line, in order; repeats, fences, bounds and back-pressure."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.server.fakes import SlowStore, on_store
from tests.server.running import TOKEN, Running, metric, running, take, until
from tests.server.wire import Wire, dial
from tests.venues.orders import ORDER
from userstream.client.publisher import line
from userstream.core.limits import Limits
from userstream.errors import StoreDamaged
from userstream.server.records import window_key
from userstream.server.stores.rocks import RocksStore

HEAD = f"POST /_events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n".encode()


def numbered(n: int, account: str = "alice", source: str = "me-1", **more: Any) -> bytes:
    return line(account, ORDER, source=source, n=n, **more)


async def post(server: Running, lines: Sequence[bytes]) -> list[dict[str, Any]]:
    response = await server.admin.post("/_events", content=b"\n".join(lines) + b"\n")
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/x-ndjson"
    return [json.loads(text) for text in response.text.splitlines()]


async def test_accepted_lines_are_answered_in_order_with_their_seq() -> None:
    async with running() as server:
        epoch, bobs = server.epoch(), server.epoch("bob")
        assert len({epoch, bobs, server.service.bus.epoch}) == 3
        answers = await post(server, [numbered(1), numbered(1, "bob"), numbered(5)])
        assert answers == [
            {"line": 1, "account": "alice", "epoch": epoch, "seq": 1},
            {"line": 2, "account": "bob", "epoch": bobs, "seq": 1},
            {"line": 3, "account": "alice", "epoch": epoch, "seq": 2},
        ]
        response = await server.admin.post("/_events", content=numbered(6))
        assert response.headers["userstream-ack-survives"].startswith("nothing")
        assert response.json()["seq"] == 3


async def test_a_repeat_is_answered_as_one_and_stored_once() -> None:
    async with running() as server:
        await post(server, [numbered(1), numbered(2)])
        epoch = server.epoch()
        (again,) = await post(server, [numbered(1)])
        assert again == {"line": 1, "duplicate": True, "epoch": epoch, "seq": 2}
        stored = await server.admin.get("/_events", params={"account": "alice"})
        assert len(stored.text.splitlines()) == 2


async def test_a_refused_line_blocks_its_account_and_no_other() -> None:
    async with running() as server:
        bad = b'{"v":1,"account":"alice","source":"me-1","n":2,"event":{"type":"nonsense"}}'
        answers = await post(server, [numbered(1), bad, numbered(3), numbered(1, "bob")])
        assert [a.get("seq") for a in answers] == [1, None, None, 1]
        assert answers[1]["error"]["code"] == "invalid_event"
        assert answers[2]["error"]["code"] == "blocked_by"
        (later,) = await post(server, [numbered(3)])
        assert later["seq"] == 2


async def test_a_line_that_cannot_be_read_blocks_all_that_follow() -> None:
    async with running() as server:
        answers = await post(server, [numbered(1), b"\xff{", numbered(2), numbered(1, "bob")])
        codes = [a["error"]["code"] for a in answers[1:]]
        assert codes == ["malformed", "blocked_by", "blocked_by"]


async def test_another_source_takes_over_once_and_the_old_one_is_fenced() -> None:
    async with running() as server:
        await post(server, [numbered(1)])
        (other,) = await post(server, [numbered(1, source="me-2")])
        assert other["error"]["code"] == "other_source"
        answers = await post(
            server, [numbered(1, source="me-2", takeover=True), numbered(2, source="me-2")]
        )
        assert [a["seq"] for a in answers] == [2, 3]
        (old,) = await post(server, [numbered(2)])
        assert old["error"]["code"] == "fenced"


async def test_a_hole_is_refused_where_prev_n_is_given_and_allowed_elsewhere() -> None:
    async with running() as server:
        (first,) = await post(server, [numbered(10)])
        assert first["seq"] == 1
        (hole,) = await post(server, [numbered(20, prev_n=15)])
        assert hole["error"]["code"] == "hole"
        (good,) = await post(server, [numbered(20, prev_n=10)])
        assert good["seq"] == 2


async def test_blank_lines_are_no_lines_and_the_last_needs_no_end() -> None:
    async with running() as server:
        response = await server.admin.post(
            "/_events", content=b"\n\r\n" + numbered(1) + b"\n\n" + numbered(2)
        )
        assert [json.loads(t)["line"] for t in response.text.splitlines()] == [1, 2]
        assert (await server.admin.post("/_events", content=b"")).text == ""


async def test_too_many_lines_are_refused_after_the_last_good_one() -> None:
    async with running(limits=Limits(lines_per_request=3)) as server:
        answers = await post(server, [numbered(n) for n in range(1, 6)])
        assert [a.get("seq") for a in answers] == [1, 2, 3, None]
        assert answers[3]["error"]["code"] == "too_large"
        (after,) = await post(server, [numbered(4)])
        assert after["seq"] == 4


async def test_more_bytes_than_a_request_may_have_are_refused() -> None:
    async with running(limits=Limits(publish_bytes=5_000)) as server:
        lines = [numbered(n) for n in range(1, 100)]
        response = await server.admin.post("/_events", content=b"\n".join(lines))
        assert response.status_code == 413

        async def parts() -> Any:
            for text in lines:
                yield text + b"\n"

        response = await server.admin.post("/_events", content=parts())
        answers = [json.loads(text) for text in response.text.splitlines()]
        assert answers[-1]["error"]["code"] == "too_large"
        assert [a["line"] for a in answers] == list(range(1, len(answers) + 1))


@pytest.mark.parametrize("length", [65_537, 200_000, 1_000_000])
async def test_a_line_that_is_too_long_is_answered_in_its_place(length: int) -> None:
    async with running() as server:
        long = numbered(2)[:-1] + b" " * length + b"}"
        answers = await post(server, [numbered(1), long, numbered(3)])
        assert answers[0]["seq"] == 1
        assert answers[1]["error"]["code"] == "too_large"
        assert answers[2]["error"]["code"] == "blocked_by"
        assert len(answers) == 3


async def test_a_line_just_short_enough_is_taken() -> None:
    async with running() as server:
        text = numbered(1)
        (answer,) = await post(server, [text[:-1] + b" " * (65_536 - len(text)) + b"}"])
        assert answer["seq"] == 1


async def test_numbers_where_decimals_are_text_are_refused() -> None:
    async with running() as server:
        (answer,) = await post(server, [numbered(1).replace(b'"64000"', b"64000")])
        assert answer["error"]["code"] == "invalid_event"


async def test_a_client_may_write_everything_before_it_reads() -> None:
    async with running() as server:
        body = b"".join(numbered(n) + b"\n" for n in range(1, 10_001))
        async with dial(server.service.urls["admin"]) as wire:
            await wire.send(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            await wire.until(b"\r\n\r\n")
            answers = await _chunked(wire)
        assert [json.loads(text)["seq"] for text in answers.splitlines()] == list(range(1, 10_001))


async def _chunked(wire: Wire) -> bytes:
    whole = b""
    while size := int(await wire.until(b"\r\n"), 16):
        while len(wire.buffer) < size + 2:
            wire.buffer += await wire._reader.read(65_536)
        whole, wire.buffer = whole + wire.buffer[:size], wire.buffer[size + 2 :]
    return whole


async def test_answers_come_while_the_request_still_runs() -> None:
    async with running() as server, dial(server.service.urls["admin"]) as wire:
        await wire.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        for n in (1, 2, 3):
            text = numbered(n) + b"\n"
            await wire.send(b"%x\r\n%b\r\n" % (len(text), text))
            assert b'"seq":%d' % n in await wire.until(b"}\n")
        await wire.send(b"0\r\n\r\n")
        assert (await wire.until(b"0\r\n\r\n")).endswith(b"0\r\n\r\n")


async def test_what_arrived_before_a_disconnect_is_stored_and_the_server_goes_on(
    capfd: pytest.CaptureFixture[str],
) -> None:
    async with running() as server, server.stream("binance") as socket:
        async with dial(server.service.urls["admin"]) as wire:
            body = numbered(1) + b"\n" + numbered(2)[:50]
            await wire.send(HEAD + b"Content-Length: 9999\r\n\r\n" + body)
            assert await take(socket, 1)
        (answer,) = await post(server, [numbered(2)])
        assert answer["seq"] == 2
        async with dial(server.service.urls["admin"]) as wire:
            await wire.send(HEAD.replace(b"_events", b"_accounts") + b"Content-Length: 9\r\n\r\n{")
            await asyncio.sleep(0.01)
        assert (await server.admin.get("/_health/live")).status_code == 200
    assert "Traceback" not in capfd.readouterr().err


async def test_nothing_is_shown_or_acknowledged_before_its_commit() -> None:
    store = SlowStore()
    async with on_store(store) as server, server.stream("binance") as socket:
        store.hold()
        publishing = asyncio.create_task(post(server, [numbered(1)]))
        await until(lambda: store.waiting)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await socket.recv()
        assert not publishing.done()
        assert server.service.bus.pending_bytes > 0
        store.release()
        assert (await publishing)[0]["seq"] == 1
        assert len(await take(socket, 1)) == 1


async def test_what_failed_to_commit_is_never_shown_and_the_place_is_given_again() -> None:
    store = SlowStore()
    async with on_store(store) as server, server.stream("binance") as socket:
        store.fail("the disk is full")
        answers = await post(server, [numbered(1), numbered(1), numbered(2), numbered(1, "bob")])
        assert {a["error"]["code"] for a in answers} == {"unavailable"}
        store.heal()
        (answer,) = await post(server, [numbered(2)])
        assert answer["seq"] == 1
        frames = await take(socket, 1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await socket.recv()
        assert len(frames) == 1


async def test_an_account_that_cannot_be_read_whole_is_not_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    get, damaged = RocksStore.get, True

    def read(self: RocksStore, key: bytes) -> bytes | None:
        if damaged and key == window_key("alice"):
            raise StoreDamaged("a checksum fails")
        return get(self, key)

    monkeypatch.setattr(RocksStore, "get", read)
    async with running(bus=f"file:{tmp_path / 'data'}") as server:
        answers = await post(server, [numbered(1), numbered(1, "bob")])
        assert answers[0]["error"]["code"] == "unavailable"
        assert answers[1]["seq"] == 1
        damaged = False
        (again,) = await post(server, [numbered(1)])
        assert again == {"line": 1, "account": "alice", "epoch": server.epoch(), "seq": 1}


async def test_a_store_that_breaks_in_an_unknown_way_is_an_error_too() -> None:
    store = SlowStore()
    async with on_store(store) as server:
        store.fail("", error=ZeroDivisionError("a bug"))
        (answer,) = await post(server, [numbered(1)])
        assert answer["error"]["code"] == "unavailable"
        store.heal()
        assert (await post(server, [numbered(1)]))[0]["seq"] == 1


async def test_a_subscriber_that_fails_holds_up_nobody() -> None:
    store = SlowStore()
    async with on_store(store) as server:

        def fail(_: object) -> None:
            raise ZeroDivisionError

        server.service.bus.subscribe(fail)
        for n in (1, 2):
            async with asyncio.timeout(5):
                assert (await post(server, [numbered(n)]))[0]["seq"] == n


async def test_a_full_queue_is_503_with_retry_after_before_anything_is_read() -> None:
    store = SlowStore()
    async with on_store(store, limits=Limits(append_queue_bytes=100)) as server:
        store.hold()
        publishing = asyncio.create_task(post(server, [numbered(1)]))
        await until(lambda: store.waiting)
        response = await server.admin.post("/_events", content=numbered(2))
        assert (response.status_code, response.headers["retry-after"]) == (503, "1")
        assert response.json()["error"]["code"] == "busy"
        metrics = (await server.admin.get("/_metrics")).text
        assert "userstream_append_queue_bytes 0.0" not in metrics
        store.release()
        assert (await publishing)[0]["seq"] == 1


async def test_a_long_request_waits_for_the_queue_and_loses_nothing() -> None:
    store = SlowStore()
    async with on_store(store, limits=Limits(append_queue_bytes=20_000)) as server:
        answers = await post(server, [numbered(n) for n in range(1, 2_001)])
        assert [a["seq"] for a in answers] == list(range(1, 2_001))


async def test_published_lines_are_counted() -> None:
    async with running() as server:
        await post(server, [numbered(1), numbered(1), b"{}"])
        series = "userstream_published_lines_total"
        assert metric(server.service, series, outcome="acknowledged") == 2
        assert metric(server.service, series, outcome="refused") == 1
