"""Picture: what is held and what is open, after what was told."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.core.client.values import T, account, balance, fill, order, whole
from userstream.core.client.bounds import Bounds
from userstream.core.client.identity import Fill
from userstream.core.client.picture import Picture
from userstream.core.client.told import AccountEvent, Gap, Holding, OrderEvent, Origin, Scope
from userstream.events import OrderUpdate
from userstream.venue import FillKey


def picture(*updates: Any, fill_key: FillKey = FillKey.TRADE_ID, **bounds: int) -> Picture:
    it = Picture(fill_key, Bounds(**bounds))
    for update in updates:
        tell(it, update)
    return it


def tell(it: Picture, update: Any, *, at: int | None = None, late: bool = False) -> None:
    if isinstance(update, OrderUpdate):
        it.apply(OrderEvent(update=update, venue_ms=at, late=late))
    else:
        it.apply(AccountEvent(update=update, venue_ms=at, late=late))


def held(it: Picture) -> dict[str, str]:
    return {asset: str(holding.free) for asset, holding in it.account.items()}


def test_open_orders_are_there_until_they_end() -> None:
    it = picture(order("1"), order("2"), order("2", status="CANCELED"))
    assert list(it.orders) == ["1"]
    assert (it.finished("2"), it.finished("1")) == (True, False)


def test_a_gap_or_a_late_word_of_a_finished_order_changes_nothing() -> None:
    it = picture(order(status="FILLED"))
    it.apply(Gap(why="test"))
    tell(it, order(status="PARTIALLY_FILLED"))
    assert it.orders == {}
    it = picture(order(status="PARTIALLY_FILLED"))
    tell(it, order(), late=True)
    assert it.orders["1"].status == "PARTIALLY_FILLED"


def test_a_late_fill_is_still_a_fill() -> None:
    it = picture(order(status="FILLED", cumulative_quantity="3"))
    tell(it, fill(trade_id="7", cumulative_quantity="1"), late=True)
    assert it.has_fill(Fill("BTCUSDT", "1", "7"))
    assert not it.has_fill(Fill("BTCUSDT", "1", "8"))
    assert it.filled("1") == 3


def test_what_an_event_does_not_say_of_an_order_stays() -> None:
    it = picture(order(quantity="5", order_type="LIMIT", price="2"), fill(status="", trade_id="7"))
    known = it.orders["1"]
    assert (known.status, known.quantity, known.price, known.trade_id) == ("NEW", "5", "2", "7")
    tell(it, order(status="PARTIALLY_FILLED", quantity="6", order_type="LIMIT"))
    assert it.orders["1"].price is None
    tell(it, fill("9", status="", trade_id="8"))
    assert "9" not in it.orders


def test_sums_are_the_venues_where_it_has_them() -> None:
    it = picture(order(), fill(cumulative_quantity="2.5", trade_id="1"))
    assert it.filled("1") == Decimal("2.5")
    assert it.filled("2") is None
    tell(it, fill(trade_id="2"))
    assert it.filled("1") == Decimal("2.5")


def test_where_a_venue_has_no_sums_they_are_ours_from_the_orders_beginning() -> None:
    it = picture(order(), fill(), fill(), fill("2"), fill_key=FillKey.NONE)
    assert it.filled("1") == 2
    assert it.filled("2") is None
    tell(it, order(status="PARTIALLY_FILLED", cumulative_quantity="5", time_ms=T + 1))
    tell(it, fill(time_ms=T + 1))
    assert it.filled("1") == 5
    tell(it, fill(time_ms=T + 2))
    assert it.filled("1") == 6


def test_only_so_much_is_remembered() -> None:
    it = picture(orders=2, copies=2)
    for number in map(str, range(5)):
        tell(it, fill(number, trade_id=number, status="FILLED", cumulative_quantity="1"))
    assert [it.finished(str(n)) for n in range(5)] == [False, False, False, True, True]
    assert [it.has_fill(Fill("BTCUSDT", str(n), str(n))) for n in range(5)].count(True) == 2
    assert [it.filled(str(n)) for n in range(5)] == [None, None, None, 1, 1]


def test_an_order_that_nobody_knows_is_dropped() -> None:
    it = picture(order())
    for _ in range(2):
        it.apply(Gap(why="the venue does not know it", scope=Scope.ORDER, order_id="1"))
    assert it.orders == {}


def test_the_latest_word_on_each_asset_stands() -> None:
    it = picture()
    tell(it, account(balance("BTC", "1"), balance("ETH", "5", "2")), at=T)
    tell(it, account(balance("BTC", "2")), at=T + 1)
    tell(it, account(balance("BTC", "9")), at=T, late=True)
    assert it.account == {
        "BTC": Holding(Decimal(2), Decimal(0)), "ETH": Holding(Decimal(5), Decimal(2)),
    }  # fmt: skip


def test_a_whole_account_clears_what_it_does_not_list_but_not_what_is_newer() -> None:
    it = picture()
    tell(it, account(balance("BTC", "1"), balance("ETH", "5")), at=T)
    tell(it, account(balance("XRP", "3")), at=T + 9)
    tell(it, whole(balance("BTC", "2")), at=T + 1)
    assert held(it) == {"BTC": "2", "XRP": "3"}
    tell(it, account(balance("BTC", "4")))
    assert held(it)["BTC"] == "2"


def test_what_was_told_of_fills_is_counted_beside_what_the_venue_says() -> None:
    it = picture(order(), fill(cumulative_quantity="1", trade_id="1"))
    assert it.told("1") == 1
    assert it.told("2") is None
    assert not it.doubts
    tell(it, fill(cumulative_quantity="3", trade_id="3"))
    assert it.filled("1") == 3
    assert it.told("1") == 2
    assert it.doubts == {"1": False}
    tell(it, fill(cumulative_quantity="3", trade_id="3"))
    assert it.told("1") == 2
    it.explain("1", Decimal(1))
    it.explain("2", Decimal(1))
    assert it.told("1") == 3
    assert not it.doubts


def test_a_sum_of_rest_stands_for_the_fills_before_it() -> None:
    it = picture()
    row = order(status="PARTIALLY_FILLED", cumulative_quantity="5", time_ms=T + 1)
    it.apply(OrderEvent(update=row, origin=Origin.REST))
    tell(it, fill(trade_id="4", time_ms=T, cumulative_quantity="4"))
    tell(it, fill(trade_id="6", time_ms=T + 2, cumulative_quantity="6"))
    assert it.told("1") == 6
    assert not it.doubts


def test_fills_are_counted_before_anybody_knows_what_was_filled_first() -> None:
    picture = Picture(FillKey.NONE, Bounds())
    picture.apply(OrderEvent(update=fill(quantity="2")))
    picture.apply(OrderEvent(update=fill(quantity="1")))
    assert (picture.told("1"), picture.counted("1")) == (None, Decimal(3))
    picture.apply(OrderEvent(update=order(), late=True))  # its first word came behind them
    assert picture.told("1") == picture.counted("1") == Decimal(3)


def test_a_fill_of_rest_counts_though_the_orders_first_word_comes_behind_it() -> None:
    picture = Picture(FillKey.TRADE_ID, Bounds())
    picture.apply(OrderEvent(update=fill(trade_id="9", status=""), origin=Origin.REST))
    picture.apply(OrderEvent(update=order(cumulative_quantity="0")))
    assert picture.told("1") == Decimal(1)
    picture.apply(OrderEvent(update=fill("2", trade_id="9", status=""), origin=Origin.REST))
    picture.apply(OrderEvent(update=fill("2", trade_id="7", cumulative_quantity="1")))
    assert picture.told("2") == Decimal(2)


def test_what_a_gap_explains_is_told_even_of_an_order_that_is_told_next() -> None:
    picture = Picture(FillKey.NONE, Bounds())
    picture.apply(OrderEvent(update=fill(quantity="2")))
    picture.explain("1", Decimal(1))
    picture.explain("2", Decimal(1))
    picture.apply(OrderEvent(update=order("2")))
    picture.apply(OrderEvent(update=fill("2", "2")))
    assert (picture.told("1"), picture.told("2")) == (Decimal(3), Decimal(3))


def test_what_is_forgotten_is_known_by_its_time() -> None:
    it = picture(copies=1, orders=1)
    tell(it, fill("1", trade_id="1", time_ms=T + 5, cumulative_quantity="2"))
    assert it.doubts == {"1": True}
    tell(it, fill("2", trade_id="2", time_ms=T + 9, status="FILLED", cumulative_quantity="1"))
    assert it.forgot_ms == T + 5
    tell(it, order("3", status="CANCELED", time_ms=T + 10))
    tell(it, order("4", status="CANCELED", time_ms=T + 11))
    assert it.forgot_ms == T + 9
    assert not it.doubts


def test_an_account_differs_where_nothing_told_is_newer() -> None:
    it = picture()
    tell(it, account(balance("BTC", "1"), balance("ETH", "0")), at=T)
    assert not it.differs(whole(balance("BTC", "1"), time_ms=T))
    assert it.differs(whole(balance("BTC", "2"), time_ms=T))
    assert it.differs(whole(time_ms=T))
    assert it.differs(whole(balance("BTC", "1"), balance("XRP", "1"), time_ms=T))
    assert not it.differs(whole(time_ms=T - 1))


def test_a_first_word_raises_a_doubt_unless_it_is_all_that_was_filled() -> None:
    for quantity, doubts in (("1", {}), ("1.0", {}), ("0.5", {"1": True}), ("0", {})):
        it = picture(fill(quantity=quantity, cumulative_quantity="1", trade_id="7"))
        assert it.doubts == doubts
