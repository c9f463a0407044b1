"""Probe: one event a second for an account of this process's own, from publishing to delivery."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from functools import partial

import msgspec

from userstream.core.publishing import RESERVED, RESERVED_SOURCE, Duplicate, Refused
from userstream.errors import StoreError
from userstream.server.bus import Bus
from userstream.server.clock import Clock
from userstream.server.metrics import Metrics
from userstream.server.tasks import told

_EVERY_S = 1.0
_DELIVERED_S = 5.0
_LOOK_S = 0.002
_AHEAD_MS = 60_000
_EVENT = {
    "type": "order_update", "symbol": "PROBE", "order_id": "1", "side": "BUY", "status": "NEW",
    "execution": "NEW", "order_type": "LIMIT", "cumulative_quantity": "0",
    "quantity": "0", "price": "0",
}  # fmt: skip


def probe_account(owner: str) -> str:
    """The account of a process that is the same after a restart; nobody else can have its name."""
    return f"{RESERVED}probe-{hashlib.sha256(owner.encode()).hexdigest()[:12]}"


class Probe:
    """Publishes, and waits until what it published is delivered here; again and again."""

    def __init__(self, bus: Bus, account: str, clock: Clock, metrics: Metrics) -> None:
        self._bus = bus
        self._account = account
        self._clock = clock
        self._seconds = metrics.probe_seconds
        self._n = 0
        self._followed = False
        self._passed_s = time.monotonic()
        self.passed = False
        """Whether any came through since the start."""
        self._why = "no probe has come through yet"
        metrics.probe_age.set_function(lambda: self.age_s)

    @property
    def age_s(self) -> float:
        """How long ago a probe came through; since the start, where none has."""
        return time.monotonic() - self._passed_s

    @property
    def trouble(self) -> str:
        """Why the last probe did not come through; empty: it did."""
        return self._why

    async def run(self) -> None:
        """Probes until it is cancelled."""
        while True:
            began_s = time.monotonic()
            try:
                if not self._followed:
                    await told(partial(self._bus.follow, self._account))
                    self._followed = True
                await self._once()
            except StoreError as e:
                self._why = str(e)
            except Exception as e:
                self._why = f"the probe failed: {e!r}"
                raise
            else:
                self._passed_s, self._why, self.passed = time.monotonic(), "", True
                self._seconds.observe(self._passed_s - began_s)
            await asyncio.sleep(max(0.0, _EVERY_S - (time.monotonic() - began_s)))

    async def _once(self) -> None:
        """One event.

        Raises:
            StoreError: it is not stored, or not delivered.
        """
        now_ms = self._clock.ms()
        self._n = max(self._n + 1, now_ms)
        line = {
            "v": 1, "account": self._account, "source": RESERVED_SOURCE, "n": self._n,
            "event": _EVENT | {"time_ms": now_ms},
        }  # fmt: skip
        ticket = self._bus.append(self._bus.submission(), [msgspec.json.encode(line)])
        await ticket.committed()
        (outcome,) = ticket.outcomes
        if isinstance(outcome, Refused):
            raise StoreError(outcome.msg)
        if isinstance(outcome, Duplicate):  # the clock went back since another run
            self._n += _AHEAD_MS
            raise StoreError("the probe's number was used before")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DELIVERED_S):
                # Not by a subscriber: it would look at every event of all accounts.
                while self._bus.head(self._account) < outcome.seq:  # noqa: ASYNC110
                    await asyncio.sleep(_LOOK_S)
                return
        raise StoreError("an event is stored, but not delivered")
