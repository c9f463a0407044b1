"""Tasks that run beside others until they are ended."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

from userstream.errors import StoreError

T = TypeVar("T")


async def ended(task: asyncio.Task[Any] | None) -> None:
    """Cancels a task, where there is one, and waits until it is over.

    Raises:
        Exception: what the task failed with.
    """
    if task is not None:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


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
