"""Programs of traders that use listen keys all the while, and what they were promised."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter, deque
from collections.abc import AsyncIterator

import httpx

from tests.reliability.cluster.traders import Trader, connected
from tests.reliability.server.exchange import open_accounts
from tests.reliability.server.home import VENUES, Home, unavailable
from tests.reliability.server.served import Served
from userstream.venue import Refusal

PAUSE_S = 0.1
CALL_S = 5.0
KNOWN_WITHIN_S = 10.0
"""Once nothing is wrong, until each process knows what another one granted or ended."""
READMITTED_WITHIN_S = 90.0
TOLD = 8
"""Calls before one that broke a promise."""
UNKNOWN = 0
"""In the place of a status: no answer came, or one that says neither yes nor no."""


class KeyUser:
    """A program with a listen key of its own account at a venue, or none yet."""

    def __init__(self, home: Home, http: httpx.AsyncClient, venue: str) -> None:
        self.account = f"k-{venue}"
        self.calls: Counter[str] = Counter()
        self.broken: list[str] = []
        """Promises that were not kept."""
        self._home = home
        self._venue = home.venues[venue]
        self._trader = Trader(home, http, venue, self.account)
        self._key: str | None = None
        self._began_s = time.monotonic()
        self._trail: deque[str] = deque(maxlen=TOLD)
        self._dead: list[str] = []
        """Keys whose end was confirmed, since the last check."""
        self._unsure: list[str] = []
        """Keys that may have ended since then: nobody said whether."""
        self.strict = True
        """Whether no process is cut off from NATS. One that is may give a key again that was ended
        elsewhere, or hear late that an API key was revoked and refuse what has it again: nobody
        promised otherwise."""

    async def step(self) -> None:
        """One call, to whichever process; a key lives an hour, so it must be known."""
        if self._key is None:
            await self._make()
            return
        steps = (self._renew, self._open, self._delete, self._revoke)
        [step] = random.choices(steps, (12, 4, 3, 1))
        await step(self._key)

    async def check(self) -> None:
        """While nothing is wrong: every process knows the key, and none an ended one."""
        rests = self._home.rest_processes
        ended = [self._settles(rest, key, lives=False) for rest in rests for key in self._dead]
        if 200 in await asyncio.gather(*ended):
            self._break("a key that was ended is renewed")
        if self._key is not None:
            kept = [self._settles(rest, self._key, lives=True) for rest in rests]
            if {*await asyncio.gather(*kept)} != {200}:
                self._break("a key that lives is not renewed")
        self._dead.clear()
        self._unsure.clear()

    async def _settles(self, rest: Served, key: str, *, lives: bool) -> int:
        """The status of a renewal, once it is as it must be, or time is up."""
        last = time.monotonic() + KNOWN_WITHIN_S
        while True:
            status, _ = await self._call("PUT", key, rest)
            if (status and (status == 200) is lives) or time.monotonic() > last:
                return status
            await asyncio.sleep(PAUSE_S)

    async def _make(self) -> None:
        status, key = await self._call("POST")
        if key in self._dead or key in self._unsure:
            self.calls["given again"] += 1
            if self.strict and key in self._dead:
                self._break("a key that was ended is given again")
        elif status == 200:
            self.calls["made"] += 1
            self._key = key
        elif status and self.strict:
            self._break("no key is made")

    async def _renew(self, key: str) -> None:
        status, _ = await self._call("PUT", key)
        if status == 200:
            self.calls["renewed"] += 1
        elif status:
            self._break("a key that lives is not renewed")

    async def _open(self, key: str) -> None:
        edge = random.choice(self._home.edges)
        try:
            status = await connected(self._trader.url(edge, key), CALL_S)
        except (OSError, AssertionError):
            status = UNKNOWN
        self._tell("stream", edge, key, status)
        if status == 101:
            self.calls["opened"] += 1
        elif status in (UNKNOWN, self._venue.errors[Refusal.UNAVAILABLE].status):
            self.calls["turned away"] += 1
        else:
            self._break("a key that lives opens no stream")

    async def _delete(self, key: str) -> None:
        status, _ = await self._call("DELETE", key)
        self._ended(key, "deleted", status)

    async def _revoke(self, key: str) -> None:
        """Takes the account's API key away, which ends its listen keys, and gives it again."""
        try:
            status = (await self._home.admin.delete(f"/_accounts/{self.account}")).status_code
        except httpx.HTTPError:
            status = UNKNOWN
        self._tell("revoke", self._home.rest_processes[0], key, status)
        self._ended(key, "revoked", UNKNOWN if status == 503 else status)
        last = time.monotonic() + READMITTED_WITHIN_S
        while time.monotonic() < last:
            with contextlib.suppress(httpx.HTTPError, AssertionError):  # it may be there already
                await open_accounts(self._home.admin, [self.account])
            if (await self._call("POST"))[0] == 200:
                return
            await asyncio.sleep(PAUSE_S)
        self._break("an account that has its API key again gets no listen key")

    def _ended(self, key: str, how: str, status: int) -> None:
        self._key = None
        if status == 200:
            self.calls[how] += 1
            self._dead.append(key)
        elif status:
            self._break(f"a key that lives is not {how}")
        else:
            self._unsure.append(key)

    async def _call(
        self, how: str, key: str | None = None, rest: Served | None = None
    ) -> tuple[int, str]:
        """Status and listen key of an answer, of any REST process unless one is named."""
        rest = rest or random.choice(self._home.rest_processes)
        status = UNKNOWN
        try:
            response = await self._trader.call(how, rest, key)
            if response.status_code != 429 and not unavailable(self._venue, response):
                status = response.status_code
        except httpx.HTTPError:
            pass
        if status == UNKNOWN:
            self.calls["turned away"] += 1
        if how == "POST" and status == 200:
            key = response.json()["listenKey"]
        self._tell(how, rest, key, status)
        return status, key or ""

    def _tell(self, how: str, where: Served, key: str | None, status: int) -> None:
        at_s = time.monotonic() - self._began_s
        self._trail.append(f"{at_s:.2f} s {how} {(key or '')[:6]} at {where.log.stem}: {status}")

    def _break(self, what: str) -> None:
        self.broken.append(f"{self._trader.venue}: {what} ({', '.join(self._trail)})")


class KeyUsers:
    """A program at each venue. ``async with`` lets them begin, and ends their connections."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._http = httpx.AsyncClient(trust_env=False, timeout=CALL_S)
        self._users = [KeyUser(home, self._http, venue) for venue in VENUES]

    async def __aenter__(self) -> KeyUsers:
        await open_accounts(self._home.admin, [user.account for user in self._users])
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    @property
    def calls(self) -> Counter[str]:
        """What they did so far."""
        return sum((user.calls for user in self._users), Counter())

    @contextlib.asynccontextmanager
    async def at_work(self, *, strict: bool) -> AsyncIterator[None]:
        """They make their calls beside the block, and the last ones end with it.

        ``strict``: in the block no process is cut off from where keys are stored.
        """
        over = asyncio.Event()
        for user in self._users:
            user.strict = strict

        async def work(user: KeyUser) -> None:
            while not over.is_set():
                await user.step()
                await asyncio.sleep(random.uniform(0, 2 * PAUSE_S))

        tasks = [asyncio.create_task(work(user)) for user in self._users]
        try:
            yield
        finally:
            over.set()
            await asyncio.gather(*tasks)

    async def broken(self) -> list[str]:
        """Once nothing is wrong any more: the promises that were not kept."""
        await asyncio.gather(*(user.check() for user in self._users))
        found = [text for user in self._users for text in user.broken]
        for user in self._users:
            user.broken.clear()
        return found
