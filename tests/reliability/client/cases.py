"""The table of faults: what each does to a naive bot, and to ``UserStream``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from tests.reliability.client import scenarios as s
from tests.reliability.client.course import Bot, Course
from tests.reliability.client.naive import (
    pinging,
    reconnecting,
    snapshot_adding,
    snapshot_first,
    time_dedup,
    trusting,
)
from tests.reliability.client.runners import HASTY, Program

MISSING = frozenset({"missing", "wrong", "unaware"})
WRONG = frozenset({"wrong", "unaware"})
TWICE = frozenset({"duplicated"})


class Case(NamedTuple):
    """``fails``: the verdict on the naive bot. That on ``UserStream`` has nothing to say."""

    fault: str
    happens: Callable[[Course, Bot], Awaitable[None]]
    naive: Program
    mistake: str
    """What the naive bot does, in the table's words."""
    fails: frozenset[str]
    cure: str
    """What ``UserStream`` does instead."""
    venue: str = "binance"
    options: Mapping[str, Any] = {}
    """Of ``UserStream``."""
    minute_s: float = 60.0


OURS = {"extension": True, "heartbeat_s": 1}
RENEWING = {"bounds": msgspec.structs.replace(HASTY, renew_from_ms=400, renew_to_ms=600)}

CASES = {
    "drop": Case(
        "frames are lost", s.dropped, trusting.run, "believes an open socket", MISSING,
        "at our own server: sees the hole, resumes", options=OURS,
    ),
    "duplicate": Case(
        "frames come twice", s.duplicated, trusting.run, "adds up what comes", TWICE,
        "counts copies",
    ),
    "twins": Case(
        "equal fills in one millisecond", s.twins, time_dedup.run, "drops repeats by time and order",
        MISSING, "tells fills apart by what the venue tells them apart by",
    ),
    "reorder": Case(
        "frames change places", s.reordered, trusting.run, "takes the last frame for the latest",
        WRONG, "at our own server: sees the hole, resumes", options=OURS, venue="spacedex",
    ),
    "delay": Case(
        "frames are late", s.delayed, snapshot_adding.run, "adds the stream to a snapshot", TWICE,
        "merges the two by trade id",
    ),
    "half-open": Case(
        "the stream is open and dead", s.half_open, trusting.run, "believes an open socket",
        MISSING, "wants a pong, gives the socket up, repairs",
    ),
    "stall": Case(
        "the network swallows everything", s.pulled, trusting.run, "believes an open socket",
        MISSING, "wants a pong, gives the socket up, repairs",
    ),
    "reset": Case(
        "TCP resets", s.reset, reconnecting.run, "connects again and goes on", MISSING,
        "asks for what the break hid",
    ),
    "close": Case(
        "closed for a restart", s.closed, snapshot_first.run, "asks first, connects then", MISSING,
        "connects first, holds back, asks, merges",
    ),
    "cut": Case(
        "the connection ends without a word", s.cut, reconnecting.run,
        "connects again and goes on", MISSING, "asks for what the break hid",
    ),
    "delete-key": Case(
        "another program deletes the listen key", s.key_deleted, reconnecting.run,
        "connects again with the key that it has", MISSING, "makes one new key, repairs",
    ),
    "expire-key": Case(
        "the listen key expires", s.key_expired, trusting.run, "does not look how its socket ended",
        MISSING, "makes one new key, repairs",
    ),
    "silent-key": Case(
        "the listen key dies, the socket stays open", s.key_silent, pinging.run, "believes in pongs",
        MISSING, "renews often, and repairs back to the last good renewal", options=RENEWING,
        minute_s=3.0,
    ),
}  # fmt: skip
