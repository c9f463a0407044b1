"""Health: how a stream's listen key and clock are, at one moment."""

from __future__ import annotations

from typing import NamedTuple

from userstream.core.client.keylife import KeyState
from userstream.core.client.stream import Stream


class Health(NamedTuple):
    """What a stream's state hangs on. Times are relative to the moment at which it was asked."""

    why: str = "start"
    """Why the state is what it is."""
    key_age_s: float | None = None
    """Since the stream asked for the listen key that it has; a shared one may be older."""
    key_due_s: float | None = None
    """Until it asks to renew it, or for the first one; ``None`` while one is under way."""
    key_left_s: float | None = None
    """Until it dies if no renewal succeeds."""
    key_failures: int = 0
    """Requests for a key that failed in a row."""
    clock_offset_ms: int | None = None
    """By how much the venue's clock is ahead of this machine's; ``None``: it was not asked."""
    clock_margin_ms: int | None = None
    """By how much that may be wrong: half the way there and back, and the rounding."""


def health_of(stream: Stream, now_ms: int, wall_ms: int) -> Health:
    """The health of a stream now. It reads and changes nothing, so any thread may ask."""
    keys, clock = stream.keys, stream.clock
    has_key = keys.key is not None
    return Health(
        why=stream.why,
        key_age_s=(now_ms - keys.made_ms) / 1_000 if has_key else None,
        key_due_s=max(0, keys.due_ms - now_ms) / 1_000 if keys.state in _WAITING else None,
        key_left_s=max(0, keys.lives_until_ms - now_ms) / 1_000 if has_key else None,
        key_failures=keys.failures,
        clock_offset_ms=clock.at(now_ms) - wall_ms if clock.measured else None,
        clock_margin_ms=clock.margin_ms if clock.measured else None,
    )


_WAITING = frozenset({KeyState.NONE, KeyState.HELD})
