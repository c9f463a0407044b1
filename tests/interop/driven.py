"""A program that drives a client, as its test sees it: JSON lines out, words in."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from tests.interop.exchange import API_KEY, API_SECRET
from tests.interop.tap import Tap

HERE = Path(__file__).parent
PROGRAMS = HERE / "programs"
PYTHON = HERE / ".venv" / "bin" / "python"
NOWHERE = "http://127.0.0.1:9"
"""A proxy that does not exist, for all that is not on this machine: no client may need it."""


class Served(Protocol):
    """A server, behind taps on its public ports."""

    @property
    def rest(self) -> Tap: ...

    @property
    def stream(self) -> Tap: ...


class Driven:
    """One running program. Its environment says where the server is."""

    def __init__(
        self,
        command: Sequence[str | Path],
        exchange: Served,
        folder: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
        self._exchange = exchange
        name = Path(command[-1]).stem
        self._errors = (folder / f"{name}.log").open("w+b")
        self._process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env=os.environ
            | dict.fromkeys(names, NOWHERE)
            | {
                "NO_PROXY": "127.0.0.1,localhost",
                "no_proxy": "127.0.0.1,localhost",
                "PYTHONUNBUFFERED": "1",
                "REST_URL": exchange.rest.url,
                "STREAM_URL": exchange.stream.url,
                "API_KEY": API_KEY,
                "API_SECRET": API_SECRET,
            }
            | dict(environment or {}),
        )
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._kept: list[dict[str, Any]] = []

    def line(self, within_s: float = 25.0) -> str:
        """Its next line of output."""
        try:
            line = self._lines.get(timeout=within_s)
        except queue.Empty:
            line = None
        assert line is not None, (
            f"the client said no more; {self._log()}; "
            f"before: {self._kept}; {self._exchange.rest.calls()[-5:]}"
        )
        return line

    def expect(self, kind: str) -> dict[str, Any]:
        """Its next line of that kind; lines of other kinds are kept for later."""
        for number, kept in enumerate(self._kept):
            if kept["kind"] == kind:
                return self._kept.pop(number)
        last = time.monotonic() + 25
        while True:
            line = self.line(max(last - time.monotonic(), 0.01))
            try:
                said = json.loads(line)
            except ValueError:  # a client's own chatter
                continue
            if isinstance(said, dict) and "kind" in said:
                if said["kind"] == kind:
                    return said
                self._kept.append(said)

    def ask(self, word: str) -> dict[str, Any]:
        """Gives it a word and waits for what it says to that."""
        self.say(word)
        return self.expect(word)

    def expect_events(self, number: int) -> list[dict[str, Any]]:
        """Its next so many events, in the client's own form."""
        return [self.expect("event")["event"] for _ in range(number)]

    def left(self, kind: str) -> list[dict[str, Any]]:
        """What else it has said of that kind, once it has ended."""
        self._reader.join(10)
        while not self._lines.empty():
            line = self._lines.get()
            if line is not None and line.startswith('{"kind"'):
                self._kept.append(json.loads(line))
        return [kept for kept in self._kept if kept["kind"] == kind]

    def rest(self) -> list[str]:
        """What else it has said, once it has ended."""
        self._reader.join(10)
        return list(iter(self._lines.get, None))

    def say(self, word: str) -> None:
        """Gives it a word."""
        assert self._process.stdin is not None
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()

    def interrupt(self) -> None:
        """Ctrl-C."""
        self._process.send_signal(signal.SIGINT)

    def ended(self, within_s: float = 20.0) -> int:
        """Its exit code."""
        return self._process.wait(within_s)

    def close(self) -> None:
        """Ends it, however it is."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(10)
        self._reader.join(10)
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            assert stream is not None
            stream.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def _log(self) -> str:
        self._errors.seek(0)
        return self._errors.read()[-4_000:].decode(errors="replace")
