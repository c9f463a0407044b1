"""Tests that are coroutines run on the server's own kind of loop, and must leave it clean."""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

if sys.platform == "win32":
    _fast_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
else:
    import uvloop

    _fast_loop = uvloop.new_event_loop


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "plain_loop: run on asyncio's own loop, not on uvloop")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Runs a coroutine; fails when a callback raised, or a task was left behind."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    plain = pyfuncitem.get_closest_marker("plain_loop") is not None
    problems: list[dict[str, Any]] = []
    with asyncio.Runner(loop_factory=asyncio.new_event_loop if plain else _fast_loop) as runner:
        runner.get_loop().set_exception_handler(lambda _, context: problems.append(context))
        left = runner.run(_leaving_nothing(pyfuncitem.obj(**arguments), _within_s(pyfuncitem)))
    assert not problems, problems
    assert not left, left
    return True


def _within_s(item: pytest.Function) -> float:
    """pytest-timeout's time, less a little: its signal does not end what waits on uvloop."""
    marker = item.get_closest_marker("timeout")
    limit = marker.args[0] if marker and marker.args else item.config.getini("timeout")
    return float(limit) * 0.95


async def _leaving_nothing(test: Awaitable[None], within_s: float) -> list[str]:
    async with asyncio.timeout(within_s):
        await test
    tasks = {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}
    if tasks:
        _, tasks = await asyncio.wait(tasks, timeout=2)
    return [repr(task) for task in tasks]
