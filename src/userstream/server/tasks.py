"""Tasks that run beside others until they are ended."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any


async def ended(task: asyncio.Task[Any] | None) -> None:
    """Cancels a task, where there is one, and waits until it is over.

    Raises:
        Exception: what the task failed with.
    """
    if task is not None:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
