"""The extension over real sockets: what its URL asks, what its frames say, how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from tests.core.client.values import T, half
from tests.server.running import (
    JSON_VENUES,
    MEXC_CHANNELS,
    metric,
    rest_of,
    running,
    subscribe,
    take,
    until,
)
from tests.server.wishing import asked, cursor_of, extended, mark_of
from tests.venues.orders import SNAPSHOT, UPDATE, order
from userstream.client.publisher import line
from userstream.core.client import inputs
from userstream.core.client.feed import Feed, FrameIn
from userstream.core.client.keylife import AskKey
from userstream.core.client.link import OpenSocket
from userstream.core.client.plan import Plan
from userstream.core.client.requests import Answer, Verdict
from userstream.core.closing import End
from userstream.core.limits import Limits
from userstream.core.session import Input, TextIn
from userstream.events import Event
from userstream.markets import SANDBOX_MARKETS
from userstream.server.connection import Connection
from userstream.venue import Call, Mark
from userstream.venues import load, names
from userstream.venues.mexc.push_pb2 import Push

FILL = order(
    order_id="9", status="FILLED", execution="TRADE", last_quantity="1", last_price="2",
    trade_id="3", cumulative_quantity="1",
)  # fmt: skip
ARRAYS = {"bhex": load("bhex", {"frame": "array"}, SANDBOX_MARKETS)}
TEXTS = {"mexc": load("mexc", {"push": "json"}, SANDBOX_MARKETS)}


@pytest.mark.parametrize("special", [{}, ARRAYS, TEXTS], ids=["plain", "arrays", "texts"])
@pytest.mark.parametrize("compiled", [True, False])
async def test_marks_are_for_who_asks_and_nobody_else_sees_a_byte_of_it(
    special: dict[str, Any], compiled: bool
) -> None:
    venues = {name: load(name, None, SANDBOX_MARKETS) for name in names()} | special
    if not compiled:
        venues = {name: replace(venue, show_plain=None) for name, venue in venues.items()}
    async with running(venues=venues) as server, contextlib.AsyncExitStack() as exits:
        stock = {n: await exits.enter_async_context(server.stream(n)) for n in names()}
        wanting = {n: await exits.enter_async_context(extended(server, n)) for n in names()}
        events: tuple[Event, ...] = (order(order_id="1"), FILL, UPDATE, SNAPSHOT)
        for seq, event in enumerate(events, 1):
            answer = await server.publish(event=event)
            for name in names():
                frames = server.frames(name, "alice", answer)
                assert await take(stock[name], len(frames)) == frames
                got = await take(wanting[name], len(frames))
                for part, (bare, frame) in enumerate(zip(frames, got, strict=True), 1):
                    epoch = server.epoch()
                    mark = mark_of(server, name, frame)
                    assert mark == Mark(epoch, seq, seq - 1, part, len(frames))
                    assert frame != bare
                    assert venues[name].decode(frame) == venues[name].decode(bare)


async def test_a_stock_protobuf_decoder_skips_the_field() -> None:
    async with running() as server, extended(server, "mexc") as socket:
        answer = await server.publish()
        (frame,) = await take(socket, 1)
        bare, marked = Push.FromString(server.frames("mexc", "alice", answer)[0]), Push()
        marked.ParseFromString(frame)
        marked.DiscardUnknownFields()
        assert marked == bare


async def test_with_the_extension_a_stream_has_one_listen_key() -> None:
    async with running() as server:
        await server.account("carol")
        one, two = await server.key("spacedex"), await server.key("spacedex", "carolkey")
        with pytest.raises(InvalidStatus) as refused:
            async with server.open(f"/spacedex/stream?streams={one}/{two}&us=1"):
                pass
        assert b"one listen key" in (refused.value.response.body or b"")


async def test_keys_that_are_subscribed_to_later() -> None:
    async with running() as server:
        one, two = await server.key(), await server.key("binance", "bobkey")
        await server.publish()
        cursor = f"{server.epoch()}:0:9999"
        async with server.open(f"/binance/ws?us=1&us_resume={cursor}") as socket:
            await socket.send(json.dumps({"method": "SUBSCRIBE", "params": [one, two], "id": 1}))
            assert b"-1125" in (await take(socket, 1))[0]
            await socket.send(json.dumps({"method": "SUBSCRIBE", "params": [one, one], "id": 2}))
            frames = await take(socket, 3)
            assert json.loads(frames[0]) == {"result": None, "id": 2}
            assert mark_of(server, "binance", frames[1]).kind == "us.resumed"
            assert mark_of(server, "binance", frames[2]).seq == 1
            await socket.send(json.dumps({"method": "UNSUBSCRIBE", "params": [one], "id": 3}))
            await take(socket, 1)
            await server.publish()
            await socket.send(json.dumps({"method": "SUBSCRIBE", "params": [one], "id": 4}))
            answer, beat = await take(socket, 2)
            assert json.loads(answer) == {"result": None, "id": 4}
            mark = mark_of(server, "binance", beat)
            assert (mark.kind, mark.seq, mark.prev) == ("us.heartbeat", 2, 2)
            await server.publish()
            (frame,) = await take(socket, 1)
            mark = mark_of(server, "binance", frame)
            assert (mark.seq, mark.prev) == (3, 2)  # from now on, as the client asked


@pytest.mark.parametrize("venue", names())
async def test_resumed_through_a_new_key_and_another_dialect(venue: str) -> None:
    async with running() as server:
        key = await server.key(venue)
        async with extended(server, venue, key=key) as socket:
            answer = await server.publish(event=FILL)
            frames = await take(socket, len(server.frames(venue, "alice", answer)))
            cursor = cursor_of(mark_of(server, venue, frames[-1]))
        found = server.service.keys.find(venue, key)
        assert found is not None
        await server.service.keys.end([found], End.EXPIRED)
        answers = [await server.publish(event=event) for event in (order(), UPDATE, FILL)]
        for name in names():
            due = [f for a in answers for f in server.frames(name, "alice", a)]
            async with extended(server, name, f"us=1&us_resume={cursor}") as socket:
                resumed, *got = await take(socket, 1 + len(due))
                mark = mark_of(server, name, resumed)
                assert (mark.kind, mark.seq, mark.prev) == ("us.resumed", 4, 4)
                decode = server.venues[name].decode
                assert [decode(f) for f in got] == [decode(f) for f in due]
        assert (
            metric(server.service, "userstream_resumes_total", venue=venue, outcome="resumed") == 1
        )


async def test_a_replay_on_mexc_waits_for_the_first_channel() -> None:
    async with running() as server:
        epoch = server.epoch()
        answers = [await server.publish(event=FILL) for _ in range(2)]
        deals = MEXC_CHANNELS[1]
        url = asked(server.url("mexc", await server.key("mexc")), f"us=1&us_resume={epoch}:1:1")
        async with server.open(url) as socket:
            await server.publish(event=order())
            await socket.send(json.dumps({"method": "SUBSCRIPTION", "params": ["nothing"]}))
            assert b"Blocked" in (await take(socket, 1))[0]
            await subscribe(socket, deals)
            resumed, second = await take(socket, 2)
            mark = mark_of(server, "mexc", resumed)
            assert (mark.kind, mark.seq, mark.prev) == ("us.resumed", 3, 2)
            bare = server.frames("mexc", "alice", answers[1])[1]
            assert second.startswith(bare)
            await subscribe(socket, *MEXC_CHANNELS)
            await server.publish(event=order())
            mark = mark_of(server, "mexc", (await take(socket, 1))[0])
            assert (mark.seq, mark.prev) == (4, 2)  # 3 came before its channel


# ── heartbeats ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("venue", names())
async def test_a_heartbeat_says_how_far_the_log_is(venue: str) -> None:
    async with running() as server, extended(server, venue, "us=1&us_heartbeat=1") as socket:
        (beat,) = await take(socket, 1)
        epoch = server.epoch()
        assert mark_of(server, venue, beat) == Mark(epoch, 0, 0, kind="us.heartbeat")
        await server.publish()
        frame, beat = await take(socket, 2)
        assert mark_of(server, venue, frame).seq == 1
        assert mark_of(server, venue, beat) == Mark(epoch, 1, 1, kind="us.heartbeat")


@pytest.mark.parametrize("venue", names())
async def test_a_new_stream_begins_with_a_heartbeat_so_that_its_first_frame_can_be_missed(
    venue: str,
) -> None:
    async with running() as server:
        await server.publish()
        feed = Feed(server.venues[venue], Plan(heartbeat_s=60), half)
        number = next(a.number for a in feed.handle(inputs.Start(T), 0) if isinstance(a, AskKey))
        feed.handle(inputs.KeyAnswered(number, Answer(Verdict.GRANTED, "key")), 0)
        feed.handle(inputs.Opened(1), 0)
        url = asked(server.url(venue, await server.key(venue)), "us=1&us_heartbeat=60")
        async with server.open(url) as socket:
            if server.venues[venue].channels:
                await subscribe(socket, *MEXC_CHANNELS)
            (beat,) = await take(socket, 1)
            mark = mark_of(server, venue, beat)
            assert mark == Mark(server.epoch(), 1, 1, kind="us.heartbeat")
            feed.handle(FrameIn(1, beat), 10)
            await server.publish()
            await server.publish()
            _lost, frame = await take(socket, 2)
            (asks,) = [a for a in feed.handle(FrameIn(1, frame), 20) if isinstance(a, OpenSocket)]
            assert str(asks.resume) == f"{server.epoch()}:1:9999"


async def test_a_stream_that_ends_as_it_is_subscribed_to_says_nothing_of_where_it_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running() as server:
        key = await server.key()
        handle = Connection.handle

        def end_too(connection: Connection, given: Input) -> None:
            handle(connection, given)
            if isinstance(given, TextIn):
                connection.end(End.SHUTDOWN)

        async with server.open("/binance/ws?us=1") as socket:
            monkeypatch.setattr(Connection, "handle", end_too)
            await socket.send(json.dumps({"method": "SUBSCRIBE", "params": [key], "id": 1}))
            frames, code, _ = await rest_of(socket)
            assert code == 1001
            assert [mark.kind for f in frames if (mark := server.venues["binance"].mark(f))] == [
                "us.end"
            ]


@pytest.mark.parametrize("venue", names())
async def test_a_client_finds_a_zombie_within_two_heartbeats(venue: str) -> None:
    async with running() as server, extended(server, venue, "us=1&us_heartbeat=1") as socket:
        feed = Feed(server.venues[venue], Plan(heartbeat_s=1), half)
        asked_for = [*feed.handle(inputs.Start(T), 0)]
        number = next(a.number for a in asked_for if isinstance(a, AskKey))
        asked_for += feed.handle(inputs.KeyAnswered(number, Answer(Verdict.GRANTED, "key")), 0)
        asked_for += feed.handle(inputs.Opened(1), 0)
        await server.publish()
        for frame in await take(socket, 2):
            feed.handle(FrameIn(1, frame), 1_000)
        edge = server.service.edge
        (binding,) = edge._fanout._reading["alice"]
        edge._fanout.remove(binding)
        await server.publish()
        (beat,) = await take(socket, 1)
        done = feed.handle(FrameIn(1, beat), 2_000)
        (opened,) = [a for a in done if isinstance(a, OpenSocket)]
        wish = f"us=1&us_resume={opened.resume}"
        async with extended(server, venue, wish) as second:
            resumed, frame = await take(second, 2)
            assert mark_of(server, venue, resumed).kind == "us.resumed"
            assert mark_of(server, venue, frame).seq == 2


async def test_a_subscription_with_a_hole_is_mended_from_the_log() -> None:
    async with running() as server, extended(server, "bhex") as socket:
        edge = server.service.edge
        (binding,) = edge._fanout._reading["alice"]
        edge._fanout.remove(binding)
        await server.publish()
        edge._fanout.add(binding)
        await server.publish()
        assert [mark_of(server, "bhex", f).seq for f in await take(socket, 2)] == [1, 2]
        await server.publish()
        assert mark_of(server, "bhex", (await take(socket, 1))[0]).seq == 3


# ── ends ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("venue", names())
async def test_every_end_is_said_before_the_close(venue: str) -> None:
    async with running() as server:
        for label in ("deleted", "binary", "shutdown"):
            key = await server.key(venue)
            async with extended(server, venue, key=key) as socket:
                if label == "deleted":
                    await server.call(venue, Call.DELETE, key=key)
                elif label == "binary":
                    await socket.send(b"x")
                else:
                    stopping = asyncio.create_task(server.service.edge.stop())
                frames, code, _ = await rest_of(socket)
                mark = mark_of(server, venue, frames[-1])
                assert (mark.kind, mark.reason) == ("us.end", label)
                assert code is not None
                if label == "deleted" and venue in JSON_VENUES:
                    assert b"listenKeyExpired" in frames[-2]
        await stopping


async def test_a_slow_reader_is_cut_and_resumes_without_loss() -> None:
    limits = Limits(outbox_bytes=65_536, send_buffer_bytes=4_096, close_s=1.0,
                    memory_events_per_account=20_000)  # fmt: skip
    async with running(limits=limits) as server:
        total = 6_000
        seen: list[int] = []
        async with extended(server, "binance", max_queue=1) as socket:
            for at in range(0, total, 1_000):
                bus = server.service.bus
                lines = [
                    line("alice", order(order_id=str(n)), source="me", n=n + 1)
                    for n in range(at, at + 1_000)
                ]
                await bus.append(bus.submission(), lines).committed()
                await asyncio.sleep(0)
            await until(
                lambda: metric(
                    server.service, "userstream_streams_ended_total", venue="binance",
                    reason="slow",
                )
            )  # fmt: skip
            frames, _, _ = await rest_of(socket)
        marks = [mark_of(server, "binance", f) for f in frames]
        seen += [m.seq for m in marks if not m.kind]
        assert len(seen) < total
        last = next(m for m in reversed(marks) if not m.kind)
        async with extended(server, "binance", f"us=1&us_resume={cursor_of(last)}") as socket:
            resumed, *rest = await take(socket, 1 + total - len(seen))
            assert mark_of(server, "binance", resumed).kind == "us.resumed"
            seen += [mark_of(server, "binance", f).seq for f in rest]
        assert seen == [*range(1, total + 1)]


async def test_resumed_from_a_folder_after_a_restart(tmp_path: Path) -> None:
    bus = f"file:{tmp_path / 'data'}"
    async with running(bus=bus) as server, extended(server, "mexc") as socket:
        await server.publish(event=FILL)
        frames = await take(socket, 2)
        first = mark_of(server, "mexc", frames[0])
        await server.publish(event=UPDATE)
    async with running(bus=bus, accounts=()) as server:
        wish = f"us=1&us_resume={cursor_of(first)}"
        async with extended(server, "mexc", wish) as socket:
            said, *rest = [mark_of(server, "mexc", f) for f in await take(socket, 3)]
            assert said.kind == "us.resumed"
            assert [(m.seq, m.part) for m in rest] == [(1, 2), (2, 1)]
