"""KeyTable: which listen keys live, whose they are, and until when."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

import msgspec

from userstream.core.tokens import Minter
from userstream.venue import KeyPolicy, OnCreate, Refusal

_ALL = 1 << 62
_FEW = 64
"""Deadlines of keys that are gone, which are not worth a clean-up."""


class KeyRecord(msgspec.Struct, frozen=True, gc=False):
    """One live listen key as it is stored: its random part, never the key itself."""

    venue: str
    random: str
    account: str
    api_keys: tuple[str, ...]
    """Fingerprints of every API key that was given this listen key."""
    expires_ms: int
    v: int = 1

    def given(self, api_key: str | None) -> KeyRecord:
        """As it is once that API key was given it; itself, where it was before, or for none."""
        if api_key is None or api_key in self.api_keys:
            return self
        return msgspec.structs.replace(self, api_keys=(*self.api_keys, api_key))


class Issued(NamedTuple):
    """A listen key for its owner, and the record to store before it is given out."""

    key: str
    record: KeyRecord
    new: bool = False

    def __repr__(self) -> str:
        return f"<Issued {self.record.venue} {self.record.account}>"


class KeyTable:
    """Creates, renews, deletes, revokes and expires listen keys. Times are the server's, in ms.

    The table changes at once; the shell stores each record before it answers and calls
    ``forget`` when it could not.
    """

    def __init__(
        self,
        minter: Minter,
        policies: Mapping[str, KeyPolicy],
        records: Iterable[KeyRecord] = (),
    ) -> None:
        self._minter = minter
        self._policies = policies
        self._records: dict[tuple[str, str], KeyRecord] = {}
        self._owned: dict[tuple[str, str], list[str]] = {}
        self._expiries: list[tuple[int, str, str]] = []
        for record in records:
            policy = policies.get(record.venue)
            if policy is None:
                continue
            key = minter.key(record.venue, policy, record.random)
            if minter.check(record.venue, policy, key) is None:
                # Made when the policy had another length: nobody could use it any more.
                record = msgspec.structs.replace(record, expires_ms=0)  # noqa: PLW2901
            self.put(record)

    def __len__(self) -> int:
        return len(self._records)

    def create(
        self, venue: str, account: str, api_key: str, entropy: bytes, now_ms: int
    ) -> Issued | Refusal:
        """The account's key: a new one, or the live one, extended, where the venue shares it.

        Raises:
            ValueError: the entropy is that of a key in the table: it is not random.
        """
        policy = self._policies[venue]
        live = self.live(venue, account, now_ms)
        if live and policy.on_create is OnCreate.REUSE:
            return self._extend(live[0], now_ms, api_key)
        if len(live) >= policy.max_per_account:
            return Refusal.LISTEN_KEYS_EXHAUSTED
        random = self._minter.random_part(policy, entropy)
        if (venue, random) in self._records:
            raise ValueError("the same random bytes twice")
        record = KeyRecord(venue, random, account, (api_key,), now_ms + policy.life_ms)
        self.put(record)
        return self._issued(record)._replace(new=True)

    def renew(self, venue: str, key: str, account: str, now_ms: int) -> Issued | Refusal:
        """Life from now on, for a live key of that account."""
        record = self.find(venue, key, now_ms)
        if record is None or record.account != account:
            return Refusal.LISTEN_KEY_UNKNOWN
        return self._extend(record, now_ms)

    def delete(self, venue: str, key: str, account: str, now_ms: int) -> Issued | Refusal:
        """Ends a live key of that account, for everybody who uses it."""
        record = self.find(venue, key, now_ms)
        if record is None or record.account != account:
            return Refusal.LISTEN_KEY_UNKNOWN
        self.forget(record)
        return Issued(key, record)

    def owned_by(self, venue: str, account: str, now_ms: int) -> list[str]:
        """The live keys of an account, the oldest first."""
        return [self._issued(r).key for r in self.live(venue, account, now_ms)]

    def live(self, venue: str, account: str, now_ms: int) -> list[KeyRecord]:
        """The records of an account's live keys, the oldest first."""
        owned = self._owned.get((venue, account), ())
        records = [self._records[venue, random] for random in owned]
        return [r for r in records if r.expires_ms > now_ms]

    def all_live(self, now_ms: int) -> list[KeyRecord]:
        """The records of every live key."""
        return [r for r in self._records.values() if r.expires_ms > now_ms]

    def find(self, venue: str, key: str, now_ms: int) -> KeyRecord | None:
        """The record of a live key; ``None`` for one that is made up, dead or another venue's."""
        random = self.random_of(venue, key)
        record = None if random is None else self._records.get((venue, random))
        return record if record is not None and record.expires_ms > now_ms else None

    def at(self, venue: str, random: str) -> KeyRecord | None:
        """The record of a random part, live or due to end."""
        return self._records.get((venue, random))

    def random_of(self, venue: str, key: str) -> str | None:
        """The random part of a key that this secret made, whether it lives or not."""
        return self._minter.check(venue, self._policies[venue], key)

    def key_of(self, venue: str, random: str) -> str:
        """The listen key of a random part, for its owner's own stream only."""
        return self._minter.key(venue, self._policies[venue], random)

    def revoke(self, account: str, api_keys: Collection[str]) -> list[KeyRecord]:
        """Ends every listen key that one of these API keys of the account was given."""
        given = [
            self._records[venue, random]
            for venue in self._policies
            for random in self._owned.get((venue, account), ())
        ]
        ended = [r for r in given if any(k in api_keys for k in r.api_keys)]
        for record in ended:
            self.forget(record)
        return ended

    def expire(self, now_ms: int, most: int = _ALL) -> list[KeyRecord]:
        """Ends the keys whose time has come, the earliest first, and no more than ``most``."""
        ended: list[KeyRecord] = []
        while len(ended) < most and self._expiries and self._expiries[0][0] <= now_ms:
            due_ms, venue, random = heapq.heappop(self._expiries)
            record = self._records.get((venue, random))
            if record is None:
                continue
            if record.expires_ms > due_ms:  # renewed since; it may be over all the same, later
                heapq.heappush(self._expiries, (record.expires_ms, venue, random))
            else:
                self.forget(record)
                ended.append(record)
        return ended

    def deadline(self) -> int | None:
        """When ``expire`` should be called next; it may find nothing then."""
        return self._expiries[0][0] if self._expiries else None

    def forget(self, record: KeyRecord) -> None:
        """Drops a key without a word: deleted, expired, or never stored."""
        if self._records.pop((record.venue, record.random), None) is not None:
            owned = self._owned[record.venue, record.account]
            owned.remove(record.random)
            if not owned:
                del self._owned[record.venue, record.account]
            self._compact()

    def put(self, record: KeyRecord) -> None:
        """Takes a record as it is: stored elsewhere, or one whose end could not be stored."""
        place = (record.venue, record.random)
        if place not in self._records:
            self._owned.setdefault((record.venue, record.account), []).append(record.random)
            heapq.heappush(self._expiries, (record.expires_ms, *place))
        self._records[place] = record

    def _compact(self) -> None:
        """Drops the deadlines of keys that are gone, once they are the greater part."""
        if len(self._expiries) > 2 * len(self._records) + _FEW:
            self._expiries = [(r.expires_ms, *place) for place, r in self._records.items()]
            heapq.heapify(self._expiries)

    def _extend(self, record: KeyRecord, now_ms: int, api_key: str | None = None) -> Issued:
        life_ms = self._policies[record.venue].life_ms
        extended = msgspec.structs.replace(record.given(api_key), expires_ms=now_ms + life_ms)
        self.put(extended)
        return self._issued(extended)

    def _issued(self, record: KeyRecord) -> Issued:
        return Issued(self.key_of(record.venue, record.random), record)
