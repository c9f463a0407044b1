"""KeyTable against a dictionary with deadlines: creation, renewal, expiry in any order."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    precondition,
    rule,
)

from userstream.core.listenkeys import Issued, KeyRecord, KeyTable
from userstream.core.tokens import Minter
from userstream.venue import KeyPolicy, OnCreate, Refusal
from userstream.venues import load, names

MINTER = Minter(b"s" * 32)
HOUR = 3_600_000
POLICIES = {name: load(name).keys for name in names()} | {
    "few": KeyPolicy(length=64, on_create=OnCreate.NEW, max_per_account=3, life_ms=5)
}
ACCOUNTS = ["alice", "bob"]
API_KEYS = ["api-1", "api-2", "api-3"]


@dataclass
class Entry:
    """What the model knows of a key; ``swept`` keys have been told to be over."""

    venue: str
    account: str
    expires_ms: int
    api_keys: list[str] = field(default_factory=list)


class KeyTableModel(RuleBasedStateMachine):
    """Every call is made on the table and on the dictionary, and must come out the same."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000_000
        self.table = KeyTable(MINTER, POLICIES)
        self.entries: dict[str, Entry] = {}
        self.records: dict[str, KeyRecord] = {}
        self.gone: set[str] = set()
        self.entropy = 0

    keys = Bundle("keys")

    def live(self, venue: str, account: str) -> list[str]:
        return [
            key
            for key, e in self.entries.items()
            if (e.venue, e.account) == (venue, account) and e.expires_ms > self.now
        ]

    def _create(self, venue: str, account: str, api_key: str) -> Issued | Refusal:
        self.entropy += 1
        entropy = self.entropy.to_bytes(32, "little")
        return self.table.create(venue, account, api_key, entropy, self.now)

    @rule(
        target=keys,
        venue=st.sampled_from(sorted(POLICIES)),
        account=st.sampled_from(ACCOUNTS),
        api_key=st.sampled_from(API_KEYS),
    )
    def create(self, venue: str, account: str, api_key: str) -> object:
        policy, live = POLICIES[venue], self.live(venue, account)
        issued = self._create(venue, account, api_key)
        if policy.on_create is OnCreate.REUSE and live:
            assert isinstance(issued, Issued)
            assert (issued.key, issued.new) == (live[0], False)
        elif len(live) >= policy.max_per_account:
            assert issued is Refusal.LISTEN_KEYS_EXHAUSTED
            return multiple()
        else:
            assert isinstance(issued, Issued)
            assert issued.new
            assert issued.key not in self.entries
            assert issued.key not in self.gone
            self.entries[issued.key] = Entry(venue, account, 0)
        self._extended(issued, api_key)
        return issued.key

    @rule(account=st.sampled_from(ACCOUNTS))
    def fill(self, account: str) -> None:
        while len(self.live("mexc", account)) < 60:
            issued = self._create("mexc", account, "api-1")
            assert isinstance(issued, Issued)
            self.entries[issued.key] = Entry("mexc", account, 0)
            self._extended(issued, "api-1")
        assert self._create("mexc", account, "api-1") is Refusal.LISTEN_KEYS_EXHAUSTED

    @rule(key=keys, account=st.sampled_from(ACCOUNTS))
    def renew(self, key: str, account: str) -> None:
        venue = self._venue(key)
        renewed = self.table.renew(venue, key, account, self.now)
        if key in self.live(venue, account):
            assert isinstance(renewed, Issued)
            assert (renewed.key, renewed.new) == (key, False)
            self._extended(renewed)
        else:
            assert renewed is Refusal.LISTEN_KEY_UNKNOWN

    @rule(key=keys, account=st.sampled_from(ACCOUNTS))
    def delete(self, key: str, account: str) -> None:
        venue = self._venue(key)
        deleted = self.table.delete(venue, key, account, self.now)
        if key in self.live(venue, account):
            assert isinstance(deleted, Issued)
            assert deleted.record == self.records[key]
            self._end(key)
        else:
            assert deleted is Refusal.LISTEN_KEY_UNKNOWN

    @rule(account=st.sampled_from(ACCOUNTS), api_key=st.sampled_from(API_KEYS))
    def revoke(self, account: str, api_key: str) -> None:
        its = {key: e for key, e in self.entries.items() if e.account == account}
        given = {key for key, e in its.items() if api_key in e.api_keys}
        assert {self._key(r) for r in self.table.revoke(account, [api_key])} == given
        for key in given:
            self._end(key)

    @rule()
    def expire(self) -> None:
        due = [key for key, e in self.entries.items() if e.expires_ms <= self.now]
        ended = self.table.expire(self.now)
        assert sorted(self._key(r) for r in ended) == sorted(due)
        assert [r.expires_ms for r in ended] == sorted(r.expires_ms for r in ended)
        for key in due:
            self._end(key)
        deadline = self.table.deadline()
        assert deadline is None or deadline > self.now

    @rule(key=consumes(keys))
    def lose(self, key: str) -> None:
        """A key that could not be stored."""
        if key in self.entries:
            self.table.forget(self.records[key])
            self._end(key)

    @rule(key=keys)
    def fail_to_end(self, key: str) -> None:
        """A key whose end could not be stored: it is as if nothing had been asked."""
        if key in self.entries:
            self.table.forget(self.records[key])
            self.table.put(self.records[key])

    @rule()
    def restart(self) -> None:
        self.table = KeyTable(MINTER, POLICIES, self.records.values())

    @rule(ms=st.sampled_from([1, 4, 5, 1_000, HOUR // 2, HOUR - 1, HOUR]))
    def advance(self, ms: int) -> None:
        self.now += ms

    @precondition(lambda self: self.table.deadline() is not None)
    @rule(early=st.sampled_from([0, 1]))
    def advance_to_the_next_deadline(self, early: int) -> None:
        self.now = max(self.now, (self.table.deadline() or 0) - early)

    @invariant()
    def a_key_lives_to_its_deadline_and_never_longer(self) -> None:
        for key, e in self.entries.items():
            found = self.table.find(e.venue, key, self.now)
            assert found == (self.records[key] if e.expires_ms > self.now else None)
        assert len(self.table) == len(self.entries)

    @invariant()
    def each_account_owns_its_live_keys_and_no_more_than_may_be(self) -> None:
        for venue, policy in POLICIES.items():
            for account in ACCOUNTS:
                live = self.live(venue, account)
                assert sorted(self.table.owned_by(venue, account, self.now)) == sorted(live)
                assert len(live) <= policy.max_per_account

    @invariant()
    def the_next_deadline_is_not_too_late(self) -> None:
        deadline = self.table.deadline()
        times = [e.expires_ms for e in self.entries.values()]
        assert not times or (deadline is not None and deadline <= min(times))
        assert len(self.table._expiries) <= 2 * len(self.entries) + 65

    def _extended(self, issued: Issued, api_key: str | None = None) -> None:
        entry = self.entries[issued.key]
        entry.expires_ms = self.now + POLICIES[entry.venue].life_ms
        if api_key is not None and api_key not in entry.api_keys:
            entry.api_keys.append(api_key)
        self.records[issued.key] = issued.record
        assert issued.record.expires_ms == entry.expires_ms
        assert list(issued.record.api_keys) == entry.api_keys
        assert issued.record.account == entry.account

    def _end(self, key: str) -> None:
        del self.entries[key], self.records[key]
        self.gone.add(key)

    def _venue(self, key: str) -> str:
        entry = self.entries.get(key)
        return entry.venue if entry else "binance"

    def _key(self, record: KeyRecord) -> str:
        return self.table.key_of(record.venue, record.random)


TestKeyTable = KeyTableModel.TestCase
TestKeyTable.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
