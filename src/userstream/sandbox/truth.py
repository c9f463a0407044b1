"""The truth: what was published for each account, and which faults touched it, in order."""

from __future__ import annotations

import base64
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from userstream.core.epoch import account_epoch
from userstream.core.publishing import Appended
from userstream.venue import Frame, Venue

VERSION = 1
MAX_EVENTS, MAX_EVENTS_OF_ALL = 250_000, 500_000
"""Kept of one account, and of all; the oldest go first, and a head says where its truth begins."""
MAX_FAULTS, MAX_FAULTS_OF_ALL = 100_000, 200_000
"""Strikes kept, likewise."""
_encode = msgspec.json.Encoder().encode


class Struck(NamedTuple):
    """A fault that touched an account."""

    after_seq: int
    """Of the last event that was published before it, or whose frame it struck."""
    line: dict[str, Any]


Kept = TypeVar("Kept")


class _Bounded(Generic[Kept]):
    """What is kept of each account: the newest of it, and the newest of all together."""

    def __init__(self, each: int, of_all: int) -> None:
        self._each = each
        self._of_all = of_all
        self._kept: dict[str, deque[Kept]] = {}
        self._order: deque[str] = deque()
        """Whose turn it is to lose its oldest."""
        self._gone: Counter[str] = Counter()
        """Turns that came early, since the account itself had too many."""
        self._count = 0

    def add(self, name: str, one: Kept) -> None:
        """Takes the newest one of an account."""
        kept = self._kept.setdefault(name, deque())
        kept.append(one)
        self._order.append(name)
        self._count += 1
        if len(kept) > self._each:
            kept.popleft()
            self._gone[name] += 1
            self._count -= 1
        while self._count > self._of_all or self._gone[self._order[0]]:
            oldest = self._order.popleft()
            if self._gone[oldest]:
                self._gone[oldest] -= 1
            else:
                self._kept[oldest].popleft()
                self._count -= 1
        if len(self._order) > 2 * self._of_all:
            self._tidy()

    def of(self, name: str) -> tuple[Kept, ...]:
        """What is kept of an account, the oldest first."""
        return tuple(self._kept.get(name, ()))

    def _tidy(self) -> None:
        """Takes out the turns that came early: they pile up behind an account that is quiet."""
        order, self._order = self._order, deque()
        for name in order:
            if self._gone[name]:
                self._gone[name] -= 1
            else:
                self._order.append(name)


class Truth:
    """What was committed since the start, account by account."""

    def __init__(self) -> None:
        self._events: _Bounded[Appended] = _Bounded(MAX_EVENTS, MAX_EVENTS_OF_ALL)
        self._faults: _Bounded[Struck] = _Bounded(MAX_FAULTS, MAX_FAULTS_OF_ALL)
        self._seqs: dict[str, int] = {}

    def remember(self, events: Sequence[Appended]) -> None:
        """Takes committed events, each account's in its order."""
        for appended in events:
            self._events.add(appended.account, appended)
            self._seqs[appended.account] = appended.seq

    def struck(self, name: str, line: dict[str, Any], seq: int | None = None) -> None:
        """Takes a fault that touched an account, at the frame of an event or between two."""
        self._faults.add(name, Struck(self._seqs.get(name, 0) if seq is None else seq, line))

    def lines(self, name: str, epoch: str, venue: Venue | None = None) -> Iterator[bytes]:
        """The account's truth as lines of JSON; with a venue, also the frames that it shows.

        ``epoch`` is the log's.
        """
        events, faults = self._events.of(name), sorted(self._faults.of(name), key=_place)
        last_seq = self._seqs.get(name, 0)
        head: dict[str, Any] = {"truth": VERSION, "account": name}
        head["epoch"] = account_epoch(epoch, name)
        head["from_seq"] = events[0].seq if events else last_seq + 1
        head["to_seq"] = last_seq
        if venue is not None:
            head["venue"] = venue.name
        return _lines(head, events, faults, venue)


def _lines(
    head: dict[str, Any], events: tuple[Appended, ...], faults: list[Struck], venue: Venue | None
) -> Iterator[bytes]:
    yield _encode(head)
    at = 0
    for appended in events:
        seq = appended.seq
        while at < len(faults) and faults[at].after_seq < seq:
            yield _encode({"fault": faults[at].line})
            at += 1
        yield _event_line(appended, venue)
    for struck in faults[at:]:
        yield _encode({"fault": struck.line})


def _event_line(appended: Appended, venue: Venue | None) -> bytes:
    if venue is None:
        return _encode(appended.envelope)
    shown: dict[str, Any] = msgspec.structs.asdict(appended.envelope)
    shown["frames"] = [_frame(f) for f in venue.encode(appended.envelope, appended.picture)]
    return _encode(shown)


def _frame(frame: Frame) -> dict[str, str]:
    channel = {"channel": frame.channel} if frame.channel else {}
    if frame.binary:
        return {**channel, "base64": base64.b64encode(frame.payload).decode()}
    return {**channel, "text": frame.payload.decode()}


def _place(struck: Struck) -> int:
    return struck.after_seq
