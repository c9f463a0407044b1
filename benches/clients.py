"""The clients: each alone on a core, fed with a venue's frames as fast as it reads, or paced."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from benches import tools
from benches.process import (
    LOAD_CORE,
    SERVER_CORE,
    Failed,
    start,
    stop,
)

VENUES = ("binance", "bhex", "spacedex", "mexc")
WITH_CLIENT_ID = ("binance", "mexc")
"""Where delays are taken: by the time of sending that an order's own id carries."""
_EVENTS_A_S = 100_000
"""Made ahead, flat out: more than all but bare picows read."""
_WAIT_S = 45.0
Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Client:
    """One program under test, at the venues that it knows."""

    name: str
    text: str
    program: str
    arguments: tuple[str, ...] = ()
    venues: tuple[str, ...] = VENUES
    is_ours: bool = False
    is_peer: bool = True
    """Whether it runs in the environment of the peers."""
    decodes: bool = True
    """Whether it reads what is in the frames; the others would dwarf these in a chart."""


CLIENTS = {
    c.name: c
    for c in (
        Client(
            name="userstream", text="**UserStream**", program="of_userstream",
            is_ours=True, is_peer=False,
        ),
        Client(
            name="userstream-secret", text="**UserStream, with a secret**",
            program="of_userstream", arguments=("secret",), venues=("binance",),
            is_ours=True, is_peer=False,
        ),
        Client(
            name="userstream-blocking", text="**UserStream, blocking**",
            program="of_userstream_blocking", is_ours=True, is_peer=False,
        ),
        Client(
            name="python-binance", text="python-binance", program="of_python_binance",
            venues=("binance",),
        ),
        Client(name="ccxt", text="ccxt pro", program="of_ccxt", venues=("mexc",)),
        Client(
            name="websockets", text="`websockets` and a parser", program="of_websockets",
            is_peer=False,
        ),
        Client(
            name="picows", text="picows, nothing read", program="of_picows", venues=("binance",),
            decodes=False,
        ),
    )
}  # fmt: skip


def measured(client: Client, venue: str, seconds: float, rates: list[int]) -> Iterator[Row]:
    """Flat out, then at each rate."""
    row = _run(client, venue, seconds, int(seconds * _EVENTS_A_S), rate=0)
    yield {"phase": venue, **row, "per_cpu_s": round(row["events"] / row["cpu_s"])}
    if venue in WITH_CLIENT_ID:
        for rate in rates:
            row = _run(client, venue, seconds, int(rate * seconds), rate)
            yield {"phase": f"{venue}-paced-{rate}", **row}


def _run(client: Client, venue: str, seconds: float, events: int, rate: int) -> Row:
    with tempfile.NamedTemporaryFile(prefix="bench-", suffix=".log") as log:
        program = tools.PROGRAMS / "clients" / f"{client.program}.py"
        python = tools.python_peer() if client.is_peer else sys.executable
        source, port = _feeder(venue, events, rate, log)
        frames = 2 * events if venue == "mexc" and not rate else events  # an order, and its fill
        command = [python, str(program), venue, str(port), str(seconds), str(frames)]
        command += ["timed" if rate else "counted", *client.arguments]
        try:
            return _row(client, command, log)
        finally:
            source.kill()
            stop(source)


def _feeder(
    venue: str, events: int, rate: int, log: IO[bytes]
) -> tuple[subprocess.Popen[bytes], int]:
    """A venue with all its messages made, and its port, which is nobody else's from the start."""
    with socket.create_server(("127.0.0.1", 0), backlog=16) as listener:
        listens, port = listener.fileno(), listener.getsockname()[1]
        feeder = [sys.executable, str(tools.PROGRAMS / "feeder.py"), venue, str(listens)]
        feeder += [str(events), *([str(rate)] if rate else [])]
        source = start(SERVER_CORE, feeder, log, inherited=[listens])
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=_WAIT_S).close()
    except (OSError, http.client.HTTPException) as e:
        source.kill()
        stop(source)
        raise Failed(f"the venue of the bench ended with {source.returncode}: {_tail(log)}") from e
    return source, port


def _row(client: Client, command: list[str], log: IO[bytes]) -> Row:
    """What the program prints at its end."""
    with tempfile.TemporaryFile() as out:
        reader = start(LOAD_CORE, command, out, errors=log)
        try:
            reader.wait(_WAIT_S)
        except subprocess.TimeoutExpired:
            raise Failed(f"{client.name} was not given all: {_tail(log)}") from None
        finally:
            reader.kill()
            stop(reader)
        out.seek(0)
        lines = [line for line in out.read().splitlines() if line.startswith(b"{")]
    if not lines:
        raise Failed(f"{client.name} ended with {reader.returncode}: {_tail(log)}")
    row: Row = json.loads(lines[-1])
    return row


def _tail(log: IO[bytes]) -> str:
    return Path(log.name).read_text(errors="replace")[-600:]
