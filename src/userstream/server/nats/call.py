"""One connection to a server, of those that a link has one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Call(asyncio.Protocol):
    """Hands on what happens on a connection, until the next one is tried.

    The end of one that was given up comes late: it must not pass for the end of the next.
    """

    def __init__(
        self,
        made: Callable[[asyncio.Transport], None],
        received: Callable[[bytes], None],
        lost: Callable[[Exception | None], None],
    ) -> None:
        self._made = made
        self._received = received
        self._lost = lost
        self.over = False
        """Whether nobody is told any more."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A server took the call."""
        if self.over:
            transport.close()
        else:
            self._made(transport)  # type: ignore[arg-type]

    def data_received(self, data: bytes) -> None:
        """It says something."""
        if not self.over:
            self._received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """It hung up, or the network did."""
        if not self.over:
            self._lost(exc)
