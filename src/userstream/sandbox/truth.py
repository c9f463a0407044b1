"""The truth: what was published for each account, and which faults touched it, in order."""

from __future__ import annotations

import base64
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from userstream.core.publishing import Appended
from userstream.venue import Frame, Venue

VERSION = 1
MAX_EVENTS = 250_000
"""Kept of one account, the oldest dropped first; the head of a truth says where it begins."""
MAX_FAULTS = 100_000
"""Strikes kept of one account, likewise."""
_encode = msgspec.json.Encoder().encode


class Struck(NamedTuple):
    """A fault that touched an account."""

    after_seq: int
    """Of the last event that was published before it, or whose frame it struck."""
    line: dict[str, Any]


class _Account:
    __slots__ = ("events", "faults", "seq")

    def __init__(self) -> None:
        self.events: deque[Appended] = deque(maxlen=MAX_EVENTS)
        self.faults: deque[Struck] = deque(maxlen=MAX_FAULTS)
        self.seq = 0


class Truth:
    """What was committed since the start, account by account."""

    def __init__(self) -> None:
        self._accounts: dict[str, _Account] = {}

    def remember(self, events: Sequence[Appended]) -> None:
        """Takes committed events, each account's in its order."""
        for appended in events:
            account = self._account(appended.account)
            account.events.append(appended)
            account.seq = appended.seq

    def struck(self, name: str, line: dict[str, Any], seq: int | None = None) -> None:
        """Takes a fault that touched an account, at the frame of an event or between two."""
        account = self._account(name)
        account.faults.append(Struck(account.seq if seq is None else seq, line))

    def lines(self, name: str, epoch: str, venue: Venue | None = None) -> Iterator[bytes]:
        """The account's truth as lines of JSON; with a venue, also the frames that it shows."""
        account = self._accounts.get(name, _Account())
        events, faults = tuple(account.events), sorted(account.faults, key=_place)
        head: dict[str, Any] = {"truth": VERSION, "account": name, "epoch": epoch}
        head["from_seq"] = events[0].seq if events else account.seq + 1
        head["to_seq"] = account.seq
        if venue is not None:
            head["venue"] = venue.name
        return _lines(head, events, faults, venue)

    def _account(self, name: str) -> _Account:
        account = self._accounts.get(name)
        if account is None:
            account = self._accounts[name] = _Account()
        return account


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
