"""An event loop whose time passes only when nothing is left to do; no test on it waits."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar
from unittest import mock

T = TypeVar("T")
_LONGEST_S = 100_000.0
Dial = Callable[[str, Callable[[], asyncio.Protocol]], asyncio.Transport]
"""Given a host, makes a protocol and the transport that it talks to."""


class _Leaping(selectors.DefaultSelector):
    """Instead of waiting it lets the time pass."""

    passed_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0)
        if not found:
            assert timeout is not None, "everybody waits for ever"
            self.passed_s += timeout
            assert self.passed_s < _LONGEST_S, "it does not end"
        return found


class VirtualLoop(asyncio.SelectorEventLoop):
    """Connects to nothing but what ``dial`` makes."""

    def __init__(self) -> None:
        self._leaping = _Leaping()
        super().__init__(self._leaping)
        self.dial: Dial | None = None

    def time(self) -> float:
        return self._leaping.passed_s

    async def create_connection(  # type: ignore[override]
        self, factory: Callable[[], asyncio.Protocol], host: str, *_: Any, **__: Any
    ) -> tuple[asyncio.Transport, asyncio.Protocol]:
        if self.dial is None:
            raise OSError("nobody listens")
        made: list[asyncio.Protocol] = []

        def make() -> asyncio.Protocol:
            made.append(factory())
            return made[0]

        return self.dial(host, make), made[0]


def run_virtually(main: Callable[[VirtualLoop], Coroutine[Any, Any, T]]) -> T:
    """Runs something to its end; what asks for the time meanwhile hears that of the loop."""
    loop = VirtualLoop()
    try:
        with mock.patch("time.monotonic", loop.time):
            return loop.run_until_complete(main(loop))
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.close()
