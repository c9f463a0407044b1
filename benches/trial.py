"""One peer, once: started, connected, measured, stopped."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from benches import ours, tools
from benches.page import Mode, Page, Slot
from benches.peers import Peer, launch
from benches.process import (
    LOAD_CORE,
    SERVER_CORE,
    Failed,
    await_port,
    cpu_s,
    free_port,
    pss_kib,
    start,
    stop,
)

WINDOW = 4_096
"""Events between publication and receipt, flat out."""
PING_ROUND_S = 24
"""Longer than our pings are apart, and those of ``websockets``."""
_PORTS = [kind + n for kind in (0, 1_000, 2_000) for n in range(7)]
"""Streams, publications and REST of up to so many servers, from the first port."""
Row = dict[str, Any]


class Trial:
    """A running peer with its load."""

    def __init__(self, peer: Peer, connections: int, data_folder: Path) -> None:
        self.peer = peer
        self.connections = connections
        self.port = free_port(*_PORTS[1:])
        self._scratch = Path(tempfile.mkdtemp(prefix="bench-", dir="/dev/shm"))
        self._data = Path(tempfile.mkdtemp(prefix="bench-data-", dir=data_folder))
        self.page = Page(self._scratch / "page")
        self._log = self._scratch / "log"
        self._out = self._log.open("wb")
        self._started: list[subprocess.Popen[bytes]] = []
        self.page[Slot.WINDOW] = WINDOW
        self.page[Slot.CONNECTIONS] = connections

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.page[Slot.STOP] = 1
        for process in reversed(self._started):
            stop(process)
        self._out.close()
        shutil.rmtree(self._scratch)
        shutil.rmtree(self._data, ignore_errors=True)

    def _start(
        self, core: int | str, command: list[str], env: dict[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        process = start(core, command, self._out, env)
        self._started.append(process)
        return process

    def serve(self) -> None:
        """Starts the server; it is the one of which CPU time and memory are told."""
        how = launch(self.peer, self.port, self.page.path, self._scratch, self._data)
        self.server = self._start(SERVER_CORE, how.command, how.env)
        for port in (self.port, self.port + 1000):
            await_port(port, self.server, self._log)

    @property
    def publish_port(self) -> int:
        """Where events are published."""
        return self.port + 1000

    def used(self) -> dict[str, float]:
        """CPU seconds so far of what the server needs besides itself, by name."""
        return {}

    def dialing(self, page: Page, port: int) -> list[str]:
        """The program that opens every connection, at that port."""
        command = [tools.program("load"), "--page", str(page.path), "--port", str(port)]
        command += ["--connections", str(self.connections)]
        if self.peer.is_ours:
            command += ["--paths", str(self._scratch / "paths")]
        elif self.peer.kind == "nats":
            command += ["--path", "/", "--nats", "1"]
        return command

    def connect(self) -> Row:
        """Starts the server and opens every connection."""
        self.serve()
        time.sleep(0.5)
        self._empty_kib = pss_kib(self.server)
        if self.peer.is_ours:
            ours.make_accounts(self.port, self.connections)
            ours.make_listen_keys(self.port, self.connections, self._scratch / "paths")
        command = self.dialing(self.page, self.port)
        time.sleep(0.3)
        self._keyed_kib = pss_kib(self.server)
        before = cpu_s(self.server)
        self._load = self._start(LOAD_CORE, command)
        self._until_ready()
        used = cpu_s(self.server) - before
        return {
            "handshakes_per_s": round(self.connections / (self.page[Slot.SETUP_NS] / 1e9)),
            "handshake_cpu_us": round(used / self.connections * 1e6, 1),
        }

    def _until_ready(self) -> None:
        end = time.monotonic() + 150
        while self.page[Slot.READY] < self.connections:
            gone = self._load.poll() is not None or self.server.poll() is not None
            if gone or time.monotonic() > end:
                self._out.flush()
                tail = self._log.read_text(errors="replace")[-600:]
                raise Failed(f"{self.page[Slot.READY]} of {self.connections} are open: {tail}")
            time.sleep(0.02)

    def idle(self) -> Row:
        """Memory of idle connections, after every one of them was pinged."""
        time.sleep(PING_ROUND_S if self.peer.pings else 3)
        kib = pss_kib(self.server)
        return {
            "kib_per_connection": round((kib - self._keyed_kib) / self.connections, 2),
            "kib_with_account_and_key": round((kib - self._empty_kib) / self.connections, 2),
            "pings": self.page[Slot.PINGS],
            "lost_sockets": self.page[Slot.LOST_SOCKETS],
        }

    def start_publisher(self) -> None:
        """Starts the publisher; it does nothing yet."""
        command = [tools.program("publish"), "--page", str(self.page.path)]
        command += ["--port", str(self.publish_port), "--kind", self.peer.kind]
        command += ["--accounts", str(self.connections), "--token", ours.TOKEN]
        self._publisher = self._start(LOAD_CORE, command)
        time.sleep(0.3)

    def measure(self, mode: Mode, seconds: float, rate: int = 0) -> Row:
        """Publishes for a while, and counts what arrives."""
        page = self.page
        slot = Slot.ACKED if mode is Mode.APPEND else Slot.RECEIVED
        page[Slot.PUBLISHED] = page[slot]
        page[Slot.RATE], page[Slot.MODE] = rate, mode
        time.sleep(1.0)
        page.clear()
        page[Slot.RECORDING] = int(mode is Mode.PACED)
        others = self.used()
        events, used, at = page[slot], cpu_s(self.server), time.monotonic()
        time.sleep(seconds)
        events, used, took = (
            page[slot] - events, cpu_s(self.server) - used, time.monotonic() - at,
        )  # fmt: skip
        others = {part: now - others[part] for part, now in self.used().items()}
        page[Slot.RECORDING] = 0
        row: Row = {
            "events": events,
            "per_s": round(events / took),
            "per_cpu_s": round(events / max(used, 1e-9)),
            "server_core": round(used / took, 3),
        } | {f"{part}_us": round(s / max(events, 1) * 1e6, 2) for part, s in others.items()}
        if mode is Mode.PACED:
            row |= page.quantiles()
            row["rate_ok"] = abs(row["per_s"] / rate - 1) < 0.02
        row["lost"] = self._settle(slot)
        row["lost_sockets"] = page[Slot.LOST_SOCKETS]
        row["refused"] = page[Slot.REFUSED]
        if self._publisher.poll() is not None or row["refused"]:
            self._out.flush()
            raise Failed(self._log.read_text(errors="replace")[-600:])
        return row

    def _settle(self, slot: Slot) -> int:
        page = self.page
        page[Slot.MODE] = Mode.IDLE
        time.sleep(0.05)  # the publisher must see it, or it keeps its time base and bursts
        end = time.monotonic() + 3
        while time.monotonic() < end and page[slot] < page[Slot.PUBLISHED]:
            time.sleep(0.02)
        return page[Slot.PUBLISHED] - page[slot]


def phases(trial: Trial, seconds: float, rates: list[int], *, idle: bool) -> Iterator[Row]:
    """Everything that is measured of one peer, a row each."""
    yield {"phase": "setup", **trial.connect()}
    if idle:
        yield {"phase": "idle", **trial.idle()}
    trial.start_publisher()
    flat_out = trial.measure(Mode.FLAT_OUT, seconds)
    yield {"phase": "flat-out", **flat_out}
    for rate in rates:
        if flat_out["per_s"] > rate * 1.15:
            yield {"phase": f"paced-{rate}", **trial.measure(Mode.PACED, seconds, rate)}
        else:
            yield {"phase": f"paced-{rate}", "saturated": True}
    if trial.peer.is_ours:
        yield {"phase": "append", **trial.measure(Mode.APPEND, seconds)}
