"""Traders: listen keys asked of one process, streams opened at another."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.reliability.proxy import place_of
from tests.reliability.server.follower import Line
from tests.reliability.server.home import PATHS, STREAMS, Home
from tests.reliability.server.served import Served
from tests.server.running import until
from tests.server.wire import handshake


class Closed(NamedTuple):
    """How a stream ended, and when, by the loop's clock."""

    code: int | None
    text: str
    at_s: float


class Trader:
    """One account at one venue, whose calls go to whichever process is named."""

    def __init__(self, home: Home, http: httpx.AsyncClient, venue: str, account: str) -> None:
        self._home = home
        self._http = http
        self.venue = venue
        self.account = account

    async def call(self, how: str, rest: Served, key: str | None = None) -> httpx.Response:
        """POST, PUT or DELETE of a listen key."""
        header = self._home.venues[self.venue].rest.auth.header
        url = f"{rest.urls['rest']}/{self.venue}{PATHS[self.venue]}/userDataStream"
        params = {} if key is None else {"listenKey": key}
        if self.venue == "bhex":
            params["timestamp"] = str(time.time_ns() // 1_000_000)
        return await self._http.request(
            how, url, params=params, headers={header: f"{self.account}key"}
        )

    async def make(self, rest: Served) -> str:
        """A listen key that must be given."""
        response = await self.call("POST", rest)
        assert response.status_code == 200, response.text
        key: str = response.json()["listenKey"]
        return key

    def url(self, edge: Served, key: str) -> str:
        """Where the account's stream is at a process."""
        return f"{edge.urls['stream']}/{self.venue}{STREAMS[self.venue]}{key}"

    def stream(self, edge: Served, key: str) -> connect:
        """The account's stream at a process."""
        return connect(self.url(edge, key), compression=None, ping_interval=None, proxy=None)

    async def five(
        self, exits: AsyncExitStack, edges: Sequence[Served], key: str
    ) -> list[ClientConnection]:
        """Five streams on one key, over the processes in turn."""
        sockets = []
        for n in range(5):
            socket = await exits.enter_async_context(self.stream(edges[n % len(edges)], key))
            if self.venue == "mexc":
                order = {"method": "SUBSCRIPTION", "params": ["spot@private.orders.v3.api.pb"]}
                await socket.send(json.dumps(order))
                assert json.loads(await socket.recv())["code"] == 0
            sockets.append(socket)
        return sockets


async def closed(socket: ClientConnection) -> Closed:
    """Reads a stream to its end."""
    try:
        while True:
            await socket.recv()
    except ConnectionClosed as e:
        at_s = asyncio.get_running_loop().time()
        return Closed(e.rcvd.code if e.rcvd else None, e.rcvd.reason if e.rcvd else "", at_s)


async def connected(url: str, within_s: float = 30) -> int:
    """The status of a handshake, which is hung up at once; 0 where the server hung up before.

    Raises:
        OSError: nobody is there.
    """
    path = url.partition("//")[2].partition("/")[2]
    line = Line(handshake(f"/{path}"), lambda *_: None)
    transport, _ = await asyncio.get_running_loop().create_connection(lambda: line, *place_of(url))
    try:
        await until(lambda: line.status or line.over.is_set(), within_s)
    finally:
        transport.abort()
    return line.status


@asynccontextmanager
async def calling() -> AsyncIterator[httpx.AsyncClient]:
    """Who makes the calls."""
    async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
        yield http
