"""Retention: how much of each account's log is kept in a folder, and the end of the rest.

Whole pages go, the oldest first: when their last event is older than the time that is promised,
or while an account has more bytes than it may. The page of the head always stays. Heads, pictures
and positions of publishers lie elsewhere and stay for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from userstream.core.limits import Limits
from userstream.errors import StoreError
from userstream.server.clock import Clock
from userstream.server.committer import Committer
from userstream.server.logs import logger
from userstream.server.pagecache import PAGE
from userstream.server.records import (
    WINDOWS,
    EventRecord,
    WindowRecord,
    checkpoint_key,
    decode,
    encode,
    event_key,
    seq_of,
    window_key,
)
from userstream.server.store import Store
from userstream.server.tasks import ended, lasting

_log = logger("retention")
_ALL = (1 << 63) - 1
_AT_ONCE = 1_000  # accounts that one call on the thread looks at


class _Gone(NamedTuple):
    """A page that goes: its keys, its bytes, and the time of its last event."""

    account: str
    keys: list[bytes]
    size: int
    last_ms: int
    next_seq: int


class Retention:
    """The window of every account of a folder. Reads happen on a thread of its own."""

    def __init__(self, store: Store, committer: Committer, clock: Clock, limits: Limits) -> None:
        self._store = store
        self._committer = committer
        self._clock = clock
        self._limits = limits
        self._windows: dict[str, WindowRecord] = {}
        self._over: set[str] = set()
        self._looked_ms = clock.ms()
        self._thread = ThreadPoolExecutor(1, "userstream-retention")
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to drop what need not be kept.

        Raises:
            StoreError: the windows cannot be read.
        """
        for key, value in self._store.scan(*WINDOWS, _ALL):
            window = decode(value, WindowRecord)
            self._windows[key[2:].decode()] = window
            self._weigh(key[2:].decode(), window)
        self._task = lasting("retention", self._run)

    async def stop(self) -> None:
        """Drops no more."""
        await ended(self._task)
        self._thread.shutdown()

    # ── windows ─────────────────────────────────────────────────────────────────────────────────

    def window(self, account: str) -> WindowRecord:
        """What is kept of an account.

        Raises:
            StoreError: it cannot be read.
        """
        window = self._windows.get(account)
        if window is None:
            stored = self._store.get(window_key(account))
            window = WindowRecord() if stored is None else decode(stored, WindowRecord)
            self._windows[account] = window
        return window

    def grown(self, account: str, size: int) -> tuple[bytes, bytes]:
        """What to store with new events of that many bytes.

        Raises:
            StoreError: the window cannot be read.
        """
        window = self.window(account)
        window.bytes += size
        self._weigh(account, window)
        return window_key(account), encode(window)

    def forget(self, account: str) -> None:
        """A commit of an account failed: what is stored counts."""
        self._windows.pop(account, None)

    def short(self) -> Mapping[str, float]:
        """Accounts of which less than the promised time is kept, and how many seconds are."""
        now_ms, promised_ms = self._clock.ms(), self._limits.retention_s * 1_000
        return {
            account: (now_ms - window.cut_ms) / 1_000
            for account, window in self._windows.items()
            if window.cut_ms and now_ms - window.cut_ms < promised_ms
        }

    def _weigh(self, account: str, window: WindowRecord) -> None:
        if window.bytes > self._limits.retained_bytes_per_account:
            self._over.add(account)

    # ── dropping ────────────────────────────────────────────────────────────────────────────────

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._limits.retention_check_s)
            try:
                await self.sweep()
            except StoreError as e:
                _log.error("retention has to wait", error=str(e))

    async def sweep(self) -> None:
        """Drops what is too much, and from time to time what is too old.

        Raises:
            StoreError: the log cannot be read or written; nothing is lost by that.
        """
        over, self._over = self._over, set()
        for account in over:
            most = self._limits.retained_bytes_per_account
            while self.window(account).bytes > most:
                pages = await self._on_thread([account], _ALL)
                if not pages:
                    break
                await self._drop(pages[0], by_age=False)
        now_ms, kept_ms = self._clock.ms(), self._limits.retention_s * 1_000
        if now_ms < self._looked_ms + kept_ms // 24:
            return
        self._looked_ms = now_ms
        accounts = list(self._windows)
        for at in range(0, len(accounts), _AT_ONCE):
            some = accounts[at : at + _AT_ONCE]
            while some:
                found = await self._on_thread(some, now_ms - kept_ms)
                for gone in found:
                    await self._drop(gone, by_age=True)
                some = [gone.account for gone in found]

    async def _on_thread(self, accounts: Iterable[str], before_ms: int) -> list[_Gone]:
        places = [(account, self.window(account).oldest) for account in accounts]
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._old_pages, places, before_ms)

    def _old_pages(self, places: list[tuple[str, int]], before_ms: int) -> list[_Gone]:
        """Of each account its oldest page, if it may go and is that old."""
        found = []
        for account, oldest in places:
            stop = (oldest // PAGE + 1) * PAGE
            if self._store.get(event_key(account, stop)) is None:  # the head is in it
                continue
            last = self._store.get(event_key(account, stop - 1))
            last_ms = 0 if last is None else decode(last, EventRecord).time_ms
            if last_ms < before_ms:
                found.append(self._page(account, oldest, stop, last_ms))
        return found

    def _page(self, account: str, oldest: int, stop: int, last_ms: int) -> _Gone:
        events = list(self._store.scan(event_key(account, 0), event_key(account, stop), _ALL))
        start = seq_of(events[0][0]) if events else oldest
        checkpoints = self._store.scan(
            checkpoint_key(account, min(start, oldest)), checkpoint_key(account, stop), _ALL
        )
        keys = [key for key, _ in events] + [key for key, _ in checkpoints]
        size = sum(len(key) + len(value) for key, value in events)
        return _Gone(account, keys, size, last_ms, stop)

    async def _drop(self, gone: _Gone, *, by_age: bool) -> None:
        """The window shrinks before the events go: nobody is promised what is about to."""
        window = self.window(gone.account)
        window.oldest = gone.next_seq
        window.bytes = max(window.bytes - gone.size, 0)
        window.cut_ms = 0 if by_age else gone.last_ms
        await self._committer.write([(window_key(gone.account), encode(window))], gone.keys)
