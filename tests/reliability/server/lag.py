"""How long the event loop was held up, by whatever it was."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator


class Lag:
    """The longest turn of the loop in real time: work, waiting for a lock or a disk, all of it."""

    def __init__(self) -> None:
        self.longest_s = 0.0
        self._last_s = 0.0
        self._going = False

    @contextlib.asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Looks at each turn of the loop while the block runs."""
        self._going, self._last_s = True, time.monotonic()
        asyncio.get_running_loop().call_soon(self._turn)
        try:
            yield
        finally:
            self._going = False
            await asyncio.sleep(0)

    def _turn(self) -> None:
        now_s = time.monotonic()
        self.longest_s = max(self.longest_s, now_s - self._last_s)
        self._last_s = now_s
        if self._going:
            asyncio.get_running_loop().call_later(0.001, self._turn)
