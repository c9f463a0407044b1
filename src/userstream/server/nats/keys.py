"""The listen keys of all nodes, in the register. ADR 15 has the rules and why they hold."""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from weakref import WeakValueDictionary

import msgspec

from userstream.core.closing import End
from userstream.core.listenkeys import Issued, KeyRecord, KeyTable
from userstream.core.rest import Identity
from userstream.core.tokens import ENTROPY_BYTES, Minter
from userstream.errors import StoreUnavailable
from userstream.server.keys import Ended, Place
from userstream.server.nats.bucket import Conflict
from userstream.server.nats.debts import Debts
from userstream.server.nats.keycopy import KeyCopy, Owned, StoredKey
from userstream.server.nats.keylist import KeyList
from userstream.server.nats.places import SocketPlaces
from userstream.server.nats.register import Register
from userstream.server.nats.revoking import SharedRevocations
from userstream.server.records import encode
from userstream.server.tasks import all_of
from userstream.venue import KeyPolicy, OnCreate, Refusal

_GRACE_S = 86_400
"""How long NATS keeps a record beyond the key's life: an outage may take that long."""
_BURIED_S = 120
_AT_ONCE = 256
"""Accounts whose keys are taken over together."""


class NatsKeys:
    """``ListenKeys`` of one node among others, and ``Others`` itself."""

    def __init__(
        self,
        register: Register,
        minter: Minter,
        policies: Mapping[str, KeyPolicy],
    ) -> None:
        self._register = register
        self._clock = register.clock
        self._minter = minter
        self._policies = policies
        self._copy = KeyCopy(register, KeyTable(minter, policies), policies)
        self._table = self._copy.table
        self._places = SocketPlaces(register)
        self._revocations = SharedRevocations(register)
        self._list = KeyList(self._copy, self._revocations, self._store)
        self._debts = Debts(self._copy, policies, self._extend_to)
        self._locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    def __len__(self) -> int:
        return len(self._table)

    @property
    def others(self) -> NatsKeys:
        """The nodes that share these keys."""
        return self

    async def stop(self) -> None:
        """Expires no more keys; gives back this node's places."""
        self._copy.stop()
        self._debts.stop()
        await self._places.stop()

    def on_end(self, ended: Ended) -> None:
        """Calls back when a key expires, is deleted or revoked, by whichever node."""
        self._copy.on_end(ended)

    def records(self) -> list[KeyRecord]:
        """Every live key, as far as this copy shows."""
        return self._table.all_live(self._register.time.ms)

    def key_of(self, place: Place) -> str:
        """The listen key of a random part."""
        return self._table.key_of(*place)

    # ── what is known ───────────────────────────────────────────────────────────────────────────

    def find(self, venue: str, key: str) -> KeyRecord | None:
        """The record of a key that lives in the stream's time, as far as this copy shows."""
        return self._table.find(venue, key, self._register.time.ms)

    def may_know(self, venue: str, key: str) -> bool:
        """Whether the key was made with our secret."""
        return self._table.random_of(venue, key) is not None

    async def seek(self, venue: str, key: str) -> KeyRecord | None:
        """The record of a key that lived on some node when this was called."""
        found = self.find(venue, key)
        if found is None and self.may_know(venue, key):
            await self._register.catch_up()
            found = self.find(venue, key)
        return found

    async def owned_by(self, venue: str, account: str) -> list[str]:
        """The live keys of an account; in an outage as far as this node knows."""
        return await self._list.owned_by(venue, account)

    async def shown(self, venue: str, identity: Identity, asked_s: float) -> list[str] | Refusal:
        """As ``owned_by``; in an outage those only that the API key was given before."""
        return await self._list.shown(venue, identity, asked_s)

    async def take_place(self, record: KeyRecord, most: int) -> bool:
        """Takes one of a key's places for sockets, of all nodes together."""
        return await self._places.take((record.venue, record.random), most)

    def leave_place(self, place: Place) -> None:
        """Gives a place back."""
        self._places.leave(place)

    # ── changes ─────────────────────────────────────────────────────────────────────────────────

    async def create(self, venue: str, identity: Identity, asked_s: float) -> Issued | Refusal:
        """The account's key: a new one, or the live one, extended, where the venue shares it."""
        at = (venue, identity.account)
        make = partial(self._create, venue, identity, asked_s)
        async with self._locks.setdefault(at, asyncio.Lock()):
            try:
                return await self._register.retried(make)
            except StoreUnavailable:
                shared = self._policies[venue].on_create is OnCreate.REUSE
                live = self._copy.live(venue, identity.account) if shared else []
                if not live or identity.api_key not in live[0].api_keys:
                    raise
                owed = await self._debts.owe(live[0])
                if owed is not None:
                    return owed
                return await self._register.retried(make)

    async def renew(self, venue: str, key: str, account: str) -> Issued | Refusal:
        """A whole life from now on. Where it cannot be stored it is owed, and stored later."""
        try:
            return await self._register.retried(partial(self._renew, venue, key, account))
        except StoreUnavailable:
            record = self.find(venue, key)
            if record is None:
                raise
            if record.account != account:
                return Refusal.LISTEN_KEY_UNKNOWN
            owed = await self._debts.owe(record)
            if owed is not None:
                return owed
            return await self._register.retried(partial(self._renew, venue, key, account))

    async def delete(self, venue: str, key: str, account: str) -> Issued | Refusal:
        """Ends a live key of that account, on every node."""
        return await self._register.retried(partial(self._delete, venue, key, account))

    async def end(self, records: Sequence[KeyRecord], end: End) -> None:
        """Ends live keys for that reason."""
        await asyncio.gather(*(self._register.retried(partial(self._end, r, end)) for r in records))

    async def take(self, records: Iterable[KeyRecord]) -> None:
        """Stores live keys that were made elsewhere with the same secret; may be repeated.

        Raises:
            StoreUnavailable: not all are stored.
        """
        owned: dict[tuple[str, str], list[KeyRecord]] = {}
        for record in records:
            if record.venue in self._policies:
                owned.setdefault((record.venue, record.account), []).append(record)
        left = iter(owned.values())
        while some := list(islice(left, _AT_ONCE)):
            await all_of(self._taken(moved) for moved in some)

    async def revoke(self, account: str, api_keys: Iterable[str]) -> int:
        """Ends every listen key that these API keys of the account were given.

        Raises:
            StoreUnavailable: some may live on.
        """
        revoked = set(api_keys)
        await self._revocations.store(account, revoked)
        ended = [r for r in self._of(account) if not revoked.isdisjoint(r.api_keys)]
        await self.end(ended, End.REVOKED)
        return len(ended)

    def given_to(self, account: str) -> set[str]:
        """The API keys that the account's live listen keys were given to."""
        return {api_key for record in self._of(account) for api_key in record.api_keys}

    def _of(self, account: str) -> list[KeyRecord]:
        now_ms = self._register.time.ms
        return [r for venue in self._policies for r in self._table.live(venue, account, now_ms)]

    async def _taken(self, moved: Sequence[KeyRecord]) -> None:
        await self._register.retried(partial(self._take, moved))

    async def _take(self, moved: Sequence[KeyRecord], _: bool) -> bool:
        venue, account = moved[0].venue, moved[0].account
        owner = f"o.{venue}.{account}"
        after = self._register.seq(owner)
        live = self._copy.live(venue, account)
        for record in moved:
            if record not in live:
                await self._store(StoredKey(record))
        randoms = dict.fromkeys(r.random for r in (*live, *moved))
        await self._register.put(owner, encode(Owned(tuple(randoms))), after=after)
        return True

    async def _create(
        self, venue: str, identity: Identity, asked_s: float, sure: bool
    ) -> Issued | Refusal | None:
        refusal = partial(self._revocations.seen.refusal, identity, asked_s)
        if before := refusal():
            return before
        policy = self._policies[venue]
        live = self._copy.live(venue, identity.account)
        if live and policy.on_create is OnCreate.REUSE:
            done = await self._extend(live[0], identity.api_key)
        elif len(live) < policy.max_per_account:
            done = await self._make(venue, identity, live)
        else:
            return Refusal.LISTEN_KEYS_EXHAUSTED if sure else None
        # A revocation is stored before this key, and shows here, or finds it, and ends it.
        if done is not None and (after := refusal()):
            if done.new:
                await self.end([done.record], End.REVOKED)
            return after
        return done

    async def _make(self, venue: str, identity: Identity, live: Sequence[KeyRecord]) -> Issued:
        policy = self._policies[venue]
        owner = f"o.{venue}.{identity.account}"
        after = self._register.seq(owner)
        random = self._minter.random_part(policy, secrets.token_bytes(ENTROPY_BYTES))
        expires_ms = self._clock.ms() + policy.life_ms
        record = KeyRecord(venue, random, identity.account, (identity.api_key,), expires_ms)
        await self._store(StoredKey(record))
        owned = Owned((*(r.random for r in live), random))
        try:
            await self._register.put(owner, encode(owned), after=after)
        except (Conflict, StoreUnavailable):
            with suppress(Conflict, StoreUnavailable):
                await self._bury(record, End.DELETED)  # which nobody was told of
            raise
        return Issued(self.key_of((venue, random)), record, new=True)

    async def _renew(
        self, venue: str, key: str, account: str, sure: bool
    ) -> Issued | Refusal | None:
        record = self.find(venue, key)
        if record is not None and record.account == account:
            return await self._extend(record)
        unknown = sure or not self.may_know(venue, key)
        return Refusal.LISTEN_KEY_UNKNOWN if unknown else None

    async def _delete(
        self, venue: str, key: str, account: str, sure: bool
    ) -> Issued | Refusal | None:
        record = self.find(venue, key)
        if record is not None and record.account == account:
            await self._bury(record, End.DELETED)
            return Issued(key, record)
        unknown = sure or not self.may_know(venue, key)
        return Refusal.LISTEN_KEY_UNKNOWN if unknown else None

    async def _end(self, record: KeyRecord, end: End, sure: bool) -> bool | None:
        current = self._copy.at((record.venue, record.random))
        if current is not None:
            await self._bury(current, end)
        return True if current is not None or sure else None

    async def _extend(self, record: KeyRecord, api_key: str | None = None) -> Issued | None:
        expires_ms = self._clock.ms() + self._policies[record.venue].life_ms
        return await self._extend_to(record, expires_ms, api_key)

    async def _extend_to(
        self, record: KeyRecord, expires_ms: int, api_key: str | None = None
    ) -> Issued | None:
        """``None``: the stream's time passed the deadline before the renewal was stored."""
        # Clocks of nodes differ by milliseconds: none takes from what another one granted.
        expires_ms = max(expires_ms, record.expires_ms)
        extended = msgspec.structs.replace(record.given(api_key), expires_ms=expires_ms)
        place = (record.venue, record.random)
        await self._store(StoredKey(extended, was_ms=record.expires_ms))
        if self._copy.at(place) is None:
            await self._bury(extended, End.EXPIRED)  # it must not live for nodes that come later
            return None
        return Issued(self.key_of(place), extended)

    async def _store(self, stored: StoredKey) -> None:
        record = stored.record
        life_ms = self._policies[record.venue].life_ms / self._clock.speed
        life_s = _BURIED_S if stored.end else math.ceil(life_ms / 1_000) + _GRACE_S
        await self._register.put(f"k.{record.venue}.{record.random}", encode(stored), life_s)

    async def _bury(self, record: KeyRecord, end: End) -> None:
        await self._store(StoredKey(record, end=end.label))
