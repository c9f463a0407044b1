"""Who runs a course: ``UserStream`` as a program uses it, and naive bots."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple, TypeAlias

from tests.client.gathering import Gathered
from tests.reliability.client.book import Book
from tests.reliability.client.course import Course
from tests.server.running import until
from userstream import Gap, State, UserStream
from userstream.client.http import Reply, Requests
from userstream.core.client.bounds import Bounds
from userstream.core.client.requests import read_answer
from userstream.venue import Venue

HASTY = Bounds(
    retry_ms=50, max_retry_ms=400, post_ms=200, steady_ms=200, overlap_ms=100, ping_ms=200,
    silent_ms=1_200, check_ms=200, grace_ms=500,
    open_ms=3_000, settle_ms=200, doubt_ms=300,
)  # fmt: skip
"""The same waits in a tenth of the time and less."""
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class Call(NamedTuple):
    """A request that a stream made, and what came of it."""

    at_s: float
    method: str
    path: str
    status: int | None
    code: int | None


class Asked(Requests):
    """The client's own way to send requests, with a list of them."""

    def __init__(self, course: Course) -> None:
        super().__init__(_NO_TLS)
        self._course = course
        self.calls: list[Call] = []

    async def send(self, method: str, url: str, headers: Mapping[str, str]) -> Reply | None:
        began = time.monotonic()
        reply = await super().send(method, url, headers)
        code = None if reply is None else read_answer(self._course.venue, *reply).code
        path = url.partition("?")[0].removeprefix(self._course.rest_url)
        status = None if reply is None else reply.status
        self.calls.append(Call(began, method, path, status, code))
        return reply

    def of(self, method: str, *, code: int | None = None) -> list[Call]:
        """Listen-key requests, or those of any kind with that answer."""
        return [
            c
            for c in self.calls
            if c.method == method
            and (code is not None or c.path.endswith("userDataStream"))
            and code in {None, c.code}
        ]


class Player(Gathered):
    """``UserStream`` on the course, and what its program got."""

    def __init__(self, course: Course, stream: UserStream, asked: Asked) -> None:
        super().__init__()
        self.course = course
        self.book = Book(course.venue)
        self.answers: list[str] = []
        self.stream = stream
        self.asked = asked
        self.handle: Callable[[Any], Awaitable[None]] | None = None
        """What else the program does with an event, before it takes the next one."""

    @property
    def sure(self) -> bool:
        """Whether the stream says that nothing is missing."""
        return self.stream.state in {State.LIVE, State.DEGRADED}

    @property
    def open_gaps(self) -> list[Gap]:
        return [gap for gap in self.of(Gap) if gap.to_ms is None]

    @property
    def raw(self) -> list[bytes | str]:
        """Frames as they came, one for each event."""
        frames = [event.raw for event in self.events if getattr(event, "raw", b"")]
        return [f for i, f in enumerate(frames) if not i or f is not frames[i - 1]]

    async def work(self) -> None:
        """The program: what its handler raises ends one round of its loop, and no more."""
        while self.stream.state is not State.STOPPED:
            with contextlib.suppress(RuntimeError):
                async for event in self.stream:
                    self.events.append(event)
                    self.book.take(event)
                    if self.handle is not None:
                        await self.handle(event)

    async def state(self, *wanted: State, within_s: float = 10) -> None:
        """Waits until the stream is in one of these states."""
        await self.until(lambda: self.stream.state in wanted, within_s)


def _dialect(course: Course, options: dict[str, Any], bounds: Bounds) -> Venue:
    """The dialect that was asked for, with pings that come before a stream counts as silent."""
    dialect: Venue = options.pop("dialect", course.venue)
    if (max_age_ms := options.pop("max_age_ms", None)) is not None:
        dialect = replace(dialect, stream=replace(dialect.stream, max_age_ms=max_age_ms))
    if (life_ms := options.pop("life_ms", None)) is not None:
        dialect = replace(dialect, keys=replace(dialect.keys, life_ms=life_ms))
    stream = dialect.stream
    if stream.client_ping is not None and stream.client_ping_every_ms > bounds.silent_ms:
        dialect = replace(dialect, stream=replace(stream, client_ping_every_ms=bounds.ping_ms))
    return dialect


@contextlib.asynccontextmanager
async def playing(course: Course, **options: Any) -> AsyncIterator[Player]:
    """``UserStream`` with everything that it can use, live.

    Beside its own arguments: ``dialect``, or only its ``max_age_ms`` and ``life_ms``, for days that
    pass in less; ``reconcile_s`` below a minute; ``pause_s``, which the program takes for
    each event.
    """
    asked = Asked(course)
    given: dict[str, Any] = {
        "key": "alicekey",
        "secret": "alicesecret",
        "rest_url": course.rest_url,
        "stream_url": course.stream_url,
        "symbols": ["BTCUSDT"],
        "states": True,
        "bounds": HASTY,
        "http": asked,
        "verify": _NO_TLS,
    }
    dialect = _dialect(course, options, (given | options)["bounds"])
    pause_s, reconcile_s = options.pop("pause_s", None), options.pop("reconcile_s", None)
    player = Player(course, UserStream(dialect, **(given | options)), asked)
    if reconcile_s is not None:  # sooner than a program may
        object.__setattr__(player.stream._options, "reconcile_s", reconcile_s)
    if pause_s is not None:
        player.handle = lambda _: asyncio.sleep(pause_s)
    async with player.stream:
        work = asyncio.create_task(player.work())
        try:
            await player.stream.live(15)
            yield player
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)


class Site(NamedTuple):
    """What the author of a naive bot knows."""

    rest: str
    stream: str
    key: str
    secret: str
    header: str
    """That carries the key."""
    book: Book
    """Its book: ``frame`` is its handler of events."""
    answers: list[str]
    """Ids of orders, as their answers come to another part of it."""
    minute_s: float
    """How long a minute of its waits takes here."""


Program: TypeAlias = Callable[[Site], Awaitable[None]]


class Naive:
    """A naive bot on the course."""

    def __init__(self, course: Course) -> None:
        self.book = Book(course.venue)
        self.answers: list[str] = []
        self.task: asyncio.Task[None] | None = None

    @property
    def sure(self) -> bool:
        """Nothing that it does says otherwise: it runs."""
        return self.task is not None and not self.task.done()


@contextlib.asynccontextmanager
async def naively(
    course: Course, program: Program, *, minute_s: float = 60.0, book: Book | None = None
) -> AsyncIterator[Naive]:
    """A naive bot, connected; with the book of one that ran before."""
    bot = Naive(course)
    bot.book = book or bot.book
    site = Site(
        course.rest_url,
        course.stream_url,
        "alicekey",
        "alicesecret",
        course.venue.rest.auth.header,
        bot.book,
        bot.answers,
        minute_s,
    )
    streams = course.streams

    async def run() -> None:
        await program(site)

    bot.task = asyncio.create_task(run())
    try:
        await until(lambda: course.streams > streams)
        yield bot
    finally:
        bot.task.cancel()
        await asyncio.gather(bot.task, return_exceptions=True)
