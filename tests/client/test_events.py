"""What a program imports to read its events, and what comes with it."""

from __future__ import annotations

import subprocess
import sys

from userstream.client import events

HEAVY = ("httpx", "google", "uvloop", "starlette", "websockets", "rocksdict", "structlog")


def test_the_names_are_listed_once_and_there() -> None:
    assert sorted(set(events.__all__)) == events.__all__
    assert all(getattr(events, name) is not None for name in events.__all__)


def test_importing_events_and_the_core_imports_nothing_of_a_server() -> None:
    code = (
        "import sys, userstream.client.events, userstream.core.client.feed;"
        f"sys.exit(any(name in sys.modules for name in {HEAVY!r}))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
