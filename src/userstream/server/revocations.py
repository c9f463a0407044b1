"""API keys that were revoked lately: a POST that was verified before is given no listen key."""

from __future__ import annotations

import time
from collections.abc import Callable

from userstream.core.rest import Identity
from userstream.venue import Refusal

KEPT_S = 60.0
"""How long a POST may be under way, and how long it is known for that what was revoked. ADR 25."""


class Revocations:
    """What this node learned of revocations, when, in its own time. Times are in seconds."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._seen: dict[Identity, float] = {}

    def __len__(self) -> int:
        return len(self._seen)

    def add(self, identity: Identity) -> None:
        """An API key was revoked: its listen keys end, and what was verified before is void."""
        now_s = self._now_s()
        self._seen.pop(identity, None)
        self._seen[identity] = now_s
        while (first := next(iter(self._seen))) != identity:
            if now_s - self._seen[first] <= KEPT_S:
                break
            del self._seen[first]

    def refusal(self, identity: Identity, asked_s: float) -> Refusal | None:
        """Why an API key is given no listen key whose verifier was asked at that time."""
        if self._now_s() - asked_s > KEPT_S:
            return Refusal.UNAVAILABLE
        seen_s = self._seen.get(identity)
        return Refusal.API_KEY_REJECTED if seen_s is not None and seen_s >= asked_s else None
