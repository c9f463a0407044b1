"""The bus of many processes: appends by one writer a shard, deliveries to whoever follows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Self

from userstream.core.epoch import new_epoch
from userstream.core.limits import Limits
from userstream.core.publishing import Appended
from userstream.core.submission import Submission
from userstream.errors import StoreError, StoreUnavailable
from userstream.server.bus import Stored, Subscriber, Ticket
from userstream.server.clock import Clock
from userstream.server.logs import logger
from userstream.server.nats.address import Address, NatsSettings
from userstream.server.nats.appends import Appends
from userstream.server.nats.followed import Followed
from userstream.server.nats.follower import Follower
from userstream.server.nats.history import History
from userstream.server.nats.jetstream import JetStream, patiently
from userstream.server.nats.layout import Layout, provide, record_of
from userstream.server.nats.link import Link
from userstream.server.nats.retention import Retention
from userstream.server.pagecache import EVENT_BYTES, PAGE, Page, PageCache
from userstream.server.store import Survives

_log = logger("bus")
_OPEN_S = 15.0


class NatsBus:
    """The bus of many processes, on streams of a NATS."""

    def __init__(
        self, js: JetStream, layout: Layout, owner: str, clock: Clock, limits: Limits, *,
        writes: bool = True,
    ) -> None:  # fmt: skip
        self._js = js
        self._layout = layout
        self._appends = Appends(js, layout, owner, clock, limits, writes=writes)
        self._history = History(js, layout)
        self._pages = PageCache(self._begin_page, limits.replay_cache_bytes)
        self._subscribers: list[Subscriber] = []
        self._on_gap: list[Callable[[str], None]] = []
        self._follower = Follower(
            js, layout, self._history, self._deliver, self._lost_to_readers, limits.retention_s
        )
        self._retention = Retention(js, self._appends.shards, limits, clock)

    @classmethod
    async def open(
        cls, address: Address, settings: NatsSettings, owner: str, clock: Clock, limits: Limits,
        entropy: bytes, *, writes: bool = True,
    ) -> Self:  # fmt: skip
        """Connects, makes the streams that are missing, and begins.

        A bus that does not write hands lines to the processes that do, and takes no shard.

        Raises:
            InvalidSettings: NATS does not let us in, is too old, or does not allow the streams.
            StoreError: it does not answer, or what it holds cannot be used.
        """
        link = Link(address)
        await link.open(_OPEN_S)
        try:
            js = JetStream(link)
            epoch = new_epoch(entropy)
            # One that starts as well may still have to elect who makes streams.
            layout = await patiently(lambda: provide(js, settings, epoch), _OPEN_S)
            bus = cls(js, layout, owner, clock, limits, writes=writes)
        except BaseException:
            await link.close()
            raise
        await bus.start()
        return bus

    async def start(self) -> None:
        """Begins to write and to follow; returns when it is known who writes which shard."""
        self._follower.start()
        await self._appends.start()
        self._retention.start()

    async def close(self) -> None:
        """Gives the shards up, and hangs up."""
        await self._retention.stop()
        await self._appends.close()
        self._pages.close()
        await self._follower.close()
        await self._js.link.close()

    @property
    def epoch(self) -> str:
        """The log's epoch: of these streams."""
        return self._layout.epoch

    @property
    def survives(self) -> Survives:
        """What NATS promises."""
        return Survives.MINORITY

    @property
    def refusing(self) -> bool:
        """Whether a shard has no writer now, as far as is known."""
        return bool(self._appends.unwritten())

    @property
    def unwritable(self) -> bool:
        """Whether no shard at all has a writer now, as far as is known."""
        return len(self._appends.unwritten()) == self._layout.shards

    @property
    def written(self) -> int:
        """How many shards this process writes."""
        return self._appends.written

    def short_windows(self) -> Mapping[str, float]:
        """None: a full stream refuses, and drops nothing before its time."""
        return {}

    def fullness(self) -> Mapping[str, float]:
        """The part of its bound that each stream holds."""
        return self._appends.fullness.parts()

    async def mend(self) -> None:
        """Nothing need be tried: ticks are."""

    async def retire(self) -> None:
        """Gives the shards up; lines go to whoever takes them."""
        await self._appends.retire()

    # ── appending ───────────────────────────────────────────────────────────────────────────────

    @property
    def pending_bytes(self) -> int:
        """Accepted and not yet committed."""
        return self._appends.pending_bytes

    def submission(self) -> Submission:
        """A publishing request."""
        return self._appends.submission()

    def append(self, submission: Submission, lines: Sequence[bytes]) -> Ticket:
        """Appends the next lines of a request; their outcomes are final once committed."""
        return self._appends.append(submission, lines)

    # ── following ───────────────────────────────────────────────────────────────────────────────

    def subscribe(self, deliver: Subscriber) -> None:
        """Calls back with committed events of accounts that are followed here, in order."""
        self._subscribers.append(deliver)

    def on_gap(self, told: Callable[[str], None]) -> None:
        """Calls back with accounts of which events are lost to subscribers."""
        self._on_gap.append(told)

    def follow(self, account: str, then: Callable[[StoreError | None], None]) -> None:
        """Delivers an account's events, and knows its head, once it says so."""
        self._follower.follow(account, then)

    def unfollow(self, account: str) -> None:
        """Takes one ``follow`` back."""
        self._follower.unfollow(account)

    def head(self, account: str) -> int:
        """The last ``seq`` that was handed to subscribers, of an account that is followed."""
        return self._followed(account).head

    async def oldest(self, account: str) -> int:
        """The first ``seq`` that was retained when this was asked first.

        Raises:
            StoreError: the log cannot be read.
        """
        return await self._follower.oldest(self._followed(account))

    async def settled(self, account: str, seq: int) -> None:
        """Returns once the head has come to a ``seq``, or the log is known to end before it.

        Raises:
            StoreUnavailable: neither in time.
        """
        await self._follower.settled(self._followed(account), seq)

    def proven(self, account: str) -> bool:
        """Whether the head was compared with the log lately."""
        return self._follower.proven(self._followed(account))

    async def read(self, account: str, from_seq: int) -> Sequence[Appended]:
        """Some committed events from a ``seq`` on, with their pictures.

        Raises:
            StoreError: the log cannot be read.
        """
        found = self._followed(account)
        seen = found.seen  # what comes meanwhile is retained
        if from_seq > seen:
            return []
        # A page before the first that is retained is empty: then whatever comes first is read.
        events = await self._pages.read(account, from_seq) or await self._history.read(
            account, from_seq, found.seen, found.place
        )
        first = events[0].seq if events else seen + 1
        if first > from_seq:
            found.oldest = max(found.oldest, first)
        return _unbroken(events)

    def _begin_page(self, account: str, number: int) -> asyncio.Future[tuple[Page, int]]:
        return asyncio.get_running_loop().create_task(self._load_page(account, number))

    async def _load_page(self, account: str, number: int) -> tuple[Page, int]:
        found = self._followed(account)
        head, place = found.seen, found.place
        start, stop = max(number * PAGE, 1), (number + 1) * PAGE
        page: list[Appended] = []
        while start < stop and start <= head:
            events = await self._history.read(account, start, head, place)
            page += [event for event in events if event.seq < stop]
            start = events[-1].seq + 1 if events else stop
        return page, sum(len(event.line) + EVENT_BYTES for event in page)

    async def history(self, account: str, from_seq: int, limit: int) -> list[Stored]:
        """Events of an account, for people.

        Raises:
            StoreError: the log cannot be read.
        """
        tail = await self._history.tail(account)
        if tail is None:
            return []
        found: list[Stored] = []
        while len(found) < limit and from_seq <= tail.event.seq:
            page = await self._history.read(account, from_seq, tail.event.seq, tail.place)
            if not page:
                break
            found += [Stored(event.seq, record_of(event)) for event in page]
            from_seq = page[-1].seq + 1
        return found[:limit]

    def _followed(self, account: str) -> Followed:
        found = self._follower.get(account)
        if found is None:
            raise StoreUnavailable("the account is not followed here")
        return found

    def _deliver(self, events: Sequence[Appended]) -> None:
        for deliver in self._subscribers:
            try:
                deliver(events)
            except Exception as e:  # noqa: BLE001 - the events are stored, and acknowledged
                _log.error("a subscriber failed", exc_info=e)

    def _lost_to_readers(self, account: str) -> None:
        for told in self._on_gap:
            told(account)


def _unbroken(events: Sequence[Appended]) -> Sequence[Appended]:
    """Up to the first hole: what lay there was damaged."""
    if not events or events[-1].seq - events[0].seq < len(events):
        return events
    return [event for n, event in enumerate(events, events[0].seq) if event.seq == n]
