"""Tasks that nobody waits for: what they fail with is told, and they begin anew."""

from __future__ import annotations

import asyncio

import pytest

from tests.server.running import metric, running
from userstream.server.tasks import ended, lasting


async def test_a_task_that_fails_is_logged_counted_and_begins_anew(
    capsys: pytest.CaptureFixture[str],
) -> None:
    begun = 0

    async def run() -> None:
        nonlocal begun
        begun += 1
        if begun < 3:
            raise KeyError("nobody expected that")

    async with running(accounts=()) as server:
        before = metric(server.service, "userstream_task_failures_total", task="test")
        task = lasting("test", run, 0.001)
        await asyncio.wait_for(task, 10)
        after = metric(server.service, "userstream_task_failures_total", task="test")
    assert begun == 3
    assert after - before == 2
    out = capsys.readouterr()
    assert (out.out + out.err).count("a task failed") == 2
    assert "nobody expected that" in out.out + out.err


async def test_a_task_that_waits_after_a_failure_can_be_ended() -> None:
    begun = asyncio.Event()

    async def run() -> None:
        begun.set()
        raise OSError("again")

    task = lasting("test", run, 3_600)
    await begun.wait()
    await ended(task)
    assert task.cancelled()
