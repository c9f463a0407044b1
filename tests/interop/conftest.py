"""Starts servers and clients for the tests here, and prints what was shown.

The clients are installed by ``make interop``, which sets USERSTREAM_INTEROP=1. Without that the
tests are skipped; with it, a client that is missing is a failure.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.interop.driven import PROGRAMS, PYTHON, Driven, Served
from tests.interop.exchange import Exchange

SWITCH = "USERSTREAM_INTEROP"
Drive = Callable[..., Driven]
Start = Callable[..., Exchange]
Shown = Callable[[str, str, int, str, Exchange], None]


class Row(NamedTuple):
    """One line of the table at the end."""

    client: str
    version: str
    did: str
    seconds: float


_rows = pytest.StashKey[list[Row]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_rows] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ.get(SWITCH) == "1":
        return
    skip = pytest.mark.skip(reason=f"clients from the registries: make interop ({SWITCH}=1)")
    for item in items:
        if item.get_closest_marker("interop"):
            item.add_marker(skip)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    rows = config.stash[_rows]
    if not rows:
        return
    terminalreporter.write_sep("=", "clients")
    client, version = max(len(r.client) for r in rows), max(len(r.version) for r in rows)
    for r in rows:
        terminalreporter.write_line(
            f"{r.client:<{client}}  {r.version:<{version}}  {r.seconds:4.1f} s  {r.did}"
        )


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Start]:
    """Starts a sandbox with a venue at its root."""
    started: list[Exchange] = []

    def start(venue: str, options: str = "", settings: str = "") -> Exchange:
        started.append(Exchange(venue, tmp_path, options, settings))
        return started[-1]

    yield start
    for exchange in started:
        exchange.close()


@pytest.fixture
def drive(tmp_path: Path) -> Iterator[Drive]:
    """Runs a program of the folder ``programs`` against an exchange."""
    running: list[Driven] = []

    def start(program: str, exchange: Served, **environment: str) -> Driven:
        runner = PYTHON if program.endswith(".py") else "node"
        running.append(Driven([runner, PROGRAMS / program], exchange, tmp_path, environment))
        return running[-1]

    yield start
    for driven in running:
        driven.close()


@pytest.fixture
def shown(request: pytest.FixtureRequest) -> Shown:
    """Adds a line to the table: client, version, how many events it got, what else it did."""
    started = time.monotonic()

    def add(client: str, version: str, events: int, did: str, exchange: Exchange) -> None:
        calls = Counter(
            c.method for c in exchange.rest.calls() if c.path.endswith("Stream") and c.status == 200
        )
        counted = ", ".join(f"{m} {calls[m]}" for m in ("POST", "GET", "PUT", "DELETE") if calls[m])
        row = Row(
            client,
            version,
            f"traded, {events} events, {did} ({counted})",
            time.monotonic() - started,
        )
        request.config.stash[_rows].append(row)

    return add
