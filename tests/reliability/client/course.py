"""A course that bots have to come through: a sandbox behind proxies, trading, faults, the truth."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import random
import time
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from functools import partial
from typing import Any, Protocol

from tests.reliability.client.book import Book, Verdict, judge
from tests.reliability.proxy import Proxy, proxied
from tests.sandbox.bots import Bots, bots
from tests.sandbox.playing import fault
from tests.server.running import until
from userstream.orders import Accepted, OrderRequest, OrderType, Outcome, Side
from userstream.sandbox.seat import Seat
from userstream.sandbox.telling import Kind, TruthFile, read_log
from userstream.sandbox.verify import Verdict as Frames
from userstream.sandbox.verify import compare
from userstream.venue import Venue
from userstream.venues import load

_OPEN = 12
"""Orders of alice that rest for long, at most."""


class Bot(Protocol):
    """Whoever runs the course."""

    book: Book
    answers: list[str]
    """Ids of orders, as their answers came."""

    @property
    def sure(self) -> bool:
        """Whether it believes that nothing is missing."""


class Course:
    """Alice has a bot; bob makes her fills. Everything goes through ``rest`` and ``stream``."""

    def __init__(self, b: Bots, venue: str, rest: Proxy, stream: Proxy) -> None:
        self.b = b
        self.name = venue
        self.venue: Venue = load(venue)
        self.rest, self.stream = rest, stream
        self.rest_url = f"{rest.url('http')}/{venue}"
        self.stream_url = f"{stream.url('ws')}/{venue}"
        self._random = random.Random(7)
        self._resting: list[int] = []
        self._published: asyncio.Future[None] | None = None

    @property
    def streams(self) -> int:
        """How many streams are open at the venue."""
        return self.b.sandbox.service.edge.sockets

    @property
    def seq(self) -> int:
        """Of the last event of alice that was published."""
        return int(self.b.sandbox.service.bus.head("alice") or 0)

    async def fault(self, kind: str, **fields: Any) -> Any:
        """Sets a fault at the venue."""
        return await fault(self.b.server, kind, **({"venue": self.name} | fields))

    async def clear(self) -> None:
        """No faults any more."""
        await self.b.server.admin.delete("/_sandbox/faults")

    # ── trading ─────────────────────────────────────────────────────────────────────────────────

    def act(self, account: str, call: Callable[[Seat], Outcome]) -> Accepted:
        """What an account does at once, without a request; its events are published soon."""
        done = self.b.sandbox.floor.carry_out(account, call)
        self._published = done.published
        assert isinstance(done.body, Accepted), done
        return done.body

    def order(self, account: str, side: str, quantity: str, price: str) -> int:
        """A limit order; gives its id."""
        request = OrderRequest(
            symbol="BTCUSDT",
            side=Side(side),
            order_type=OrderType.LIMIT,
            quantity=Decimal(quantity),
            price=Decimal(price),
        )
        return self.act(account, lambda seat: seat.place(request)).named.order_id

    def cancel(self, order_id: int) -> None:
        """Alice takes an order back."""
        self.act("alice", lambda seat: seat.cancel(order_id))

    def fills(self, count: int = 1) -> int:
        """An order of alice and equal fills of it, one after the other; gives its id."""
        order_id = self.order("alice", "BUY", str(count * Decimal("0.01")), "50000")
        for _ in range(count):
            self.order("bob", "SELL", "0.01", "50000")
        return order_id

    def step(self) -> None:
        """Something or other: fills, whole or in part, an order that rests, one that is over."""
        kind = self._random.randrange(4)
        if kind < 2:
            self.fills(self._random.randrange(1, 4))
        elif kind == 2:
            price = str(30_000 + self._random.randrange(5_000))
            self._resting.append(self.order("alice", "BUY", "0.02", price))
        if len(self._resting) > _OPEN or (kind == 3 and self._resting):
            self.cancel(self._resting.pop(0))

    async def trade(self, steps: int, pause_s: float = 0.0) -> None:
        """So many things, and all of them published."""
        for _ in range(steps):
            self.step()
            await asyncio.sleep(pause_s)
        await self.published()

    async def published(self) -> None:
        """Waits for the events of all that was done."""
        if self._published is not None:
            await asyncio.shield(self._published)

    # ── the truth ───────────────────────────────────────────────────────────────────────────────

    async def truth(self) -> list[bytes]:
        """Alice's truth, with the venue's frames, line by line."""
        await self.published()
        path = "/_sandbox/truth/alice"
        response = await self.b.server.admin.get(path, params={"venue": self.name})
        assert response.status_code == 200, response.text
        return response.content.splitlines()

    async def real(self) -> Book:
        """The book of one who saw everything."""
        book = Book(self.venue)
        for line in await self.truth():
            for frame in json.loads(line).get("frames", ()):
                text = frame.get("text")
                book.frame(base64.b64decode(frame["base64"]) if text is None else text)
        return book

    async def verdict(self, bot: Bot, within_s: float = 10.0, *besides: str) -> Verdict:
        """The verdict on a bot's book: the first good one, or the last in that time.

        ``besides``: of which kinds it may be, and be good.
        """
        truth = await self.real()
        last = time.monotonic() + within_s
        while True:
            count = bot.book.count
            verdict = judge(truth, bot.book, sure=bot.sure)
            if not verdict.kinds.difference(besides) or time.monotonic() > last:
                return verdict
            with contextlib.suppress(AssertionError):
                await until(partial(_grown, bot.book, count), 0.2)

    async def frames(self, raw: list[bytes | str], from_seq: int) -> Frames:
        """The checker's verdict on frames, of events from ``from_seq`` on."""
        lines = [_line(frame) for frame in raw]
        log = read_log(lines, self.name, load)
        seqs = range(from_seq, 1 << 62)
        truth = TruthFile(await self.truth()).of_kind(Kind.FRAMES, load, seqs=seqs)
        entries = [e for e in log.entries if e.mark not in truth.ignored]
        return compare(truth.entries, entries)


def _grown(book: Book, count: int) -> bool:
    return book.count != count


def _line(frame: bytes | str) -> bytes:
    if isinstance(frame, str):
        return frame.encode()
    return json.dumps({"frame": base64.b64encode(frame).decode()}).encode()


@contextlib.asynccontextmanager
async def course(venue: str = "binance", **options: Any) -> AsyncIterator[Course]:
    """A course on free ports. Nobody trades but alice and bob."""
    async with (
        bots(maker=False, **options) as b,
        proxied(b.sandbox.service.urls["rest"]) as rest,
        proxied(b.sandbox.service.urls["stream"]) as stream,
    ):
        yield Course(b, venue, rest, stream)
