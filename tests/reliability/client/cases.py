"""The table of faults: what each does to a naive bot, and to ``UserStream``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from tests.reliability.client import scenarios as s
from tests.reliability.client.course import Bot, Course
from tests.reliability.client.naive import (
    bounded_queue,
    cut_before,
    fixed_offset,
    matching,
    pinging,
    raising,
    reconnecting,
    renewing_once,
    snapshot_adding,
    snapshot_first,
    strict,
    time_dedup,
    trusting,
)
from tests.reliability.client.runners import HASTY, Program

MISSING = frozenset({"missing", "wrong", "unaware"})
WRONG = frozenset({"wrong", "unaware"})
TWICE = frozenset({"duplicated"})
SPEED = 1_200
HURRIED = {
    "secret": None,
    "life_ms": 3_600_000 // SPEED,
    "bounds": msgspec.structs.replace(
        HASTY, renew_from_ms=600_000 // SPEED, renew_to_ms=900_000 // SPEED
    ),
}
"""An hour takes three seconds; requests with a timestamp could not keep up with such a clock."""


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
    """How long a minute of the naive bot's takes."""
    sandbox: Mapping[str, Any] = {}
    """Options of the sandbox."""


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
        "equal fills in one millisecond", s.twins, time_dedup.run,
        "drops repeats by time and order", MISSING,
        "tells fills apart by what the venue tells them apart by",
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
        "the listen key dies, the socket stays open", s.key_silent, pinging.run,
        "believes in pongs", MISSING,
        "renews often, and repairs back to the last good renewal",
        options=RENEWING,
        minute_s=3.0,
    ),
    "rest": Case(
        "a renewal fails", s.renewals_fail, renewing_once.run, "renews every 30 minutes, once",
        MISSING, "renews every 10 to 15 minutes, and tries again within seconds",
        options=HURRIED, minute_s=60 / SPEED, sandbox={"clock_speed": float(SPEED)},
    ),
    "raise": Case(
        "the handler raises", s.handler_raises, raising.run, "handles events where it reads",
        MISSING, "reads in a thread of its own; the program goes on with the next event",
    ),
    "unknown": Case(
        "events of a new kind", s.new_kinds, strict.run, "knows all kinds of events", MISSING,
        "gives what it does not know as it came",
    ),
    "early": Case(
        "an order's events come before its answer", s.early, matching.run,
        "knows its orders by their answers", MISSING,
        "gives every event, with the id that the program chose",
    ),
    "clock": Case(
        "the venue's clock steps", s.clock_steps, fixed_offset.run, "measures its offset once",
        MISSING, "measures again when a timestamp is refused", venue="bhex", options=RENEWING,
        minute_s=0.02,
    ),
    "rollover": Case(
        "the venue cuts every 24 hours", s.rollovers, cut_before.run,
        "closes its socket, then opens the next", MISSING, "opens the next, then closes its socket",
        options={"max_age_ms": 300}, minute_s=0.3 / (23 * 60),
    ),
    "slow": Case(
        "the program is slow", s.flood, bounded_queue.run, "drops what its queue has no room for",
        MISSING, "leaves the rest to the socket, or to the disk",
        options={"queue": 100, "pause_s": 0.001},
    ),
}  # fmt: skip


class Other(NamedTuple):
    """A row whose naive bot fails a test of its own."""

    fault: str
    mistake: str
    fails: frozenset[str]
    cure: str


OTHERS = {
    "kill": Other(
        "the bot's process is killed", "begins anew with what comes", MISSING,
        "keeps a cursor on disk, and goes on behind it",
    ),
    "sleep": Other(
        "the machine sleeps for two hours", "believes an open socket", MISSING,
        "notices by its clocks, makes a new key, repairs",
    ),
    "shared": Other(
        "another program that shares the key ends", "deletes the listen key at its end", MISSING,
        "leaves a key alone that others may share",
    ),
}  # fmt: skip


def rows() -> list[tuple[str, str, str, str]]:
    """The table: fault, the naive bot's mistake, what is wrong with its book, the cure."""
    cases: list[Case | Other] = [*CASES.values(), *OTHERS.values()]
    return [(c.fault, c.mistake, ", ".join(sorted(c.fails)), c.cure) for c in cases]
