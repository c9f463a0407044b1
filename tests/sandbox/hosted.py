"""A whole sandbox on a thread of its own, for tests that wait while they ask it things."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from decimal import Decimal
from typing import Any, TypeVar

from tests.sandbox.bots import FREE
from userstream.sandbox.options import SandboxOptions
from userstream.sandbox.sandbox import Sandbox

T = TypeVar("T")


class Hosted:
    """A sandbox that runs elsewhere. What is asked of it is asked on its own loop."""

    def __init__(self, sandbox: Sandbox, loop: asyncio.AbstractEventLoop) -> None:
        self.sandbox = sandbox
        self._loop = loop

    def ask(self, question: Callable[[], T]) -> T:
        """What the sandbox's own thread answers."""
        answer: Future[T] = Future()

        def run() -> None:
            try:
                answer.set_result(question())
            except BaseException as e:  # noqa: BLE001 - it is raised again where it is asked
                answer.set_exception(e)

        self._loop.call_soon_threadsafe(run)
        return answer.result(10)

    def later(self) -> int:
        """The time, after a jump into new windows of all limits."""

        def jump() -> int:
            self.sandbox.clock.change(advance_ms=61_000)
            return self.sandbox.clock.ms()

        return self.ask(jump)

    def balances(self, account: str = "alice") -> dict[str, tuple[Decimal, Decimal]]:
        """Free and locked amounts, as the exchange has them."""

        def held() -> dict[str, tuple[Decimal, Decimal]]:
            found = self.sandbox.exchange.funds.balances(account)
            return {asset: (one.free, one.locked) for asset, one in found.items()}

        return self.ask(held)

    def imbalances(self) -> set[str]:
        """Assets of which something came from nowhere, or got lost."""
        funds = self.sandbox.exchange.funds
        return self.ask(lambda: {a for a in self.sandbox.floor.assets if funds.imbalance(a)})


@contextlib.contextmanager
def hosted(**options: Any) -> Iterator[Hosted]:
    """A sandbox on free ports."""
    begun: Future[Hosted] = Future()
    stop = asyncio.Event()

    async def run() -> None:
        async with Sandbox(SandboxOptions(**(FREE | options))) as sandbox:
            begun.set_result(Hosted(sandbox, asyncio.get_running_loop()))
            await stop.wait()

    def main() -> None:
        try:
            asyncio.run(run())
        except BaseException as e:
            if not begun.done():
                begun.set_exception(e)
            raise

    thread = threading.Thread(target=main)
    thread.start()
    here = begun.result(20)
    try:
        yield here
    finally:
        here.ask(stop.set)
        thread.join(20)
        assert not thread.is_alive()
