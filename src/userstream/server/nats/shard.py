"""One shard's writer: one process at a time, whose appends the stream takes in their order."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable
from functools import partial

from userstream.errors import StoreError, StoreUnavailable
from userstream.server.logs import Seldom, logger
from userstream.server.nats.flow import Batches, Done, Entry, Flow, OneByOne
from userstream.server.nats.jetstream import JetStream
from userstream.server.nats.layout import Layout
from userstream.server.nats.lease import TICK_S, BehindError, Lease, check_end
from userstream.server.tasks import ended, lasting, told, within

_log = logger("shard")
_PATIENCE_S = 2.0
_AGAIN_S = 10.0
_AT_ONCE = 64
_PAUSE_S = 0.02
_LONGEST_PAUSE_S = 0.25
_BATCHES_FROM = 2  # copies: on a single node a batch costs more than its messages one by one


class FencedError(StoreUnavailable):
    """Another process has become the writer."""


def written(shards: Iterable[Shard]) -> int:
    """How many of them this process writes."""
    return sum(shard.mine for shard in shards)


def _flow_of(layout: Layout) -> type[Flow]:
    if not layout.batches:
        return OneByOne
    return Batches if layout.copies >= _BATCHES_FROM else Flow


class Shard:
    """Takes the shard when nobody has it, and keeps it with a tick a second.

    Each append names its place; after any refusal, silence or reconnect the leader's tail is
    compared with what is in flight, and only what is not there is sent again.
    """

    def __init__(
        self,
        number: int,
        layout: Layout,
        js: JetStream,
        owner: str,
        wait_s: float,
        opened: Callable[[Shard, int], None],
        lost: Callable[[Shard], None],
        takes: Callable[[Shard, bool], None] = lambda *_: None,
    ) -> None:
        """``takes`` is told that a term may begin of what its writer left, and that none does."""
        self.number = number
        self.stream = layout.events(number)
        self._js = js
        self._wait_s = wait_s
        self._opened, self._lost, self._takes = opened, lost, takes
        self._taking = asyncio.Lock()
        flow = _flow_of(layout)
        self._flow = flow(js.link, number, self._troubled)
        self._lease = Lease(js, layout, number, owner, flow.stride)
        self._trouble = asyncio.Event()
        self._begun = -1
        self._pause_s = 0.0
        self._ticking = False
        self._nudged = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.asked = asyncio.Event()
        """Set once the stream said who writes it."""
        self.mine = False
        self.term = 0
        self.floor = 0
        js.link.on_down.append(self._troubled)

    @property
    def base(self) -> int:
        """The last place in the stream that is known to be taken by us."""
        return self._flow.base

    def start(self) -> None:
        """Tries to become the writer, now and whenever nobody else is."""
        self._task = lasting(f"shard {self.number}", self._run, _AGAIN_S)

    async def settle(self) -> None:
        """Takes it no more; if it is just being taken, waits for that, for a while."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE_S), self._taking:
                if not self.mine:
                    await ended(self._task)

    async def close(self) -> None:
        """Waits for what is in flight, for a while, and gives the shard up."""
        if self._troubled in self._js.link.on_down:
            self._js.link.on_down.remove(self._troubled)
        if self.mine:
            given: asyncio.Event = asyncio.Event()
            self._say_farewell("", lambda *_: given.set())
            await within(_PATIENCE_S, given)
        await ended(self._task)
        self._fail(StoreUnavailable("the server stops"))

    @property
    def calm(self) -> bool:
        """Whether this process writes it, and no trouble is known."""
        return self.mine and not self._trouble.is_set()

    def nudge(self) -> None:
        """It may have been given up just now."""
        self._nudged.set()

    async def give(self, heir: str) -> None:
        """Gives the shard up to another process, once all that was put before is stored.

        Raises:
            StoreError: that is not known; the shard is not ours any more either way.
        """
        await told(partial(self._give, heir))

    def _give(self, heir: str, told: Callable[[StoreError | None], None]) -> None:
        def done(error: StoreError | None, _: int) -> None:
            if error is None:
                _log.info("a shard is given to another process", shard=self.number, to=heir)
                self._leave(StoreUnavailable("another process writes this account now"))
            told(error)

        self._say_farewell(heir, done)

    def _say_farewell(self, heir: str, done: Done) -> None:
        self.put(*self._lease.farewell(self.term, self.floor, heir), done)
        # The next writer begins where that lies: nothing of this one may come behind it.
        self._flow.seal()

    def put(self, subject: bytes, payload: bytes, done: Done) -> None:
        """Appends behind all that was put before; only while the shard is ``mine``."""
        self._flow.put(Entry(subject, payload, done))

    def barrier(self, done: Callable[[StoreError | None], None]) -> None:
        """Says how all that was put before went: whether it is stored, all of it."""
        last = self._flow.last()
        if last is None:
            done(None)
        else:
            last.tell(lambda error, _: done(error))

    async def stored(self) -> None:
        """Returns when all that was put before is stored.

        Raises:
            StoreError: some of it is not known to be.
        """
        await told(self.barrier)

    def _troubled(self) -> None:
        self._flow.stop()
        self._trouble.set()

    def _begin(self) -> None:
        self._begun = self.base
        self._trouble.clear()
        self._flow.begin()

    def _fail(self, error: StoreError) -> None:
        if self.mine:
            _log.warning("a shard is not written here now", shard=self.number, why=str(error))
            self._leave(error)
        else:
            self._flow.give_up(error)

    def _leave(self, error: StoreError) -> None:
        self.mine = False
        self._troubled()  # so that nobody ticks any more
        self._lost(self)
        self._flow.give_up(error)

    # ── terms ───────────────────────────────────────────────────────────────────────────────────

    async def _run(self) -> None:
        try:
            while True:
                if not self.mine:
                    await self._take()
                await self._tend()
                if self.mine:
                    await self._recover()
        except Exception as e:  # what is there makes no sense: nothing is written onto it
            self._fail(e if isinstance(e, StoreError) else StoreUnavailable(repr(e)))
            raise

    async def _take(self) -> None:
        """Returns once the shard is ours."""
        told, behind = False, Seldom(_AGAIN_S)
        while True:
            try:
                await self._try()
            except BehindError as e:
                if behind.passes():
                    what = "a shard ends before what was acknowledged"
                    _log.error(what, shard=self.number, error=str(e))
            except StoreUnavailable as e:
                if not told:
                    _log.info("a shard cannot be asked for", shard=self.number, error=str(e))
                told = True
            if self.mine:
                return
            await within(TICK_S / 4, self._nudged)
            self._nudged.clear()

    async def _try(self) -> None:
        async with self._taking:
            try:
                term = await self._lease.take(self.base, partial(self._takes, self, True))
                self.asked.set()
                if term is not None:
                    self.mine, self.term, self.floor = True, term.number, term.floor
                    self._flow.open(term.place)
                    self._begin()
                    self._opened(self, term.floor)
                    _log.info("a shard is written here", shard=self.number, term=self.term)
            finally:
                self._takes(self, False)

    async def _tend(self) -> None:
        """Ticks; returns when something is wrong."""
        while not self._trouble.is_set():
            before = self.base
            if not self._ticking:
                self._ticking = True
                self.put(*self._lease.tick(self.term, self.floor), self._ticked)
            for _ in range(int(_PATIENCE_S / TICK_S)):
                await within(TICK_S, self._trouble)
                if self.base != before or self._trouble.is_set():
                    break
            else:
                _log.warning("appends get no answer", shard=self.number, count=len(self._flow.sent))
                self._troubled()

    def _ticked(self, *_: object) -> None:
        self._ticking = False

    async def _rest(self) -> None:
        """Waits, the longer the more often nothing was stored since the last try."""
        if self.base != self._begun:
            self._pause_s = 0.0
            return
        self._pause_s = min(max(2 * self._pause_s, _PAUSE_S), _LONGEST_PAUSE_S)
        await asyncio.sleep(self._pause_s)

    async def _recover(self) -> None:
        """Goes on where the stream really is, or gives up what is in flight."""
        await self._rest()
        while True:
            silent_s = time.monotonic() - self._flow.moved_s
            why = StoreUnavailable("NATS does not commit")
            try:
                await self._compare()
            except FencedError as e:
                self._fail(e)
                return
            except StoreUnavailable as e:
                why = e
            else:
                if not self.mine:  # what was found was its farewell
                    return
                # A leader without a quorum answers, too, and commits nothing.
                if silent_s < self._wait_s or time.monotonic() - self._flow.moved_s < self._wait_s:
                    self._begin()
                    return
            if silent_s > self._wait_s:
                self._fail(why)
                return
            await asyncio.sleep(0.1)

    async def _compare(self) -> None:
        """Takes what is in the stream out of what is in flight."""
        last = (await self._js.info(self.stream)).state.last_seq
        check_end(self.stream, last, self.base)
        while self.base < last:
            places = range(self.base + 1, min(last, self.base + _AT_ONCE) + 1)
            found = await asyncio.gather(
                *(self._js.get(self.stream, seq=place) for place in places)
            )
            for place, kept in zip(places, found, strict=True):
                entry = self._flow.sent[0] if self._flow.sent else None
                if entry is None or kept is None:
                    raise FencedError("another process writes this account now")
                if (kept.subject.encode(), kept.data) != (entry.subject, entry.payload):
                    raise FencedError("another process writes this account now")
                self._flow.found(place)
