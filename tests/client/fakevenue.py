"""A venue of real sockets in a thread of its own, and requests that a test answers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Self

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from tests.core.client.test_feed import FULL, frames
from tests.core.client.values import order
from userstream import UserStream
from userstream.client.http import Reply
from userstream.core.client.bounds import Bounds
from userstream.venues import load

HASTY = Bounds(
    retry_ms=20, max_retry_ms=100, post_ms=50, steady_ms=100, overlap_ms=50, ping_ms=100,
    silent_ms=600, check_ms=100, grace_ms=200, open_ms=2_000,
)  # fmt: skip
KEY, SECRET = "an-api-key-of-the-tests", "a-secret-of-the-tests"
LISTEN_KEY = "listen-key-of-the-tests"


class FakeHttp:
    """Answers as it is told; by default a listen key, and the time."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.answer: Callable[[str, str], Reply | None] = self.well
        self.closed = False
        self.number = 0

    def well(self, method: str, url: str) -> Reply | None:
        if url.endswith("/time"):
            return Reply(200, b'{"serverTime":1500000000000}')
        self.number += method == "POST"
        return Reply(200, b'{"listenKey":"%s%d"}' % (LISTEN_KEY.encode(), self.number))

    async def send(self, method: str, url: str, headers: Mapping[str, str]) -> Reply | None:
        self.asked.append((method, url))
        return self.answer(method, url)

    async def close(self) -> None:
        self.closed = True

    def count(self, method: str) -> int:
        return sum(m == method for m, _ in self.asked)


class FakeVenue:
    """``with FakeVenue() as venue``; what tests ask of it is done in its own thread."""

    def __init__(self, **options: Any) -> None:
        self._options = {"compression": None, "ping_interval": None} | options
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._server: Server | None = None
        self.sockets: list[ServerConnection] = []
        self.heard: list[bytes | str] = []
        self.paths: list[str] = []
        self.closes: list[int | None] = []
        self.refusal: tuple[int, bytes, str | None] | None = None
        self.http = FakeHttp()
        self.number = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self.do(self._serve())
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server is not None
        for number in range(len(self.sockets)):
            self.cut(number)
        self._server.close()
        self.do(self._server.wait_closed())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def do(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"ws://127.0.0.1:{next(iter(self._server.sockets)).getsockname()[1]}"

    def stream(self, venue: str = "binance", **options: Any) -> UserStream:
        given: dict[str, Any] = {"bounds": HASTY, "states": True, "http": self.http} | options
        return UserStream(
            venue, key=KEY, rest_url="http://127.0.0.1:1", stream_url=self.url, **given
        )

    def send(self, *frames: bytes | str, socket: int = -1) -> None:
        async def send() -> None:
            for frame in frames:
                await self.sockets[socket].send(frame)

        self.do(send())

    def order(self, number: int | None = None, *, venue: str = "binance", socket: int = -1) -> str:
        """Sends a new order, and gives its id."""
        self.number = self.number + 1 if number is None else number
        order_id = str(self.number)
        self.send(*self.frames(order_id, venue), socket=socket)
        return order_id

    @staticmethod
    def frames(order_id: str, venue: str = "binance") -> list[bytes | str]:
        return frames(venue, order(order_id, **FULL), int(order_id))

    @staticmethod
    def fill(order_id: str, trade: int, filled: str) -> list[bytes | str]:
        """Frames of one unit of an order at Binance, by which so much of it is filled."""
        more = {
            "execution": "TRADE", "status": "PARTIALLY_FILLED", "trade_id": str(trade),
            "last_quantity": "1", "last_price": "2", "cumulative_quantity": filled,
        }  # fmt: skip
        return frames("binance", order(order_id, **FULL | more), 100 + trade)

    def cut(self, socket: int = -1) -> None:
        """Resets the connection."""
        self._loop.call_soon_threadsafe(self.sockets[socket].transport.abort)

    def close(self, code: int, text: str, socket: int = -1) -> None:
        self.do(self.sockets[socket].close(code, text))

    async def _serve(self) -> Server:
        return await serve(
            self._socket, "127.0.0.1", 0, process_request=self._request, **self._options
        )

    def _request(self, socket: ServerConnection, request: Request) -> Response | None:
        self.paths.append(request.path)
        if self.refusal is None:
            return None
        status, body, retry_after = self.refusal
        response = socket.respond(HTTPStatus(status), body.decode())
        if retry_after is not None:
            response.headers["Retry-After"] = retry_after
        return response

    async def _socket(self, socket: ServerConnection) -> None:
        self.sockets.append(socket)
        try:
            async for frame in socket:
                self.heard.append(frame)
        finally:
            self.closes.append(socket.close_code)


SUBSCRIBED = '{"id":0,"code":0,"msg":"' + ",".join(sorted(load("mexc").channels)) + '"}'
