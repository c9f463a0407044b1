"""What is looked at once a second: events, how late they are, what waits, and memory."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx

from tests.reliability.server.home import Home
from tests.reliability.server.pairs import percentile
from tests.reliability.server.served import resident_bytes, total

EVERY_S = 1.0
MIB = 1 << 20
_GAUGES = ("userstream_append_queue_bytes", "userstream_outbox_bytes", "userstream_sockets ")


@dataclass(frozen=True, slots=True)
class Sample:
    """One second of a run. ``None``: nothing arrived, or nobody could be asked."""

    at_s: float
    """Since the run began."""
    acknowledged: int = 0
    """Events, to the exchange, since the last sample."""
    delivered: int = 0
    """Events that arrived at bots since then."""
    gaps: int = 0
    """Cursors that were refused since then: bots that were told that they lack events."""
    p50_ms: float | None = None
    """From publishing to arrival at the bot: with everything that waits for an outage."""
    p99_ms: float | None = None
    append_queue_bytes: float | None = None
    outbox_bytes: float | None = None
    sockets: float | None = None
    resident_mib: Mapping[str, float] = field(default_factory=dict)
    """Of each process that runs, by its name."""


@dataclass
class _Arrived:
    """Events at bots: how many, and how late. Not late is what a bot that was away missed."""

    count: int = 0
    delays_ms: list[float] = field(default_factory=list)


class Sampler:
    """Takes samples of a ``Home`` until it is cancelled."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._marks = [0] * len(home.followers)
        self._acked = self._gaps = 0
        self._carried = _Arrived()
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
        self._carried = self._arrived()
        self._marks = [0] * len(self._marks)
        self._acked -= self._home.exchange.total

    async def _sample(self) -> Sample:
        try:
            async with asyncio.timeout(EVERY_S):
                series = await self._home.series()
        except (httpx.HTTPError, TimeoutError):
            series = []
        queue, outbox, sockets = (total(series, name) if series else None for name in _GAUGES)
        arrived, self._carried = self._arrived(), _Arrived()
        delays_ms = arrived.delays_ms
        p50_ms, p99_ms = (percentile(delays_ms, p) if delays_ms else None for p in (50, 99))
        acked, gaps = self._home.exchange.total, sum(len(f.refusals) for f in self._home.followers)
        new = acked - self._acked, arrived.count, gaps - self._gaps
        self._acked, self._gaps = acked, gaps
        memory = self._resident_mib()
        return Sample(self.now_s, *new, p50_ms, p99_ms, queue, outbox, sockets, memory)

    def _resident_mib(self) -> dict[str, float]:
        found = {}
        for name, pid in self._home.pids().items():
            with contextlib.suppress(OSError, StopIteration):  # it ends now
                found[name] = resident_bytes(pid) / MIB
        return found

    def _arrived(self) -> _Arrived:
        sent_s = self._home.exchange.sent_s
        arrived = self._carried
        for at, follower in enumerate(self._home.followers):
            mark, end = self._marks[at], len(follower.arrived_s)
            self._marks[at] = end
            arrived.count += end - mark
            arrived.delays_ms += [
                1_000 * (arrived_s - sent_s[number])
                for number, arrived_s in zip(
                    follower.log[mark:end], follower.arrived_s[mark:end], strict=True
                )
                if number in sent_s
            ]
        return arrived
