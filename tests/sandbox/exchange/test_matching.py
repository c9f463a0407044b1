from __future__ import annotations

from decimal import Decimal

import pytest

from tests.sandbox.exchange.desk import BUY, SELL, Desk, accepted, orders_told, reason, told
from userstream.events import OrderUpdate
from userstream.sandbox.exchange import OrderType, Reason, SelfTrade, Side, TimeInForce

MARKET, MAKER = OrderType.MARKET, OrderType.LIMIT_MAKER
STOP, PROFIT = OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT
GTC, IOC, FOK = TimeInForce


@pytest.fixture
def desk() -> Desk:
    """Alice sells 1 at 100 and 1 at 101; the orders are 1 and 2."""
    desk = Desk()
    desk.limit("alice", SELL, "1", "100")
    desk.limit("alice", SELL, "1", "101")
    return desk


def test_an_order_that_meets_nothing_rests(desk: Desk) -> None:
    assert desk.limit("bob", BUY, "1", "99.99") == [
        "bob: 3 NEW NEW",
        "bob: ENTRUST_PLACE USDT -99.99/99.99",
    ]
    assert desk.held("bob") == {"BTC": ("100", "0"), "USDT": ("99900.01", "99.99")}


def test_a_sell_locks_its_quantity(desk: Desk) -> None:
    assert desk.limit("bob", SELL, "0.5", "200")[1:] == ["bob: ENTRUST_PLACE BTC -0.5/0.5"]


def test_the_best_price_comes_first_and_the_improvement_comes_back(desk: Desk) -> None:
    assert desk.limit("bob", BUY, "3", "102") == [
        "bob: 3 NEW NEW",
        "bob: ENTRUST_PLACE USDT -306/306",
        "bob: 3 TRADE PARTIALLY_FILLED 1@100 taker",
        "bob: ENTRUST BTC 1/0 USDT 0/-100",
        "alice: 1 TRADE FILLED 1@100 maker",
        "alice: ENTRUST BTC 0/-1 USDT 100/0",
        "bob: 3 TRADE PARTIALLY_FILLED 1@101 taker",
        "bob: ENTRUST BTC 1/0 USDT 0/-101",
        "alice: 2 TRADE FILLED 1@101 maker",
        "alice: ENTRUST BTC 0/-1 USDT 101/0",
        "bob: ENTRUST_UNFROZEN USDT 3/-3",
    ]
    assert desk.held("bob") == {"BTC": ("102", "0"), "USDT": ("99697", "102")}
    assert desk.exchange.last_price("BTCUSDT") == Decimal(101)


def test_at_one_price_the_first_comes_first() -> None:
    desk = Desk()
    for account in ("carol", "alice"):
        desk.limit(account, BUY, "1", "100")
    told = orders_told(desk.place("bob", SELL, quantity="1.5", price="100").events)
    assert told[2::2] == [
        "carol: 1 TRADE FILLED 1@100 maker",
        "alice: 2 TRADE PARTIALLY_FILLED 0.5@100 maker",
    ]


def test_both_sides_share_the_trade_id_and_add_up(desk: Desk) -> None:
    desk.limit("bob", BUY, "0.4", "100")
    placed = desk.place("bob", BUY, quantity="1", price="101", client_order_id="mine")
    fills = [e for _, e in placed.events if isinstance(e, OrderUpdate) and e.execution == "TRADE"]
    assert [f.trade_id for f in fills] == ["502", "502", "503", "503"]
    first_taken, first_made, second_taken, second_made = fills
    assert (first_taken.cumulative_quantity, first_taken.cumulative_quote) == ("0.6", "60")
    assert (first_made.cumulative_quantity, first_made.cumulative_quote) == ("1", "100")
    assert (second_taken.cumulative_quantity, second_taken.cumulative_quote) == ("1", "100.4")
    assert second_taken.last_quote == second_made.last_quote == "40.4"
    assert (second_taken.working, second_made.working) == (False, True)
    assert {f.self_trade for f in fills} == {False}
    assert (second_taken.client_order_id, second_made.client_order_id) == ("mine", None)
    assert [t.trade_id for t in placed.trades] == [502, 503]
    assert {t.counter_order_id for t in placed.trades} == {1, 2}
    assert {t.order_id for t in desk.exchange.trades("bob")} == {3, 4}


def test_market_by_quantity(desk: Desk) -> None:
    assert desk.market("bob", BUY, "1.5") == [
        "bob: 3 NEW NEW",
        "bob: 3 TRADE PARTIALLY_FILLED 1@100 taker",
        "bob: ENTRUST BTC 1/0 USDT -100/0",
        "alice: 1 TRADE FILLED 1@100 maker",
        "alice: ENTRUST BTC 0/-1 USDT 100/0",
        "bob: 3 TRADE FILLED 0.5@101 taker",
        "bob: ENTRUST BTC 0.5/0 USDT -50.5/0",
        "alice: 2 TRADE PARTIALLY_FILLED 0.5@101 maker",
        "alice: ENTRUST BTC 0/-0.5 USDT 50.5/0",
    ]
    assert desk.held("bob") == {"BTC": ("101.5", "0"), "USDT": ("99849.5", "0")}


def test_what_a_market_buy_does_not_find_expires(desk: Desk) -> None:
    assert desk.market("bob", BUY, "5")[-1] == "bob: 3 EXPIRED EXPIRED"
    assert desk.held("bob")["USDT"] == ("99799", "0")


def test_what_a_market_sell_does_not_find_expires() -> None:
    desk = Desk()
    desk.limit("alice", BUY, "1", "100")
    told = desk.market("bob", SELL, "5")
    assert told[2] == "bob: ENTRUST BTC -1/0 USDT 100/0"
    assert told[-1] == "bob: 2 EXPIRED EXPIRED"
    assert desk.held("bob") == {"BTC": ("99", "0"), "USDT": ("100100", "0")}


def test_a_market_order_needs_a_counter_order() -> None:
    desk = Desk()
    for amount in ({"quantity": "1"}, {"quote_quantity": "1"}):
        for side in Side:
            refused = desk.try_("bob", side, MARKET, **amount)
            assert reason(refused) == (Reason.NO_COUNTER_ORDERS, None)


def test_a_market_buy_needs_what_the_book_costs() -> None:
    desk = Desk()
    desk.limit("alice", SELL, "2", "90000")
    refused = desk.try_("bob", BUY, MARKET, quantity="2")
    assert reason(refused) == (Reason.INSUFFICIENT_BALANCE, None)
    by_amount = desk.try_("bob", BUY, MARKET, quote_quantity="100080")
    assert reason(by_amount) == (Reason.INSUFFICIENT_BALANCE, None)
    desk.market("bob", BUY, "1.111")


def test_what_a_market_order_will_not_find_need_not_be_there() -> None:
    desk = Desk()
    desk.limit("alice", SELL, "1", "90000")
    assert desk.market("bob", BUY, "2")[-1] == "bob: 2 EXPIRED EXPIRED"
    desk.limit("alice", SELL, "1", "1000")
    placed = desk.place("bob", BUY, MARKET, quote_quantity="100000")
    assert placed.order is not None
    assert placed.order.cumulative_quote == Decimal(1000)


@pytest.mark.parametrize("amount", [{"quantity": "100.001"}, {"quote_quantity": "200.002"}])
def test_a_market_sell_needs_what_the_book_takes(amount: dict[str, str]) -> None:
    desk = Desk()
    desk.limit("alice", BUY, "200", "2")
    refused = desk.try_("bob", SELL, MARKET, **amount)
    assert reason(refused) == (Reason.INSUFFICIENT_BALANCE, None)
    desk.market("bob", SELL, "100")


def test_market_buy_by_quote_amount(desk: Desk) -> None:
    placed = desk.place("bob", BUY, MARKET, quote_quantity="150.55")
    assert placed.order is not None
    assert (placed.order.quantity, placed.order.status) == (Decimal("1.5"), "FILLED")
    assert placed.order.cumulative_quote == Decimal("150.5")
    assert desk.held("bob")["USDT"] == ("99849.5", "0")
    first = placed.events[0][1]
    assert isinstance(first, OrderUpdate)
    assert (first.quantity, first.quote_quantity, first.price) == ("1.5", "150.55", None)


def test_market_buy_by_more_than_the_book_has(desk: Desk) -> None:
    placed = desk.place("bob", BUY, MARKET, quote_quantity="302")
    assert placed.order is not None
    assert (placed.order.quantity, placed.order.status) == (Decimal(3), "EXPIRED")
    assert placed.order.cumulative_quantity == Decimal(2)
    assert desk.held("bob") == {"BTC": ("102", "0"), "USDT": ("99799", "0")}


def test_market_sell_by_quote_amount() -> None:
    desk = Desk()
    desk.limit("alice", BUY, "1", "100")
    desk.limit("alice", BUY, "1", "90")
    placed = desk.place("bob", SELL, MARKET, quote_quantity="145")
    assert placed.order is not None
    assert (placed.order.quantity, placed.order.status) == (Decimal("1.5"), "FILLED")
    assert desk.held("bob") == {"BTC": ("98.5", "0"), "USDT": ("100145", "0")}


def test_a_sell_by_quote_amount_looks_for_no_worse_price_to_use_up_the_rest() -> None:
    desk = Desk()
    desk.limit("alice", BUY, "1", "100")
    desk.limit("alice", BUY, "1", "90")
    placed = desk.place("bob", SELL, MARKET, quote_quantity="100.095")  # a lot costs 0.09 at 90
    assert placed.order is not None
    assert (placed.order.quantity, placed.order.status) == (Decimal(1), "FILLED")


def test_post_only_rests_or_is_refused(desk: Desk) -> None:
    refused = desk.try_("bob", BUY, MAKER, quantity="1", price="100")
    assert reason(refused) == (Reason.WOULD_TAKE, None)
    placed = desk.place("bob", BUY, MAKER, quantity="1", price="99.99")
    assert placed.order is not None
    assert (placed.order.order_type, placed.order.time_in_force) == (MAKER, None)
    assert desk.market("carol", SELL, "1")[3:4] == ["bob: 3 TRADE FILLED 1@99.99 maker"]


@pytest.mark.parametrize(("price", "filled"), [("99", "0"), ("100", "1")])
def test_what_an_ioc_does_not_fill_expires(desk: Desk, price: str, filled: str) -> None:
    placed = desk.place("bob", BUY, quantity="1.5", price=price, time_in_force=IOC)
    assert placed.order is not None
    assert placed.order.status == "EXPIRED"
    assert placed.order.cumulative_quantity == Decimal(filled)
    assert told(placed.events)[-2] == "bob: 3 EXPIRED EXPIRED"
    assert "ENTRUST_CANCEL" in told(placed.events)[-1]
    assert desk.held("bob")["USDT"][1] == "0"


def test_an_ioc_gives_its_improvement_back_before_its_rest(desk: Desk) -> None:
    told = desk.limit("bob", BUY, "1.5", "100.50", time_in_force=IOC)
    assert told[-3:] == [
        "bob: ENTRUST_UNFROZEN USDT 0.5/-0.5",
        "bob: 3 EXPIRED EXPIRED",
        "bob: ENTRUST_CANCEL USDT 50.25/-50.25",
    ]


@pytest.mark.parametrize(
    ("quantity", "price", "status"),
    [("2", "101", "FILLED"), ("2", "100.99", "EXPIRED"), ("2.001", "101", "EXPIRED")],
)
def test_fok_fills_whole_or_not_at_all(desk: Desk, quantity: str, price: str, status: str) -> None:
    placed = desk.place("bob", BUY, quantity=quantity, price=price, time_in_force=FOK)
    assert placed.order is not None
    assert placed.order.status == status
    assert len(placed.trades) == (2 if status == "FILLED" else 0)
    assert desk.held("bob")["USDT"][1] == "0"


def test_an_expired_fok_tells_that_it_was_there(desk: Desk) -> None:
    assert desk.limit("bob", BUY, "3", "101", time_in_force=FOK) == [
        "bob: 3 NEW NEW",
        "bob: ENTRUST_PLACE USDT -303/303",
        "bob: 3 EXPIRED EXPIRED",
        "bob: ENTRUST_CANCEL USDT 303/-303",
    ]


def test_an_account_may_trade_with_itself(desk: Desk) -> None:
    placed = desk.place("alice", BUY, quantity="1", price="100")
    assert told(placed.events)[2:] == [
        "alice: 3 TRADE FILLED 1@100 taker",
        "alice: ENTRUST BTC 1/0 USDT 0/-100",
        "alice: 1 TRADE FILLED 1@100 maker",
        "alice: ENTRUST BTC 0/-1 USDT 100/0",
    ]
    fills = [e for _, e in placed.events if isinstance(e, OrderUpdate) and e.execution == "TRADE"]
    assert [(f.trade_id, f.self_trade) for f in fills] == [("501", True), ("501", True)]
    assert [t.maker for t in desk.exchange.trades("alice")] == [False, True]
    assert desk.held("alice") == {"BTC": ("99", "1"), "USDT": ("100000", "0")}


@pytest.fixture
def strict() -> Desk:
    """Under the other rule: carol sells 1 at 99, alice 1 at 100, carol 1 at 101."""
    desk = Desk(self_trade=SelfTrade.EXPIRE_TAKER)
    for account, price in (("carol", "99"), ("alice", "100"), ("carol", "101")):
        desk.limit(account, SELL, "1", price)
    return desk


def test_an_order_that_meets_its_own_account_expires(strict: Desk) -> None:
    placed = strict.place("alice", BUY, quantity="3", price="101")
    assert placed.order is not None
    assert (placed.order.status, placed.order.cumulative_quantity) == ("EXPIRED", Decimal(1))
    resting = strict.exchange.order("alice", 2)
    assert resting is not None
    assert resting.status == "NEW"
    assert strict.held("alice")["USDT"] == ("99901", "0")


def test_a_fok_does_not_reach_past_its_own_account(strict: Desk) -> None:
    placed = strict.place("alice", BUY, quantity="2", price="101", time_in_force=FOK)
    assert placed.trades == ()


def test_a_market_order_ends_at_its_own_account(strict: Desk) -> None:
    placed = strict.place("alice", BUY, MARKET, quantity="2")
    assert told(placed.events)[-1] == "alice: 4 EXPIRED EXPIRED"
    again = strict.place("alice", BUY, MARKET, quantity="2")
    assert told(again.events) == ["alice: 5 NEW NEW", "alice: 5 EXPIRED EXPIRED"]


def test_a_quote_amount_counts_at_the_price_where_it_ends(strict: Desk) -> None:
    placed = strict.place("alice", BUY, MARKET, quote_quantity="199")
    assert placed.order is not None
    assert (placed.order.quantity, placed.order.status) == (Decimal(2), "EXPIRED")
    assert placed.order.cumulative_quantity == Decimal(1)


def traded_at(desk: Desk, price: str) -> None:
    """Lets the last price be that."""
    desk.limit("carol", SELL, "0.001", price)
    desk.limit("carol", BUY, "0.001", price)
    assert desk.exchange.last_price("BTCUSDT") == Decimal(price)


@pytest.mark.parametrize(
    ("side", "kind", "triggers_at", "not_at"),
    [
        (BUY, STOP, "51", "50.99"),
        (SELL, STOP, "49", "49.01"),
        (BUY, PROFIT, "49", "49.01"),
        (SELL, PROFIT, "51", "50.99"),
    ],
)
def test_stops_trigger_on_the_last_price(
    side: Side, kind: OrderType, triggers_at: str, not_at: str
) -> None:
    desk = Desk()
    traded_at(desk, "50")
    stop_price = triggers_at
    placed = desk.place("bob", side, kind, quantity="1", price="50", stop_price=stop_price)
    first = placed.events[0][1]
    assert isinstance(first, OrderUpdate)
    assert (first.execution, first.working, first.stop_price) == ("NEW", False, stop_price)
    assert placed.order is not None
    assert placed.order.working is False
    traded_at(desk, not_at)
    assert desk.exchange.open_orders("bob")[0].working is False
    desk.now_ms += 1
    desk.limit("carol", SELL, "0.001", triggers_at)
    following = desk.place("carol", BUY, quantity="0.001", price=triggers_at)
    account, event = following.events[6]
    assert account == "bob"
    assert isinstance(event, OrderUpdate)
    assert (event.execution, event.status, event.working) == ("NEW", "NEW", True)
    state = desk.exchange.order("bob", placed.order.order_id)
    assert state is not None
    assert (state.working, state.updated_ms) == (True, desk.now_ms)


@pytest.mark.parametrize(
    ("side", "kind", "stop_price"),
    [(BUY, STOP, "50"), (SELL, STOP, "50"), (BUY, PROFIT, "51"), (SELL, PROFIT, "49")],
)
def test_a_stop_that_would_trigger_at_once(side: Side, kind: OrderType, stop_price: str) -> None:
    desk = Desk()
    traded_at(desk, "50")
    refused = desk.try_("bob", side, kind, quantity="1", price="50", stop_price=stop_price)
    assert reason(refused) == (Reason.WOULD_TRIGGER, "stop_price")


def test_without_a_last_price_any_stop_waits() -> None:
    desk = Desk()
    for side in Side:
        for kind in (STOP, PROFIT):
            desk.place("bob", side, kind, quantity="1", price="50", stop_price="50")
    assert len(desk.exchange.open_orders("bob")) == 4


def test_stops_set_each_other_off() -> None:
    desk = Desk()
    traded_at(desk, "50")
    for stop_price in ("55", "60", "65"):
        desk.place("bob", BUY, STOP, quantity="1", price="80", stop_price=stop_price)
    for price in ("55", "60", "62"):
        desk.limit("alice", SELL, "1", price)
    told = orders_told(desk.place("carol", BUY, quantity="1", price="55").events)
    assert told[1:] == [
        "carol: 9 TRADE FILLED 1@55 taker",
        "alice: 6 TRADE FILLED 1@55 maker",
        "bob: 3 NEW NEW",
        "bob: 3 TRADE FILLED 1@60 taker",
        "alice: 7 TRADE FILLED 1@60 maker",
        "bob: 4 NEW NEW",
        "bob: 4 TRADE FILLED 1@62 taker",
        "alice: 8 TRADE FILLED 1@62 maker",
    ]
    assert [s.working for s in desk.exchange.open_orders("bob")] == [False]


def test_every_trade_counts_not_only_the_last_of_an_order() -> None:
    desk = Desk()
    traded_at(desk, "103")
    for price in ("100", "102"):
        desk.limit("alice", SELL, "1", price)
    desk.place("bob", SELL, STOP, quantity="1", price="200", stop_price="101")
    told = orders_told(desk.place("carol", BUY, quantity="2", price="102").events)
    assert told[-2:] == ["alice: 4 TRADE FILLED 1@102 maker", "bob: 5 NEW NEW"]


def test_a_triggered_fok_that_cannot_fill_expires() -> None:
    desk = Desk()
    stop = desk.place(
        "bob", BUY, STOP, quantity="1", price="50", stop_price="50", time_in_force=FOK
    )
    assert stop.order is not None
    traded_at(desk, "50")
    state = desk.exchange.order("bob", stop.order.order_id)
    assert state is not None
    assert state.status == "EXPIRED"
    assert desk.held("bob")["USDT"] == ("100000", "0")


def test_an_untriggered_stop_can_be_canceled() -> None:
    desk = Desk()
    desk.place("bob", BUY, STOP, quantity="1", price="50", stop_price="50")
    canceled = accepted(desk.exchange.cancel("bob", 1, 1))
    assert told(canceled.events) == ["bob: 1 CANCELED CANCELED", "bob: ENTRUST_CANCEL USDT 50/-50"]
    traded_at(desk, "50")
    assert desk.exchange.open_orders("bob") == []
