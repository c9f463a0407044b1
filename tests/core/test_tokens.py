"""Listen keys that prove themselves: ours are known, all others are not."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from userstream.core.tokens import ENTROPY_BYTES, Minter
from userstream.venue import Alphabet, KeyPolicy
from userstream.venues import load, names

SECRET = b"s" * 32
MINTER = Minter(SECRET)
POLICIES = {name: load(name).keys for name in names()}
ENTROPY = bytes(range(32))

policies = st.sampled_from(sorted(POLICIES))
entropies = st.binary(min_size=ENTROPY_BYTES, max_size=ENTROPY_BYTES)


def made(venue: str, entropy: bytes = ENTROPY, minter: Minter = MINTER) -> str:
    policy = POLICIES[venue]
    return minter.key(venue, policy, minter.random_part(policy, entropy))


@given(policies, entropies)
def test_a_key_of_ours_is_known_by_its_random_part(venue: str, entropy: bytes) -> None:
    policy = POLICIES[venue]
    random = MINTER.random_part(policy, entropy)
    assert MINTER.check(venue, policy, MINTER.key(venue, policy, random)) == random


@given(policies, entropies)
def test_a_key_has_the_venues_length_and_alphabet(venue: str, entropy: bytes) -> None:
    key = made(venue, entropy)
    assert len(key) == POLICIES[venue].length
    assert set(key) <= set(POLICIES[venue].alphabet.value)


@pytest.mark.parametrize(
    ("venue", "length"), [("binance", 60), ("bhex", 64), ("spacedex", 64), ("mexc", 64)]
)
def test_a_key_is_as_long_as_the_document_says(venue: str, length: int) -> None:
    assert len(made(venue)) == length


@given(policies, st.text(max_size=80))
def test_a_made_up_key_is_not_known(venue: str, key: str) -> None:
    assert MINTER.check(venue, POLICIES[venue], key) is None


@given(policies, st.data())
def test_a_key_with_any_character_changed_is_not_known(venue: str, data: st.DataObject) -> None:
    key = made(venue)
    at = data.draw(st.integers(0, len(key) - 1))
    other = data.draw(st.sampled_from(POLICIES[venue].alphabet.value))
    assume(other != key[at])
    assert MINTER.check(venue, POLICIES[venue], key[:at] + other + key[at + 1 :]) is None


@pytest.mark.parametrize("venue", sorted(POLICIES))
def test_another_servers_key_is_not_known(venue: str) -> None:
    key = made(venue, minter=Minter(b"t" * 32))
    assert MINTER.check(venue, POLICIES[venue], key) is None


@pytest.mark.parametrize("venue", sorted(POLICIES))
def test_another_venues_key_of_the_same_shape_is_not_known(venue: str) -> None:
    policy = POLICIES[venue]
    key = MINTER.key("other", policy, MINTER.random_part(policy, ENTROPY))
    assert MINTER.check("other", policy, key) is not None
    assert MINTER.check(venue, policy, key) is None


@pytest.mark.parametrize("venue", sorted(POLICIES))
@pytest.mark.parametrize(
    "change", [lambda k: k[:-1], lambda k: k + k[0], lambda k: "", str.swapcase]
)
def test_a_key_of_another_length_or_letter_case_is_not_known(venue: str, change: object) -> None:
    assert callable(change)
    assert MINTER.check(venue, POLICIES[venue], change(made(venue))) is None


@pytest.mark.parametrize("character", ["é", "١", "\ud800", "\0", " ", "/"])
def test_a_key_with_a_foreign_character_is_not_known(character: str) -> None:
    for venue, policy in POLICIES.items():
        key = made(venue)
        for at in (0, policy.length - 1):
            assert MINTER.check(venue, policy, key[:at] + character + key[at + 1 :]) is None


@pytest.mark.parametrize("length", [60, 61, 64])
@pytest.mark.parametrize("alphabet", Alphabet)
def test_keys_of_any_length_work(length: int, alphabet: Alphabet) -> None:
    policy = KeyPolicy(length=length, alphabet=alphabet)
    random = MINTER.random_part(policy, ENTROPY)
    key = MINTER.key("venue", policy, random)
    assert len(key) == length
    assert MINTER.check("venue", policy, key) == random


@pytest.mark.parametrize("venue", sorted(POLICIES))
def test_keys_make_use_of_the_whole_alphabet_in_both_halves(venue: str) -> None:
    keys = [made(venue, hashlib.sha256(bytes([i])).digest()) for i in range(100)]
    half = POLICIES[venue].length // 2
    for part in (slice(0, half), slice(half, None)):
        assert set("".join(k[part] for k in keys)) == set(POLICIES[venue].alphabet.value)


def test_different_entropy_gives_different_keys() -> None:
    keys = {made("binance", bytes([i]) * 32) for i in range(100)}
    assert len(keys) == 100


def test_too_little_entropy_is_refused() -> None:
    with pytest.raises(ValueError, match="32 random bytes"):
        MINTER.random_part(POLICIES["mexc"], bytes(31))


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Minter(b"s" * 31)


def test_the_secret_is_not_shown() -> None:
    assert repr(MINTER) == "<Minter>"
