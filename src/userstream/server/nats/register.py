"""Small records that all nodes share: a KV bucket of which every node holds a copy.

Reads come from the copy, and every write is guarded by the sequence that the copy shows. Whether
the copy is complete is proved by a tick: a record that this node stores and sees come back, with
all that was stored before it. That also says whether NATS has a quorum, which nodes live, and
what time it is. ADR 15.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeVar

from userstream.errors import StoreError, StoreUnavailable
from userstream.server.clock import Clock
from userstream.server.logs import logger
from userstream.server.nats.address import NatsSettings
from userstream.server.nats.bucket import MARKER_S, Bucket, Change, Conflict
from userstream.server.nats.jetstream import patiently
from userstream.server.nats.link import Link
from userstream.server.nats.streamtime import StreamTime, Tick
from userstream.server.records import decode, encode
from userstream.server.tasks import ended, lasting, within

_log = logger("register")
_TICK_LIFE_S = 3_600
_SOON_S = 0.02
_ELECTED_S = 15.0  # a NATS that starts as well may still have to elect who leads
_LOADED_S = 600
"""For the whole bucket; a million keys take less than a minute."""
T = TypeVar("T")


class Timing(NamedTuple):
    """In seconds of real time."""

    tick_s: float = 0.25
    answer_s: float = 2.0
    """How long a write may take; also how long time may leap without standing still."""
    settle_s: float = 6.0
    """How long nodes have after an outage to store what they promised in it; more than twice
    ``answer_s``, or a node may not know yet that it is over."""
    lease_s: float = 5.0
    """After which a node that says nothing counts as dead."""


class Register:
    """One node's copy of the bucket. ``open`` it after all ``on`` were said."""

    def __init__(
        self, link: Link, settings: NatsSettings, clock: Clock, timing: Timing | None = None
    ) -> None:
        self.node = secrets.token_hex(8)
        self.clock = clock
        self.timing = t = timing or Timing()
        scale = 1_000 * clock.speed
        self.time = StreamTime(*(int(s * scale) for s in (t.answer_s, t.settle_s, t.lease_s)))
        self.down = False
        """Whether the last tick could not be stored: no quorum, or no connection."""
        self._bucket = Bucket(link, settings, t.answer_s)
        self._apply: dict[str, Callable[[Change], None]] = {"n": self._ticked}
        self._on_tick: list[Callable[[], None]] = []
        self._on_time: list[Callable[[], None]] = []
        self._seqs: dict[str, int] = {}
        self._waiters: list[asyncio.Future[None]] = []
        self._wake = asyncio.Event()
        self._heard: asyncio.Event | None = None
        self._ready = self._closing = False
        self._good_s = 0.0
        self._beating: asyncio.Task[None] | None = None

    def on(self, kind: str, apply: Callable[[Change], None]) -> None:
        """Calls back with every record whose key begins with ``kind`` and a dot, in order."""
        self._apply[kind] = apply

    def on_tick(self, told: Callable[[], None]) -> None:
        """Calls back when this node's copy was proved to be complete."""
        self._on_tick.append(told)

    def on_time(self, told: Callable[[], None]) -> None:
        """Calls back when the stream's time may have moved on."""
        self._on_time.append(told)

    @property
    def loading(self) -> bool:
        """Whether records come that were stored before this node began."""
        return not self._ready

    @property
    def still(self) -> bool:
        """Whether time stands still in an outage, for all nodes that have it, and will settle."""
        t = self.timing
        return self.down and time.monotonic() - self._good_s > t.answer_s + 2 * t.tick_s

    async def open(self) -> None:
        """Makes the bucket where there is none, copies it, and joins the other nodes.

        Raises:
            InvalidSettings: NATS does not allow the bucket.
            StoreError: it does not answer, or has no quorum.
        """
        await patiently(self._bucket.make, _ELECTED_S)
        try:
            await patiently(self._load, _ELECTED_S)
        except StoreError:
            await self.close()
            raise
        self._heard = asyncio.Event()
        if [node for node in self.time.nodes() if node != self.node]:
            await within(4 * self.timing.tick_s, self._heard)  # they have stopped, a moment ago
        self._ready = True
        await self._tick()
        self._beating = lasting("register", self._beat)

    async def _load(self) -> None:
        await self._bucket.watch(self._take)
        if not await self._tick(_LOADED_S):
            raise StoreUnavailable("NATS JetStream stores nothing: is there a quorum?")

    async def close(self) -> None:
        """Leaves the other nodes, who count this one out at once."""
        self._closing = True
        await ended(self._beating)
        with contextlib.suppress(StoreUnavailable, Conflict):
            if not self.down:
                await self._bucket.put(f"n.{self.node}", b"", None, MARKER_S)
        self.down = True
        for waiter in self._waiters:
            _settle(waiter, StoreUnavailable("this node stops"))
        self._bucket.unwatch()

    def seq(self, key: str) -> int:
        """The sequence of a record in this copy; 0 where there is none."""
        return self._seqs.get(key, 0)

    async def put(
        self, key: str, value: bytes, life_s: int | None = None, *, after: int | None = None
    ) -> int:
        """Stores a record in place of the one that this copy shows; gives back its sequence.

        It shows in the copy when this returns. ``after`` is the ``seq`` that the record had when
        the change was decided; it must be given where anything was awaited since.

        Raises:
            Conflict: another node was first; ``catch_up``, and decide anew.
            StoreUnavailable: it could not be stored, or whether it was cannot be known.
        """
        if self.down:
            raise StoreUnavailable("NATS has no quorum")
        after = self.seq(key) if after is None else after
        try:
            seq = await self._bucket.put(key, value, after, life_s)
        except Conflict as e:
            gone = after == self.seq(key) == 0 < e.last <= self._bucket.last
            if not gone:
                if e.last == 0:
                    self._seqs.pop(key, None)
                raise
            seq = await self._bucket.put(key, value, e.last, life_s)  # but for what NATS left of it
        try:
            async with asyncio.timeout(self.timing.answer_s):
                await self._bucket.seen(seq)
        except TimeoutError:
            raise StoreUnavailable("what was stored does not come back") from None
        return seq

    async def catch_up(self) -> None:
        """Returns when this copy shows all that was stored before the call.

        Raises:
            StoreUnavailable: that cannot be known now.
        """
        if self.down:
            raise StoreUnavailable("NATS has no quorum")
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        self._wake.set()
        await waiter

    async def retried(self, act: Callable[[bool], Awaitable[T | None]]) -> T:
        """Acts until it is stored and nobody was first; ``act`` hears if the copy is complete.

        Raises:
            StoreUnavailable: there is an outage, or no end to it.
        """
        last, sure = time.monotonic() + 2 * self.timing.answer_s, False
        while time.monotonic() < last:
            with contextlib.suppress(Conflict, StoreUnavailable):
                done = await act(sure)
                if done is not None:
                    return done
            await self.catch_up()
            sure = True
        raise StoreUnavailable("other nodes change the same record all the time")

    def hurry(self) -> None:
        """Ticks soon: the stream's time is due to pass a deadline."""
        asyncio.get_running_loop().call_later(_SOON_S, self._wake.set)

    # ── ticks ───────────────────────────────────────────────────────────────────────────────────

    async def _beat(self) -> None:
        while not self._closing:  # a request may swallow the cancellation
            await within(self.timing.tick_s, self._wake)
            self._wake.clear()
            await self._tick()

    async def _tick(self, within_s: float = 1.0) -> bool:
        waiters, self._waiters = self._waiters, []
        failed: StoreUnavailable | None = StoreUnavailable("the copy's tick failed")
        try:
            failed = await self._prove(within_s)
        finally:
            if failed is not None:  # whoever waits for the next tick need not
                waiters, self._waiters = waiters + self._waiters, []
            for waiter in waiters:
                _settle(waiter, failed)
        if failed is None:
            for told in self._on_tick:
                told()
        return failed is None

    async def _prove(self, within_s: float) -> StoreUnavailable | None:
        """Whether the copy is complete; if not, why."""
        # In an outage the time is left out: such ticks may wait in a socket and be stored late.
        tick = Tick(self.clock.ms() if self._ready and not self.down else 0, self.time.ms)
        began_s = time.monotonic()
        try:
            seq = await self._bucket.put(f"n.{self.node}", encode(tick), None, _TICK_LIFE_S)
            self._up(began_s)
            async with asyncio.timeout(within_s):
                await self._bucket.seen(seq)
        except TimeoutError:
            _log.warning("the watch of the register is behind, and is made anew")
            await self._watch()
            return StoreUnavailable("what other nodes stored cannot be known now")
        except StoreUnavailable as e:
            if not self.down:
                _log.warning("nothing can be stored", error=str(e))
            self.down = True
            return e
        return None

    def _up(self, began_s: float) -> None:
        if self.down:
            _log.info("records can be stored again")
        else:  # what was sent in an outage had no time in it
            self._good_s = began_s
        self.down = False

    def _ticked(self, change: Change) -> None:
        node = change.key.partition(".")[2]
        if not change.value:
            self.time.leave(node)
            return
        tick = decode(change.value, Tick)
        if node != self.node and tick.ms:
            self._follow(tick.ms)  # before the stream's time: no key ends early by our own clock
        self.time.hear(node, tick)
        for told in self._on_time:
            told()

    def _follow(self, ms: int) -> None:
        """Clocks drift: all go with the fastest. A node that joins takes the others' time."""
        ahead_ms = ms - self.clock.ms()
        if self._heard is not None and not self._ready:
            self.clock.follow(ms)
            self._heard.set()
        elif self._ready and 0 < ahead_ms < self.timing.answer_s * 1_000 * self.clock.speed:
            self.clock.follow(ms)

    # ── the copy ────────────────────────────────────────────────────────────────────────────────

    async def _watch(self) -> None:
        try:
            await self._bucket.watch(self._take)
        except StoreError as e:
            _log.warning("the register cannot be watched", error=str(e))

    def _take(self, change: Change) -> None:
        if change.value:
            self._seqs[change.key] = change.seq
        else:
            self._seqs.pop(change.key, None)
        apply = self._apply.get(change.key.partition(".")[0])
        if apply is not None:
            apply(change)


def _settle(waiter: asyncio.Future[None], error: Exception | None = None) -> None:
    if waiter.done():
        return
    if error is None:
        waiter.set_result(None)
    else:
        waiter.set_exception(error)
