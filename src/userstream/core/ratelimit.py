"""Request weights by address: 429 when a window is used up, 418 for whoever goes on."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from userstream.core.limits import Limits
from userstream.venue import Refusal


class Verdict(NamedTuple):
    """Whether a request may go on, and what its answer says of the window."""

    used: int
    refusal: Refusal | None = None
    retry_after_s: int = 0
    detail: int = 0
    """What the venue's text names: the limit, or the end of the ban in ms."""


class Taken(NamedTuple):
    """Weight that an address used in a window, for the other nodes to count."""

    name: str
    pool: str
    window: int
    weight: int


class _Address:
    __slots__ = ("banned_until_ms", "bans", "refusals", "used", "window")

    def __init__(self) -> None:
        self.window = -1
        self.used: dict[str, int] = {}
        self.refusals = 0
        self.bans = 0
        self.banned_until_ms = 0

    def enter(self, window: int) -> None:
        """Begins to count anew."""
        self.window, self.refusals = window, 0
        self.used.clear()


class RateLimiter:
    """Counts weight per address, or per address and pool, in windows of fixed length.

    A ban is the address's, whichever pool it overdrew.
    Doc: Binance rest-api.md §Limits: ignoring 429 leads to a ban of two minutes, up to three days.
    """

    def __init__(self, limits: Limits, *, weight: int, window_s: int) -> None:
        self._limits = limits
        self._weight = weight
        self._window_ms = window_s * 1000
        self._seen: OrderedDict[str, _Address] = OrderedDict()
        self._told: dict[tuple[str, str, int], int] | None = None

    def __len__(self) -> int:
        return len(self._seen)

    def take(self, name: str, weight: int, now_ms: int, pool: str = "") -> Verdict:
        """Counts a request of that weight. Pools are few: never what a client may make up."""
        address = self._address(name)
        window = now_ms // self._window_ms
        if window != address.window:
            address.enter(window)
        used = address.used.get(pool, 0)
        if now_ms < address.banned_until_ms:
            return _banned(address, used, now_ms)
        if used + weight <= self._weight:
            address.used[pool] = used + weight
            if self._told is not None:
                at = (name, pool, window)
                self._told[at] = self._told.get(at, 0) + weight
            return Verdict(used + weight)
        address.refusals += 1
        if address.refusals > self._limits.ban_after_refusals:
            self._ban(address, now_ms)
            return _banned(address, used, now_ms)
        left_ms = (window + 1) * self._window_ms - now_ms
        return Verdict(used, Refusal.TOO_MANY_REQUESTS, -(-left_ms // 1000), self._weight)

    def taken(self) -> list[Taken]:
        """What was used here since the last call; the first call begins to count it."""
        told, self._told = self._told, {}
        return [Taken(*at, weight) for at, weight in (told or {}).items()]

    def hear(self, taken: Taken) -> None:
        """Counts what was used on another node; what is of an earlier window is over."""
        address = self._address(taken.name)
        if taken.window < address.window:
            return
        if taken.window > address.window:
            address.enter(taken.window)
        address.used[taken.pool] = address.used.get(taken.pool, 0) + taken.weight

    def _address(self, name: str) -> _Address:
        address = self._seen.get(name)
        if address is None:
            address = self._seen[name] = _Address()
            if len(self._seen) > self._limits.tracked_addresses:
                self._seen.popitem(last=False)
        else:
            self._seen.move_to_end(name)
        return address

    def _ban(self, address: _Address, now_ms: int) -> None:
        seconds = min(self._limits.ban_s << min(address.bans, 20), self._limits.max_ban_s)
        address.bans += 1
        address.refusals = 0
        address.banned_until_ms = now_ms + seconds * 1000


def _banned(address: _Address, used: int, now_ms: int) -> Verdict:
    left_ms = address.banned_until_ms - now_ms
    return Verdict(used, Refusal.BANNED, -(-left_ms // 1000), address.banned_until_ms)
