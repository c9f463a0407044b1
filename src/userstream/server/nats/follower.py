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
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from weakref import WeakValueDictionary

from userstream.core.publishing import Appended
from userstream.errors import StoreDamaged, StoreError, StoreUnavailable
from userstream.server.logs import logger
from userstream.server.nats.history import History, Placed, Reached
from userstream.server.nats.jetstream import JetStream
from userstream.server.nats.layout import Layout, read_event
from userstream.server.nats.sweep import Sweep
from userstream.server.nats.wire import Message
from userstream.server.tasks import ended, failed, lasting

_log = logger("follower")
_PAUSE_S = 0.1
_BEGIN_S = 5.0
_SETTLE_PAUSES = 50
_PAGE = 250
_GATHER_S = 0.05
"""Between two questions for a shard's accounts: in a herd each is for many of them."""
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
        self.oldest = 0
        """The first that is retained, when somebody asked; 0: nobody did."""
        self.began_s = self.checked_s = 0.0
        self.held: list[tuple[Appended, int]] | None = []
        """What came while the beginning or a hole is read; ``None``: neither is."""
        self.waiting = [then]
        """Who waits for the beginning."""
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
        self._new: dict[int, list[Followed]] = {}
        self._beginning: dict[int, asyncio.Task[None]] = {}
        self._asking: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._turn: list[tuple[Followed, Appended]] = []
        self._sweep = Sweep(js, layout, self._followed, self._repair)

    def start(self) -> None:
        """Begins to ask for tails."""
        self._sweep.start()

    async def close(self) -> None:
        """Follows nobody any more."""
        await self._sweep.close()
        for task in list(self._beginning.values()):
            await ended(task)
        for account in list(self._followed):
            self._forget(self._followed[account])

    def get(self, account: str) -> Followed | None:
        """An account that is followed."""
        found = self._followed.get(account)
        return found if found is not None and found.ready else None

    def proven(self, followed: Followed) -> bool:
        """Whether the head of an account was compared with the log lately."""
        return self._sweep.proven(followed)

    async def settled(self, followed: Followed, seq: int) -> None:
        """Returns once an account has come to a ``seq`` or its log ends before, or soon."""
        for _ in range(_SETTLE_PAUSES):
            if followed.head >= seq or not self._waits(followed):
                return
            with contextlib.suppress(StoreError):
                tail = await self._history.tail(followed.account)
                if (last := tail.event.seq if tail else 0) < seq and self._sweep.swept(followed):
                    return
                if last > followed.seen and self._waits(followed):
                    self._repair(followed, last)
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
        self._sweep.watch(found.shard)
        self._new.setdefault(found.shard, []).append(found)
        if found.shard not in self._beginning:
            self._beginning[found.shard] = lasting("follower", partial(self._begin, found.shard))

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

    async def oldest(self, followed: Followed) -> int:
        """The first ``seq`` of an account that was retained when somebody asked first.

        Raises:
            StoreError: it cannot be read.
        """
        account = followed.account
        if not followed.oldest:
            async with self._asking.setdefault(account, asyncio.Lock()):
                if not followed.oldest:
                    seen = followed.seen  # what comes meanwhile is retained
                    first = await self._history.oldest(account)
                    known = seen + 1 if first is None else first.event.seq
                    followed.oldest = max(followed.oldest, known)
        return followed.oldest

    # ── beginnings ──────────────────────────────────────────────────────────────────────────────

    async def _begin(self, shard: int) -> None:
        """Accounts of a shard begin together: those that come while others are asked for.

        All are subscribed to before it is asked how far they are, so nothing lies between.
        """
        while new := self._new.pop(shard, None):
            for at in range(0, len(new), _PAGE):
                await self._begin_some(shard, new[at : at + _PAGE])
            await asyncio.sleep(_GATHER_S)
        del self._beginning[shard]

    async def _begin_some(self, shard: int, new: Sequence[Followed]) -> None:
        error: StoreError = StoreUnavailable("an account's place in the log was not told in time")
        reached: Mapping[str, Reached] = {}
        waited = [found for found in new if self._waits(found)]
        for found in waited:
            subject = self._layout.live_subject(found.account)
            found.sid = self._link.subscribe(subject, partial(self._came, found))
        accounts = [found.account for found in waited]
        try:
            async with asyncio.timeout(_BEGIN_S):
                reached = await self._history.reached(shard, accounts) if accounts else {}
        except TimeoutError:
            _log.info("places in the log are not told", shard=shard)
        except StoreError as e:
            error = e
        except Exception as e:  # noqa: BLE001 - whoever waits for it must be told
            failed("follower", e)
            error = StoreDamaged(f"accounts cannot be followed: {e!r}")
        for found in waited:
            if self._waits(found):
                self._began(found, reached.get(found.account, error))

    def _waits(self, found: Followed) -> bool:
        return self._followed.get(found.account) is found

    def _began(self, found: Followed, reached: Reached) -> None:
        waiting, found.waiting = found.waiting, []
        if isinstance(reached, StoreError):
            self._forget(found)
        else:
            found.seen, found.place = reached
            found.head = found.seen
            found.ready = True
            found.began_s = found.checked_s = time.monotonic()
            self._sweep.began(found)
            self._release(found)
        for then in waiting:
            try:
                then(reached if isinstance(reached, StoreError) else None)
            except Exception as e:  # noqa: BLE001 - others begin in the same turn
                failed("follower", e)

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
