"""Subscriptions: which listen keys are on which connection; their accounts are followed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from userstream.core.closing import End
from userstream.core.listenkeys import KeyRecord
from userstream.errors import StoreError
from userstream.server.admission import Admission, unavailable
from userstream.server.fanout import Binding, Fanout, wrap_of
from userstream.server.handshake import Opened, Refused
from userstream.server.keys import ListenKeys
from userstream.server.logs import logger
from userstream.server.replay import Log
from userstream.venue import Subscriber, Venue

if TYPE_CHECKING:
    from userstream.server.connection import Connection

_log = logger("edge")


class Subscriptions:
    """Binds connections to accounts, which are followed before."""

    def __init__(self, admission: Admission, keys: ListenKeys, log: Log, fanout: Fanout) -> None:
        self._admission = admission
        self._keys = keys
        self._log = log
        self._fanout = fanout

    def follow(self, opened: Opened, then: Callable[[Opened | Refused], None]) -> None:
        """Follows the accounts of an accepted handshake; says whether it may still go on."""
        followed: list[str] = []
        failed: list[StoreError] = []
        told = False

        def one(account: str, error: StoreError | None) -> None:
            if error is None:
                followed.append(account)
            else:
                failed.append(error)
            if len(followed) + len(failed) == len(opened.records):
                again = self._admission.again(opened, self._fanout) if told and not failed else None
                if failed:
                    _log.warning("an account cannot be followed", error=str(failed[0]))
                    again = unavailable(opened)
                if again is not None:
                    self._unfollow(followed)
                    self._admission.release(opened)
                then(again or opened)

        if not opened.records:
            then(opened)
        for _, record in opened.records:
            self._log.follow(record.account, partial(one, record.account))
        told = True

    def drop(self, opened: Opened) -> None:
        """Takes that back, and the places that were taken."""
        self._unfollow(record.account for _, record in opened.records)
        self._admission.release(opened)

    def bind(self, connection: Connection, venue: Venue, key: str, record: KeyRecord) -> Binding:
        """Delivers the events of a listen key's account, which is followed."""
        channels: frozenset[str] | None = frozenset() if venue.channels else None
        wrap = wrap_of(key) if connection.wrapped else None
        binding = Binding(connection, venue, record, channels, wrap)
        self._fanout.add(binding)
        if binding.reader is not None:
            binding.reader.listen(binding)
        return binding

    def remove(self, binding: Binding) -> None:
        """Delivers no more of them."""
        self._fanout.remove(binding)
        self._log.unfollow(binding.account)
        self._admission.left(binding.venue, binding.key)

    def subscriber(self, connection: Connection) -> Subscriber:
        """What a connection is subscribed to."""
        venue = connection.session.venue if connection.session else None
        if venue is None:
            return Subscriber(frozenset(), False, lambda _: False)
        if venue.channels:
            channels = connection.bindings[0].channels if connection.bindings else None
            return Subscriber(channels or frozenset(), bool(connection.bindings), lambda _: False)
        names = frozenset(self.name(b) for b in connection.bindings) | connection.joining
        taken = set(names)

        def joins(key: str) -> bool:
            # Marks are of one account: with the extension a stream has one key.
            if (
                key not in taken
                and not (taken and connection.reader)
                and self._may_join(venue, key)
            ):
                taken.add(key)
            return key in taken

        return Subscriber(names, bool(names), joins)

    def rebind(self, connection: Connection, channels: frozenset[str]) -> None:
        """Subscribes a connection to channels, or to listen keys where the venue has none."""
        session = connection.session
        if session is None:
            return
        if session.venue.channels:
            for binding in connection.bindings:
                first = channels and not binding.channels
                binding.channels = channels
                if binding.reader is not None and first:
                    binding.reader.subscribed()
            return
        kept = []
        for binding in connection.bindings:
            if self.name(binding) in channels:
                kept.append(binding)
                continue
            self.remove(binding)
            if binding.reader is not None:
                binding.reader.leave()
        connection.bindings = tuple(kept)
        new = sorted(channels - {self.name(b) for b in kept})
        found = {key: self._find(session.venue, key) for key in new}
        connection.joining = frozenset(key for key in new if found[key] is not None)
        for key, record in found.items():
            if record is not None:
                self._log.follow(record.account, partial(self._join, connection, key, record))

    def _join(
        self, connection: Connection, key: str, record: KeyRecord, error: StoreError | None
    ) -> None:
        """A listen key that a stream asked for comes on, if it is still asked for."""
        session = connection.session
        if error is not None:
            connection.end(End.INTERNAL)
        elif session is None or session.end is not None or key not in connection.joining:
            self._log.unfollow(record.account)
        elif self._find(session.venue, key) is None:  # who was told of its end is bound to it
            self._log.unfollow(record.account)
            connection.end(End.EXPIRED)
        else:
            connection.joining -= {key}
            binding = self.bind(connection, session.venue, key, record)
            connection.bindings = (*connection.bindings, binding)

    def name(self, binding: Binding) -> str:
        """The listen key of a binding."""
        return self._keys.key_of(binding.key)

    def _unfollow(self, accounts: Iterable[str]) -> None:
        for account in accounts:
            self._log.unfollow(account)

    def _may_join(self, venue: Venue, key: str) -> bool:
        record = self._find(venue, key)
        return record is not None and self._admission.has_room(venue, record, self._fanout)

    def _find(self, venue: Venue, key: str) -> KeyRecord | None:
        return self._keys.find(venue.name, key)
