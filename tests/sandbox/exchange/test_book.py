from __future__ import annotations

from decimal import Decimal

import pytest

from tests.sandbox.exchange.desk import BUY, SELL, listing, request
from userstream.orders import OrderType, Side
from userstream.sandbox.exchange.book import Book, Ladder, Level, Stops, rises
from userstream.sandbox.exchange.orders import Order

STOP, PROFIT = OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT


def order(order_id: int, side: Side, price: str, stop_price: str | None = None) -> Order:
    kind = OrderType.LIMIT if stop_price is None else STOP
    asked = request(side, kind, quantity="2", price=price, stop_price=stop_price)
    made = Order("alice", listing(), asked, quantity=Decimal(2), budget=Decimal(0), now_ms=0)
    made.order_id = order_id
    return made


def ids(ladder: Ladder, limit: str | None = None) -> list[int]:
    return [o.order_id for o in ladder.walk(None if limit is None else Decimal(limit))]


@pytest.mark.parametrize(
    ("side", "expected", "beyond"), [(BUY, [2, 4, 1, 3], "10"), (SELL, [3, 1, 2, 4], "9")]
)
def test_price_then_time(side: Side, expected: list[int], beyond: str) -> None:
    ladder = Ladder(side)
    for order_id, price in ((1, "9.50"), (2, "10"), (3, "9"), (4, "10.00")):
        ladder.add(order(order_id, side, price))
    assert ids(ladder) == expected
    assert ids(ladder, beyond) == [i for i in expected if i in ({2, 4} if side is BUY else {3})]
    first = ladder.first(None)
    assert first is not None
    assert first.order_id == expected[0]


def test_limits() -> None:
    ladder = Ladder(SELL)
    ladder.add(order(1, SELL, "10"))
    assert ladder.first(Decimal("9.99")) is None
    assert ladder.first(Decimal(10)) is not None
    bids = Ladder(BUY)
    bids.add(order(1, BUY, "10"))
    assert bids.first(Decimal("10.01")) is None
    assert bids.first(Decimal(10)) is not None


def test_orders_leave_from_anywhere() -> None:
    ladder = Ladder(SELL)
    orders = [order(n, SELL, price) for n, price in enumerate(("10", "11", "10", "12"))]
    for one in orders:
        ladder.add(one)
    ladder.remove(orders[0])
    assert ids(ladder) == [2, 1, 3]
    ladder.remove(orders[1])
    assert ids(ladder) == [2, 3]
    ladder.remove(orders[2])
    ladder.remove(orders[3])
    assert ids(ladder) == []
    assert ladder.first(None) is None
    assert ladder.best() is None


def test_the_best_level_is_summed() -> None:
    ladder = Ladder(BUY)
    for n, price in enumerate(("10", "11", "11")):
        ladder.add(order(n, BUY, price))
    assert ladder.best() == Level(Decimal(11), Decimal(4))


@pytest.mark.parametrize(
    ("side", "kind", "rising"),
    [(BUY, STOP, True), (SELL, STOP, False), (BUY, PROFIT, False), (SELL, PROFIT, True)],
)
def test_which_way_a_stop_waits(side: Side, kind: OrderType, rising: bool) -> None:
    assert rises(request(side, kind, quantity="1", price="1", stop_price="1")) is rising


def test_stops_trigger_by_distance_then_age() -> None:
    stops = Stops()
    for n, (side, at) in enumerate(
        [(BUY, "12"), (BUY, "11"), (BUY, "11"), (BUY, "13"), (SELL, "8"), (SELL, "9"), (SELL, "7")]
    ):
        stops.add(order(n, side, "10", at))
    assert stops.take(Decimal(10)) == []
    assert [o.order_id for o in stops.take(Decimal(12))] == [1, 2, 0]
    assert [o.order_id for o in stops.take(Decimal(8))] == [5, 4]
    assert [o.order_id for o in stops.take(Decimal(7))] == [6]
    assert [o.order_id for o in stops.take(Decimal(99))] == [3]


def test_a_book_keeps_orders_where_they_belong() -> None:
    book = Book()
    resting, waiting = order(1, BUY, "10"), order(2, SELL, "10", "9")
    book.add(resting)
    book.add(waiting)
    assert ids(book.ladders[BUY]) == [1]
    assert ids(book.against(SELL)) == [1]
    assert ids(book.against(BUY)) == []
    book.remove(resting)
    book.remove(waiting)
    assert ids(book.ladders[BUY]) == []
    assert book.stops.take(Decimal(1)) == []
