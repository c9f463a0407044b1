"""Tasks that run beside others until they are ended."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

from userstream.errors import StoreError
from userstream.server.logs import logger
from userstream.server.metrics import TASK_FAILURES

_log = logger("tasks")
_PAUSE_S = 1.0
T = TypeVar("T")


def lasting(
    what: str, run: Callable[[], Coroutine[Any, Any, None]], pause_s: float = _PAUSE_S
) -> asyncio.Task[None]:
    """Runs something beside all else, until it returns or is cancelled.

    What it fails with is logged and counted, and after a pause it begins anew.
    """
    return asyncio.get_running_loop().create_task(_last(what, run, pause_s))


async def _last(what: str, run: Callable[[], Coroutine[Any, Any, None]], pause_s: float) -> None:
    while True:
        try:
            await run()
        except Exception as e:  # noqa: BLE001 - nobody waits for it, so nobody else would hear
            failed(what, e)
            await asyncio.sleep(pause_s)
        else:
            return


def failed(what: str, error: BaseException) -> None:
    """Logs and counts what a task failed with that nobody waits for."""
    TASK_FAILURES.labels(what).inc()
    _log.error("a task failed", task=what, error=str(error), exc_info=error)


async def ended(task: asyncio.Task[Any] | None) -> None:
    """Cancels a task, where there is one, and waits until it is over.

    Raises:
        Exception: what the task failed with.
    """
    if task is not None:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def within(seconds: float, event: asyncio.Event) -> None:
    """Returns when something has happened, or after so many seconds."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


async def told(ask: Callable[[Callable[[StoreError | None], None]], None]) -> None:
    """Asks by a callback, and returns when it is called.

    Raises:
        StoreError: what the callback was given.
    """
    outcome: asyncio.Future[StoreError | None] = asyncio.get_running_loop().create_future()
    ask(lambda error: None if outcome.done() else outcome.set_result(error))
    error = await outcome
    if error is not None:
        raise error


async def all_of(coroutines: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Runs some at once, each to its end; what they return, in their order.

    Raises:
        Exception: what the first one failed with, once none is at it any more.
    """
    done: list[T] = []
    for result in await asyncio.gather(*coroutines, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result
        done.append(result)
    return done
