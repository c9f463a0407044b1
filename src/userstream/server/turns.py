"""Turns: at most so many at once, and those who wait come account by account."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """A semaphore that is fair to accounts.

    However many of one account wait, somebody of another is let in after one of them, not after
    all. A turn should be short: who needs more asks again.
    """

    def __init__(self, at_once: int) -> None:
        self._free = at_once
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    @asynccontextmanager
    async def of(self, account: str) -> AsyncIterator[None]:
        """Holds a turn; waits for it before. A wait that is cancelled takes none."""
        await self._take(account)
        try:
            yield
        finally:
            self._give()

    async def _take(self, account: str) -> None:
        if self._free:
            self._free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(account, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it was given in the same moment
                self._give()
            raise

    def _give(self) -> None:
        while self._waiting:
            account, queue = self._waiting.popitem(last=False)
            turn = queue.popleft()
            if queue:
                self._waiting[account] = queue  # behind the other accounts
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
