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
from userstream.server.logs import Seldom, logger
from userstream.server.nats.followed import Followed, Then
from userstream.server.nats.history import EventDamaged, History, Placed, Reached
from userstream.server.nats.jetstream import JetStream
from userstream.server.nats.layout import Layout, read_event
from userstream.server.nats.sweep import Sweep
from userstream.server.nats.wire import Message
from userstream.server.tasks import ended, failed, lasting

_log = logger("follower")
_PAUSE_S = 0.1
_BEGIN_S = 5.0
_SETTLE_S = 5.0
_PAGE = 250
_GATHER_S = 0.05
"""Between two questions for a shard's accounts: in a herd each is for many of them."""


class Follower:
    """All accounts that somebody here listens to."""

    def __init__(
        self,
        js: JetStream,
        layout: Layout,
        history: History,
        deliver: Callable[[Sequence[Appended]], None],
        gap: Callable[[str], None],
        retention_s: float,
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
        self._seldom = Seldom()
        self._sweep = Sweep(js, layout, history, retention_s, self._followed, self._repair)

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
        """Returns once an account has come to a ``seq``, or its log is known to end before it.

        Raises:
            StoreUnavailable: neither in time.
        """
        asked_s = time.monotonic()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SETTLE_S):
                while followed.head < seq and self._waits(followed):
                    with contextlib.suppress(StoreError):
                        if await self._ends_before(followed, seq, asked_s):
                            return
                    await asyncio.sleep(_PAUSE_S)
                return
        raise StoreUnavailable("whether an account has come so far is not known now")

    async def _ends_before(self, followed: Followed, seq: int, asked_s: float) -> bool:
        """Whether an account's log is known to end before a ``seq``; what it has is read.

        One that leads no more, and does not know, answers, too. But what a reader of another node
        was shown lies before the next tick: so it counts only if it has one that came since.
        """
        tick = self._sweep.ticked(followed.shard, asked_s)
        reached = await self._history.reached(followed.shard, [followed.account], tick)
        last = reached[followed.account]
        if isinstance(last, StoreError):
            return False
        if last[0] > followed.seen and self._waits(followed):
            self._repair(followed, *last)
        return bool(tick) and last[0] < seq

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

        All are subscribed to before it is asked how far they are, so nothing lies between. Where
        that cannot be asked, all that came with them are told so, and those that came since try.
        """
        while new := self._new.pop(shard, None):
            answer: Mapping[str, Reached] | StoreError = {}
            for at in range(0, len(new), _PAGE):
                some = [found for found in new[at : at + _PAGE] if self._waits(found)]
                if some and not isinstance(answer, StoreUnavailable):
                    answer = await self._ask(shard, some)
                for found in filter(self._waits, some):
                    self._began(found, answer)
            await asyncio.sleep(_GATHER_S)
        del self._beginning[shard]

    async def _ask(
        self, shard: int, some: Sequence[Followed]
    ) -> Mapping[str, Reached] | StoreError:
        for found in some:
            subject = self._layout.live_subject(found.account)
            found.sid = self._link.subscribe(subject, partial(self._came, found))
        try:
            async with asyncio.timeout(_BEGIN_S):
                return await self._history.reached(shard, [found.account for found in some])
        except TimeoutError:
            _log.info("places in the log are not told", shard=shard)
            return StoreUnavailable("an account's place in the log was not told in time")
        except StoreError as e:
            return e
        except Exception as e:  # noqa: BLE001 - whoever waits for it must be told
            failed("follower", e)
            return StoreDamaged(f"accounts cannot be followed: {e!r}")

    def _waits(self, found: Followed) -> bool:
        return self._followed.get(found.account) is found

    def _began(self, found: Followed, answer: Mapping[str, Reached] | StoreError) -> None:
        waiting, found.waiting = found.waiting, []
        reached = answer if isinstance(answer, StoreError) else answer[found.account]
        if isinstance(reached, StoreError):
            self._forget(found)
        else:
            found.seen, found.place = reached
            found.head = found.seen
            found.ready = True
            found.checked_s = time.monotonic()
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
            self._repair(found, event.seq, place)

    def _hand_over(self) -> None:
        turn, self._turn = self._turn, []
        for found, event in turn:
            found.head = event.seq
        if turn:
            self._deliver([event for _, event in turn])

    def _release(self, found: Followed) -> None:
        """What was held comes in its order; whatever is missing still is repaired."""
        held, found.held = found.held or [], None
        for event, place in held:
            if found.held is None:
                self._take(found, event, place)
            else:
                found.held.append((event, place))

    def _repair(self, found: Followed, upto: int, place: int) -> None:
        """Reads what is missing from history, up to an event that lies at a place, or before it."""
        if found.task is None:
            if found.held is None:
                found.held = []
            repairing = partial(self._repairing, found, upto, place)
            found.task = lasting("follower", repairing, _PAUSE_S)

    async def _repairing(self, found: Followed, upto: int, place: int) -> None:
        _log.info("events are read again", account=found.account, behind=found.seen, upto=upto)
        while found.seen < upto:
            read: Sequence[Placed] = ()
            try:
                read = await self._history.after(found.account, found.place)
                if not read and await self._history.gone(found.account, found.place, place):
                    self._lose(found, upto, place)
            except EventDamaged as e:
                self._lose(found, found.seen + 1, e.place)
            except StoreError as e:
                if self._seldom.passes(found.shard):
                    _log.error("events cannot be read again yet", shard=found.shard, error=str(e))
            if not read:
                await asyncio.sleep(_PAUSE_S)
            for event, at in read:
                if event.seq > found.seen + 1:  # retention was faster
                    self._lose(found, event.seq - 1, found.place)
                self._take(found, event, at)
        found.task = None
        self._release(found)

    def _lose(self, found: Followed, upto: int, place: int) -> None:
        """Nobody can be shown events up to a ``seq`` any more: who lacks them is told."""
        _log.error("events are lost to readers", account=found.account, upto=upto)
        self._hand_over()  # what came before is shown before
        found.seen = found.head = upto
        found.place = max(found.place, place)
        found.oldest = upto + 1
        self._gap(found.account)
