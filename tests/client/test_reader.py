"""Reader: sockets that come late, a stop in the middle, and what an idle program may rely on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.client.fakevenue import HASTY, FakeHttp, FakeVenue
from tests.core.client.values import half
from tests.server.running import until
from userstream.client.calls import Calls
from userstream.client.http import Reply
from userstream.client.mailbox import Mailbox
from userstream.client.reader import Reader, Ways
from userstream.client.repairs import Repairs
from userstream.client.socket import Listener, Socket
from userstream.core.client.feed import Feed
from userstream.core.client.plan import Plan
from userstream.core.client.requests import Access
from userstream.core.client.told import State
from userstream.venues import load


class FakeSocket:
    """Notes what is done with it."""

    def __init__(self) -> None:
        self.done: list[Any] = []

    def send(self, payload: bytes) -> None:
        self.done.append(payload)

    def ping(self) -> None:
        self.done.append("ping")

    def hold(self, held: bool) -> None:
        self.done.append(held)

    def close(self) -> None:
        self.done.append("close")


class Dial:
    """Opens a socket as the test says."""

    def __init__(self) -> None:
        self.listeners: list[Listener] = []
        self.sockets: list[FakeSocket] = []
        self.given_up = 0
        self.opens: Callable[[], bool] = lambda: True

    async def connect(self, url: str, listener: Listener) -> Socket:
        self.listeners.append(listener)
        if not self.opens():
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.given_up += 1
                raise
        self.sockets.append(FakeSocket())
        return self.sockets[-1]

    def live(self) -> FakeSocket:
        """The handshake of the last socket is done."""
        self.listeners[-1].opened(self.sockets[-1])
        return self.sockets[-1]


def reading(
    dial: Dial, *, most: int = 10, proofs: bool = False, http: FakeHttp | None = None
) -> tuple[Reader, Mailbox]:
    venue, access, http = load("binance"), Access("key"), http or FakeHttp()
    mailbox = Mailbox(most, None, lambda: None)
    feed = Feed(venue, Plan(), half, bounds=HASTY)
    calls, repairs = (
        Calls(venue, access, http, "http://x"),
        Repairs(venue, access, "http://x", http),
    )
    ways = Ways(calls, dial.connect, repairs, "ws://x")
    return Reader(venue, feed, ways, mailbox, proofs=proofs), mailbox


async def test_a_stop_ends_a_socket_that_is_still_opening() -> None:
    dial = Dial()
    dial.opens = lambda: False
    reader, _ = reading(dial)
    run = asyncio.create_task(reader.run())
    await until(lambda: dial.listeners)
    reader.stop(delete_key=None)
    await asyncio.wait_for(run, 10)
    assert (dial.given_up, dial.sockets) == (1, [])


async def test_cancellation_closes_everything_at_once() -> None:
    dial = Dial()
    reader, mailbox = reading(dial)
    run = asyncio.create_task(reader.run())
    await until(lambda: dial.sockets)
    socket = dial.live()
    assert mailbox.state is State.LIVE
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)
    assert socket.done[-1] == "close"


async def test_a_key_that_is_not_deleted_in_time_is_left_and_so_is_the_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Slow(FakeHttp):
        given_up = 0

        async def send(self, method: str, url: str, headers: Mapping[str, str]) -> Reply | None:
            if method != "DELETE":
                return await super().send(method, url, headers)
            try:
                return await asyncio.Future()
            except asyncio.CancelledError:
                self.given_up += 1
                raise

    monkeypatch.setattr("userstream.client.reader._DELETE_S", 0.05)
    dial, http = Dial(), Slow()
    reader, _ = reading(dial, http=http)
    run = asyncio.create_task(reader.run())
    await until(lambda: dial.sockets)
    dial.live()
    reader.stop(delete_key=True)
    await asyncio.wait_for(run, 10)
    assert http.given_up == 1


async def test_a_socket_that_comes_too_late_is_closed() -> None:
    reader, _ = reading(Dial())
    late = FakeSocket()
    reader.opened(9, late)
    assert late.done == ["close"]


async def test_a_socket_is_left_alone_until_it_is_there() -> None:
    dial = Dial()
    reader, _ = reading(dial)
    run = asyncio.create_task(reader.run())
    await until(lambda: dial.sockets)
    listener: Any = dial.listeners[-1]
    socket, listener.socket = listener.socket, None
    for use in (lambda: listener.send(b"x"), listener.ping, lambda: listener.hold(True)):
        use()
    assert socket.done == []
    listener.socket = socket
    listener.send(b"x")
    listener.ping()
    assert socket.done == [b"x", "ping"]
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)


async def test_a_program_that_takes_nothing_is_not_read_for_and_then_it_is() -> None:
    dial = Dial()
    reader, mailbox = reading(dial, most=3)
    run = asyncio.create_task(reader.run())
    await until(lambda: dial.sockets)
    socket = dial.live()
    for number in range(1, 4):
        for frame in FakeVenue.frames(str(number)):
            dial.listeners[-1].frame(frame)
    await until(lambda: mailbox.state is State.DEGRADED)
    while mailbox.take() is not None:
        pass
    reader.go_on()
    reader.go_on()
    assert [d for d in socket.done if isinstance(d, bool)] == [True, False]
    assert mailbox.state.value == "live"
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)


async def test_an_idle_program_hears_how_far_all_was_told() -> None:
    dial = Dial()
    reader, mailbox = reading(dial, proofs=True)
    run = asyncio.create_task(reader.run())
    await until(lambda: dial.sockets)
    dial.live()
    while mailbox.take() is not None:
        pass
    await until(lambda: len(mailbox))
    item = mailbox.take()
    assert item is not None
    assert item.what is None
    assert item.proof is not None
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)
