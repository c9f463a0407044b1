"""Group commit: the writes of one loop turn go to the store together, off the loop's thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from userstream.errors import StoreError
from userstream.server.logs import logger
from userstream.server.store import Batch, Store, Survives
from userstream.server.tasks import told

_log = logger("committer")
_GROUP_BYTES = 1 << 20
"""Of one group, but for a single larger write: it is shown in one turn of the loop, some 10 ms."""


class Write(NamedTuple):
    """Writes that belong together, and whom to tell how it went (``None``: committed)."""

    batch: Batch
    done: Callable[[StoreError | None], None]
    size: int


class Committer:
    """Commits writes in the order in which they were put, as large groups as come up.

    When a group fails, so do all writes put since: they may build on it. ``done`` is called in
    the loop, in order. A store that survives nothing is written at once, without a thread.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._inline = store.survives is Survives.NOTHING
        self._waiting: list[Write] = []
        self._running = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._thread = ThreadPoolExecutor(1, "userstream-store")
        self.pending_bytes = 0
        self.refusing = False
        """Whether the last group was refused."""

    def put(
        self,
        puts: Sequence[tuple[bytes, bytes]],
        deletes: Sequence[bytes],
        done: Callable[[StoreError | None], None],
    ) -> None:
        """Asks for writes; ``done`` says how it went."""
        if self._inline:
            self._store.commit(Batch(puts, deletes))
            done(None)
            return
        size = sum(len(k) + len(v) for k, v in puts)
        self.pending_bytes += size
        self._waiting.append(Write(Batch(puts, deletes), done, size))
        if not self._running:
            self._running = True
            self._idle.clear()
            asyncio.get_running_loop().call_soon(self._start)

    async def write(
        self, puts: Sequence[tuple[bytes, bytes]], deletes: Sequence[bytes] = ()
    ) -> None:
        """Writes and waits for the commit.

        Raises:
            StoreError: nothing was written.
        """
        await told(lambda done: self.put(puts, deletes, done))

    async def between(self, work: Callable[[], None]) -> None:
        """Runs something on the store's thread, between two commits. Cancellation does not stop it.

        Raises:
            Exception: whatever it raises.
        """
        await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def close(self) -> None:
        """Waits for what is on its way."""
        await self._idle.wait()
        self._thread.shutdown()

    def _start(self) -> None:
        count, size = 0, 0
        for write in self._waiting:
            size += write.size
            if count and size > _GROUP_BYTES:
                break
            count += 1
        group, self._waiting = self._waiting[:count], self._waiting[count:]
        batch = Batch(
            [put for write in group for put in write.batch.puts],
            [key for write in group for key in write.batch.deletes],
        )
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._thread, self._store.commit, batch)
        future.add_done_callback(lambda f: self._finished(group, f))

    def _finished(self, group: list[Write], future: asyncio.Future[None]) -> None:
        error = future.exception()
        self.refusing = error is not None
        if error is not None:
            # Whatever was put meanwhile was built on the writes that failed.
            group += self._waiting
            self._waiting = []
            if not isinstance(error, StoreError):
                error = StoreError(f"the store failed: {error!r}")
        for write in group:
            self.pending_bytes -= write.size
            try:
                write.done(error)
            except Exception as e:  # noqa: BLE001 - whoever waits behind it must be told too
                _log.error("a write's end could not be told", exc_info=e)
        if self._waiting:
            self._start()
        else:
            self._running = False
            self._idle.set()
