"""The command as people run it: another process, its output, its exit code."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

BIN = Path(sys.executable).parent
COMMAND = (str(BIN / "userstream"),)
TOKEN = "token-of-the-tests"
FREE = ("--rest", "127.0.0.1:0", "--stream", "127.0.0.1:0", "--admin", "127.0.0.1:0")
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": os.environ.get("HOME", "/"),
    "COLUMNS": "100",
    "NO_COLOR": "1",
    "USERSTREAM_ADMIN_TOKEN": TOKEN,
}


def run(*arguments: str, text: str = "", env: dict[str, str] | None = None, cwd: Any = None) -> Any:
    """Runs a command to its end."""
    return subprocess.run(
        [*COMMAND, *arguments], input=text, capture_output=True, text=True,
        env=ENVIRONMENT | (env or {}), cwd=cwd, timeout=60, check=False,
    )  # fmt: skip


class Process(NamedTuple):
    """A server that runs in another process."""

    popen: subprocess.Popen[bytes]
    urls: dict[str, str]
    epoch: str

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Signals it and waits for its end."""
        self.popen.send_signal(number)
        return self.popen.wait(20)


def started(
    *arguments: str, env: dict[str, str] | None = None, log: Path | None = None,
    program: Sequence[str] = COMMAND,
) -> Process:  # fmt: skip
    """``userstream serve`` on free ports, once it is ready; what it says goes to ``log``.

    Without one it goes to a pipe, which a server that says much would fill.
    """
    with contextlib.ExitStack() as exits:
        says = subprocess.PIPE if log is None else exits.enter_context(log.open("ab"))
        told = None if log is None else exits.enter_context(log.open("rb"))
        if told is not None:
            told.seek(0, os.SEEK_END)
        popen = subprocess.Popen(
            [*program, "serve", *FREE, *arguments],
            stderr=says, stdout=subprocess.DEVNULL, env=ENVIRONMENT | (env or {}),
        )  # fmt: skip
        exits.callback(popen.kill)
        first: dict[str, Any] = {}
        while first.get("event") != "serving":
            first = json.loads(read_line(popen) if told is None else _next_line(popen, told))
        urls: dict[str, str] = {n: first[n] for n in ("rest", "stream", "admin") if n in first}
        exits.pop_all()
        if told is not None:
            told.close()
            says.close()  # type: ignore[union-attr]
    return Process(popen, urls, first["epoch"])


def _next_line(popen: subprocess.Popen[bytes], told: BinaryIO) -> bytes:
    last = time.monotonic() + 60
    line = b""
    while not line.endswith(b"\n"):
        line += told.readline()
        assert popen.poll() is None, f"it ended with {popen.returncode} after {line!r}"
        assert time.monotonic() < last, f"only {line!r} came"
        time.sleep(0.005)
    return line


@contextlib.contextmanager
def serving(*arguments: str, env: dict[str, str] | None = None) -> Iterator[Process]:
    """``userstream serve`` on free ports, once it is ready, and no longer than the block."""
    server = started(*arguments, env=env)
    try:
        yield server
    finally:
        server.popen.kill()
        server.popen.wait()
        assert server.popen.stderr is not None
        server.popen.stderr.close()


def read_line(popen: subprocess.Popen[bytes], stream: Any = None, mark: bytes = b"\n") -> bytes:
    """What a process says up to a mark, or its failure."""
    stream = stream or popen.stderr
    last = time.monotonic() + 20
    line = b""
    while not line.endswith(mark):
        ready, _, _ = select.select([stream], [], [], max(last - time.monotonic(), 0))
        assert ready, f"only {line!r} came"
        byte = os.read(stream.fileno(), 1)
        assert byte, f"it ended with {popen.wait(10)} after {line!r}"
        line += byte
    return line


def events(name: str, first: int, last: int, *, bad: Sequence[int] = ()) -> str:
    """Publishing lines of an account."""
    lines = []
    for n in range(first, last + 1):
        event = {
            "type": "order_update", "symbol": "BTCUSDT", "side": "BUY", "order_type": "LIMIT",
            "price": "1", "order_id": str(n), "quantity": "1", "cumulative_quantity": "0",
            "status": "nonsense" if n in bad else "NEW", "execution": "NEW", "time_ms": 1,
        }  # fmt: skip
        lines.append(json.dumps({"v": 1, "account": name, "source": "me", "n": n, "event": event}))
    return "\n".join(lines) + "\n"
