"""The link: which servers are taken, and what becomes of a lost connection."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator

import pytest

from tests.server.nats.servers import Nodes, free_ports
from tests.server.running import until
from userstream.errors import StoreDamaged, StoreUnavailable
from userstream.server.nats.address import NatsSettings, read_address
from userstream.server.nats.jetstream import JetStream
from userstream.server.nats.link import Link
from userstream.server.nats.wire import Line, Message, Parser, fenced, pub

NONE = NatsSettings()


@contextlib.asynccontextmanager
async def linked(
    bus: str, settings: NatsSettings = NONE, within_s: float = 5.0
) -> AsyncIterator[Link]:
    """A link that is open."""
    link = Link(read_address(bus, settings))
    await link.open(within_s)
    try:
        yield link
    finally:
        await link.close()


async def works(link: Link) -> bool:
    """Whether JetStream answers over it."""
    return b"streams" in await JetStream(link).ask("INFO")


async def test_a_link_is_found_among_servers_that_are_not_there(nats_node: Nodes) -> None:
    gone = free_ports(1)[0]
    async with linked(f"nats://127.0.0.1:{gone},{nats_node.url[7:]}") as link:
        assert await works(link)


async def test_nobody_there_is_said_with_the_place(nats_node: Nodes) -> None:
    gone = free_ports(1)[0]
    with pytest.raises(StoreUnavailable, match=rf"NATS at 127\.0\.0\.1:{gone}: .*refused"):
        async with linked(f"nats://127.0.0.1:{gone}", within_s=0.2):
            pass
    assert nats_node.nodes


async def test_a_server_that_is_none_is_left(nats_node: Nodes) -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"MSG what is this\r\n")
        with contextlib.suppress(OSError):
            await reader.read()
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(StoreUnavailable):
            async with linked(f"nats://127.0.0.1:{port}", within_s=0.3):
                pass
    assert nats_node.nodes


async def test_subscriptions_outlive_their_connection(nats_node: Nodes) -> None:
    async with linked(nats_node.url) as link, linked(nats_node.url) as other:
        heard: list[Message] = []
        changes: list[str] = []
        link.on_up.append(lambda: changes.append("up"))
        link.on_down.append(lambda: changes.append("down"))
        sid = link.subscribe("greetings.*", heard.append)
        for word in (b"one", b"two"):
            await other.request("$JS.API.INFO", b"", 5)
            other.send(b"PUB greetings.a 3\r\n%b\r\n" % word)
            await until(lambda: heard and heard[-1].payload == word)  # noqa: B023
            assert link._transport is not None
            link._transport.abort()
            await until(lambda: changes[-2:] == ["down", "up"])
            changes.clear()
        link.unsubscribe(sid)
        with pytest.raises(StoreUnavailable, match="nobody answers"):
            await link.request("nobody.here", b"", 5)
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        await link.request("nobody.here", b"", 5)


async def test_a_server_that_takes_long_for_subscriptions_is_reached_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("userstream.server.nats.link._CONNECT_S", 0.5)
    taken: list[bytes] = []

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"version":"2.15.1","jetstream":true,"headers":true}\r\n')
        with contextlib.suppress(ConnectionError):
            while text := await reader.readline():
                if text == b"PING\r\n":
                    writer.write(b"PONG\r\n")
                elif text.startswith(b"SUB x."):
                    taken.append(text)
                    await asyncio.sleep(0.01)
        writer.close()

    async with await asyncio.start_server(slow, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with linked(f"nats://127.0.0.1:{port}") as link:
            for n in range(100):  # a second's work, and more
                link.subscribe(f"x.{n}", lambda _: None)
            await until(lambda: len(taken) == 100, 30)
            ups: list[bool] = []
            link.on_up.append(lambda: ups.append(True))
            assert link._transport is not None
            link._transport.abort()
            await until(lambda: ups, 10)
            await until(lambda: len(taken) == 200, 30)


async def test_a_server_that_stands_still_is_noticed(nats_node: Nodes) -> None:
    async with linked(nats_node.url) as link:
        node = nats_node.nodes[0]
        node.pause()
        try:
            with pytest.raises(StoreUnavailable, match="does not answer in time"):
                await link.request("$JS.API.INFO", b"", 0.2)
            await until(lambda: not link.connected, 15)
        finally:
            node.resume()
        await until(lambda: link.connected, 15)
        assert await works(link)


def test_bytes_are_parsed_however_they_are_cut() -> None:
    data = (
        b'INFO {"a":1}\r\nMSG a.b 3 2\r\nhi\r\nMSG a.c 4 r.1 0\r\n\r\nPING\r\n'
        b"HMSG a 5 20 22\r\nNATS/1.0\r\nA: bcd\r\n\r\nhi\r\n"
        b"HMSG a 6 r.2 16 16\r\nNATS/1.0 503\r\n\r\n\r\n-ERR 'no'\r\n"
    )
    whole = list(Parser().feed(data))
    assert [type(item) for item in whole] == [Line, Message, Message, Line, Message, Message, Line]
    assert whole[1] == Message(3, b"a.b", b"", b"", b"hi")
    assert whole[2] == Message(4, b"a.c", b"r.1", b"", b"")
    assert isinstance(whole[4], Message)
    assert (whole[4].payload, whole[4].field(b"A"), whole[4].field(b"B")) == (b"hi", b"bcd", b"")
    assert isinstance(whole[5], Message)
    assert (whole[5].status, whole[5].reply) == (503, b"r.2")
    for size in (1, 2, 7):
        parser = Parser()
        cut = [data[at : at + size] for at in range(0, len(data), size)]
        assert [item for part in cut for item in parser.feed(part)] == whole
    with pytest.raises(StoreDamaged, match="a NATS server sent"):
        list(Parser().feed(b"MSG nonsense\r\n"))


ACK = b'{"stream":"s","seq":7}'


@pytest.mark.parametrize(
    ("data", "is_ack"),
    [
        (b"MSG _INBOX.a.9 1 22\r\n%b\r\n" % ACK, True),
        (b'MSG _INBOX.a.9 1 23\r\n{"stream":"s", "seq":7}\r\n', True),
        (b"MSG _INBOX.a.9 1 27\r\n%b\r\nabc\r\n" % ACK, False),  # longer than it seems
        (b"MSG _INBOX.a.9 1 r 22\r\n%b\r\n" % ACK, False),
        (b'MSG _INBOX.a.9 1 39\r\n{"stream":"s","seq":7,"duplicate":true}\r\n', False),
        (b'MSG _INBOX.a.9 1 38\r\n{"error":{"code":400},"stream":"s\\"x"}\r\n', False),
    ],
)
def test_bare_acknowledgements_are_told_from_all_else(data: bytes, *, is_ack: bool) -> None:
    for size in (len(data), 5):
        parser = Parser()
        cut = [data[at : at + size] for at in range(0, len(data), size)]
        (item,) = [item for part in cut for item in parser.feed(part)]
        if is_ack:
            assert isinstance(item, re.Match)
            assert (item[1], item[2], item[5]) == (b"_INBOX.a.9", b"1", b"7")
        else:
            assert isinstance(item, Message)
            assert item.payload == data[data.index(b"\r\n") + 2 : -2]


async def test_an_acknowledgement_goes_to_who_awaits_it(nats_node: Nodes) -> None:
    async with linked(nats_node.url) as link:
        js = JetStream(link)
        await js.provide({"name": "acks", "subjects": ["acks.>", "bare.>"]})
        places: list[int] = []
        others: list[Message] = []
        to, token = link.inbox(others.append, places.append)
        link.send(pub("acks.a", b"1", to) + pub("acks.a", b"2", to))
        link.send(fenced(b"acks.a", b"3", to.encode(), 99))
        await until(lambda: others)
        assert places == [1, 2]
        assert b"wrong last sequence" in others[0].payload
        assert await js.append(lambda to: fenced(b"acks.b", b"4", to.encode(), 2)) == 3
        link.forget(token)
        link.send(pub("acks.a", b"5", to))
        looks_like_one: list[Message] = []
        link.subscribe("plain.1", looks_like_one.append)
        link.send(pub("plain.1", ACK))
        await until(lambda: looks_like_one)
        assert looks_like_one[0].payload == ACK
        assert len(places) == 2


async def test_a_question_that_nobody_could_answer_is_asked_again(nats_node: Nodes) -> None:
    async with linked(nats_node.url) as link:
        asked: list[Message] = []

        def late(message: Message) -> None:
            asked.append(message)
            if len(asked) == 3:
                link.send(pub(message.reply.decode(), b"here"))

        link.subscribe("question", late)
        assert (await link.request("question", b"?", 20, again_s=0.05)).payload == b"here"
        assert len(asked) == 3
        assert [m.reply for m in asked] == [asked[0].reply] * 3
        with pytest.raises(StoreUnavailable, match="does not answer in time"):
            await link.request("question", b"?", 0.3)
        assert len(asked) == 4


GREETING = b'INFO {"version":"2.15.1","jetstream":true,"headers":true}\r\n'


async def test_a_server_that_stands_still_does_not_spoil_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("userstream.server.nats.link._CONNECT_S", 0.3)
    monkeypatch.setattr("userstream.server.nats.link.random.shuffle", lambda _: None)
    calls: list[str] = []

    async def still(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        calls.append("still")
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()

    async def good(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        calls.append("good")
        writer.write(GREETING)
        with contextlib.suppress(ConnectionError):
            while text := await reader.readline():
                if text == b"PING\r\n":
                    writer.write(b"PONG\r\n")
        writer.close()

    async with (
        asyncio.timeout(60),
        await asyncio.start_server(still, "127.0.0.1", 0) as first,
        await asyncio.start_server(good, "127.0.0.1", 0) as second,
    ):
        ports = [server.sockets[0].getsockname()[1] for server in (first, second)]
        bus = "nats://" + ",".join(f"127.0.0.1:{port}" for port in ports)
        async with linked(bus) as link:
            assert calls == ["still", "good"]
            assert link._transport is not None
            link._transport.abort()
            await until(lambda: len(calls) >= 4 and link.connected)
            assert calls == ["still", "good"] * 2


async def test_a_stream_whose_nodes_are_down_is_out_of_reach_and_not_damaged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    link = Link(read_address("nats://a", NONE))
    down = b'{"error":{"code":500,"err_code":10118,"description":"stream is offline"}}'

    async def answered(*_: object) -> Message:
        return Message(1, b"x", b"", b"", down)

    monkeypatch.setattr(link, "request", answered)
    with pytest.raises(StoreUnavailable, match="stream is offline"):
        await JetStream(link).info("events")


def test_who_fails_at_a_message_fails_alone() -> None:
    link = Link(read_address("nats://a", NONE))
    heard: list[bytes] = []

    def fails(_: Message) -> None:
        raise ValueError("not as it should be")

    for handler in (fails, lambda message: heard.append(message.payload)):
        link.subscribe("x", handler)
    link.received(b"MSG x 2 1\r\na\r\nMSG x 3 1\r\nb\r\nMSG x 2 1\r\na\r\nMSG x 3 1\r\nc\r\n")
    link.received(b"INFO what is this\r\nMSG x 3 1\r\nd\r\n")
    assert heard == [b"b", b"c", b"d"]
