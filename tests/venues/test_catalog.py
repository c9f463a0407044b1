"""The exchange's self-description, as start-up calls of clients need it."""

from __future__ import annotations

from userstream.markets import SANDBOX_MARKETS, Markets
from userstream.venues._catalog import exchange_info


def test_each_listed_pair_is_described_with_its_price_filter_first() -> None:
    info = exchange_info(SANDBOX_MARKETS, 7)
    assert (info["serverTime"], info["timezone"]) == (7, "UTC")
    assert [s["symbol"] for s in info["symbols"]] == list(SANDBOX_MARKETS.symbols)
    for symbol in info["symbols"]:
        assert symbol["status"] == "TRADING"
        assert {"baseAsset", "quoteAsset", "orderTypes", "permissions"} <= symbol.keys()
        assert symbol["filters"][0]["filterType"] == "PRICE_FILTER"


def test_steps_have_eight_places() -> None:
    first = exchange_info(SANDBOX_MARKETS, 7)["symbols"][0]
    assert first["filters"][0]["tickSize"] == "0.01000000"
    assert first["filters"][1]["stepSize"] == "0.00001000"


def test_nothing_listed_is_an_empty_list() -> None:
    assert exchange_info(Markets(), 7)["symbols"] == []


def test_the_limits_are_those_of_december_2017() -> None:
    limits = exchange_info(Markets(), 7)["rateLimits"]
    assert [(x["rateLimitType"], x["interval"], x["limit"]) for x in limits] == [
        ("REQUESTS", "MINUTE", 1200),
        ("ORDERS", "SECOND", 10),
        ("ORDERS", "DAY", 100000),
    ]
