"""A server process that is killed and started again at the same addresses, and its bots."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import httpx

from tests.cli.command import TOKEN, Process
from tests.reliability.server.exchange import CALLS, Exchange, open_accounts
from tests.reliability.server.follower import Follower
from tests.reliability.server.proof import NONE, settled
from tests.reliability.server.reading import Reading
from tests.reliability.server.served import Served, total
from tests.server.running import until
from userstream.core.epoch import account_epoch
from userstream.venue import Refusal, Venue
from userstream.venues import load

PATHS = {
    "binance": "/api/v3", "spacedex": "/api/v1", "bhex": "/openapi/v1", "mexc": "/api/v3",
}  # fmt: skip
STREAMS = {
    "binance": "/ws/", "spacedex": "/ws/", "bhex": "/openapi/ws/", "mexc": "/ws?listenKey=",
}  # fmt: skip
VENUES = tuple(PATHS)
_READ_WITHIN_S = 30
ROOM = {"connects_per_ip": 1_000_000, "sockets_per_ip": 100_000}
"""Limits that let everybody in from one address."""


class Home:
    """``userstream serve`` on a folder below ``path``; ``async with`` starts and ends it."""

    settings = ""
    """More of its settings, before ``[limits]``."""

    def __init__(self, path: Path, *arguments: str, **limits: float) -> None:
        self.path = path
        self.data = path / "data"
        self._arguments = arguments
        self._limits = ROOM | limits
        self.served = Served(path / "log")
        self._keys: dict[tuple[str, str], str] = {}
        self.server: Process
        self.exchange: Exchange
        self.followers: list[Follower] = []
        self.venues: dict[str, Venue] = {name: load(name) for name in PATHS}
        self._turns = asyncio.Semaphore(CALLS)
        self._http = httpx.AsyncClient(trust_env=False, timeout=20)
        self.admin = httpx.AsyncClient(
            trust_env=False, timeout=20, headers={"authorization": f"Bearer {TOKEN}"}
        )

    async def __aenter__(self) -> Self:
        config = self.path / "userstream.toml"
        lines = [f"{name} = {value}\n" for name, value in self._limits.items()]
        config.write_text(f"{self.settings}[limits]\n" + "".join(lines))
        self._arguments = ("--config", str(config), *self._arguments)
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for follower in self.followers:
            await follower.stop()
        if hasattr(self, "exchange"):
            await self.exchange.close()
        await self._http.aclose()
        await self.admin.aclose()
        self.kill()

    # ── the process ─────────────────────────────────────────────────────────────────────────────

    async def start(self) -> None:
        """Starts it, at the addresses that it had before."""
        await self.served.start("--bus", f"file:{self.data}", *self._arguments)
        self.server = self.served.process
        self.admin.base_url = httpx.URL(self.server.urls["admin"])

    @property
    def edges(self) -> Sequence[Served]:
        """The processes that have streams."""
        return [self.served]

    @property
    def rest_processes(self) -> Sequence[Served]:
        """The processes that make listen keys and are published to."""
        return [self.served]

    def kill(self) -> None:
        """``kill -9``."""
        self.served.kill()

    async def stop(self) -> int:
        """SIGTERM; the exit status."""
        return await self.served.stop()

    def resident_bytes(self) -> int:
        """Memory of the process."""
        return self.served.resident_bytes()

    def pids(self) -> dict[str, int]:
        """The processes that run, by their names."""
        return {"server": self.server.popen.pid} if self.served.runs else {}

    async def series(self) -> list[str]:
        """All series of metrics.

        Raises:
            httpx.HTTPError: nobody tells them.
        """
        return await self.served.series(self.admin)

    async def metric(self, name: str) -> float:
        """The sum of a metric's series."""
        return total(await self.series(), name)

    async def until_metric(
        self, name: str, condition: Callable[[float], bool], within_s: float
    ) -> None:
        """Asks for a metric until it is as wanted; fails when it does not become so."""
        last = time.monotonic() + within_s
        while not condition(value := await self.metric(name)):
            assert time.monotonic() < last, f"{name} is {value}"
            await asyncio.sleep(0.05)

    # ── both sides ──────────────────────────────────────────────────────────────────────────────

    async def open(self, accounts: Sequence[str]) -> Exchange:
        """Makes accounts, and who publishes for them."""
        await open_accounts(self.admin, accounts)
        self.exchange = Exchange(self.server.urls["admin"], TOKEN, accounts)
        return self.exchange

    async def key(self, venue: str, account: str) -> str:
        """A listen key, as the venue makes it.

        Raises:
            ConnectionError: none can be made now.
        """
        rest = f"{self.server.urls['rest']}/{venue}"
        async with self._turns:
            response = await self._http.post(
                f"{rest}{PATHS[venue]}/userDataStream",
                params=await self._timestamp(venue),
                headers={self.venues[venue].rest.auth.header: f"{account}key"},
            )
        if unavailable(self.venues[venue], response):
            raise ConnectionError(response.text)
        assert response.status_code == 200, response.text
        key: str = response.json()["listenKey"]
        return key

    async def renew(self, venue: str, account: str, key: str) -> httpx.Response:
        """A listen key's keepalive."""
        return await self._http.put(
            f"{self.server.urls['rest']}/{venue}{PATHS[venue]}/userDataStream",
            params={"listenKey": key, **await self._timestamp(venue)},
            headers={self.venues[venue].rest.auth.header: f"{account}key"},
        )

    async def _timestamp(self, venue: str) -> dict[str, str]:
        """The parameter that BHEX wants with each call."""
        if venue != "bhex":
            return {}
        clock = await self._http.get(f"{self.server.urls['rest']}/binance/api/v3/time")
        return {"timestamp": str(clock.json()["serverTime"])}

    async def url(self, venue: str, account: str) -> str:
        """The account's stream; its listen key is made once."""
        key = self._keys.get((venue, account))
        if key is None:
            key = self._keys[venue, account] = await self.key(venue, account)
        return f"{self.server.urls['stream']}/{venue}{STREAMS[venue]}{key}"

    async def delete_key(self, venue: str, account: str) -> None:
        """Ends the listen key of an account; the next stream has a new one."""
        key = self._keys.pop((venue, account))
        timestamp = await self._timestamp(venue)
        response = await self._http.delete(
            f"{self.server.urls['rest']}/{venue}{PATHS[venue]}/userDataStream",
            params={"listenKey": key, **timestamp},
            headers={self.venues[venue].rest.auth.header: f"{account}key"},
        )
        assert response.status_code == 200, response.text

    async def revoke(self, account: str) -> None:
        """Takes an account's API key away."""
        response = await self.admin.delete(f"/_accounts/{account}")
        assert response.status_code == 200, response.text

    async def readmit(self, account: str) -> None:
        """Gives a revoked account its API key again; its listen keys are dead."""
        await open_accounts(self.admin, [account])
        self._keys = {place: key for place, key in self._keys.items() if place[1] != account}

    async def stored(self, account: str) -> list[int]:
        """Order ids in the log of an account, whose ``seq`` have no holes."""
        ids: list[int] = []
        while True:
            page = await self._page(account, len(ids) + 1)
            for text in page:
                event = json.loads(text)
                ids.append(int(event["event"]["order_id"]))
                assert event["seq"] == len(ids)
            if not page:
                return ids

    async def _page(self, account: str, start: int) -> list[str]:
        """Some of an account's log; asked for again while it is told to be out of reach."""
        query = {"account": account, "from": str(start)}
        async with asyncio.timeout(_READ_WITHIN_S):
            while True:
                answer = await self.admin.get("/_events", params=query)
                if answer.status_code != 503:
                    return answer.text.splitlines()
                await asyncio.sleep(0.1)

    def follow_all(self) -> None:
        """A bot for each account that is published for, at the venues in turn."""
        for at, account in enumerate(self.exchange.accounts):
            self.follow(account, VENUES[at % len(VENUES)])

    def follow(self, account: str, venue: str = "binance", **options: Any) -> Follower:
        """A bot that follows an account from now to the end of the test."""

        async def dial() -> str:
            if follower.refused == 400:  # the listen key is dead
                self._keys.pop((venue, account), None)
            try:
                return await self.url(venue, account)
            except httpx.TransportError as e:
                raise ConnectionError(str(e)) from None

        epoch = account_epoch(self.server.epoch, account)
        follower = Follower(account, self.venues[venue], epoch, dial, **options)
        self.followers.append(follower.start())
        return follower

    async def reading(self, account: str, venue: str = "binance", **options: Any) -> Reading:
        """Bots of an account in another process, yet to be started."""
        url = await self.url(venue, account)
        epoch = account_epoch(self.server.epoch, account)
        return Reading(venue, epoch, url, self.path / f"read-{account}", **options)

    async def all_live(self, within_s: float = 60) -> None:
        """Waits until every bot is connected and up to date."""
        await until(lambda: all(f.live for f in self.followers), within_s)

    async def proven(self, within_s: float = 60) -> None:
        """Every bot got exactly what was acknowledged to the exchange, in its order."""
        counts = await settled(self.exchange.acked, self.followers, within_s)
        assert counts == NONE, counts
        assert all(not f.refusals for f in self.followers)


def unavailable(venue: Venue, response: httpx.Response) -> bool:
    """Whether a venue says that it cannot answer now: nothing is refused by that."""
    form = venue.errors[Refusal.UNAVAILABLE]
    return response.status_code == form.status and response.json()["code"] == form.code


def names(count: int) -> list[str]:
    """Names of accounts."""
    return [f"a{n}" for n in range(count)]
