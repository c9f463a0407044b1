"""Small records that all nodes share: a KV bucket of which every node holds a copy.

Reads come from the copy, and every write is guarded by the sequence that the copy shows. Whether
the copy is complete is proved by a tick: a record that this node stores and sees come back, with
all that was stored before it. That also says whether NATS has a quorum, which nodes live, and
what time it is. ADR 15.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import secrets
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, Header, StreamConfig

from userstream.errors import StoreUnavailable
from userstream.server.clock import Clock
from userstream.server.logs import logger
from userstream.server.nats.streamtime import StreamTime, Tick
from userstream.server.records import decode, encode

_log = logger("register")
_WRONG_SEQUENCE = 10071
_TICK_LIFE_S = 3_600
_MARKER_S = 60
_SOON_S = 0.02
_LOADED_S = 60


class Change(NamedTuple):
    """A record as it was stored; an empty value: it is gone."""

    key: str
    value: bytes
    seq: int


class Conflict(Exception):
    """Another node stored that record first; ``last`` is the sequence of what it stored."""

    def __init__(self, last: int) -> None:
        super().__init__(f"the last sequence is {last}")
        self.last = last


class Timing(NamedTuple):
    """In seconds of real time."""

    tick_s: float = 0.25
    answer_s: float = 2.0
    """How long a write may take; also how long time may leap without standing still."""
    settle_s: float = 5.0
    """How long nodes have after an outage to store what they promised in it."""
    lease_s: float = 5.0
    """After which a node that says nothing counts as dead."""


class Register:
    """One node's copy of the bucket. ``open`` it after all ``on`` were said."""

    def __init__(
        self, client: Client, bucket: str, clock: Clock, replicas: int, timing: Timing | None = None
    ) -> None:
        self.node = secrets.token_hex(8)
        self.clock = clock
        self.timing = timing or Timing()
        scale = 1_000 * clock.speed
        t = self.timing
        self.time = StreamTime(*(int(s * scale) for s in (t.answer_s, t.settle_s, t.lease_s)))
        self.down = False
        """Whether the last tick could not be stored: no quorum, or no connection."""
        self._client = client
        self._js = client.jetstream(timeout=t.answer_s)
        self._stream = f"KV_{bucket}"
        self._prefix = f"$KV.{bucket}."
        self._replicas = replicas
        self._apply: dict[str, Callable[[Change], None]] = {"n": self._ticked}
        self._on_tick: list[Callable[[], None]] = []
        self._on_time: list[Callable[[], None]] = []
        self._seqs: dict[str, int] = {}
        self._last = 0
        self._watching: Subscription | None = None
        self._watch_number = self._consumed = 0
        self._sights: list[tuple[int, int, asyncio.Future[None]]] = []
        self._count = itertools.count()
        self._waiters: list[asyncio.Future[None]] = []
        self._wake = asyncio.Event()
        self._heard: asyncio.Event | None = None
        self._ready = self._closing = False
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

    async def open(self) -> None:
        """Makes the bucket where there is none, copies it, and joins the other nodes.

        Raises:
            StoreUnavailable: NATS does not answer, or has no quorum.
        """
        try:
            await self._make()
        except (nats.errors.Error, TimeoutError) as e:
            raise StoreUnavailable(f"NATS JetStream cannot be used: {_said(e)}") from None
        await self._watch()
        if not await self._tick(_LOADED_S):
            await self.close()
            raise StoreUnavailable("NATS JetStream stores nothing: is there a quorum?")
        self._heard = asyncio.Event()
        if [node for node in self.time.nodes() if node != self.node]:
            with contextlib.suppress(TimeoutError):  # they have stopped, a moment ago
                async with asyncio.timeout(4 * self.timing.tick_s):
                    await self._heard.wait()
        self._ready = True
        await self._tick()
        self._beating = asyncio.create_task(self._beat())

    async def close(self) -> None:
        """Leaves the other nodes, who count this one out at once."""
        self._closing = True
        if self._beating is not None:
            self._beating.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._beating
        with contextlib.suppress(StoreUnavailable, Conflict):
            if not self.down:
                await self._publish(f"n.{self.node}", b"", None, _MARKER_S)
        self.down = True
        for waiter in self._waiters:
            _settle(waiter, StoreUnavailable("this node stops"))
        if self._watching is not None:
            with contextlib.suppress(nats.errors.Error):
                await self._watching.unsubscribe()

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
            seq = await self._publish(key, value, after, life_s)
        except Conflict as e:
            if after == self.seq(key) == 0 < e.last <= self._last:  # the rest of one that is gone
                seq = await self._publish(key, value, e.last, life_s)
            else:
                if e.last == 0:
                    self._seqs.pop(key, None)
                raise
        try:
            async with asyncio.timeout(self.timing.answer_s):
                await self._seen(seq)
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

    def hurry(self) -> None:
        """Ticks soon: the stream's time is due to pass a deadline."""
        asyncio.get_running_loop().call_later(_SOON_S, self._wake.set)

    # ── ticks ───────────────────────────────────────────────────────────────────────────────────

    async def _beat(self) -> None:
        while not self._closing:  # a request may swallow the cancellation
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.timing.tick_s):
                    await self._wake.wait()
            self._wake.clear()
            await self._tick()

    async def _tick(self, within_s: float = 1.0) -> bool:
        waiters, self._waiters = self._waiters, []
        tick = Tick(self.clock.ms() if self._ready else 0, self.time.ms)
        failed: StoreUnavailable | None = None
        try:
            seq = await self._publish(f"n.{self.node}", encode(tick), None, _TICK_LIFE_S)
            self.down = False
            async with asyncio.timeout(within_s):
                await self._seen(seq)
        except TimeoutError:
            failed = StoreUnavailable("what other nodes stored cannot be known now")
            _log.warning("the watch of the register is behind, and is made anew")
            await self._watch()
        except StoreUnavailable as e:
            failed, self.down = e, True
            _log.warning("nothing can be stored", error=str(e))
            await asyncio.sleep(self.timing.tick_s)
        for waiter in waiters:
            _settle(waiter, failed)
        if failed is None:
            for told in self._on_tick:
                told()
        return failed is None

    def _ticked(self, change: Change) -> None:
        node = change.key.partition(".")[2]
        if not change.value:
            self.time.leave(node)
            return
        tick = decode(change.value, Tick)
        self.time.hear(node, tick)
        for told in self._on_time:
            told()
        if node == self.node or not tick.ms:
            return
        ahead_ms = tick.ms - self.clock.ms()
        if self._heard is not None and not self._ready:
            self.clock.follow(tick.ms)
            self._heard.set()
        elif self._ready and 0 < ahead_ms < self.timing.answer_s * 1_000 * self.clock.speed:
            self.clock.follow(tick.ms)  # clocks drift: all go with the fastest

    # ── the copy ────────────────────────────────────────────────────────────────────────────────

    async def _make(self) -> None:
        try:
            await self._js.stream_info(self._stream)
        except nats.js.errors.NotFoundError:
            await self._js.add_stream(
                StreamConfig(
                    name=self._stream,
                    subjects=[f"{self._prefix}>"],
                    max_msgs_per_subject=1,
                    allow_rollup_hdrs=True,
                    deny_delete=True,
                    allow_direct=True,
                    allow_msg_ttl=True,
                    subject_delete_marker_ttl=_MARKER_S,
                    num_replicas=self._replicas,
                )
            )

    async def _watch(self) -> None:
        """Follows the bucket from where this copy ends."""
        if self._watching is not None:
            with contextlib.suppress(nats.errors.Error):
                await self._watching.unsubscribe()
        self._watch_number += 1
        self._consumed = 0
        inbox = self._client.new_inbox()
        config = ConsumerConfig(
            deliver_subject=inbox,
            ack_policy=AckPolicy.NONE,
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=self._last + 1,
            mem_storage=True,
            num_replicas=1,
            inactive_threshold=30,
        )
        try:
            taken = partial(self._take, self._watch_number)
            self._watching = await self._client.subscribe(inbox, cb=taken)
            await self._js.add_consumer(self._stream, config)
        except (nats.errors.Error, TimeoutError) as e:
            self._watching = None
            _log.warning("the register cannot be watched", error=_said(e))

    async def _take(self, watch: int, msg: Msg) -> None:
        if watch != self._watch_number:
            return
        at = msg.metadata.sequence
        self._consumed += 1
        if at.consumer != self._consumed:
            # Something was lost on the way. The next tick will miss itself, and watch anew.
            self._consumed = -1
            return
        key = msg.subject.removeprefix(self._prefix)
        if msg.data:
            self._seqs[key] = at.stream
        else:
            self._seqs.pop(key, None)
        apply = self._apply.get(key.partition(".")[0])
        try:
            if apply is not None:
                apply(Change(key, msg.data, at.stream))
        except Exception as e:  # noqa: BLE001 - one bad record must not hold up all others
            _log.error("a shared record cannot be used", kind=key[:1], exc_info=e)
        self._last = at.stream
        while self._sights and self._sights[0][0] <= self._last:
            _settle(heapq.heappop(self._sights)[2])

    async def _seen(self, seq: int) -> None:
        if self._last < seq:
            future = asyncio.get_running_loop().create_future()
            heapq.heappush(self._sights, (seq, next(self._count), future))
            await future

    async def _publish(self, key: str, value: bytes, after: int | None, life_s: int | None) -> int:
        headers = {} if after is None else {Header.EXPECTED_LAST_SUBJECT_SEQUENCE.value: str(after)}
        if not value:
            headers["KV-Operation"] = "DEL"
        try:
            ack = await self._js.publish(
                self._prefix + key, value, headers=headers or None, msg_ttl=life_s
            )
        except nats.js.errors.APIError as e:
            if e.err_code == _WRONG_SEQUENCE:
                raise Conflict(int((e.description or "0").rpartition(" ")[2])) from None
            raise StoreUnavailable(f"NATS refuses: {_said(e)}") from None
        except (nats.errors.Error, TimeoutError) as e:
            raise StoreUnavailable(f"NATS does not answer: {_said(e)}") from None
        return ack.seq


def _settle(waiter: asyncio.Future[None], error: Exception | None = None) -> None:
    if waiter.done():
        return
    if error is None:
        waiter.set_result(None)
    else:
        waiter.set_exception(error)


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__
