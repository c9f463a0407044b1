"""Who may open a stream: addresses within their limits, with listen keys that live."""

from __future__ import annotations

from collections.abc import Callable

from userstream.core.limits import Limits
from userstream.core.listenkeys import KeyRecord
from userstream.core.mount import Mounts
from userstream.core.ratelimit import RateLimiter, Verdict
from userstream.server.clock import Clock
from userstream.server.fanout import Fanout
from userstream.server.handshake import Handshake, Opened, Refused, Target, broken, find_target
from userstream.server.keystore import KeyStore
from userstream.venue import Refusal, Venue

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
        self, mounts: Mounts, keys: KeyStore, clock: Clock, limits: Limits, lets_in: LetsIn
    ) -> None:
        self._mounts = mounts
        self._keys = keys
        self._clock = clock
        self._limits = limits
        self._lets_in = lets_in
        self._connects = RateLimiter(
            limits, weight=limits.connects_per_ip, window_s=limits.connects_window_s
        )
        self._bad_keys = RateLimiter(limits, weight=limits.bad_keys_per_ip, window_s=60)

    def decide(self, address: str, handshake: Handshake, fanout: Fanout) -> Opened | Refused:
        """Whether a handshake may go on, and with which listen keys."""
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
            if self._keys.table.find(opened.venue.name, key, self._clock.ms()) is None:
                return _refused(opened.venue, Refusal.LISTEN_KEY_UNKNOWN)
            if not self.has_room(opened.venue, record, fanout):
                return _refused(opened.venue, Refusal.SOCKETS_EXHAUSTED)
        return None

    def has_room(self, venue: Venue, record: KeyRecord, fanout: Fanout) -> bool:
        """Whether one more socket may use a listen key."""
        most = venue.keys.max_sockets or self._limits.sockets_per_key
        return len(fanout.of_key((record.venue, record.random))) < most

    def _keyed(self, target: Target, address: str, fanout: Fanout) -> Opened | Refused:
        venue = target.venue
        records: list[tuple[str, KeyRecord]] = []
        if len(target.keys) > self._limits.max_parameters:
            most_keys = self._limits.max_parameters
            return _refused(target.venue, Refusal.PARAMETER_SURPLUS, most_keys, len(target.keys))
        for key in target.keys:
            record = self._keys.table.find(venue.name, key, self._clock.ms())
            if record is None:
                return self._unknown(target, key, address)
            if not self.has_room(venue, record, fanout):
                return _refused(target.venue, Refusal.SOCKETS_EXHAUSTED)
            records.append((key, record))
        return Opened(venue, tuple(records), target.wrapped, target.wishes)

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
