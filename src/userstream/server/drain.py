"""A graceful stop of streams: not all at the same moment, and not for ever."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection
from typing import TYPE_CHECKING

from userstream.core.closing import End
from userstream.core.limits import Limits

if TYPE_CHECKING:
    from userstream.server.connection import Connection

_TICK_S = 0.02


async def drain(connections: Collection[Connection], empty: asyncio.Event, limits: Limits) -> None:
    """Ends streams with a reason, in turn, and waits for the closes, ``drain_s`` each.

    Those whose turn has not come go on as before; few do not wait that long. What is left in the
    end is dropped. ``empty`` is set when the last connection is gone.
    """
    left = list(connections)
    pace = max(limits.closes_per_s, len(left) / limits.drain_s)
    tick_s = max(_TICK_S, 1 / pace)
    at_once = max(round(pace * tick_s), 1)
    for at in range(0, len(left), at_once):
        if at:
            await asyncio.sleep(tick_s)
        for connection in left[at : at + at_once]:
            connection.end(End.SHUTDOWN)
    if connections:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(empty.wait(), limits.drain_s)
    for connection in list(connections):
        connection.abort()
