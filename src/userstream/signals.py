"""The signals that end a process of ours."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable

Stopped = Callable[[], Awaitable[object]]
"""Waits for a stop; returns at once where it has come."""


def until_signalled() -> Stopped:
    """Waits for SIGTERM or SIGINT, also for one that comes before the wait does.

    Called before the start, so that a stop in the middle of it is graceful too. Off the main
    thread, where no signal can be taken, it waits for ever.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(ValueError, RuntimeError):
            loop.add_signal_handler(number, stop.set)
    return stop.wait
