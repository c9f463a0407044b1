"""Readiness: whether this process should be given work now, and why not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from userstream.server.bus import Bus
from userstream.server.logs import logger
from userstream.server.probe import Probe
from userstream.server.tasks import ended, lasting

_log = logger("readiness")
_LOOK_S = 1.0
ALARM = 0.8
"""A stream that is as full as that is worth a warning."""
LATE_S = 5.0
"""A process none of whose probes came through for so long is not ready."""


class Readiness:
    """What ``/_health/ready`` says."""

    def __init__(
        self,
        bus: Bus,
        probe: Probe | None,
        keys_down: Callable[[], bool],
        roles: Sequence[str],
    ) -> None:
        self._bus = bus
        self._probe = probe
        self._keys_down = keys_down
        self._roles = list(roles)
        self._stage = "the process starts"
        self._tasks: list[asyncio.Task[None]] = []
        self._told: list[str] = []

    def begin(self) -> None:
        """The ports are open."""
        self._stage = ""
        self._tasks = [lasting("readiness", self._look)]
        if self._probe is not None:
            self._tasks.append(lasting("probe", self._probe.run))

    def drain(self) -> None:
        """The process stops; it says so from now on."""
        self._stage = "the process stops"

    async def close(self) -> None:
        """Probes no more."""
        for task in self._tasks:
            await ended(task)

    def reasons(self) -> list[str]:
        """Why no work should be given to this process; none: it is ready."""
        if self._stage:
            return [self._stage]
        found = []
        probe = self._probe
        if probe is None:
            if self._bus.refusing:
                found.append("the log refuses what is committed")
        elif probe.age_s > LATE_S or not probe.passed:
            found.append(f"no event came through for {probe.age_s:.0f} s: {probe.trouble}")
        if self._keys_down():
            found.append("listen keys cannot be stored")
        return found

    def shown(self) -> Mapping[str, Any]:
        """The body of the answer."""
        reasons = self.reasons()
        parts = sorted(self._bus.fullness().items())
        full = [f"{name} is {part:.0%} full" for name, part in parts if part >= ALARM]
        return {
            "ready": not reasons, "roles": self._roles, "reasons": reasons, "warnings": full,
        }  # fmt: skip

    async def _look(self) -> None:
        while True:
            reasons = self.reasons()
            words = [reason.partition(" for ")[0] for reason in reasons]
            if words != self._told:
                self._told = words
                if reasons:
                    _log.warning("not ready", reasons=reasons)
                else:
                    _log.info("ready")
            if self._bus.refusing:
                await self._bus.mend()
            await asyncio.sleep(_LOOK_S)
