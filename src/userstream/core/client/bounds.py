"""How much a stream may hold, and how long it waits. Milliseconds of a clock that never steps."""

from __future__ import annotations

import msgspec


class Bounds(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bounds and waits of one stream. Each number has its reason."""

    hold_ms: int = 0
    """How long an event waits for an earlier one; 0: not at all, late ones are marked."""
    held_events: int = 10_000
    """Waiting so, or for a repair. More: the oldest go out, or the repair is given up."""
    copies: int = 20_000
    """Events whose copies are recognised; the longest unseen is forgotten first."""
    orders: int = 10_000
    """Finished orders whose last state is remembered."""

    answer_ms: int = 20_000
    """A request without an answer counts as failed."""
    open_ms: int = 15_000
    """From asking for a socket to its last acknowledgement; MEXC closes after 30 s."""
    ping_ms: int = 10_000
    """Between protocol pings; a venue that wants text pings says how often."""
    silent_ms: int = 28_000
    """A socket that says nothing for so long, not even a pong, is dead: noticed within 30 s."""
    overlap_ms: int = 2_000
    """How long the old socket lives on beside a new one, for what is still under way in it."""
    check_ms: int = 5_000
    """Between two looks at the clock, so that a suspended machine is noticed within 10 s."""
    clock_ms: int = 3_600_000
    """Between two questions for the venue's time: a clock drifts by a second in some hours."""
    settle_ms: int = 2_000
    """How long REST may be ahead of the stream, or one frame of another, before that is a hole."""
    doubt_ms: int = 30_000
    """Least time between two checks that something in the stream gave rise to."""
    grace_ms: int = 5_000
    """What a socket gets to speak after the program, or the machine, stood still."""
    steady_ms: int = 10_000
    """A socket that lived so long ends the back-off."""

    renew_from_ms: int = 600_000
    """The earliest renewal of a key after the last one."""
    renew_to_ms: int = 900_000
    """A key is renewed at a random moment between: four tries' worth of slack in 60 minutes."""
    post_ms: int = 5_000
    """Least time between two requests for a new key."""
    retry_ms: int = 1_000
    """The first retry; it doubles up to the next."""
    max_retry_ms: int = 60_000
    """The longest wait between two tries."""
    alarm_after: int = 2
    """Renewals that failed in a row before the stream calls itself degraded."""


def back_off(bounds: Bounds, failures: int, unit: float, retry_after_ms: int | None = None) -> int:
    """How long to wait after that many failures in a row; ``unit`` is random, from 0 to 1.

    Between half of a doubling wait and all of it, and never less than the server asks for.
    """
    wait_ms = min(bounds.max_retry_ms, bounds.retry_ms << min(max(failures - 1, 0), 16))
    return max(round(wait_ms * (0.5 + unit / 2)), retry_after_ms or 0)
