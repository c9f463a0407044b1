"""``userstream serve`` in a process of its own, with the same addresses over kills and restarts."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx

from tests.cli.command import COMMAND, TOKEN, Process, started

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Served:
    """One such process. What it says goes to ``log``."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self._ports: tuple[str, ...] = ()
        self.process: Process

    async def start(
        self, *arguments: str, env: Mapping[str, str] | None = None,
        program: Sequence[str] = COMMAND,
    ) -> None:  # fmt: skip
        """Starts it, at the addresses that it had before."""
        self.process = await asyncio.to_thread(
            started, *arguments, *self._ports, env=dict(env or {}), log=self.log, program=program
        )
        self._ports = tuple(
            f"--{name}={url.partition('//')[2]}" for name, url in self.process.urls.items()
        )

    @property
    def urls(self) -> dict[str, str]:
        """Of its three listeners."""
        return self.process.urls

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self.process.popen.poll() is None

    def kill(self) -> None:
        """``kill -9``."""
        self.process.popen.kill()
        self.process.popen.wait()

    async def stop(self) -> int:
        """SIGTERM; the exit status."""
        self.process.popen.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(self.process.popen.wait, 40)

    def cpu_s(self) -> float:
        """Processor time that it took so far, its own and the system's for it."""
        fields = Path(f"/proc/{self.process.popen.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S

    def resident_bytes(self) -> int:
        """Memory of the process."""
        return resident_bytes(self.process.popen.pid)

    async def series(self, http: httpx.AsyncClient) -> list[str]:
        """All series of its metrics, as they are exposed; the client knows the token."""
        response = await http.get(f"{self.urls['admin']}/_metrics")
        return response.text.splitlines()

    async def metric(self, name: str) -> float:
        """The sum of a metric's series."""
        headers = {"authorization": f"Bearer {TOKEN}"}
        async with httpx.AsyncClient(trust_env=False, timeout=20, headers=headers) as http:
            return total(await self.series(http), name)


def total(series: Sequence[str], name: str) -> float:
    """The sum of the series whose names begin so."""
    return sum(float(line.rpartition(" ")[2]) for line in series if line.startswith(name))


def resident_bytes(pid: int) -> int:
    """Memory of a process.

    Raises:
        OSError: there is no such process.
        StopIteration: it has ended, and is only not yet waited for.
    """
    text = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in text.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024
