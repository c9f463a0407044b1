"""Real nats-server processes on free ports: one node, or a cluster; and what befalls them."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx

BINARY = Path(sys.executable).with_name("nats-server")
_STARTS_WITHIN_S = 30.0


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on, outside of the range from which the kernel gives them out.

    A node keeps its ports when it is started again, so nobody must be given them meanwhile.
    """
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(15_000, 32_000)
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.bind(("127.0.0.1", port))
            if port not in found:
                found.append(port)
    return found


@dataclass
class Node:
    """One nats-server with JetStream: its folder, its ports, its process."""

    name: str
    folder: Path
    port: int
    monitor_port: int
    options: str = ""
    """More of the configuration: the cluster, users, TLS."""
    sync: str = "always"
    host: str = "127.0.0.1"
    """Where clients connect."""
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"nats://{self.host}:{self.port}"

    @property
    def log(self) -> str:
        """What the server said so far."""
        return (self.folder / "log").read_text()

    def launch(self) -> None:
        """Starts the process; it may not be ready yet."""
        assert self.process is None, f"{self.name} runs"
        config = self.folder / "nats.conf"
        config.write_text(
            f"server_name: {self.name}\n"
            f"listen: {self.host}:{self.port}\n"
            f"http: 127.0.0.1:{self.monitor_port}\n"
            f'jetstream {{ store_dir: "{self.folder}", sync_interval: {self.sync},'
            " max_file: 64GB, max_mem: 256MB }\n"
            f"{self.options}\n"
        )
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [BINARY, "-c", config], stdout=log, stderr=log, start_new_session=True
            )

    def ready(self) -> bool:
        """Whether the node says that it, and its part of JetStream, can be used."""
        assert self.process is not None, f"{self.name} was not started"
        assert self.process.poll() is None, f"{self.name} ended: {self.log[-2_000:]}"
        try:
            url = f"http://127.0.0.1:{self.monitor_port}/healthz"
            return httpx.get(url, timeout=1, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    def start(self) -> None:
        """Starts the node and waits until it can be used; its cluster must have a quorum."""
        self.launch()
        _wait([self])

    def kill(self) -> None:
        """As a power button that spares the disk: ``kill -9``."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ends the node as its operator would."""
        self._end(signal.SIGTERM)

    def pause(self) -> None:
        """The process stands still, and its connections stay open."""
        assert self.process is not None, f"{self.name} does not run"
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED)

    def resume(self) -> None:
        """The process goes on as if nothing had been."""
        assert self.process is not None, f"{self.name} does not run"
        self.process.send_signal(signal.SIGCONT)

    def _end(self, how: signal.Signals) -> None:
        if self.process is None:
            return
        self.process.send_signal(how)
        self.process.send_signal(signal.SIGCONT)  # one that stands still ends, too
        self.process.wait(20)
        self.process = None


@dataclass
class Nodes:
    """The nodes of one NATS: a single one, or a cluster."""

    nodes: list[Node] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Of all nodes, as one setting has it."""
        return ",".join(node.url for node in self.nodes)

    @property
    def replicas(self) -> int:
        """How many copies a stream can have."""
        return len(self.nodes)

    def named(self, name: str) -> Node:
        """A node by the name that NATS tells, as that of a stream's leader."""
        return next(node for node in self.nodes if node.name == name)

    def start(self) -> None:
        """Starts the nodes that do not run, and waits until all can be used."""
        for node in self.nodes:
            if node.process is None:
                node.launch()
        _wait(self.nodes)

    def stop(self) -> None:
        """Ends all nodes."""
        for node in self.nodes:
            node.kill()


def one_node(folder: Path, options: str = "", sync: str = "always") -> Nodes:
    """A NATS of one node, not started."""
    port, monitor_port = free_ports(2)
    return Nodes([_node("n1", folder, port, monitor_port, options, sync)])


def cluster(
    folder: Path, size: int = 3, options: str = "", sync: str = "always", host: str = "127.0.0.1"
) -> Nodes:
    """A NATS of several nodes, not started."""
    ports = free_ports(3 * size)
    clients, monitors, routes = ports[:size], ports[size : 2 * size], ports[2 * size :]
    known = ", ".join(f'"nats://127.0.0.1:{port}"' for port in routes)
    nodes = [
        _node(
            f"n{i + 1}",
            folder,
            clients[i],
            monitors[i],
            f"cluster {{ name: tests, listen: 127.0.0.1:{routes[i]}, routes: [{known}] }}\n"
            f"{options}",
            sync,
            host,
        )
        for i in range(size)
    ]
    return Nodes(nodes)


@contextlib.contextmanager
def running(nodes: Nodes) -> Iterator[Nodes]:
    """Nodes that run, until the block ends."""
    try:
        nodes.start()
        yield nodes
    finally:
        nodes.stop()


def _node(
    name: str, folder: Path, port: int, monitor: int, options: str, sync: str,
    host: str = "127.0.0.1",
) -> Node:  # fmt: skip
    own = folder / name
    own.mkdir(parents=True)
    return Node(name, own, port, monitor, options, sync, host)


def _wait(nodes: list[Node]) -> None:
    last = time.monotonic() + _STARTS_WITHIN_S
    while not all(node.ready() for node in nodes):
        logs = "\n".join(node.log[-1_000:] for node in nodes)
        assert time.monotonic() < last, f"NATS was not ready in time:\n{logs}"
        time.sleep(0.02)
