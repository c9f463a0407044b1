"""Stores that wait, fail and recover on request."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import AsyncIterator
from typing import Any
from unittest import mock

from tests.server.running import Running, running
from userstream.errors import StoreUnavailable
from userstream.server import folder
from userstream.server.store import Batch, Survives
from userstream.server.stores.memory import MemoryStore


class SlowStore(MemoryStore):
    """Memory that says it is a disk: commits happen on a thread, and may wait or fail."""

    def __init__(self) -> None:
        super().__init__()
        self._open = threading.Event()
        self._open.set()
        self._error: Exception | None = None
        self.waiting = False

    @property
    def survives(self) -> Survives:
        return Survives.PROCESS_KILL

    def commit(self, batch: Batch) -> None:
        self.waiting = not self._open.is_set()
        assert self._open.wait(10)
        self.waiting = False
        if self._error is not None:
            raise self._error
        super().commit(batch)

    def hold(self) -> None:
        self._open.clear()

    def release(self) -> None:
        self._open.set()

    def fail(self, why: str, error: Exception | None = None) -> None:
        self._error = error or StoreUnavailable(why)

    def heal(self) -> None:
        self._error = None


@contextlib.asynccontextmanager
async def on_store(store: SlowStore, **options: Any) -> AsyncIterator[Running]:
    """A server on that store."""
    with mock.patch.object(folder, "MemoryStore", return_value=store):
        async with running(**options) as server:
            try:
                yield server
            finally:
                store.release()
                store.heal()
