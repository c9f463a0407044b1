"""Watching: takes a stream's events until it is stopped, and shows them."""

from __future__ import annotations

import asyncio
import contextlib
import time

from userstream.cli.watch.board import Board, Facts
from userstream.cli.watch.shown import AsLines
from userstream.cli.watch.words import some
from userstream.client.userstream import UserStream
from userstream.core.client.told import Gap, State, StateChange
from userstream.errors import NotLive, StreamRefused
from userstream.signals import Stopped

_BREATH = 50
"""After so many events in one go whatever else is due gets its turn."""


class Watching:
    """One watch of one stream. ``wait_s`` is how long the stream may take to be live at first."""

    def __init__(self, stream: UserStream, board: Board, shown: AsLines, wait_s: float) -> None:
        self._stream = stream
        self._board = board
        self._shown = shown
        self._wait_s = wait_s
        self._hole: Gap | None = None
        """What could not be repaired, the last time."""

    async def run(self, stopped: Stopped) -> None:
        """Until it is stopped.

        Raises:
            StreamRefused: the venue will never let this stream in; it says what may be wrong.
            NotLive: it is not live in time, and nothing says that it will be.
        """
        try:
            await self._run(stopped)
        except StreamRefused as e:
            raise StreamRefused(
                f"{e}; the API key is read from USERSTREAM_API_KEY, its secret from "
                "USERSTREAM_API_SECRET"
            ) from None

    async def _run(self, stopped: Stopped) -> None:
        with self._shown:
            async with self._stream:
                works = (self._take(), self._tick(), self._expect(), stopped())
                tasks: list[asyncio.Future[object]] = [asyncio.ensure_future(w) for w in works]
                try:
                    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                    for task in done:
                        task.result()
                finally:
                    for task in tasks:
                        task.cancel()
                    await asyncio.gather(*tasks, return_exceptions=True)

    async def _take(self) -> None:
        number = 0
        async for event in self._stream:
            health = self._stream.health
            seen = self._board.take(event, _wall_ms(), health)
            self._shown.event(event, seen, health)
            if isinstance(event, Gap) and event.to_ms is None:
                self._hole = event
            elif isinstance(event, StateChange):
                self._show()
            number += 1
            if number % _BREATH == 0:
                await asyncio.sleep(0)

    async def _tick(self) -> None:
        while True:
            self._show()
            await asyncio.sleep(self._shown.every_s)

    async def _expect(self) -> None:
        """Never ends once the stream is live, or may still be."""
        with contextlib.suppress(NotLive):
            await self._stream.live(self._wait_s)
        self._check()
        await asyncio.Event().wait()

    def _check(self) -> None:
        """Raises why the stream will not be live, where that can be told."""
        state, health = self._stream.state, self._stream.health
        if state in {State.BLIND, State.REPLAYING} and self._hole is not None:
            raise NotLive(
                f"the stream is blind: {self._hole.why}; is the API secret right? Without one "
                "nothing is repaired, and it would be live"
            )
        if state is State.CONNECTING and health.key_age_s is None:
            raise NotLive(
                f"no listen key after {self._wait_s:g} s "
                f"({some(health.key_failures, 'request')} failed); is the server running? "
                "(--rest-url, --wait)"
            )
        if state is State.CONNECTING:
            raise NotLive(
                f"a listen key, and no stream after {self._wait_s:g} s; is the address of the "
                "streams right? (--stream-url, --wait)"
            )

    def _show(self) -> None:
        stream = self._stream
        facts = Facts(_wall_ms(), stream.state, stream.health, stream.orders, stream.account)
        self._shown.status(self._board.view(facts))


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000
