"""Where faults are set, and where each strike is told: to the log, the truth and the metrics."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from prometheus_client import Counter

from userstream.core.closing import End
from userstream.core.listenkeys import KeyRecord
from userstream.errors import InvalidSettings
from userstream.sandbox.faults.fault import KEYS, Kind, Point, read_fault
from userstream.sandbox.faults.plan import Active, FaultPlan, Hit, Target
from userstream.server.logs import logger
from userstream.venue import Venue

if TYPE_CHECKING:
    from userstream.core.publishing import Appended
    from userstream.sandbox.faults.connection import FaultyConnection
    from userstream.sandbox.truth import Truth
    from userstream.server.metrics import Metrics
    from userstream.server.service import Service

_log = logger("faults")
_DEAD_KEYS = 10_000
"""Dead listen keys whose owners are remembered, the oldest forgotten first."""


def real_ms() -> int:
    """Real time, whatever the server's clock says."""
    return time.monotonic_ns() // 1_000_000


class FaultControl:
    """The faults of one sandbox. ``attach`` it to its service before that starts."""

    def __init__(self, truth: Truth, seed: int = 0) -> None:
        self.plan = FaultPlan(seed)
        self.cleared = asyncio.Event()
        """Set, and replaced, whenever faults are cleared: what waits in one goes on."""
        self._truth = truth
        self._service: Service
        self._streams: set[FaultyConnection] = set()
        self._dead_keys: OrderedDict[bytes, str] = OrderedDict()

    def attach(self, service: Service) -> None:
        """Names the service whose streams and keys these are."""
        self._service = service
        self._hits = strikes(service.metrics)

    def begin(self) -> None:
        """Watches the keys of the service, which has started."""
        self._service.keys.on_end(self._key_ended)

    # ── set, list, clear ────────────────────────────────────────────────────────────────────────

    async def set(self, body: bytes) -> Active:
        """Sets the fault of a JSON object; what strikes now has struck when this returns.

        Raises:
            InvalidSettings: the message names the field and what is allowed.
        """
        fault = read_fault(body, self._service.venues)
        known = {record.name for record in self._service.accounts.listed()}
        if fault.account is not None and fault.account not in known:
            allowed = ", ".join(sorted(known))
            raise InvalidSettings(f"there is no account {fault.account}; there are {allowed}")
        active = self.plan.add(fault, real_ms())
        _log.warning("fault set", id=active.id, kind=fault.kind.value)
        if fault.point is Point.NOW:
            if fault.kind in KEYS:
                await self._end_keys(active)
            else:
                self._cut(active)
        return active

    def clear(self, name: str | None = None) -> list[Active]:
        """Clears one fault, or all; frames that are held back go out when they are due.

        Raises:
            InvalidSettings: there is no fault of that name.
        """
        if name is None:
            gone = self.plan.clear()
        else:
            one = self.plan.remove(name)
            if one is None:
                raise InvalidSettings(f"there is no fault {name[:20]!r}")
            gone = [one]
        self.cleared.set()
        self.cleared = asyncio.Event()
        for active in gone:
            _log.warning("fault cleared", id=active.id, kind=active.fault.kind.value)
        return gone

    # ── what strikes ────────────────────────────────────────────────────────────────────────────

    def strike(self, point: Point, target: Target) -> Hit | None:
        """The fault that strikes, if one does. It is told apart, by ``tell``."""
        return self.plan.strike(point, target, real_ms())

    def tell(self, hit: Hit, target: Target, of: Appended | None = None, **more: Any) -> None:  # noqa: ANN401
        """Tells the log, the metrics, and the truth of every account concerned."""
        kind = hit.fault.kind.value
        seq = None if of is None else of.envelope.seq
        accounts = sorted(target.accounts)
        _log.warning(
            "fault", id=hit.id, kind=kind, number=hit.number, venue=target.venue,
            accounts=accounts, seq=seq, **more,
        )  # fmt: skip
        self._hits.labels(kind).inc()
        line: dict[str, Any] = {"id": hit.id, "kind": kind, "number": hit.number}
        line |= {"venue": target.venue, "time_ms": self._service.clock.ms()}
        if seq is not None:
            line["seq"] = seq
        for account in accounts:
            self._truth.struck(account, line | more, seq)

    def opened(self, stream: FaultyConnection) -> None:
        """A stream opened."""
        self._streams.add(stream)

    def closed(self, stream: FaultyConnection) -> None:
        """A stream is gone."""
        self._streams.discard(stream)

    def _cut(self, active: Active) -> None:
        streams = sorted((s for s in self._streams if s.lives), key=lambda s: s.number)
        targets = [s.target() for s in streams]
        hits = self.plan.strike_now(active, targets)
        for stream, target, hit in zip(streams, targets, hits, strict=True):
            if hit is not None:
                stream.suffer(hit, target)

    # ── listen keys ─────────────────────────────────────────────────────────────────────────────

    async def _end_keys(self, active: Active) -> None:
        end = End.DELETED if active.fault.kind is Kind.DELETE_KEY else End.EXPIRED
        records = [record async for record in self._live_keys()]
        targets = [Target(r.venue, (r.account,)) for r in records]
        hits = self.plan.strike_now(active, targets)
        for record, target, hit in zip(records, targets, hits, strict=True):
            if hit is not None:
                self.tell(hit, target)
                await self._service.keys.end([record], end)

    async def _live_keys(self) -> AsyncIterator[KeyRecord]:
        service = self._service
        for account in service.accounts.listed():
            for venue in service.venues:
                for key in await service.keys.owned_by(venue, account.name):
                    record = service.keys.find(venue, key)
                    if record is not None:
                        yield record

    def _key_ended(self, record: KeyRecord, _: End) -> None:
        key = self._service.keys.key_of((record.venue, record.random))
        self._dead_keys[_digest(record.venue, key)] = record.account
        if len(self._dead_keys) > _DEAD_KEYS:
            self._dead_keys.popitem(last=False)

    def lets_in(self, venue: Venue, key: str) -> bool:
        """Whether a stream on a dead listen key is accepted, to hear nothing."""
        account = self._dead_keys.get(_digest(venue.name, key))
        return account is not None and self.silences(Target(venue.name, (account,)))

    def silences(self, target: Target) -> bool:
        """Whether the death of a listen key goes unsaid."""
        hit = self.strike(Point.KEY, target)
        if hit is not None:
            self.tell(hit, target)
        return hit is not None


def strikes(metrics: Metrics) -> Counter:
    """The sandbox's own series."""
    return Counter(
        "userstream_sandbox_faults", "Strikes of faults by kind", ["kind"],
        registry=metrics.registry,
    )  # fmt: skip


def _digest(venue: str, key: str) -> bytes:
    return hashlib.blake2b(f"{venue}/{key}".encode("utf-8", "replace"), digest_size=16).digest()
