"""KeyTable: whose a listen key is and until when, to the millisecond."""

from __future__ import annotations

import pytest

from userstream.core.listenkeys import Issued, KeyRecord, KeyTable
from userstream.core.tokens import Minter
from userstream.venue import KeyPolicy, OnCreate, Refusal
from userstream.venues import load, names

MINTER = Minter(b"s" * 32)
POLICIES = {name: load(name).keys for name in names()}
SHARING = ["bhex", "binance", "spacedex"]
HOUR = 3_600_000
UNKNOWN, EXHAUSTED = Refusal.LISTEN_KEY_UNKNOWN, Refusal.LISTEN_KEYS_EXHAUSTED


def table(*records: KeyRecord) -> KeyTable:
    return KeyTable(MINTER, POLICIES, records)


def entropy(i: int) -> bytes:
    return i.to_bytes(32, "little")


def create(
    it: KeyTable, venue: str = "binance", account: str = "alice", i: int = 1, now_ms: int = 0
) -> Issued:
    issued = it.create(venue, account, "api", entropy(i), now_ms)
    assert isinstance(issued, Issued)
    return issued


@pytest.mark.parametrize("venue", sorted(POLICIES))
def test_a_key_lives_an_hour_and_not_a_millisecond_longer(venue: str) -> None:
    it = table()
    issued = create(it, venue, now_ms=7)
    assert issued.new
    assert issued.record.expires_ms == 7 + HOUR == it.deadline()
    assert it.find(venue, issued.key, 6 + HOUR) == issued.record
    assert it.find(venue, issued.key, 7 + HOUR) is None
    assert it.renew(venue, issued.key, "alice", 7 + HOUR) is UNKNOWN
    assert it.delete(venue, issued.key, "alice", 7 + HOUR) is UNKNOWN
    assert it.owned_by(venue, "alice", 7 + HOUR) == []


@pytest.mark.parametrize("venue", SHARING)
def test_a_live_key_is_given_again_and_extended(venue: str) -> None:
    it = table()
    first = create(it, venue)
    second = it.create(venue, "alice", "api-2", entropy(2), 1_000)
    assert isinstance(second, Issued)
    assert (second.key, second.new) == (first.key, False)
    assert second.record.expires_ms == 1_000 + HOUR
    assert second.record.api_keys == ("api", "api-2")
    assert len(it) == 1


def test_an_api_key_is_noted_once_however_often_it_asks() -> None:
    it = table()
    for now_ms in range(5):
        issued = create(it, now_ms=now_ms)
    assert issued.record.api_keys == ("api",)


@pytest.mark.parametrize("venue", SHARING)
def test_an_expired_key_is_not_given_again_even_before_it_is_swept(venue: str) -> None:
    it = table()
    first = create(it, venue)
    second = create(it, venue, i=2, now_ms=HOUR)
    assert second.new
    assert second.key != first.key
    assert it.owned_by(venue, "alice", HOUR) == [second.key]
    assert it.expire(HOUR) == [first.record]
    assert it.owned_by(venue, "alice", HOUR) == [second.key]


def test_mexc_gives_a_new_key_each_time_up_to_sixty() -> None:
    it = table()
    keys = [create(it, "mexc", i=i, now_ms=i).key for i in range(60)]
    assert len(set(keys)) == 60
    assert it.create("mexc", "alice", "api", entropy(60), 60) is EXHAUSTED
    assert it.owned_by("mexc", "alice", 60) == keys
    assert create(it, "mexc", "bob", i=61).new


def test_a_place_is_free_again_when_a_key_expires_or_is_deleted() -> None:
    it = table()
    keys = [create(it, "mexc", i=i, now_ms=i).key for i in range(60)]
    assert it.create("mexc", "alice", "api", entropy(60), HOUR - 1) is EXHAUSTED
    assert create(it, "mexc", i=60, now_ms=HOUR).new
    assert it.create("mexc", "alice", "api", entropy(61), HOUR) is EXHAUSTED
    assert isinstance(it.delete("mexc", keys[59], "alice", HOUR), Issued)
    assert create(it, "mexc", i=61, now_ms=HOUR).new


def test_accounts_and_venues_have_keys_of_their_own() -> None:
    it = table()
    keys = {
        create(it, venue, account, i).key
        for i, (venue, account) in enumerate((v, a) for v in SHARING for a in ("alice", "bob"))
    }
    assert len(keys) == 6
    assert it.owned_by("bhex", "bob", 0)[0] in keys


@pytest.mark.parametrize("venue", sorted(POLICIES))
def test_another_accounts_key_is_as_good_as_unknown(venue: str) -> None:
    it = table()
    key = create(it, venue).key
    assert it.renew(venue, key, "bob", 1) is UNKNOWN
    assert it.delete(venue, key, "bob", 1) is UNKNOWN
    assert it.find(venue, key, 1) is not None
    assert it.deadline() == HOUR


def test_a_venues_key_is_unknown_to_the_others() -> None:
    it = table()
    key = create(it, "bhex").key
    assert it.find("spacedex", key, 0) is None
    assert it.renew("spacedex", key, "alice", 0) is UNKNOWN


@pytest.mark.parametrize("key", ["", "x", "a" * 60, "٣" * 60])
def test_a_made_up_key_is_unknown(key: str) -> None:
    it = table()
    create(it)
    assert it.find("binance", key, 0) is None
    assert it.renew("binance", key, "alice", 0) is UNKNOWN


def test_a_renewed_key_lives_an_hour_from_then() -> None:
    it = table()
    key = create(it).key
    renewed = it.renew("binance", key, "alice", HOUR - 1)
    assert isinstance(renewed, Issued)
    assert (renewed.key, renewed.new, renewed.record.expires_ms) == (key, False, 2 * HOUR - 1)
    assert it.expire(HOUR) == []
    assert it.deadline() == 2 * HOUR - 1
    assert it.expire(2 * HOUR - 2) == []
    assert it.expire(2 * HOUR - 1) == [renewed.record]
    assert it.deadline() is None


def test_a_deleted_key_is_gone_and_only_the_first_delete_succeeds() -> None:
    it = table()
    issued = create(it)
    assert it.delete("binance", issued.key, "alice", 1) == Issued(issued.key, issued.record)
    assert it.delete("binance", issued.key, "alice", 1) is UNKNOWN
    assert it.renew("binance", issued.key, "alice", 1) is UNKNOWN
    assert len(it) == 0
    assert it.expire(HOUR) == []


def test_deleting_one_of_several_keys_leaves_the_others() -> None:
    it = table()
    keys = [create(it, "mexc", i=i).key for i in range(3)]
    it.delete("mexc", keys[1], "alice", 1)
    assert it.owned_by("mexc", "alice", 1) == [keys[0], keys[2]]


def test_revoking_an_api_key_ends_every_listen_key_that_it_was_given() -> None:
    it = table()
    shared = create(it, "binance")
    it.create("binance", "alice", "api-2", entropy(9), 0)
    own = it.create("mexc", "alice", "api-2", entropy(2), 0)
    other = it.create("mexc", "alice", "api-3", entropy(3), 0)
    foreign = it.create("mexc", "bob", "api-2", entropy(4), 0)
    assert isinstance(own, Issued)
    assert isinstance(other, Issued)
    assert isinstance(foreign, Issued)
    ended = it.revoke("alice", ["api-2", "never-seen"])
    assert {r.random for r in ended} == {shared.record.random, own.record.random}
    assert it.owned_by("mexc", "alice", 0) == [other.key]
    assert it.owned_by("mexc", "bob", 0) == [foreign.key]
    assert it.revoke("alice", ["api-2"]) == []


def test_keys_expire_in_the_order_of_their_deadlines() -> None:
    it = table()
    records = [create(it, "mexc", i=i, now_ms=10 * i).record for i in range(5)]
    assert it.expire(HOUR + 25) == records[:3]
    assert it.deadline() == HOUR + 30
    assert it.expire(HOUR + 100, 1) == records[3:4]
    assert it.deadline() == HOUR + 40
    assert it.expire(HOUR + 100) == records[4:]


def test_a_key_that_could_not_be_stored_is_forgotten_without_a_word() -> None:
    it = table()
    issued = create(it)
    it.forget(issued.record)
    it.forget(issued.record)
    assert it.find("binance", issued.key, 0) is None
    assert it.expire(HOUR) == []
    assert create(it, i=2).new


def test_stored_keys_live_on_in_a_new_table() -> None:
    first = table()
    issued, other = create(first), create(first, "mexc", i=2, now_ms=5)
    it = table(issued.record, other.record)
    assert it.find("binance", issued.key, HOUR - 1) == issued.record
    assert it.deadline() == HOUR
    assert create(it, i=3, now_ms=9).key == issued.key
    assert it.key_of("mexc", other.record.random) == other.key


def test_a_record_is_found_by_its_random_part_live_or_due() -> None:
    it = table()
    issued = create(it, "mexc")
    record = issued.record
    assert it.random_of("mexc", issued.key) == record.random
    assert it.random_of("mexc", issued.key[:-1] + "!") is None
    assert it.random_of("binance", issued.key) is None
    assert it.at("mexc", record.random) == record
    assert it.at("binance", record.random) is None
    assert it.live("mexc", "alice", HOUR - 1) == [record]
    assert it.live("mexc", "alice", HOUR) == []
    assert it.at("mexc", record.random) == record  # until it is told to end
    it.forget(record)
    assert it.at("mexc", record.random) is None


def test_stored_keys_of_a_venue_that_is_not_served_are_left_alone() -> None:
    record = KeyRecord("gone", "abc", "alice", ("api",), HOUR)
    assert len(table(record)) == 0


def test_a_stored_key_that_expired_meanwhile_ends_at_once() -> None:
    record = create(table()).record
    it = table(record)
    assert it.owned_by("binance", "alice", 5 * HOUR) == []
    assert it.expire(5 * HOUR) == [record]


def test_a_stored_key_of_another_length_is_never_given_out_again() -> None:
    longer = KeyPolicy(length=64)
    before = KeyTable(MINTER, {"binance": longer})
    old = before.create("binance", "alice", "api", entropy(1), 0)
    assert isinstance(old, Issued)
    it = table(old.record)  # the operator has set 60 since
    assert it.deadline() == 0
    issued = create(it, i=2, now_ms=10)
    assert issued.new
    assert it.find("binance", issued.key, 11) is not None
    assert it.find("binance", old.key, 11) is None
    assert [r.random for r in it.expire(10)] == [old.record.random]


def test_the_same_entropy_twice_is_never_made_another_accounts_key() -> None:
    it = table()
    issued = create(it)
    with pytest.raises(ValueError, match="same random bytes"):
        it.create("binance", "bob", "api", entropy(1), 0)
    assert it.find("binance", issued.key, 0) == issued.record
    assert it.owned_by("binance", "bob", 0) == []


def test_renewals_leave_nothing_behind() -> None:
    it = table()
    key = create(it).key
    for now_ms in range(10_000):
        it.renew("binance", key, "alice", now_ms)
        create(it, now_ms=now_ms)
    assert _deadlines(it) == 1


def test_creating_and_deleting_leaves_little_behind() -> None:
    it = table()
    kept = create(it, account="bob", i=0)
    for i in range(1, 5_000):
        it.delete("binance", create(it, i=i, now_ms=i).key, "alice", i)
        assert _deadlines(it) < 100
    assert it.expire(HOUR) == [kept.record]


def test_what_is_left_behind_is_dropped_without_losing_a_deadline() -> None:
    policy = KeyPolicy(length=64, on_create=OnCreate.NEW, max_per_account=1_000)
    it = KeyTable(MINTER, {"v": policy})
    issued = []
    for i in range(500):
        one = it.create("v", "alice", "api", entropy(i), i)
        assert isinstance(one, Issued)
        issued.append(one)
    renewed = it.renew("v", issued[499].key, "alice", 1_000)
    assert isinstance(renewed, Issued)
    for one in issued[:400]:
        it.delete("v", one.key, "alice", 1_000)
    assert _deadlines(it) < 300
    assert it.expire(HOUR + 2_000) == [*(o.record for o in issued[400:499]), renewed.record]


def _deadlines(it: KeyTable) -> int:
    return len(it._expiries)


def test_an_end_that_could_not_be_stored_is_taken_back() -> None:
    it = table()
    issued = create(it)
    (record,) = it.revoke("alice", ["api"])
    assert it.find("binance", issued.key, 1) is None
    it.put(record)
    assert it.find("binance", issued.key, 1) == record
    assert it.revoke("alice", ["api"]) == [record]


def test_a_listen_key_is_not_shown() -> None:
    issued = create(table())
    assert issued.key not in repr(issued)
    assert repr(issued) == "<Issued binance alice>"


def test_a_renewed_key_ends_after_those_whose_time_came_before() -> None:
    it = table()
    first, second = create(it, account="alice", i=1), create(it, account="bob", i=2, now_ms=5)
    renewed = it.renew("binance", first.key, "alice", 10)
    assert isinstance(renewed, Issued)
    assert it.expire(9 * HOUR) == [second.record, renewed.record]
