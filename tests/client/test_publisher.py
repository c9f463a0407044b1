"""Publisher: retries what may succeed later, and only that."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.server.fakes import SlowStore, on_store
from tests.server.running import TOKEN, running
from tests.venues.orders import ORDER, order
from userstream.client.publisher import Publisher, line
from userstream.errors import PublishError, PublishRefused, PublishUnproven

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
GOOD = b'{"line":1,"account":"alice","epoch":"e","seq":1}\n'


@contextlib.asynccontextmanager
async def scripted(*answers: bytes) -> AsyncIterator[tuple[str, list[int]]]:
    """A server that gives these raw answers, one a connection; empty: it hangs up."""
    left = list(answers)
    times: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        times.append(len(times))
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            await reader.read(65_536)
            writer.write(left.pop(0) if len(left) > 1 else left[0])
            await writer.drain()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", times
        await asyncio.sleep(0.01)


def answer(status: str, body: bytes = b"", *headers: str) -> bytes:
    fields = [f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join([f"HTTP/1.1 {status}", *fields, "", ""]).encode() + body


async def test_an_event_is_published_and_a_repeat_is_told_apart() -> None:
    async with (
        running() as server,
        Publisher(server.service.urls["admin"], token=TOKEN, source="me") as publisher,
    ):
        first = await publisher.publish("alice", ORDER, n=3)
        again = await publisher.publish("alice", ORDER, n=3)
        assert (first.seq, first.duplicate) == (1, False)
        assert (again.seq, again.duplicate) == (1, True)
        second = await publisher.publish("alice", ORDER, n=4, prev_n=3)
        assert second.seq == 2
        assert TOKEN not in repr(publisher)
        assert "me" in repr(publisher)


async def test_a_refusal_is_raised_with_its_code_and_not_retried() -> None:
    async with running() as server:
        with pytest.raises(PublishRefused) as refused:
            await server.publisher.publish("alice", order(status="nonsense"), n=1)
        assert refused.value.code == "invalid_event"
        async with Publisher(server.service.urls["admin"], token=TOKEN, source="two") as other:
            await server.publisher.publish("alice", ORDER, n=1)
            with pytest.raises(PublishRefused, match="other_source"):
                await other.publish("alice", ORDER, n=1)
            assert (await other.publish("alice", ORDER, n=1, takeover=True)).seq == 2
        with pytest.raises(PublishRefused, match="fenced"):
            await server.publisher.publish("alice", ORDER, n=2)


async def test_what_could_not_be_stored_is_unproven() -> None:
    store = SlowStore()
    async with on_store(store) as server:
        store.fail("the disk is full")
        with pytest.raises(PublishUnproven, match="the disk is full"):
            await server.publisher.publish("alice", ORDER, n=1)


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{",
        answer("200 OK"),
        answer("503 Busy", b"", "Retry-After: 0"),
        answer("429 Slow down", b"", "Retry-After: soon"),
        answer("502 Bad Gateway"),
    ],
    ids=range(6),
)
async def test_a_lost_answer_is_asked_for_again(first: bytes) -> None:
    async with scripted(first, answer("200 OK", GOOD)) as (url, times):
        async with Publisher(url, token="t") as publisher:
            assert (await publisher.publish("alice", ORDER, n=1)).seq == 1
        assert len(times) == 2


async def test_it_gives_up_after_its_time_and_says_why() -> None:
    async with (
        scripted(answer("503 Busy", b"", "Retry-After: 1")) as (url, _),
        Publisher(url, token="t", give_up_s=0.1) as publisher,
    ):
        with pytest.raises(PublishUnproven, match="HTTP 503"):
            await publisher.publish("alice", ORDER, n=1)
    async with Publisher("http://127.0.0.1:1", token="t", give_up_s=0.3) as nowhere:
        with pytest.raises(PublishUnproven, match="ConnectError"):
            await nowhere.send([b"{}"])


@pytest.mark.parametrize(
    "wrong", [answer("401 No", b"no"), answer("200 OK", b"<html>\n"), answer("302 Elsewhere")]
)
async def test_what_is_no_userstream_server_is_not_asked_again(wrong: bytes) -> None:
    async with scripted(wrong) as (url, times):
        async with Publisher(url, token="t") as publisher:
            with pytest.raises(PublishError):
                await publisher.send([b"{}"])
        assert len(times) == 1


async def test_an_address_that_is_none_is_said_at_once() -> None:
    async with Publisher("nonsense", token="t") as publisher:
        with pytest.raises(PublishError, match="nonsense"):
            await publisher.send([b"{}"])


async def test_any_number_of_lines_is_sent_in_bounded_requests_and_counted_through() -> None:
    async def lines() -> AsyncIterator[bytes]:
        for n in range(1, 1_235):
            yield line("alice", ORDER, source="me", n=n)

    async with running() as server:
        answers = [a async for a in server.publisher.send_all(lines())]
        assert [a.line for a in answers] == [a.seq for a in answers] == list(range(1, 1_235))
        assert [a async for a in server.publisher.send_all(_none())] == []


async def _none() -> AsyncIterator[bytes]:
    nothing: list[bytes] = []
    for text in nothing:
        yield text


async def test_big_lines_make_smaller_requests() -> None:
    async def lines() -> AsyncIterator[bytes]:
        for n in range(1, 41):
            yield line("alice", ORDER, source="me", n=n) + b" " * 60_000

    async with running() as server:
        answers = [a async for a in server.publisher.send_all(lines())]
        assert [a.seq for a in answers] == list(range(1, 41))
