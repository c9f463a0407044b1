"""Who may open a stream: addresses within their limits, with listen keys that live."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from userstream.core.limits import Limits
from userstream.core.listenkeys import KeyRecord
from userstream.core.mount import Mounts
from userstream.core.ratelimit import RateLimiter, Verdict
from userstream.errors import StoreError
from userstream.server.clock import Clock
from userstream.server.fanout import Fanout
from userstream.server.handshake import Handshake, Opened, Refused, Target, broken, find_target
from userstream.server.keys import ListenKeys, Others, Place
from userstream.server.logs import logger
from userstream.server.metrics import Metrics
from userstream.venue import Refusal, Venue

_log = logger("edge")
_RETRY_S = 1
"""After which a stream may ask again whose key could not be looked up."""
Later = Callable[[Opened | Refused], bool]
"""Told what was decided of a handshake; false where its peer is gone."""
LetsIn = Callable[[Venue, str], bool]
"""Whether a stream on an unknown listen key is accepted; it hears nothing."""


def nobody(_venue: Venue, _key: str) -> bool:
    """Unknown keys are refused."""
    return False


def everybody(_venue: Venue, _key: str) -> bool:
    """Unknown keys are let in."""
    return True


class Admission:
    """Decides handshakes. An unknown key may be let in, and hears nothing."""

    def __init__(
        self,
        mounts: Mounts,
        keys: ListenKeys,
        clock: Clock,
        limits: Limits,
        lets_in: LetsIn,
        metrics: Metrics,
    ) -> None:
        self._mounts = mounts
        self._keys = keys
        self._clock = clock
        self._limits = limits
        self._lets_in = lets_in
        self._metrics = metrics
        self._asking: set[asyncio.Task[None]] = set()
        self._connects = RateLimiter(
            limits, weight=limits.connects_per_ip, window_s=limits.connects_window_s
        )
        self._bad_keys = RateLimiter(limits, weight=limits.bad_keys_per_ip, window_s=60)

    def limiters(self) -> dict[str, RateLimiter]:
        """What is counted by address, by name; no venue has one of these."""
        return {"/connects": self._connects, "/bad_keys": self._bad_keys}

    def decide(
        self, address: str, handshake: Handshake, fanout: Fanout, later: Later
    ) -> Opened | Refused | None:
        """Whether a handshake may go on, and with which listen keys.

        ``None``: other nodes must be asked first; then ``later`` is called.
        """
        decided = self._decide(address, handshake, fanout)
        if isinstance(decided, Target):
            task = asyncio.create_task(self._decide_later(decided, address, fanout, later))
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)
            return None
        self._count(decided, address)
        return decided

    def stop(self) -> None:
        """Decides no more of what waits."""
        for task in self._asking:
            task.cancel()

    async def _decide_later(
        self, target: Target, address: str, fanout: Fanout, later: Later
    ) -> None:
        # From the return of _settled until the keys are bound nothing is awaited: they could end.
        decided = await self._settled(target, address, fanout)
        self._count(decided, address)
        if not later(decided) and isinstance(decided, Opened):
            self.release(decided)

    async def _settled(self, target: Target, address: str, fanout: Fanout) -> Opened | Refused:
        """As ``_known``, with what other nodes know; an opened stream holds its places."""
        taken: list[Place] = []
        decided: Opened | Refused = _refused(target.venue, Refusal.SOCKETS_EXHAUSTED)
        try:
            if await self._ask(target, taken):
                decided = self._known(target, address, fanout)
        except StoreError:
            decided = _refused(target.venue, Refusal.UNAVAILABLE)._replace(retry_after_s=_RETRY_S)
        finally:
            if isinstance(decided, Refused) or not decided.records:
                for place in taken:
                    self.left(target.venue, place)
        return decided

    def release(self, opened: Opened) -> None:
        """Gives back the places of a stream that could not begin."""
        for _, record in opened.records:
            self.left(opened.venue, (record.venue, record.random))

    def left(self, venue: Venue, place: Place) -> None:
        """A socket uses a listen key no more."""
        if self._keys.others is not None and venue.keys.max_sockets is not None:
            self._keys.others.leave_place(place)

    def has_room(self, venue: Venue, record: KeyRecord, fanout: Fanout) -> bool:
        """Whether one more socket of this node may use a listen key."""
        most = venue.keys.max_sockets or self._limits.sockets_per_key
        return len(fanout.of_key((record.venue, record.random))) < most

    def _decide(
        self, address: str, handshake: Handshake, fanout: Fanout
    ) -> Opened | Refused | Target:
        request = handshake.request
        if request is None:
            return handshake.refusal(self._mounts)
        target = find_target(request, self._mounts)
        if isinstance(target, Refused):
            return target
        verdict = self._connects.take(address, 1, self._clock.ms())
        if verdict.refusal is not None:
            return _limited(target, verdict.refusal, verdict)
        if not handshake.is_upgrade():
            return broken(target.venue)
        return self._keyed(target, address, fanout)

    def again(self, opened: Opened, fanout: Fanout) -> Refused | None:
        """Whether a handshake that had to wait may go on: ``None``, it may."""
        for key, record in opened.records:
            if self._keys.find(opened.venue.name, key) is None:
                return _refused(opened.venue, Refusal.LISTEN_KEY_UNKNOWN)
            if not self.has_room(opened.venue, record, fanout):
                return _refused(opened.venue, Refusal.SOCKETS_EXHAUSTED)
        return None

    def _keyed(self, target: Target, address: str, fanout: Fanout) -> Opened | Refused | Target:
        if len(target.keys) > self._limits.max_parameters:
            most_keys = self._limits.max_parameters
            return _refused(target.venue, Refusal.PARAMETER_SURPLUS, most_keys, len(target.keys))
        others = self._keys.others
        if others is not None and self._must_ask(target, others):
            return target
        return self._known(target, address, fanout)

    def _known(self, target: Target, address: str, fanout: Fanout) -> Opened | Refused:
        venue = target.venue
        records: list[tuple[str, KeyRecord]] = []
        for key in target.keys:
            record = self._keys.find(venue.name, key)
            if record is None:
                return self._unknown(target, key, address)
            if not self.has_room(venue, record, fanout):
                return _refused(target.venue, Refusal.SOCKETS_EXHAUSTED)
            records.append((key, record))
        return Opened(venue, tuple(records), target.wrapped, target.wishes)

    def _must_ask(self, target: Target, others: Others) -> bool:
        venue, find = target.venue, self._keys.find
        ours = [key for key in target.keys if others.may_know(venue.name, key)]
        if venue.keys.max_sockets is not None:
            return bool(ours)
        return any(find(venue.name, key) is None for key in ours)

    async def _ask(self, target: Target, taken: list[Place]) -> bool:
        """Whether each key that lives has a place."""
        others, most = self._keys.others, target.venue.keys.max_sockets
        if others is None:
            return True
        for key in target.keys:
            record = await others.seek(target.venue.name, key)
            if record is not None and most is not None:
                if not await others.take_place(record, most):
                    return False
                taken.append((record.venue, record.random))
        return True

    def _count(self, decided: Opened | Refused, address: str) -> None:
        venue = decided.venue.name if decided.venue else "none"
        outcome = "accepted"
        if isinstance(decided, Refused):
            outcome = decided.refusal.name.lower() if decided.refusal else "not_found"
            _log.info("handshake refused", venue=venue, reason=outcome, peer=address)
        self._metrics.handshakes.labels(venue, outcome).inc()

    def _unknown(self, target: Target, key: str, address: str) -> Opened | Refused:
        verdict = self._bad_keys.take(address, 1, self._clock.ms())
        if verdict.refusal is not None:
            return _limited(target, verdict.refusal, verdict)
        if self._lets_in(target.venue, key):
            return Opened(target.venue, (), target.wrapped, target.wishes)
        return _refused(target.venue, Refusal.LISTEN_KEY_UNKNOWN)


def unavailable(opened: Opened) -> Refused:
    """The log cannot be read now."""
    return _refused(opened.venue, Refusal.UNAVAILABLE)


def _limited(target: Target, refusal: Refusal, verdict: Verdict) -> Refused:
    refused = _refused(target.venue, refusal, verdict.detail)
    return refused._replace(retry_after_s=verdict.retry_after_s)


def _refused(venue: Venue, refusal: Refusal, *details: object) -> Refused:
    return Refused(venue.errors[refusal], venue, refusal, details)
