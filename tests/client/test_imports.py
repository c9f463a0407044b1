"""What a bot pays for the import of a client."""

from __future__ import annotations

import subprocess
import sys

import pytest

from userstream.venues import names

SERVER = (
    "cryptography", "httptools", "prometheus_client", "rocksdict", "starlette", "structlog",
    "uvicorn", "userstream.server", "userstream.sandbox", "userstream.cli",
)  # fmt: skip


def outcome(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )
    return done.stdout.strip()


def test_a_client_imports_nothing_of_a_server() -> None:
    loaded = outcome(
        "import sys; from userstream import UserStream, Gap, Publisher;"
        "UserStream('binance', key='k'); print(*sys.modules)"
    ).split()
    assert not set(SERVER) & set(loaded)
    assert "google.protobuf" not in loaded  # another venue's


@pytest.mark.parametrize("venue", names())
def test_a_stream_that_runs_imports_nothing_of_a_server(venue: str) -> None:
    nowhere = "rest_url='http://127.0.0.1:9', stream_url='ws://127.0.0.1:9'"
    loaded = outcome(
        "import sys; from userstream import UserStream\n"
        f"with UserStream({venue!r}, key='k', secret='s', {nowhere}).blocking() as stream:\n"
        "    stream.next(0.5)\n"
        "print(*sys.modules)"
    ).split()
    assert "httpx" in loaded  # it did run
    assert not set(SERVER) & set(loaded)


@pytest.mark.parametrize("what", ["import userstream", "from userstream import UserStream"])
def test_a_client_is_imported_in_no_time(what: str) -> None:
    code = f"import time; began = time.process_time(); {what};print(time.process_time() - began)"
    assert min(float(outcome(code)) for _ in range(3)) < 0.3


def test_the_package_alone_imports_neither_http_nor_sockets() -> None:
    loaded = outcome("import sys, userstream; print(*sys.modules)").split()
    assert not {"httpx", "websockets", "asyncio"} & set(loaded)


def test_httpx_which_takes_as_long_as_all_the_rest_is_left_to_the_thread_of_a_stream() -> None:
    loaded = outcome("import sys; from userstream import UserStream; print(*sys.modules)").split()
    assert "websockets.client" in loaded
    assert "httpx" not in loaded
