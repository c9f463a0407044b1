"""A whole server in this process, and both sides of it: publishers, accounts, bots."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.venues.orders import order
from userstream.client.publisher import Answer, Publisher
from userstream.core.epoch import account_epoch
from userstream.core.limits import Limits
from userstream.events import Event
from userstream.markets import SANDBOX_MARKETS
from userstream.server.clock import Clock
from userstream.server.parts import Parts
from userstream.server.service import Service
from userstream.server.settings import Settings
from userstream.venue import Call, KeyPlace, Venue
from userstream.venues import load, names

TOKEN = "admin-token-of-the-tests"
JSON_VENUES = ("binance", "bhex", "spacedex")
MEXC_CHANNELS = (
    "spot@private.account.v3.api.pb",
    "spot@private.deals.v3.api.pb",
    "spot@private.orders.v3.api.pb",
)


_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # made once: it takes long


async def until(condition: Callable[[], object], within_s: float = 10.0) -> None:
    """Waits for a condition; fails when it does not come true."""
    last = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < last, "it did not come true in time"
        await asyncio.sleep(0.002)


def hasty(times: int = 100) -> Mapping[str, Venue]:
    """The venues, with pings and idle rules that many times faster."""
    found = {}
    for name in names():
        venue = load(name, None, SANDBOX_MARKETS)
        stream = venue.stream
        waits = ("ping_every_ms", "dead_after_ms", "subscribe_within_ms", "idle_after_ms")
        shorter = {
            wait: value // times for wait in waits if (value := getattr(stream, wait)) is not None
        }
        found[name] = replace(venue, stream=replace(stream, **shorter))
    return found


def begin_window(clock: Clock, window_s: int = 60) -> None:
    """Jumps to where requests begin to be counted anew, so that what follows counts together."""
    window_ms = window_s * 1_000
    clock.change(advance_ms=window_ms - clock.ms() % window_ms)


def metric(service: Service, name: str, **labels: str) -> float:
    """The value of a series; 0 where it does not exist yet."""
    return service.metrics.registry.get_sample_value(name, labels) or 0.0


@dataclass
class Running:
    """A server that runs, and what a test does to it."""

    service: Service
    venues: Mapping[str, Venue]
    rest: httpx.AsyncClient
    admin: httpx.AsyncClient
    publisher: Publisher
    verify: Any = None
    counts: dict[str, int] = field(default_factory=dict)

    async def account(self, name: str = "alice", api_key: str = "", secret: str = "") -> str:
        """Adds an account, and gives its API key."""
        api_key = api_key or f"{name}key"
        await self.service.accounts.add(name, api_key, secret or f"{name}secret")
        return api_key

    async def call(
        self,
        venue: str,
        call: Call,
        api_key: str = "alicekey",
        *,
        key: str | None = None,
        prefix: str | None = None,
    ) -> httpx.Response:
        """A listen-key call as that venue's document has it."""
        dialect = self.venues[venue].rest
        route = next(r for r in dialect.routes if r.call is call)
        params = {} if key is None else {"listenKey": key}
        if dialect.auth.timestamp.name == "REQUIRED":
            params["timestamp"] = str(self.service.clock.ms())
        path = (f"/{venue}" if prefix is None else prefix) + route.path
        headers = {dialect.auth.header: api_key}
        return await self.rest.request(route.method, path, params=params, headers=headers)

    async def key(self, venue: str = "binance", api_key: str = "alicekey") -> str:
        """A listen key from POST."""
        response = await self.call(venue, Call.CREATE, api_key)
        assert response.status_code == 200, response.text
        found: str = response.json()["listenKey"]
        return found

    def url(self, venue: str, key: str) -> str:
        """The stream URL of a listen key, under the venue's prefix."""
        place = self.venues[venue].stream.paths[0]
        tail = f"?listenKey={key}" if place.place is KeyPlace.QUERY else key
        return f"{self.service.urls['stream']}/{venue}{place.path}{tail}"

    @contextlib.asynccontextmanager
    async def open(self, url: str, **options: Any) -> AsyncIterator[ClientConnection]:
        """A stock client on a stream; a path is taken below the stream port."""
        if not url.startswith("ws"):
            url = self.service.urls["stream"] + url
        if url.startswith("wss"):
            options.setdefault("ssl", self.verify)
        options = {"compression": None, "ping_interval": None, "proxy": None} | options
        async with connect(url, **options) as socket:
            yield socket

    @contextlib.asynccontextmanager
    async def stream(
        self, venue: str, key: str | None = None, api_key: str = "alicekey"
    ) -> AsyncIterator[ClientConnection]:
        """A stock client that hears every event, on a key of its own or the one given."""
        key = key or await self.key(venue, api_key)
        async with self.open(self.url(venue, key)) as socket:
            if self.venues[venue].channels:
                await subscribe(socket, *MEXC_CHANNELS)
            yield socket

    async def publish(self, account: str = "alice", event: Event | None = None) -> Answer:
        """Publishes one event and waits for its acknowledgement."""
        n = self.counts[account] = self.counts.get(account, 0) + 1
        return await self.publisher.publish(account, event or order(order_id=str(n)), n=n)

    def epoch(self, account: str = "alice") -> str:
        """What answers, marks and cursors of an account name."""
        return account_epoch(self.service.bus.epoch, account)

    def frames(self, venue: str, account: str, answer: Answer) -> list[bytes]:
        """The exact frames of a published event in a dialect."""
        envelope, picture = self.seen[account, answer.seq or 0]
        return [f.payload for f in self.venues[venue].encode(envelope, picture)]

    def __post_init__(self) -> None:
        self.seen: dict[tuple[str, int], Any] = {}

        def remember(events: Any) -> None:
            for a in events:
                self.seen[a.envelope.account, a.envelope.seq] = (a.envelope, a.picture)

        self.service.bus.subscribe(remember)


async def subscribe(socket: ClientConnection, *channels: str) -> None:
    """Subscribes a MEXC stream and reads the acknowledgement."""
    await socket.send(json.dumps({"method": "SUBSCRIPTION", "params": channels}))
    assert json.loads(await socket.recv()) == {"id": 0, "code": 0, "msg": ",".join(channels)}


async def take(socket: ClientConnection, count: int) -> list[bytes]:
    """The next frames of a stream, as bytes."""
    taken = []
    for _ in range(count):
        async with asyncio.timeout(10):
            data = await socket.recv()
        taken.append(data.encode() if isinstance(data, str) else data)
    return taken


async def rest_of(socket: ClientConnection) -> tuple[list[bytes], int | None, str]:
    """Every frame until the close, its code and its text; code ``None``: cut without one."""
    frames: list[bytes] = []
    try:
        while True:
            frames += await take(socket, 1)
    except ConnectionClosed as e:
        return (frames, e.rcvd.code, e.rcvd.reason) if e.rcvd else (frames, None, "")


@contextlib.asynccontextmanager
async def running(
    *,
    venues: Mapping[str, Venue] | None = None,
    limits: Limits | None = None,
    accounts: tuple[str, ...] = ("alice", "bob"),
    ca: Any = None,
    parts: Parts | None = None,
    make: Any = Service,
    **settings: Any,
) -> AsyncIterator[Running]:
    """A server on free ports, in memory unless ``bus`` says otherwise."""
    found = venues or {name: load(name, None, SANDBOX_MARKETS) for name in names()}
    addresses = dict.fromkeys(("rest", "stream", "admin"), "127.0.0.1:0")
    values = addresses | {"bus": "memory:", "venue": "binance", "admin_token": TOKEN}
    given = Settings(limits=limits or Limits(), **(values | settings))
    service: Service = make(given, found, *([parts] if parts else []))
    verify = ca if ca is not None else _NO_TLS
    async with service, contextlib.AsyncExitStack() as exits:
        rest = await exits.enter_async_context(_client(service.urls.get("rest", ""), verify))
        admin = await exits.enter_async_context(_client(service.urls["admin"], verify))
        admin.headers["authorization"] = f"Bearer {TOKEN}"
        publisher = await exits.enter_async_context(
            Publisher(service.urls["admin"], token=TOKEN, verify=verify)
        )
        running = Running(service, found, rest, admin, publisher, ca)
        for name in accounts:
            await running.account(name)
        yield running


def _client(url: str, verify: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=url, verify=verify, trust_env=False)
