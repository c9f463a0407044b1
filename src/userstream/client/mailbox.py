"""Mailbox: what goes from the reader's thread to the program's: events, the state, the end."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

import msgspec

from userstream.client.spill import Spill
from userstream.core.client.mender import Deliver
from userstream.core.client.plan import Proof
from userstream.core.client.told import State


class Reached(msgspec.Struct, frozen=True, gc=False):
    """Nothing that is told, but how far everything was."""

    proof: Proof
    what: None = None


Item: TypeAlias = Deliver | Reached


class Mailbox:
    """Bounded: past ``most`` items it spills to disk, or else asks the reader to stop.

    ``room`` is called, on the program's thread, when the reader may go on.
    """

    def __init__(self, most: int, spill: Spill | None, room: Callable[[], None]) -> None:
        self._most = most
        self._spill = spill
        self._room = room
        self._items: deque[Item] = deque()
        self._behind: deque[Item] = deque()
        """What came when the disk was full: after all that is on it."""
        self._stopped = False
        self._lock = threading.Lock()
        self._waiters: dict[object, Callable[[], None]] = {}
        self.state = State.CONNECTING
        self.why = "start"
        self.ended = False
        """Nothing is put in any more."""
        self.failure: Exception | None = None

    def __len__(self) -> int:
        spilled = 0 if self._spill is None else len(self._spill)
        return len(self._items) + spilled + len(self._behind)

    def put(self, items: Sequence[Item]) -> bool:
        """Takes items; whether the reader has to stop until there is room."""
        with self._lock:
            if self._spill is None:
                self._items.extend(items)
            else:
                for item in items:
                    self._add(item, self._spill)
            if len(self) >= self._most and not self._spills():
                self._stopped = True  # until there is room, whatever is put in between
            stopped = self._stopped
        self.ring()
        return stopped

    def take(self) -> Item | None:
        """The next item, or ``None`` where there is none now."""
        if self._spill is None and not self._stopped and self._items:
            return self._items.popleft()  # the other thread only adds: no lock is needed
        with self._lock:
            if not self._items and self._spill is not None:
                self._items.extend(self._spill.read(self._most))
                if not self._items:
                    self._items, self._behind = self._behind, self._items
            item = self._items.popleft() if self._items else None
            room = self._stopped and len(self) <= self._most // 2
            if room:
                self._stopped = False
        if room:
            self._room()
        return item

    def change(self, state: State, why: str) -> None:
        """Notes the state, and whoever waits for one looks."""
        self.state, self.why = state, why
        self.ring()

    def end(self, failure: Exception | None = None) -> None:
        """Nothing comes any more; what is there can still be taken."""
        self.failure = self.failure or failure
        self.ended = True
        self.ring()

    def close(self) -> None:
        """Lets the disk go."""
        if self._spill is not None:
            self._spill.close()

    def ring(self) -> None:
        """Wakes whoever waits."""
        if not self._waiters:
            return
        with self._lock:
            waiters, self._waiters = self._waiters, {}
        for wake in waiters.values():
            with contextlib.suppress(RuntimeError):  # a loop that is closed meanwhile
                wake()

    async def until(self, ready: Callable[[], bool]) -> None:
        """Waits on this loop until it is so; can be cancelled."""
        loop = asyncio.get_running_loop()
        token = object()
        while not ready():
            rung = asyncio.Event()
            with self._lock:
                self._waiters[token] = partial(_wake, loop, rung)
            try:
                if ready():
                    return
                await rung.wait()
            finally:
                with self._lock:
                    self._waiters.pop(token, None)

    def block_until(self, ready: Callable[[], bool], timeout_s: float | None) -> bool:
        """Waits on this thread until it is so; ``False`` where it is not within that time."""
        last = None if timeout_s is None else time.monotonic() + timeout_s
        token = object()
        while not ready():
            rung = threading.Event()
            with self._lock:
                self._waiters[token] = rung.set
            left = None if last is None else last - time.monotonic()
            if (left is not None and left <= 0) or (not ready() and not rung.wait(left)):
                self._waiters.pop(token, None)
                return ready()
        return True

    def _spills(self) -> bool:
        return self._spill is not None and self._spill.takes

    def _add(self, item: Item, spill: Spill) -> None:
        if not len(spill) and len(self._items) < self._most:
            (self._behind or self._items).append(item)
        elif self._behind or not spill.write(item):
            self._behind.append(item)


def _wake(loop: asyncio.AbstractEventLoop, rung: asyncio.Event) -> None:
    loop.call_soon_threadsafe(rung.set)
