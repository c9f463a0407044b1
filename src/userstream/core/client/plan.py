"""What a program wants of its stream."""

from __future__ import annotations

from typing import NamedTuple

from userstream.venue import Cursor


class Proof(NamedTuple):
    """Up to where a stream gave everything: a later run begins there."""

    since_ms: int | None = None
    """In the venue's time."""
    cursor: Cursor | None = None
    """In our own server's log."""


class Plan(NamedTuple):
    """Wishes that hold for the life of a stream."""

    repair: bool = False
    """Whether holes can be repaired over REST: there is a secret, and the venue has the calls."""
    reconcile_ms: int | None = None
    """How often REST is compared with what a healthy stream told; ``None``: never."""
    heartbeat_s: int | None = None
    """The extension of our own server, with a heartbeat so often; ``None``: a plain venue."""
    redundant: bool = False
    """Two sockets all the time, where the venue's caps allow it."""
    clock: bool = False
    """Whether the venue's time is needed: requests carry it, or repairs ask by time."""
    cursor: Cursor | None = None
    """Where an earlier run left off in our own server's log."""
    since_ms: int | None = None
    """Up to when an earlier run had everything, in the venue's time."""
