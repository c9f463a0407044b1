"""UserStream: what a bot imports."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from userstream.client.blocking import BlockingUserStream
from userstream.client.options import Kinds, Options, base_urls
from userstream.client.run import CLOSE_S
from userstream.client.standing import Standing
from userstream.core.client.told import Told
from userstream.errors import InvalidSettings
from userstream.venue import Venue

if TYPE_CHECKING:
    from userstream.client.http import Http
    from userstream.client.socket import Connect
    from userstream.core.client.bounds import Bounds


class UserStream(Standing):
    """One account's private events of a venue, in order, none lost without being told.

    ::

        async with UserStream("binance", key=..., secret=...) as stream:
            async for event in stream:
                ...

    Gives ``OrderEvent``, ``AccountEvent``, ``OtherEvent`` and ``Gap``, and with ``states``
    ``StateChange``. Renewals, reconnects and repairs need no word of the program. The sockets are
    read in a thread of their own: a program that blocks its loop, or is slow, stops no pong.

    Args:
        venue: ``binance``, ``bhex``, ``mexc``, ``spacedex``, or a venue of your own.
        key: the API key. It, the secret and listen keys are in no log, error or ``repr``.
        secret: its secret; without it nothing is signed, and no hole is repaired over REST.
        rest_url: where REST calls go; without it, where the venue's document says.
        stream_url: where streams are, likewise.
        symbols: pairs whose fills are asked for in a repair, beside those of known orders.
        extension: whether it is a userstream server: events carry a cursor and are replayed.
        heartbeat_s: with the extension, seconds between proofs of completeness, 1 to 60.
        redundancy: how many sockets are open all the time, within the venue's caps.
        cursor: a file (SQLite) that keeps what was acknowledged, for the next run.
        acknowledge: ``auto``: an event is acknowledged when the next one is taken, or the block
            is left without an exception; ``manual``: by ``await event.ack()``.
        queue: events that wait in memory for a slow program. A read more may come on top.
        on_full: ``block``: then the sockets are not read until half of them are taken; the state
            is ``degraded`` and the venue may cut the connection, which is then repaired or told.
            ``spill``: they go on to a temporary file, up to ``spill_bytes``, and then it blocks.
        spill_bytes: the most that is on disk.
        hold_ms: how long an event waits for an earlier one, in ms; 0: late ones are marked.
        reconcile_s: how often, in seconds from 10 on, a healthy stream is compared with REST, so
            that a frame that the venue lost is found; ``None``: never. Needs the secret; with the
            extension nothing has to be asked.
        states: whether changes of the state are given as events too.
        events: which kinds are given, a type or several; gaps always are.
        delete_key: whether the listen key is deleted at the end; ``None``: only where nobody can
            share it (MEXC).
        verify: a file of certificate authorities, a context, or ``True`` for the system's.
        bounds: waits and bounds of the core.
        http: how requests are sent, in place of httpx.
        connect: how sockets are opened, in place of asyncio.

    Raises:
        InvalidSettings: an argument is wrong.
    """

    _BEGUN_BY = "async with UserStream(…) as stream"

    def __init__(
        self,
        venue: str | Venue,
        *,
        key: str,
        secret: str | None = None,
        rest_url: str | None = None,
        stream_url: str | None = None,
        symbols: Iterable[str] = (),
        extension: bool = False,
        heartbeat_s: int = 10,
        redundancy: Literal[1, 2] = 1,
        cursor: str | Path | None = None,
        acknowledge: Literal["auto", "manual"] = "auto",
        queue: int = 10_000,
        on_full: Literal["block", "spill"] = "block",
        spill_bytes: int = 1 << 30,
        hold_ms: int = 0,
        reconcile_s: int | None = 600,
        states: bool = False,
        events: Kinds = None,
        delete_key: bool | None = None,
        verify: ssl.SSLContext | str | bool = True,
        bounds: Bounds | None = None,
        http: Http | None = None,
        connect: Connect | None = None,
    ) -> None:
        venue = self._named(venue) if isinstance(venue, str) else venue
        rest, stream = base_urls(venue, rest_url, stream_url)
        options = Options(
            key=key, secret=secret, rest_url=rest, stream_url=stream, symbols=tuple(symbols),
            extension=extension, heartbeat_s=heartbeat_s, redundancy=redundancy, cursor=cursor,
            acknowledge=acknowledge, queue=queue, on_full=on_full, spill_bytes=spill_bytes,
            hold_ms=hold_ms, reconcile_s=reconcile_s, states=states,
            events=events, delete_key=delete_key, verify=verify,
            bounds=bounds, http=http, connect=connect,
        )  # fmt: skip
        super().__init__(venue, options)

    def blocking(self) -> BlockingUserStream:
        """The same for a program that is not async: ``with`` and ``for``. Begin only one."""
        return BlockingUserStream(self._venue, self._options)

    async def live(self, timeout_s: float | None = None) -> None:
        """Waits until the state is ``live`` or ``degraded``. Cancellation changes nothing.

        Raises:
            NotLive: it is not within ``timeout_s`` seconds.
            StreamRefused: it will never be.
            StreamOver: the stream is closed, or not begun.
        """
        run = self._begun()
        try:
            async with asyncio.timeout(timeout_s):
                await run.mailbox.until(run.is_live)
        except TimeoutError:
            raise self._not_live(timeout_s) from None
        run.check_live()

    async def __aenter__(self) -> Self:
        self._begin()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        run = self._begun()
        try:
            run.stop(handled=kind is None)
        finally:
            try:
                async with asyncio.timeout(CLOSE_S):
                    await run.mailbox.until(run.done.done)
            except TimeoutError:
                pass
            finally:
                run.close()

    def __aiter__(self) -> AsyncIterator[Told]:
        return self

    async def __anext__(self) -> Told:
        """The next event; the one before is acknowledged, unless that is manual.

        Cancellation loses nothing: what was not given yet comes next time.

        Raises:
            StreamRefused: the venue will never let this stream in.
            StreamOver: the stream was not begun.
            StoreUnavailable: the event before cannot be acknowledged.
        """
        run = self._begun()
        while True:
            event = run.take()
            if event is not None:
                return event
            if run.finished():
                raise StopAsyncIteration
            await run.mailbox.until(lambda: bool(len(run.mailbox)) or run.mailbox.ended)

    @staticmethod
    def _named(name: str) -> Venue:
        """The venue of that name: the package's entrance knows them."""
        raise InvalidSettings(f"import UserStream from userstream to name {name!r}")
