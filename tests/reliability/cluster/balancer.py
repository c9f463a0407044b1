"""What stands before the processes: a TCP balancer, and publishers that go on at the next one."""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Sequence

from tests.cli.command import TOKEN
from tests.reliability.proxy import Proxy, place_of
from userstream.client.publisher import Answer, Publisher
from userstream.errors import PublishUnproven

BUFFER_BYTES = 65_536
"""What a balancer holds back for a slow reader, as it would without this kernel's megabytes."""


class Balancer(Proxy):
    """Each connection goes to the next place in turn that takes it. Nobody is pinned."""

    def __init__(self) -> None:
        super().__init__("", 0, BUFFER_BYTES)
        self._places: deque[tuple[str, int]] = deque()

    def before(self, urls: Sequence[str]) -> None:
        """Where connections go from now on."""
        self._places = deque(map(place_of, urls))

    async def reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to the first place that takes one.

        Raises:
            OSError: none does.
        """
        self._places.rotate(-1)
        for place in tuple(self._places):
            try:
                return await asyncio.open_connection(*place)
            except OSError:
                continue
        raise ConnectionRefusedError("nobody is behind the balancer")


class Publishers:
    """Publishes to one process, and to the next where it is gone or cannot store.

    With ``patience_s`` also after so long without an answer; what was sent may arrive all the same.
    """

    def __init__(
        self, urls: Sequence[str], give_up_s: float = 120, patience_s: float | None = None
    ) -> None:
        self._give_up_s = give_up_s
        self._patience_s = patience_s
        self.turned_away = 0
        """Requests that nobody took: a process was gone, or said that it cannot store."""
        self._all = deque(Publisher(url, token=TOKEN, give_up_s=0, trust_env=False) for url in urls)

    async def send(self, lines: Sequence[bytes]) -> list[Answer]:
        """One answer for each line, in order.

        Raises:
            PublishUnproven: none of them answered for two minutes.
        """
        last, patience_s = time.monotonic() + self._give_up_s, self._patience_s
        while True:
            try:
                async with asyncio.timeout(patience_s):
                    answers = await self._all[0].send(lines)
            except (PublishUnproven, TimeoutError):
                self.turned_away += 1
                self._all.rotate(-1)
                patience_s = patience_s and 2 * patience_s  # all of them may be slow
                if time.monotonic() > last:
                    raise
                await asyncio.sleep(random.uniform(0.02, 0.1))
            else:
                if any(a.error is not None and a.error.code == "unavailable" for a in answers):
                    self._all.rotate(-1)
                return answers

    async def __aexit__(self, *_: object) -> None:
        for publisher in self._all:
            await publisher.__aexit__()
