"""Following accounts: their committed events as they come, each checked to be the next.

What a stream republishes can be lost on its way, when a leader, a connection or a reader is too
slow. A hole is repaired from history before anything after it is shown; a loss at the end is
found by asking for tails: soon after the subscription, after a reconnect, when a writer's tick
is missing, and every few seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from functools import partial

from userstream.core.publishing import Appended
from userstream.errors import StoreDamaged, StoreError, StoreUnavailable
from userstream.server.logs import logger
from userstream.server.nats.history import History, Placed
from userstream.server.nats.jetstream import JetStream
from userstream.server.nats.layout import Layout, read_event
from userstream.server.nats.sweep import Sweep
from userstream.server.nats.wire import Message
from userstream.server.tasks import failed, lasting

_log = logger("follower")
_PAUSE_S = 0.1
_BEGIN_S = 5.0
_SETTLE_PAUSES = 50
_BEGIN_AT_ONCE = 256  # JetStream drops requests when 10,000 of all processes wait
Then = Callable[[StoreError | None], None]


class Followed:
    """One account: how far its events have come, and who waits for the beginning."""

    __slots__ = (
        "account",
        "began_s",
        "checked_s",
        "count",
        "head",
        "held",
        "oldest",
        "place",
        "ready",
        "seen",
        "shard",
        "sid",
        "task",
        "waiting",
    )

    def __init__(self, account: str, shard: int, then: Then) -> None:
        self.account = account
        self.shard = shard
        self.count = 1
        self.sid = 0
        self.ready = False
        self.seen = 0
        """The last ``seq`` that came, without a hole before it."""
        self.head = 0
        """The last that was handed to subscribers."""
        self.place = 0
        """Of the last that came, in its stream."""
        self.oldest = 1
        self.began_s = self.checked_s = 0.0
        self.held: list[tuple[Appended, int]] | None = []
        """What came while the beginning or a hole is read; ``None``: neither is."""
        self.waiting = [then]
        self.task: asyncio.Task[None] | None = None


class Follower:
    """All accounts that somebody here listens to."""

    def __init__(
        self,
        js: JetStream,
        layout: Layout,
        history: History,
        deliver: Callable[[Sequence[Appended]], None],
        gap: Callable[[str], None],
    ) -> None:
        self._link = js.link
        self._layout = layout
        self._history = history
        self._deliver = deliver
        self._gap = gap
        self._followed: dict[str, Followed] = {}
        self._turns = asyncio.Semaphore(_BEGIN_AT_ONCE)
        self._turn: list[tuple[Followed, Appended]] = []
        self._sweep = Sweep(js, layout, self._followed, self._repair)

    def start(self) -> None:
        """Begins to ask for tails."""
        self._sweep.start()

    async def close(self) -> None:
        """Follows nobody any more."""
        await self._sweep.close()
        for account in list(self._followed):
            self._forget(self._followed[account])

    def get(self, account: str) -> Followed | None:
        """An account that is followed."""
        found = self._followed.get(account)
        return found if found is not None and found.ready else None

    def proven(self, followed: Followed) -> bool:
        """Whether the head of an account was compared with the log lately."""
        return self._sweep.proven(followed)

    async def settled(self, followed: Followed) -> None:
        """Returns once tails were compared since the beginning, or after some seconds."""
        for _ in range(_SETTLE_PAUSES):
            if self._sweep.swept(followed) and followed.task is None:
                return  # nothing was missing, or it has come
            await asyncio.sleep(_PAUSE_S)

    def follow(self, account: str, then: Then) -> None:
        """Follows an account, once more; says when its head is known and its events come."""
        found = self._followed.get(account)
        if found is not None:
            found.count += 1
            if found.ready:
                then(None)
            else:
                found.waiting.append(then)
            return
        found = Followed(account, self._layout.shard_of(account), then)
        self._followed[account] = found
        subject = self._layout.live_subject(account)
        found.sid = self._link.subscribe(subject, lambda message: self._came(found, message))
        self._sweep.watch(found.shard)
        found.task = asyncio.get_running_loop().create_task(self._begin(found))

    def unfollow(self, account: str) -> None:
        """Takes one ``follow`` back."""
        found = self._followed.get(account)
        if found is not None:
            found.count -= 1
            if found.count == 0:
                self._forget(found)

    def _forget(self, found: Followed) -> None:
        self._followed.pop(found.account, None)
        self._link.unsubscribe(found.sid)
        if found.task is not None:
            found.task.cancel()

    async def _begin(self, found: Followed) -> None:
        error: StoreError | None = None
        try:
            async with self._turns, asyncio.timeout(_BEGIN_S):
                await self._position(found)
        except TimeoutError:
            error = StoreUnavailable("an account's place in the log was not told in time")
        except StoreError as e:
            error = e
        except Exception as e:  # noqa: BLE001 - whoever waits for it must be told
            failed("follower", e)
            error = StoreDamaged(f"an account cannot be followed: {e!r}")
        waiting, found.waiting, found.task = found.waiting, [], None
        if error is not None:
            self._forget(found)
        else:
            found.ready = True
            found.began_s = found.checked_s = time.monotonic()
            self._sweep.began(found)
            self._release(found)
        for then in waiting:
            then(error)

    async def _position(self, found: Followed) -> None:
        account = found.account
        tail, oldest = await asyncio.gather(
            self._history.tail(account), self._history.oldest(account)
        )
        if tail is None:
            found.seen, found.place = await self._history.head(account)
        else:
            found.seen, found.place = tail.event.seq, tail.place
        found.head = found.seen
        found.oldest = found.seen + 1 if oldest is None else oldest.event.seq

    # ── events ──────────────────────────────────────────────────────────────────────────────────

    def _came(self, found: Followed, message: Message) -> None:
        try:
            event = read_event(found.account, message.payload)
            place = int(message.field(b"Nats-Sequence") or 0)
        except (StoreError, ValueError) as e:
            _log.error("an event cannot be read", account=found.account, error=str(e))
            return
        if found.held is None:
            self._take(found, event, place)
        else:
            found.held.append((event, place))

    def _take(self, found: Followed, event: Appended, place: int) -> None:
        if event.seq == found.seen + 1:
            found.seen, found.place = event.seq, place
            if not self._turn:
                asyncio.get_running_loop().call_soon(self._hand_over)
            self._turn.append((found, event))
        elif event.seq > found.seen:
            found.held = [(event, place)]
            self._repair(found, event.seq)

    def _hand_over(self) -> None:
        turn, self._turn = self._turn, []
        for found, event in turn:
            found.head = event.seq
        self._deliver([event for _, event in turn])

    def _release(self, found: Followed) -> None:
        """What was held comes in its order; whatever is missing still is repaired."""
        held, found.held = found.held or [], None
        for event, place in held:
            if found.held is None:
                self._take(found, event, place)
            else:
                found.held.append((event, place))

    def _repair(self, found: Followed, upto: int) -> None:
        """Reads what is missing from history."""
        if found.task is None:
            if found.held is None:
                found.held = []
            found.task = lasting("follower", partial(self._repairing, found, upto), _PAUSE_S)

    async def _repairing(self, found: Followed, upto: int) -> None:
        _log.info("events are read again", account=found.account, behind=found.seen, upto=upto)
        while found.seen < upto:
            read: Sequence[Placed] = ()
            with contextlib.suppress(StoreError):
                read = await self._history.after(found.account, found.place)
            if not read:
                await asyncio.sleep(_PAUSE_S)
            for event, place in read:
                if event.seq > found.seen + 1:  # retention was faster
                    _log.error("events are lost to readers", account=found.account)
                    found.seen, found.oldest = event.seq - 1, event.seq
                    self._gap(found.account)
                self._take(found, event, place)
        found.task = None
        self._release(found)
