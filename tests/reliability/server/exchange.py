"""An exchange that publishes under load; what was acknowledged to it is the truth."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from typing import Protocol

import httpx
import msgspec

from tests.venues.orders import order
from userstream.client.publisher import Answer, Publisher
from userstream.server.tasks import ended

SPAN = 10_000_000
"""Order ids of an account begin at a multiple of it: no two accounts share one."""
_LINES = 5_000  # of a request, after a long time without an answer
CALLS = 50
"""At once: who waits for a connection of a client may give up."""
_encode = msgspec.json.Encoder().encode
_EVENT = _encode(order(order_id="ID"))


class Sender(Protocol):
    """Who sends publishing lines, as a ``Publisher`` does."""

    async def send(self, lines: Sequence[bytes]) -> list[Answer]:
        """One answer for each line, in order."""
        ...

    async def __aexit__(self, *_: object) -> None: ...


class Exchange:
    """Publishes for accounts in turn, and sends again what was not acknowledged."""

    def __init__(
        self, url: str, token: str, accounts: Sequence[str], publisher: Sender | None = None
    ) -> None:
        self.accounts = accounts
        self.acked: dict[str, list[int]] = {name: [] for name in accounts}
        self.sent_s: dict[int, float] = {}
        """When an event was published, by its order id; monotonic."""
        self.refused = 0
        """Lines that were answered with an error, and sent again."""
        self.stood_s = 0.0
        """The longest time without an acknowledgement while it published; whoever reads it may set
        it back."""
        self._acked_s = time.monotonic()
        self._index = {name: at for at, name in enumerate(accounts, 1)}
        self._next = dict.fromkeys(accounts, 1)
        self._pending: list[tuple[str, int]] = []
        self._turn = 0
        self.publisher: Sender = publisher or Publisher(
            url, token=token, give_up_s=120, trust_env=False
        )

    @property
    def total(self) -> int:
        """Acknowledged so far."""
        return sum(map(len, self.acked.values()))

    def last(self, account: str) -> int:
        """The order id of the last event that was offered of an account."""
        return self._index[account] * SPAN + self._next[account] - 1

    async def publish(self, count: int, account: str | None = None) -> None:
        """Publishes so many more, in one request, until each is acknowledged.

        Raises:
            PublishUnproven: the server cannot be reached for two minutes.
        """
        self._take(count, account)
        await self.settle()

    async def send(self) -> bool:
        """Sends what is not acknowledged yet, in one request; whether nothing is left."""
        now_s = time.monotonic()
        pending = self._pending[:_LINES]  # more may be offered meanwhile
        for _, number in pending:
            self.sent_s.setdefault(number, now_s)
        answers = await self.publisher.send([self.line(*p) for p in pending])
        left = []
        refused = self.refused
        for place, answer in zip(pending, answers, strict=True):
            if answer.error is None:
                self.acked[place[0]].append(place[1])
            else:
                self.refused += 1
                left.append(place)
        if self.refused - refused < len(pending):
            now_s, before_s = time.monotonic(), self._acked_s
            self._acked_s = now_s
            self.stood_s = max(self.stood_s, now_s - before_s)
        self._pending = left + self._pending[len(pending) :]
        return not self._pending

    async def settle(self) -> None:
        """Sends until all is acknowledged."""
        while self._pending and not await self.send():  # noqa: ASYNC110 - it asks a server
            await asyncio.sleep(0.02)

    def offer(self, count: int, account: str | None = None) -> None:
        """Takes so many more events on, for ``send``."""
        self._take(count, account)

    def taken(self) -> list[tuple[str, int]]:
        """Hands what is pending over to somebody else who sends it."""
        pending, self._pending = self._pending, []
        return pending

    async def run(self, rate: float, tick_s: float = 0.02) -> None:
        """Publishes at a rate (events a second) until it is cancelled."""
        began, done = time.monotonic(), 0
        while True:
            due = int((time.monotonic() - began) * rate) - done
            if due > 0:
                await self.publish(due)
                done += due
            await asyncio.sleep(tick_s)

    @contextlib.asynccontextmanager
    async def load(self, rate: float) -> AsyncIterator[None]:
        """Publishes at a rate beside the block, and lets the last request end."""
        self._acked_s = time.monotonic()
        task = asyncio.create_task(self.run(rate))
        try:
            yield
        finally:
            await ended(task)
            await self.settle()

    async def close(self) -> None:
        """Closes its connections."""
        await self.publisher.__aexit__()

    def _take(self, count: int, account: str | None) -> None:
        for _ in range(count):
            name = account or self.accounts[self._turn % len(self.accounts)]
            self._turn += account is None
            n = self._next[name]
            self._next[name] = n + 1
            self._pending.append((name, self._index[name] * SPAN + n))

    def line(self, account: str, number: int) -> bytes:
        """The publishing line of an event."""
        event = _EVENT.replace(b'"ID"', b'"%d"' % number, 1)
        return b'{"v":1,"account":"%b","source":"me","n":%d,"event":%b}' % (
            account.encode(), number % SPAN, event,
        )  # fmt: skip


async def open_accounts(admin: httpx.AsyncClient, names: Sequence[str]) -> None:
    """Makes accounts, each with the API key NAMEkey."""
    turns = asyncio.Semaphore(CALLS)

    async def add(name: str) -> None:
        body = {"account": name, "api_key": f"{name}key", "api_secret": f"{name}secret"}
        async with turns:
            response = await admin.post("/_accounts", json=body)
        assert response.status_code == 201, response.text

    await asyncio.gather(*map(add, names))
