"""Identity: which fills are told apart, and by what."""

from __future__ import annotations

from tests.core.client.values import T, account, fill, order
from userstream.core.client.identity import Fill, Said, fill_of, plain
from userstream.venue import FillKey

TRADE, SUM, NONE = FillKey.TRADE_ID, FillKey.CUMULATIVE, FillKey.NONE


def test_a_trade_id_tells_a_fill_with_its_symbol_and_order() -> None:
    assert fill_of(fill(trade_id="7"), TRADE) == Fill("BTCUSDT", "1", "7")
    assert fill_of(fill(trade_id="7"), NONE) == Fill("BTCUSDT", "1", "7")


def test_without_trade_ids_the_sum_of_the_order_does_however_it_is_written() -> None:
    assert fill_of(fill(cumulative_quantity="1.50"), SUM) == Fill("BTCUSDT", "1", "1.5")
    assert fill_of(fill(cumulative_quantity="10", trade_id="7"), SUM) == Fill("BTCUSDT", "1", "10")


def test_where_nothing_tells_it_there_is_no_key() -> None:
    assert fill_of(fill(), NONE) is None
    assert fill_of(fill(cumulative_quantity="1"), NONE) is None
    assert fill_of(fill(), SUM) is None
    assert fill_of(fill(cumulative_quantity="1"), TRADE) is None


def test_what_is_no_fill_has_no_key() -> None:
    assert fill_of(order(trade_id="7"), TRADE) is None
    assert fill_of(fill(quantity="0.00000000", trade_id="7"), TRADE) is None
    assert fill_of(fill(execution="CANCELED", trade_id="7"), TRADE) is None
    assert fill_of(fill(execution=None, trade_id="7"), TRADE) is not None


def test_amounts() -> None:
    fills = [
        fill_of(order(execution="TRADE", last_quantity=quantity, trade_id="7"), TRADE) is not None
        for quantity in (None, "", "0", "0.000", "0.010", "10")
    ]
    assert fills == [False, False, False, False, True, True]
    assert [plain(x) for x in ("10", "10.0", "0.10", "0.00")] == ["10", "10", "0.1", "0"]


def test_all_else_is_the_same_only_in_every_field() -> None:
    one = Said(account(), T)
    assert one == Said(account(), T)
    assert hash(one) == hash(Said(account(), T))
    assert one != Said(account(), T + 1)
    assert Said(order(), T) != Said(order("2"), T)
