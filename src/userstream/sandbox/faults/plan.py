"""The plan of all faults: for each frame, stream and request, which of them strikes.

Deterministic: the same faults, the same seed and the same order of questions give the same
answers. Each fault counts for itself what it could have struck, so that one fault does not
change the dice of another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from typing import NamedTuple

from userstream.errors import InvalidSettings
from userstream.sandbox.faults.fault import Fault, Point

MAX_FAULTS = 1_000
"""Kept at a time; spent ones give way, the oldest first."""


class Target(NamedTuple):
    """What could be struck."""

    venue: str
    accounts: Collection[str] = ()
    event: str | None = None
    method: str = ""
    path: str = ""

    def __repr__(self) -> str:
        return f"<Target {self.venue} {','.join(self.accounts)}>"


class Hit(NamedTuple):
    """A strike: which fault, and the how-manieth of it."""

    id: str
    fault: Fault
    number: int


class Active:
    """A fault that was set, and how far it has come."""

    __slots__ = ("fault", "hits", "id", "over", "salt", "seen", "until_ms")

    def __init__(self, name: str, fault: Fault, salt: str, now_ms: int) -> None:
        self.id = name
        self.fault = fault
        self.salt = salt
        self.until_ms = None if fault.for_ms is None else now_ms + fault.for_ms
        self.seen = 0
        """What it could have struck."""
        self.hits = 0
        self.over = False
        """Whether its moment has passed: it was to strike when it was set."""

    def __repr__(self) -> str:
        return f"<Active {self.id} {self.fault.kind} {self.hits}>"

    def spent(self, now_ms: int) -> bool:
        """Whether it will not strike again."""
        most = self.fault.most
        late = self.until_ms is not None and now_ms >= self.until_ms
        return self.over or late or (most is not None and self.hits >= most)

    def strikes(self) -> bool:
        """Whether it would strike what it sees now."""
        self.seen += 1
        fault = self.fault
        if self.seen <= (fault.after or 0):
            return False
        return fault.probability is None or chance(self.salt, self.seen) < fault.probability


class FaultPlan:
    """All faults that are set. Times are real milliseconds."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._count = 0
        self._faults: dict[str, Active] = {}
        self._by_point: dict[Point, list[Active]] = {}

    def add(self, fault: Fault, now_ms: int) -> Active:
        """Sets a fault.

        Raises:
            InvalidSettings: there are too many.
        """
        if len(self._faults) >= MAX_FAULTS:
            self._make_room(now_ms)
        self._count += 1
        name = f"f{self._count}"
        salt = f"{self._seed}/{name}" if fault.seed is None else str(fault.seed)
        active = self._faults[name] = Active(name, fault, salt, now_ms)
        self._by_point.setdefault(fault.point, []).append(active)
        return active

    def remove(self, name: str) -> Active | None:
        """Clears a fault, if there is one of that name."""
        active = self._faults.pop(name, None)
        if active is not None:
            self._by_point[active.fault.point].remove(active)
        return active

    def clear(self) -> list[Active]:
        """Clears all faults."""
        gone = list(self._faults.values())
        self._faults.clear()
        self._by_point.clear()
        return gone

    def listed(self) -> list[Active]:
        """Every fault, spent or not, in the order in which they were set."""
        return list(self._faults.values())

    def waits_for(self, point: Point) -> bool:
        """Whether any fault may strike at such a moment."""
        return bool(self._by_point.get(point))

    def strike(self, point: Point, target: Target, now_ms: int) -> Hit | None:
        """The first fault, in the order of setting, that strikes; every one of them rolls."""
        struck: Active | None = None
        for active in self._by_point.get(point, ()):
            if active.spent(now_ms) or not _covers(active.fault, target):
                continue
            if active.strikes() and struck is None:
                struck = active
        if struck is None:
            return None
        return _struck(struck)

    def strike_now(self, active: Active, targets: Iterable[Target]) -> list[Hit | None]:
        """For each target whether it is struck by a fault that strikes only when it is set."""
        hits: list[Hit | None] = []
        for target in targets:
            struck = not active.spent(0) and _covers(active.fault, target)
            hits.append(_struck(active) if struck else None)
        active.over = True
        return hits

    def take_back(self, hit: Hit) -> None:
        """A strike came to nothing, and does not count."""
        active = self._faults.get(hit.id)
        if active is not None:
            active.hits -= 1

    def _make_room(self, now_ms: int) -> None:
        spent = next((a for a in self._faults.values() if a.spent(now_ms)), None)
        if spent is None:
            raise InvalidSettings(f"{MAX_FAULTS} faults are set; clear some first")
        self.remove(spent.id)


def _struck(active: Active) -> Hit:
    active.hits += 1
    return Hit(active.id, active.fault, active.hits)


def chance(salt: str, number: int) -> float:
    """A number from 0 up to 1, the same for the same arguments, else as if by chance."""
    digest = hashlib.blake2b(f"{salt}:{number}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def _covers(fault: Fault, target: Target) -> bool:
    return (
        (fault.venue is None or fault.venue == target.venue)
        and (fault.account is None or fault.account in target.accounts)
        and (fault.event is None or fault.event == target.event)
        and (fault.method is None or fault.method == target.method)
        and (fault.path is None or target.path.startswith(fault.path))
    )
