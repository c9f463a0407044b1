"""Traders of a cluster: listen keys asked of one process, streams opened at another."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.reliability.cluster.home import Cluster, Member
from tests.reliability.server.home import PATHS, STREAMS

PATHS_OF = {**PATHS, "mexc": "/api/v3"}
STREAMS_OF = {**STREAMS, "mexc": "/ws?listenKey="}
MEXC_HEADER = "X-MEXC-APIKEY"


class Closed(NamedTuple):
    """How a stream ended, and when, by the loop's clock."""

    code: int | None
    text: str
    at_s: float


class Trader:
    """One account at one venue, whose calls go to whichever process is named."""

    def __init__(self, home: Cluster, http: httpx.AsyncClient, venue: str, account: str) -> None:
        self._home = home
        self._http = http
        self.venue = venue
        self.account = account

    async def call(self, how: str, rest: Member, key: str | None = None) -> httpx.Response:
        """POST, PUT or DELETE of a listen key."""
        header = MEXC_HEADER
        if self.venue in self._home.venues:
            header = self._home.venues[self.venue].rest.auth.header
        url = f"{rest.urls['rest']}/{self.venue}{PATHS_OF[self.venue]}/userDataStream"
        params = {} if key is None else {"listenKey": key}
        return await self._http.request(
            how, url, params=params, headers={header: f"{self.account}key"}
        )

    async def make(self, rest: Member) -> str:
        """A listen key that must be given."""
        response = await self.call("POST", rest)
        assert response.status_code == 200, response.text
        key: str = response.json()["listenKey"]
        return key

    def stream(self, edge: Member, key: str) -> connect:
        """The account's stream at a process."""
        url = f"{edge.urls['stream']}/{self.venue}{STREAMS_OF[self.venue]}{key}"
        return connect(url, compression=None, ping_interval=None, proxy=None)

    async def five(
        self, exits: AsyncExitStack, edges: Sequence[Member], key: str
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


@asynccontextmanager
async def calling() -> AsyncIterator[httpx.AsyncClient]:
    """Who makes the calls."""
    async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
        yield http
