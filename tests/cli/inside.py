"""Commands in this process, against a sandbox in this process."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

from structlog.testing import capture_logs
from typer.testing import CliRunner

from tests.sandbox.bots import Bots
from userstream import cli
from userstream.errors import UserStreamError


class Ended(NamedTuple):
    """How a command ended: its exit code, what it printed, and what it said was wrong."""

    code: int
    out: str
    why: str


async def command(*arguments: str, env: dict[str, str] | None = None) -> Ended:
    """Runs a command on a thread. An error of ours is what ``main`` shows as one line."""
    runner = CliRunner(env={"COLUMNS": "100", "NO_COLOR": "1"} | (env or {}))
    with capture_logs():  # of the sandbox, which would print between the lines
        ended: Any = await asyncio.to_thread(lambda: runner.invoke(cli.app, list(arguments)))
    if ended.exception is not None and not isinstance(ended.exception, SystemExit):
        assert isinstance(ended.exception, UserStreamError), ended.exception
        return Ended(1, ended.stdout, str(ended.exception))
    return Ended(ended.exit_code, ended.stdout, ended.stderr)


async def sandbox(b: Bots, *arguments: str) -> Ended:
    """``userstream sandbox …`` at the sandbox's admin port."""
    return await command("sandbox", *arguments, "--admin", b.sandbox.service.urls["admin"])


async def order(b: Bots, *arguments: str) -> Ended:
    """``userstream sandbox order …`` at the sandbox's ports."""
    urls = b.sandbox.service.urls
    at = ("--rest", urls["rest"], "--stream", urls["stream"], "--wait", "1")
    return await command("sandbox", "order", *at, *arguments)
