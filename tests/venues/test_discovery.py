"""How venues are found and set up."""

from __future__ import annotations

import pytest

from userstream import venues
from userstream.errors import InvalidSettings
from userstream.markets import SANDBOX_MARKETS


def test_venues_are_the_modules_that_are_there() -> None:
    assert {"bhex", "binance", "mexc", "spacedex"} <= set(venues.names())
    assert list(venues.names()) == sorted(venues.names())


def test_a_venue_without_options_behaves_as_its_document_says() -> None:
    for name in venues.names():
        assert venues.load(name).name == name


def test_the_default_is_one_of_them() -> None:
    assert venues.DEFAULT in venues.names()


def test_markets_reach_the_venue() -> None:
    info = venues.load("binance", {}, SANDBOX_MARKETS).rest.info(1, {})
    assert isinstance(info, dict)
    assert info["symbols"]


@pytest.mark.parametrize("name", ["nasdaq", "", "_forms", "../x"])
def test_an_unknown_venue_is_refused_with_the_names_there_are(name: str) -> None:
    with pytest.raises(InvalidSettings, match="binance"):
        venues.load(name)


@pytest.mark.parametrize("options", [{"colour": "red"}, {"key_length": 61}, {"ping": 20}])
def test_a_wrong_option_is_refused_with_the_options_there_are(options: dict[str, object]) -> None:
    with pytest.raises(InvalidSettings, match=r"venues\.binance: .*account_events"):
        venues.load("binance", options)
