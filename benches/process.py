"""Processes: pinned to a core, their CPU time and memory as the kernel counts them."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

SERVER_CORE, LOAD_CORE, ANY_CORE = 0, 1, "0,1"


class Failed(Exception):
    """A program did not do its part."""


def start(
    core: int | str,
    command: Sequence[str],
    log: IO[bytes],
    env: Mapping[str, str] | None = None,
    errors: IO[bytes] | None = None,
    inherited: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Starts a program on one core or on some; ``errors`` go into the log if not said otherwise.

    ``inherited``: descriptors that it keeps, by the same numbers.
    """
    return subprocess.Popen(
        ["taskset", "-c", str(core), *command],
        stdout=log,
        stderr=errors or log,
        env={**os.environ, **(env or {})},
        start_new_session=True,
        pass_fds=inherited,
    )


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ends a program that was asked to end."""
    for signal, wait_s in ((None, 0.5), (process.terminate, 15.0), (process.kill, 5.0)):
        if signal is not None:
            signal()
        try:
            process.wait(wait_s)
        except subprocess.TimeoutExpired:
            continue
        return


def _tree(pid: int) -> list[int]:
    found, todo = [], [pid]
    while todo:
        found.append(todo.pop())
        for task in _tasks(found[-1]):
            try:
                todo += map(int, (task / "children").read_text().split())
            except FileNotFoundError:
                continue
    return found


def _tasks(pid: int) -> list[Path]:
    try:
        return list(Path(f"/proc/{pid}/task").iterdir())
    except FileNotFoundError:
        return []


def cpu_s(process: subprocess.Popen[bytes]) -> float:
    """CPU seconds of a process tree, to the nanosecond, all threads."""
    total = 0
    for pid in _tree(process.pid):
        for task in _tasks(pid):
            try:
                total += int((task / "schedstat").read_text().split()[0])
            except FileNotFoundError:
                continue
    return total / 1e9


def pss_kib(process: subprocess.Popen[bytes]) -> int:
    """Proportional set size of a process tree."""
    total = 0
    for pid in _tree(process.pid):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total


def free_port(*behind: int) -> int:
    """A port that nobody listens on, nor on those that are so far behind it."""
    while True:
        port = random.randrange(20_000, 29_000)  # below those that the kernel hands out
        with contextlib.ExitStack() as exits, contextlib.suppress(OSError):
            for offset in (0, *behind):
                exits.enter_context(socket.create_server(("127.0.0.1", port + offset)))
            return port


def await_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Waits until somebody listens."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if process.poll() is not None:
            raise Failed(f"the server ended with {process.returncode}, see {log}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise Failed(f"nobody listens on {port}, see {log}")
