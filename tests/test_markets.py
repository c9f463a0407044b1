"""Pairs and coin ids: what is listed, and the fallback for the rest."""

from __future__ import annotations

import pytest

from userstream.markets import SANDBOX_MARKETS, Markets, Symbol


def test_a_listed_pair_is_returned_as_it_is_listed() -> None:
    assert SANDBOX_MARKETS.symbol("BTCUSDT").price_places == 2
    assert SANDBOX_MARKETS.symbol("ETHBTC").price_places == 6


def test_amounts_of_the_sandbox_show_whole_in_the_eight_places_of_most_venues() -> None:
    for symbol in SANDBOX_MARKETS.symbols.values():
        assert symbol.price_places + len(symbol.lot.partition(".")[2]) <= 8, symbol.name


@pytest.mark.parametrize(
    ("name", "base", "quote"),
    [
        ("XYZUSDT", "XYZ", "USDT"),
        ("XYZBTC", "XYZ", "BTC"),
        ("XYZUSD", "XYZ", "USD"),
        ("USDT", "US", "DT"),
        ("ABCDE", "ABC", "DE"),
        ("A", "A", ""),
    ],
)
def test_an_unlisted_pair_is_split_at_its_quote_or_in_halves(
    name: str, base: str, quote: str
) -> None:
    symbol = Markets().symbol(name)
    assert (symbol.name, symbol.base, symbol.quote, symbol.price_places) == (name, base, quote, 8)


@pytest.mark.parametrize(("tick", "count"), [("1", 0), ("0.5", 1), ("0.01", 2), ("0.00000001", 8)])
def test_places_of_a_price_are_those_of_the_tick(tick: str, count: int) -> None:
    assert Symbol(name="AB", base="A", quote="B", tick=tick).price_places == count


def test_the_least_price_and_quantity_are_one_step_unless_said() -> None:
    symbol = Symbol(name="AB", base="A", quote="B", tick="0.5", lot="0.1")
    assert (symbol.min_price, symbol.min_quantity) == ("0.5", "0.1")
    said = Symbol(name="AB", base="A", quote="B", min_price="2", min_quantity="3")
    assert (said.min_price, said.min_quantity) == ("2", "3")


def test_a_listed_coin_id_is_returned() -> None:
    assert SANDBOX_MARKETS.coin_id("USDT") == "128f589271cb4951b03e71e6323eb7be"


def test_an_unlisted_coin_id_is_the_same_everywhere_and_another_for_each_asset() -> None:
    one, other = Markets().coin_id("XYZ"), Markets().coin_id("XYY")
    assert one == SANDBOX_MARKETS.coin_id("XYZ") == "48d198b0231c791737933f81bc4fd503"
    assert one != other
    assert len(one) == 32
    assert set(one) <= set("0123456789abcdef")
