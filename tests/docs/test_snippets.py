"""What the README and the documents tell people to run does what they say."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.docs.snippets import ROOT, Site, blocks, commands, fences, tried
from userstream.server.settings import Settings
from userstream.venues import load, names

pytestmark = pytest.mark.timeout(200)  # a page runs many commands, one after the other
README = ROOT / "README.md"
DOCS = ROOT / "docs"
WITH_FAULTS = DOCS / "how-to" / "test-with-faults.md"
WITH_SANDBOX = (README, DOCS / "tutorial.md")
CLIENT = DOCS / "how-to" / "use-the-client.md"
WATCHING = DOCS / "how-to" / "watch-a-stream.md"
TRADING = DOCS / "how-to" / "trade-in-the-sandbox.md"
WITH_OWN_SERVER = tuple(
    DOCS / "how-to" / f"{name}.md"
    for name in ("run-a-server", "verify-api-keys", "back-up-a-server")
)
MOVED = DOCS / "how-to" / "move-a-bot.md"  # needs other libraries: tests/interop

AT_LEAST = """
<!-- test: shows 7 stored, 0 stored before, 0 refused -->
<!-- test: shows {"e":"executionReport" -->
<!-- test: shows {"e":"outboundAccountInfo" -->
"""


def shown(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Site]:
    ports = [f"--{name}=127.0.0.1:0" for name in ("rest", "stream", "admin")]
    command = [sys.executable, "-m", "userstream", "sandbox", "run", "--json", *ports]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=tmp_path) as process:
        try:
            assert process.stdout is not None
            urls = json.loads(process.stdout.readline())["urls"]
            yield Site(urls["rest"], urls["stream"], urls["admin"], tmp_path)
        finally:
            process.terminate()


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@pytest.mark.parametrize("page", WITH_SANDBOX, ids=shown)
def test_what_a_page_does_with_a_sandbox_works(page: Path, sandbox: Site) -> None:
    text = page.read_text("utf-8") + AT_LEAST
    tried(
        text,
        sandbox,
        USERSTREAM_ADMIN_URL=sandbox.admin,
        USERSTREAM_REST_URL=sandbox.rest,
        USERSTREAM_STREAM_URL=sandbox.stream,
    )


@pytest.mark.parametrize("page", [TRADING, CLIENT, WATCHING], ids=shown)
def test_what_a_page_on_orders_does_works(page: Path, sandbox: Site) -> None:
    tried(
        page.read_text("utf-8"),
        sandbox,
        USERSTREAM_ADMIN_URL=sandbox.admin,
        USERSTREAM_REST_URL=sandbox.rest,
        USERSTREAM_STREAM_URL=sandbox.stream,
    )


def test_what_the_page_on_faults_does_works(sandbox: Site) -> None:
    tried(WITH_FAULTS.read_text("utf-8"), sandbox, USERSTREAM_ADMIN_URL=sandbox.admin)


@pytest.mark.parametrize("page", WITH_OWN_SERVER, ids=shown)
def test_what_a_page_does_with_a_server_of_its_own_works(page: Path, tmp_path: Path) -> None:
    rest, stream, admin = (free_port() for _ in range(3))
    site = Site(
        f"http://127.0.0.1:{rest}",
        f"ws://127.0.0.1:{stream}",
        f"http://127.0.0.1:{admin}",
        tmp_path,
    )
    written = tried(page.read_text("utf-8"), site, USERSTREAM_ADMIN_URL=site.admin)
    assert "Traceback" not in written


def test_every_page_with_something_to_try_is_tried() -> None:
    sandboxed = {*WITH_SANDBOX, CLIENT, TRADING, WATCHING, WITH_FAULTS}
    tried_pages = {*sandboxed, MOVED, *WITH_OWN_SERVER}
    assert {p for p in (README, *DOCS.rglob("*.md")) if blocks(p.read_text("utf-8"))} == tried_pages


def test_settings_in_the_documents_are_settings() -> None:
    found = [f.code for p in DOCS.rglob("*.md") for f in fences(p.read_text("utf-8"))
             if f.language == "toml"]  # fmt: skip
    assert len(found) > 2
    for code in found:
        settings = msgspec.toml.decode(code, type=Settings)
        for name in names():
            load(name, settings.venues.get(name))


def test_a_program_that_listens_is_short() -> None:
    page = (DOCS / "tutorial.md").read_text("utf-8")
    bot, exchange, _ = [f.code for f in fences(page) if f.language == "python"]
    for code in (bot, exchange):
        assert len([line for line in code.splitlines() if line.strip()]) <= 20


def test_a_console_block_runs_what_stands_behind_its_prompts() -> None:
    assert commands("$ make it\nmade\n$ make more\n") == "make it\nmake more\n"


def test_blocks_are_found_with_their_comments() -> None:
    page = (
        "<!-- test: file a -->\n```toml\nx = 1\n```\n\n```bash\nno\n```\n<!-- test: shows y -->\n"
    )
    assert [(b.word, b.detail, b.code) for b in blocks(page)] == [
        ("file", "a", "x = 1\n"),
        ("shows", "y", ""),
    ]


def test_a_comment_without_its_block_is_noticed() -> None:
    with pytest.raises(AssertionError, match="no block"):
        blocks("<!-- test: run -->\n\n```bash\ntrue\n```\n")


@pytest.mark.parametrize(
    ("page", "why"),
    [
        ("<!-- test: run -->\n```bash\nfalse\n```\n", "line 1"),
        ("<!-- test: run -->\n```python\nraise OSError('gone')\n```\n", "gone"),
        ("<!-- test: run -->\n```console\n$ echo one && false\n```\n", "one"),
    ],
)
def test_a_block_that_fails_fails_the_page(page: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=re.escape(why)):
        tried(page, Site("http://x", "ws://x", "http://x", tmp_path))
