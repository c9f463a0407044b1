"""The venue as a value, and the rule that makes numbers of ids."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from userstream.markets import Markets
from userstream.venue import Auth, ExpiryNotice, RestDialect, no_notice, number_id
from userstream.venues.binance import VENUE, Options, build


@given(st.integers(0, 2**63 - 1))
def test_an_id_of_digits_shows_as_it_is(number: int) -> None:
    assert number_id(str(number)) == number


@given(st.text(max_size=80))
def test_any_id_shows_as_a_64_bit_number(text: str) -> None:
    number = number_id(text)
    assert 0 <= number < 2**63
    if text != str(number):
        assert number >= 2**62


@pytest.mark.parametrize("text", ["", "007", "-1", "1.0", "١", str(2**63), "9" * 400, "A-1"])
def test_other_ids_show_as_a_number_derived_from_them(text: str) -> None:
    assert 2**62 <= number_id(text) < 2**63
    assert number_id(text) == number_id(text)


def test_a_derived_id_is_the_same_on_every_node() -> None:
    assert number_id("A-1") == 4865674554617330624


def test_the_expiry_notice_names_its_time_and_key() -> None:
    notice = json.loads(ExpiryNotice.EVENT.frame(5, "abc") or b"")
    assert json.loads(ExpiryNotice.EVENT_IN_ARRAY.frame(5, "abc") or b"") == [notice]
    assert ExpiryNotice.NONE.frame(5, "abc") is None
    assert notice == {"e": "listenKeyExpired", "E": 5, "listenKey": "abc"}
    assert list(notice) == ["e", "E", "listenKey"]


def test_a_venue_cannot_be_changed_and_shows_its_name() -> None:
    venue = build(Options(), Markets())
    assert repr(venue) == "<Venue binance>"
    with pytest.raises(FrozenInstanceError):
        venue.name = "other"  # type: ignore[misc]


def test_a_venue_that_says_nothing_of_itself_tells_the_time() -> None:
    assert RestDialect(routes=(), auth=Auth(header="X")).info(7, {}) == {"serverTime": 7}
    assert VENUE.rest.info(7, {}) != {"serverTime": 7}


def test_most_venues_have_no_notices() -> None:
    assert no_notice("{}") is None
