"""Tasks that nobody waits for: what they fail with is told, and they begin anew."""

from __future__ import annotations

import asyncio

from structlog.testing import capture_logs

from tests.server.running import metric, running
from userstream.server.tasks import ended, lasting


async def test_a_task_that_fails_is_logged_counted_and_begins_anew() -> None:
    begun = 0

    async def run() -> None:
        nonlocal begun
        begun += 1
        if begun < 3:
            raise KeyError("nobody expected that")

    async with running(accounts=()) as server:
        before = metric(server.service, "userstream_task_failures_total", task="test")
        with capture_logs() as logged:
            await asyncio.wait_for(lasting("test", run, 0.001), 10)
        after = metric(server.service, "userstream_task_failures_total", task="test")
    assert begun == 3
    assert after - before == 2
    told = [entry for entry in logged if entry["event"] == "a task failed"]
    assert [(entry["task"], entry["error"]) for entry in told] == [
        ("test", "'nobody expected that'")
    ] * 2


async def test_a_task_that_waits_after_a_failure_can_be_ended() -> None:
    begun = asyncio.Event()

    async def run() -> None:
        begun.set()
        raise OSError("again")

    task = lasting("test", run, 3_600)
    await begun.wait()
    await ended(task)
    assert task.cancelled()
