"""The shell with a venue of real sockets: what it passes on, and what it survives."""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from decimal import Decimal
from typing import Any

import pytest

from tests.client.fakevenue import KEY, LISTEN_KEY, SECRET, SUBSCRIBED, FakeVenue
from tests.client.gathering import gathered
from tests.server.running import until
from userstream import (
    AccountEvent,
    Gap,
    InvalidSettings,
    NotLive,
    OrderEvent,
    OtherEvent,
    State,
    StreamOver,
    StreamRefused,
    UserStream,
    UserStreamError,
)
from userstream.client import userstream
from userstream.client.http import Reply
from userstream.client.options import Options


async def test_events_come_typed_and_in_order() -> None:
    with FakeVenue() as venue:
        async with venue.stream() as stream:
            await stream.live(5)
            ids = [venue.order() for _ in range(20)]
            seen: list[OrderEvent] = []
            async for event in stream:
                if isinstance(event, OrderEvent):
                    assert event.price == Decimal(2)
                    assert list(stream.orders)[-1] == event.order_id
                    seen.append(event)
                if len(seen) == 20:
                    break
        assert [e.order_id for e in seen] == ids
        assert stream.state is State.STOPPED
        assert venue.http.closed
        assert venue.http.count("DELETE") == 0


async def test_only_what_is_asked_for_is_given_and_the_picture_has_all() -> None:
    with FakeVenue() as venue:
        async with venue.stream(events=AccountEvent, states=False) as stream:
            await stream.live(5)
            venue.order()
            venue.send('{"e":"outboundAccountPosition","E":1,"u":1,"B":[]}')
            event = await anext(stream)
            assert isinstance(event, AccountEvent)
            assert list(stream.orders) == ["1"]


@pytest.mark.parametrize(
    "frame", ["", "{", '{"e":"new","x":1}', b"\x00\xff", "[]", '{"e":1}', "x" * 200_000]
)
async def test_frames_that_nobody_knows_are_given_as_they_came(frame: bytes | str) -> None:
    with FakeVenue() as venue:
        async with venue.stream(states=False) as stream:
            await stream.live(5)
            venue.send(frame)
            order_id = venue.order()
            events = [await anext(stream)]
            if not isinstance(events[0], OrderEvent):
                assert isinstance(events[0], OtherEvent)
                assert events[0].raw == frame
                events = [await anext(stream)]
            assert isinstance(events[0], OrderEvent)
            assert events[0].order_id == order_id


async def test_messages_in_pieces_and_pings_between_them_are_whole() -> None:
    with FakeVenue() as venue:
        async with venue.stream(states=False) as stream:
            await stream.live(5)
            for number in range(1, 6):
                (frame,) = venue.frames(str(number))
                text = frame if isinstance(frame, str) else frame.decode()

                async def pieces(text: str = text) -> None:
                    socket = venue.sockets[-1]
                    await socket.send(iter([text[:10], text[10:60], text[60:]]))
                    await (await socket.ping())

                venue.do(pieces())
                event = await anext(stream)
                assert isinstance(event, OrderEvent)
                assert event.order_id == str(number)


@pytest.mark.parametrize("end", ["cut", "close", "expired", "silent"])
async def test_a_lost_socket_is_replaced_and_told(end: str) -> None:
    with FakeVenue() as venue:
        async with venue.stream() as stream, gathered(stream) as seen:
            await stream.live(5)
            first = venue.order()
            await seen.until(lambda: seen.orders)
            if end == "cut":
                venue.cut()
            elif end == "close":
                venue.close(1001, "maximum connection age reached")
            elif end == "expired":
                venue.send('{"e":"listenKeyExpired","E":1}')
            else:
                venue.sockets[-1].transport.pause_reading()
            await until(lambda: len(venue.sockets) == 2)
            await seen.until(lambda: State.BLIND in seen.states)
            await seen.until(lambda: seen.of(Gap))
            (gap,) = seen.of(Gap)
            assert gap.to_ms is None
            assert gap.from_ms
            stream.reconciled()
            await stream.live(5)
            second = venue.order()
            await seen.until(lambda: len(seen.orders) == 2)
            assert [o.order_id for o in seen.orders] == [first, second]
            assert venue.http.count("POST") == (2 if end == "expired" else 1)


async def test_two_sockets_tell_once_and_one_may_go() -> None:
    with FakeVenue() as venue:
        async with venue.stream(redundancy=2) as stream, gathered(stream) as seen:
            await seen.until(lambda: State.LIVE in seen.states)
            (frame,) = venue.frames("1")
            venue.send(frame, socket=0)
            venue.send(frame, socket=1)
            venue.cut(0)
            await until(lambda: len(venue.sockets) == 3)
            venue.order(2, socket=1)
            await seen.until(lambda: len(seen.orders) == 2)
            await seen.until(lambda: seen.states[-1] is State.LIVE)
            assert not seen.of(Gap)


async def test_mexc_subscribes_and_sends_its_own_ping() -> None:
    with FakeVenue() as venue:
        async with venue.stream("mexc", secret=SECRET) as stream:
            await until(lambda: venue.heard)
            assert stream.state is State.CONNECTING
            venue.send(SUBSCRIBED)
            # With a secret it asks what came before, and this venue answers nothing of the kind.
            await until(lambda: stream.state is State.BLIND)
            assert f"/ws?listenKey={LISTEN_KEY}1" in venue.paths
        assert venue.http.count("DELETE") == 1
        post = next(url for method, url in venue.http.asked if method == "POST")
        assert "timestamp=1500000" in post
        assert "signature=" in post


# ── refusals ────────────────────────────────────────────────────────────────────────────────────


async def test_a_key_that_is_refused_for_good_ends_the_stream() -> None:
    with FakeVenue() as venue:
        venue.http.answer = lambda *_: Reply(401, b'{"code":-2015,"msg":"Invalid API-key"}')
        stream = venue.stream()
        async with stream:
            with pytest.raises(StreamRefused, match="code -2015") as refused:
                await stream.live(5)
            assert refused.value.retry is False
            with pytest.raises(StreamRefused):
                async for _ in stream:
                    pass


async def test_a_handshake_that_is_refused_is_read() -> None:
    with FakeVenue() as venue:
        venue.refusal = (400, b'{"code":-1125,"msg":"This listenKey does not exist."}', None)
        async with venue.stream() as stream:
            await until(lambda: venue.http.count("POST") > 1)
            venue.refusal = None
            await stream.live(5)


async def test_a_busy_venue_is_left_alone() -> None:
    with FakeVenue() as venue:
        venue.refusal = (429, b"", "1")
        async with venue.stream() as stream:
            await until(lambda: venue.paths)
            venue.refusal = None
            began = time.monotonic()
            await stream.live(5)
            assert time.monotonic() - began > 0.8
            assert len(venue.paths) == 2


async def test_the_clock_is_compared_over_a_connection_that_is_open() -> None:
    with FakeVenue() as venue:
        asked: list[float] = []

        def slow_at_first(method: str, url: str) -> Reply | None:
            if url.endswith("/time"):
                asked.append(time.monotonic())
                time.sleep(0.2 if len(asked) == 1 else 0)
            return venue.http.well(method, url)

        venue.http.answer = slow_at_first
        async with venue.stream("bhex") as stream:
            await stream.live(5)
            assert len(asked) == 2
            health = stream.health
            assert health.clock_offset_ms is not None
            assert health.clock_margin_ms is not None
            assert health.clock_margin_ms < 100
            assert health.key_age_s is not None
            assert health.key_due_s is not None
        assert stream.health.key_due_s is None


@pytest.mark.parametrize("blocking", [False, True])
async def test_a_thread_that_cannot_begin_says_why(
    blocking: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise OSError("too many open files")

    monkeypatch.setattr("userstream.client.run._new_loop", refuse)
    with FakeVenue() as venue:
        stream = venue.stream()
        if blocking:
            with stream.blocking() as begun, pytest.raises(OSError, match="too many"):
                begun.live(10)
        else:
            async with asyncio.timeout(10), stream:
                with pytest.raises(OSError, match="too many"):
                    await stream.live()


async def test_nobody_there_is_tried_again_and_live_says_so() -> None:
    with FakeVenue() as venue:
        stream = venue.stream()
    async with stream:
        with pytest.raises(NotLive, match=r"connecting after 0\.3 s") as late:
            await stream.live(0.3)
        assert late.value.retry is True


async def test_requests_fail_and_the_stream_gets_there() -> None:
    with FakeVenue() as venue:
        answers = iter([None, Reply(500, b""), Reply(200, b"no JSON"), None])
        venue.http.answer = lambda m, u: next(answers, venue.http.well(m, u))
        async with venue.stream() as stream:
            await stream.live(5)
        assert venue.http.count("POST") == 5


# ── programs ────────────────────────────────────────────────────────────────────────────────────


async def test_a_program_that_blocks_its_loop_stops_no_pong() -> None:
    with FakeVenue(ping_interval=0.1, ping_timeout=0.3) as venue:
        async with venue.stream() as stream, gathered(stream) as seen:
            await stream.live(5)
            for _ in range(5):
                time.sleep(0.3)  # noqa: ASYNC251 - that is the point
                venue.order()
            await seen.until(lambda: len(seen.orders) == 5)
            assert stream.state is State.LIVE
            assert len(venue.sockets) == 1
            assert not seen.of(Gap)


async def test_a_handler_that_raises_ends_its_block_and_nothing_else() -> None:
    with FakeVenue() as venue:
        stream = venue.stream()
        with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the block is what is tested
            async with stream:
                await stream.live(5)
                venue.order()
                async for _ in stream:
                    raise ZeroDivisionError
        await until(lambda: venue.closes == [1000])


async def test_a_cancelled_wait_loses_no_event() -> None:
    with FakeVenue() as venue:
        async with venue.stream(states=False) as stream:
            await stream.live(5)
            sending = asyncio.create_task(  # noqa: RUF006 - it is awaited below
                asyncio.to_thread(lambda: [venue.order() for _ in range(300)])
            )
            ids: list[str] = []
            cancelled = 0
            while len(ids) < 300:
                try:
                    event = await asyncio.wait_for(anext(stream), 0.0005)
                except TimeoutError:
                    cancelled += 1
                    continue
                assert isinstance(event, OrderEvent)
                ids.append(event.order_id)
            assert ids == [str(n) for n in range(1, 301)]
            assert cancelled
            await sending


@pytest.mark.parametrize("on_full", ["block", "spill"])
async def test_a_slow_program_gets_everything(on_full: Any) -> None:
    with FakeVenue() as venue:
        async with venue.stream(queue=50, on_full=on_full) as stream:
            await stream.live(5)
            sending = asyncio.to_thread(lambda: [venue.order() for _ in range(2_000)])
            sent = asyncio.create_task(sending)
            ids = []
            if on_full == "block":
                await until(lambda: stream.state is State.DEGRADED)
                await asyncio.sleep(1.5)  # longer than any silence
            else:
                await sent
                assert stream.state is State.LIVE
            async for event in stream:
                if isinstance(event, OrderEvent):
                    ids.append(event.order_id)
                assert not isinstance(event, Gap)
                if len(ids) == 2_000:
                    break
            await sent
            assert ids == [str(n) for n in range(1, 2_001)]
            await until(lambda: stream.state is State.LIVE)
        assert len(venue.sockets) == 1


async def test_a_stream_is_begun_once_and_used_while_it_is_open() -> None:
    with FakeVenue() as venue:
        stream = venue.stream()
        assert (stream.state, stream.orders, stream.account) == (State.CONNECTING, {}, {})
        for use in (stream.live(), anext(stream)):
            with pytest.raises(StreamOver):
                await use
        with pytest.raises(StreamOver):
            stream.reconciled()
        async with stream:
            pass
        with pytest.raises(StreamOver):
            await stream.live()
        async with asyncio.timeout(5):
            assert [e async for e in stream if not hasattr(e, "after")] == []
        with pytest.raises(StreamOver):
            await stream.__aenter__()


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"venue": "nasdaq"}, "nasdaq"),
        ({"key": ""}, "key"),
        ({"rest_url": "ftp://x"}, "ftp://x"),
        ({"stream_url": "http://x"}, "http://x"),
        ({"stream_url": "ws://["}, "ws://"),
        ({"stream_url": "ws://x/?y=1"}, "y=1"),
        ({"redundancy": 3}, "redundancy"),
        ({"queue": 0}, "queue"),
        ({"reconcile_s": 9}, "reconcile_s is 9; from 10 to 86400, or None"),
        ({"venue": "bhex"}, "bhex"),
    ],
)
def test_wrong_arguments_are_named(wrong: dict[str, Any], named: str) -> None:
    given = {"venue": "binance", "key": "k"} | wrong
    with pytest.raises(InvalidSettings, match=named):
        UserStream(given.pop("venue"), **given)


def test_whom_to_trust_is_a_file_a_context_the_system_or_anyone() -> None:
    urls: dict[str, Any] = {"rest_url": "https://x", "stream_url": "wss://x"}
    mine = ssl.create_default_context()
    assert Options(key="k", **urls, verify=mine).tls is mine
    assert Options(key="k", **urls).tls.verify_mode is ssl.CERT_REQUIRED
    assert Options(key="k", **urls, verify=False).tls.verify_mode is ssl.CERT_NONE
    with pytest.raises(InvalidSettings, match=r"verify: 'none\.pem'"):
        _ = Options(key="k", **urls, verify="none.pem").tls


def test_addresses_of_the_real_venues_are_known() -> None:
    for venue in ("binance", "mexc", "spacedex"):
        UserStream(venue, key="k")
    with pytest.raises(InvalidSettings, match="import UserStream from userstream"):
        userstream.UserStream("binance", key="k")


async def test_no_secret_is_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with FakeVenue() as venue:
        stream = venue.stream("mexc", secret=SECRET)
        shown = [repr(stream), repr(stream._options), repr(stream.blocking())]
        async with stream:
            await until(lambda: venue.heard)
            shown += [repr(stream._run), str(NotLive("x"))]
            with pytest.raises(UserStreamError) as late:
                await stream.live(0.05)
            shown.append(str(late.value))
    text = caplog.text + "".join(shown)
    client = "\n".join(r.getMessage() for r in caplog.records if "server" not in r.name)
    for secret in (KEY, SECRET, LISTEN_KEY):
        assert secret not in "".join(shown)
        assert secret not in client
    assert text
