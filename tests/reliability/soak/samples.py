"""What is looked at once a second: how late events are, what waits, and memory."""

from __future__ import annotations

import asyncio
import itertools
import time
from dataclasses import dataclass

import httpx

from tests.reliability.server.home import Home
from tests.reliability.server.pairs import percentile

EVERY_S = 1.0
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Sample:
    """One second of a run. ``None``: nothing arrived, or the server was down."""

    at_s: float
    """Since the run began."""
    events: int = 0
    """That arrived in this second."""
    p50_ms: float | None = None
    """From publishing to arrival at the bot: with everything that waits for an outage."""
    p99_ms: float | None = None
    append_queue_bytes: float | None = None
    outbox_bytes: float | None = None
    sockets: float | None = None
    resident_mib: float | None = None


class Sampler:
    """Takes samples of a ``Home`` until it is cancelled."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._marks = [0] * len(home.followers)
        self._carried_ms: list[float] = []
        self._began_s = time.monotonic()
        self.samples: list[Sample] = []

    @property
    def now_s(self) -> float:
        """Since the run began."""
        return time.monotonic() - self._began_s

    async def run(self) -> None:
        """A sample a second."""
        for n in itertools.count(1):
            await asyncio.sleep(max(n * EVERY_S - self.now_s, 0))
            await self.take()

    async def take(self) -> None:
        """One more sample, also before its second is over."""
        self.samples.append(await self._sample())

    def before_forgetting(self) -> None:
        """The logs are about to be emptied: what is new in them belongs to the next sample."""
        self._carried_ms = self._delays_ms()
        self._marks = [0] * len(self._marks)

    async def _sample(self) -> Sample:
        delays_ms = self._delays_ms()
        count = len(delays_ms)
        p50_ms, p99_ms = (percentile(delays_ms, p) if count else None for p in (50, 99))
        try:
            series = (await self._home.admin.get("/_metrics", timeout=1)).text.splitlines()
            resident_mib = self._home.resident_bytes() / MIB
        except (httpx.HTTPError, OSError, StopIteration):  # it is down, or a zombie of a process
            return Sample(self.now_s, count, p50_ms, p99_ms)
        gauges = {
            name: float(value)
            for name, _, value in (line.partition(" ") for line in series)
            if not name.startswith("#")
        }
        return Sample(
            self.now_s,
            count,
            p50_ms,
            p99_ms,
            gauges["userstream_append_queue_bytes"],
            gauges["userstream_outbox_bytes"],
            gauges["userstream_sockets"],
            resident_mib,
        )

    def _delays_ms(self) -> list[float]:
        sent_s = self._home.exchange.sent_s
        delays_ms, self._carried_ms = self._carried_ms, []
        for at, follower in enumerate(self._home.followers):
            mark, end = self._marks[at], len(follower.arrived_s)
            self._marks[at] = end
            delays_ms += [
                1_000 * (arrived_s - sent_s[number])
                for number, arrived_s in zip(
                    follower.log[mark:end], follower.arrived_s[mark:end], strict=True
                )
                if number in sent_s
            ]
        return delays_ms
