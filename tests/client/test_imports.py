"""What a bot pays for the import of a client."""

from __future__ import annotations

import subprocess
import sys

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


def test_the_package_is_imported_in_no_time() -> None:
    code = (
        "import time; began = time.process_time(); import userstream;"
        "print(time.process_time() - began)"
    )
    assert min(float(outcome(code)) for _ in range(3)) < 0.3


def test_the_package_alone_imports_neither_http_nor_sockets() -> None:
    loaded = outcome("import sys, userstream; print(*sys.modules)").split()
    assert not {"httpx", "websockets", "asyncio"} & set(loaded)
