from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.sandbox.exchange.desk import (
    BUY,
    SELL,
    Desk,
    accepted,
    listing,
    reason,
    request,
    told,
)
from userstream import schema
from userstream.errors import InvalidSettings
from userstream.events import OrderUpdate
from userstream.sandbox.exchange import (
    OrderRequest,
    OrderType,
    Quote,
    Reason,
    Refused,
    Rules,
    TimeInForce,
)
from userstream.sandbox.exchange.book import Level


def test_the_first_event_of_an_order_says_all_of_it() -> None:
    desk = Desk(now_ms=5)
    placed = desk.place("alice", BUY, quantity="0.50", price="64000.10", client_order_id="mine")
    assert placed.events[0] == (
        "alice",
        OrderUpdate(
            symbol="BTCUSDT",
            order_id="1",
            side="BUY",
            status="NEW",
            time_ms=5,
            execution="NEW",
            client_order_id="mine",
            order_type="LIMIT",
            time_in_force="GTC",
            quantity="0.5",
            price="64000.1",
            cumulative_quantity="0",
            cumulative_quote="0",
            working=True,
            created_ms=5,
        ),
    )


def test_a_fill_says_all_of_it() -> None:
    desk = Desk(now_ms=5)
    desk.limit("alice", SELL, "1", "100")
    desk.now_ms = 6
    placed = desk.place("bob", BUY, quantity="0.4", price="100")
    assert placed.events[4] == (
        "alice",
        OrderUpdate(
            symbol="BTCUSDT",
            order_id="1",
            side="SELL",
            status="PARTIALLY_FILLED",
            time_ms=6,
            execution="TRADE",
            order_type="LIMIT",
            time_in_force="GTC",
            quantity="1",
            price="100",
            last_quantity="0.4",
            last_price="100",
            last_quote="40",
            cumulative_quantity="0.4",
            cumulative_quote="40",
            commission="0",
            trade_id="501",
            maker=True,
            self_trade=False,
            working=True,
            created_ms=5,
        ),
    )


def test_unknown_account_and_symbol() -> None:
    desk = Desk(report_rejections=True)
    asked = request(quantity="1", price="1")
    elsewhere = request(quantity="1", price="1", symbol="ETHUSDT")
    for call in (lambda a, r: desk.exchange.place(a, r, 1), desk.exchange.check):
        assert reason(call("dave", asked)) == (Reason.UNKNOWN_ACCOUNT, None)
        assert reason(call("alice", elsewhere)) == (Reason.UNKNOWN_SYMBOL, "symbol")


def test_a_check_looks_neither_at_funds_nor_at_the_book() -> None:
    desk = Desk()
    assert desk.exchange.check("alice", request(quantity="100", price="10000")) is None
    market = request(BUY, OrderType.MARKET, quantity="1")
    assert desk.exchange.check("alice", market) is None
    wrong = desk.exchange.check("alice", request(quantity="1", price="0.001"))
    assert reason(wrong) == (Reason.PRICE_OFF_TICK, "price")


@pytest.mark.parametrize(
    ("side", "quantity", "price"), [(BUY, "1.001", "100000"), (SELL, "100.001", "1")]
)
def test_funds_must_be_there(side: Any, quantity: str, price: str) -> None:
    desk = Desk()
    refused = desk.try_("alice", side, quantity=quantity, price=price)
    assert reason(refused) == (Reason.INSUFFICIENT_BALANCE, None)
    assert desk.held("alice") == {"BTC": ("100", "0"), "USDT": ("100000", "0")}


def test_a_client_order_id_is_free_again_when_its_order_has_ended() -> None:
    desk = Desk()
    desk.limit("alice", BUY, "1", "1", client_order_id="mine")
    again = desk.try_("alice", BUY, quantity="1", price="1", client_order_id="mine")
    assert reason(again) == (Reason.DUPLICATE_CLIENT_ORDER_ID, "client_order_id")
    desk.limit("bob", BUY, "1", "1", client_order_id="mine")
    accepted(desk.exchange.cancel("alice", "mine", 1))
    desk.limit("alice", BUY, "1", "1", client_order_id="mine")
    state = desk.exchange.order("alice", "mine")
    assert state is not None
    assert (state.order_id, state.status) == (3, "NEW")


def test_open_orders_are_bounded_per_account_and_symbol() -> None:
    desk = Desk(listing(max_open_orders=1), listing("ETHUSDT"))
    desk.limit("alice", BUY, "1", "1")
    refused = desk.try_("alice", BUY, quantity="1", price="1")
    assert reason(refused) == (Reason.TOO_MANY_OPEN_ORDERS, None)
    desk.limit("alice", BUY, "1", "1", symbol="ETHUSDT")
    desk.limit("bob", BUY, "1", "1")
    accepted(desk.exchange.cancel("alice", 1, 1))
    desk.limit("alice", BUY, "1", "1")


def test_a_cancel_gives_the_rest_back() -> None:
    desk = Desk()
    desk.limit("alice", BUY, "1", "100", client_order_id="mine")
    canceled = accepted(desk.exchange.cancel("alice", "mine", 9, cancel_client_order_id="stop-it"))
    assert told(canceled.events) == [
        "alice: 1 CANCELED CANCELED",
        "alice: ENTRUST_CANCEL USDT 100/-100",
    ]
    event = canceled.events[0][1]
    assert isinstance(event, OrderUpdate)
    assert (event.client_order_id, event.cancel_client_order_id) == ("mine", "stop-it")
    assert (event.working, event.time_ms) == (False, 9)
    assert canceled.order is not None
    assert (canceled.order.status, canceled.order.updated_ms) == ("CANCELED", 9)
    assert canceled.order.locked == 0


def test_a_cancel_after_a_fill() -> None:
    desk = Desk()
    desk.limit("alice", BUY, "1", "100")
    desk.market("bob", SELL, "0.4")
    canceled = accepted(desk.exchange.cancel("alice", 1, 1))
    assert told(canceled.events) == [
        "alice: 1 CANCELED PARTIALLY_CANCELED",
        "alice: ENTRUST_CANCEL USDT 60/-60",
    ]


def test_what_cannot_be_canceled() -> None:
    desk = Desk()
    desk.limit("alice", BUY, "1", "100")
    cancel = desk.exchange.cancel
    assert reason(cancel("dave", 1, 1)) == (Reason.UNKNOWN_ACCOUNT, None)
    assert reason(cancel("bob", 1, 1)) == (Reason.UNKNOWN_ORDER, None)
    assert reason(cancel("alice", 2, 1)) == (Reason.UNKNOWN_ORDER, None)
    assert reason(cancel("alice", "mine", 1)) == (Reason.UNKNOWN_ORDER, None)
    assert reason(cancel("alice", 1, 1, symbol="ETHUSDT")) == (Reason.UNKNOWN_ORDER, None)
    accepted(cancel("alice", 1, 1, symbol="BTCUSDT"))
    assert reason(cancel("alice", 1, 1)) == (Reason.ORDER_FINISHED, None)


def test_a_cancel_sets_free_what_the_next_order_needs() -> None:
    desk = Desk()
    desk.limit("alice", BUY, "1", "100000", client_order_id="mine")
    other = request(quantity="2", price="50000", client_order_id="mine")
    canceled = desk.exchange.cancel("alice", 1, 1, cancel_client_order_id="c")
    assert told(accepted(canceled).events)[0] == "alice: 1 CANCELED CANCELED"
    placed = desk.exchange.place("alice", other, 1)
    assert told(accepted(placed).events)[0] == "alice: 2 NEW NEW"


def test_rejections_can_be_events() -> None:
    desk = Desk(report_rejections=True)
    asked = request(
        quantity="2", price="100000", client_order_id="mine", time_in_force=TimeInForce.IOC
    )
    refused = desk.exchange.place("alice", asked, 8)
    assert isinstance(refused, Refused)
    assert refused.events == (
        (
            "alice",
            OrderUpdate(
                symbol="BTCUSDT",
                order_id="1",
                side="BUY",
                status="REJECTED",
                time_ms=8,
                execution="REJECTED",
                client_order_id="mine",
                order_type="LIMIT",
                time_in_force="IOC",
                quantity="2",
                price="100000",
                cumulative_quantity="0",
                cumulative_quote="0",
                reject_reason="INSUFFICIENT_BALANCE",
                working=False,
                created_ms=8,
            ),
        ),
    )
    assert desk.exchange.all_orders("alice") == []
    assert desk.exchange.order("alice", "mine") is None
    assert desk.limit("alice", BUY, "1", "1")[0] == "alice: 2 NEW NEW"


def test_an_order_can_be_rejected_for_no_reason_of_its_own() -> None:
    desk = Desk()
    asked = request(quantity="1", price="100", client_order_id="mine")
    refused = desk.exchange.reject("alice", asked, Reason.REJECTED, 8)
    assert refused[:2] == (Reason.REJECTED, None)
    ((account, event),) = refused.events
    schema.check(event)
    assert isinstance(event, OrderUpdate)
    assert (account, event.execution, event.status) == ("alice", "REJECTED", "REJECTED")
    assert (event.order_id, event.reject_reason, event.time_ms) == ("1", "REJECTED", 8)
    assert desk.exchange.order("alice", "mine") is None
    assert desk.limit("alice", BUY, "1", "1")[0] == "alice: 2 NEW NEW"


def test_what_no_event_can_name_is_refused_for_that() -> None:
    exchange = Desk().exchange
    asked, why = request(quantity="1", price="1"), Reason.REJECTED
    elsewhere = request(quantity="1", price="1", symbol="ETHUSDT")
    unnamed = request(quantity="1", price="1", client_order_id="")
    assert reason(exchange.reject("dave", asked, why, 1)) == (Reason.UNKNOWN_ACCOUNT, None)
    assert reason(exchange.reject("alice", elsewhere, why, 1)) == (Reason.UNKNOWN_SYMBOL, "symbol")
    assert reason(exchange.reject("alice", unnamed, why, 1))[0] is Reason.BAD_CLIENT_ORDER_ID


def test_a_take_fills_what_rests_by_any_quantity() -> None:
    desk = Desk(listing(min_quantity="0.1", min_notional="5", max_open_orders=1))
    desk.limit("alice", SELL, "1", "100")
    desk.limit("carol", SELL, "1", "99")
    take = desk.exchange.take
    part = accepted(take("bob", "BTCUSDT", BUY, Decimal("0.001"), Decimal(99), 2))
    assert told(part.events)[2] == "bob: 3 TRADE FILLED 0.001@99 taker"
    rest = accepted(take("bob", "BTCUSDT", BUY, Decimal(2), Decimal(99), 2))
    assert rest.order is not None
    assert (rest.order.status, rest.order.cumulative_quantity) == ("EXPIRED", Decimal("0.999"))
    poor = take("bob", "BTCUSDT", BUY, Decimal(2000), Decimal(100), 2)
    assert reason(poor) == (Reason.INSUFFICIENT_BALANCE, None)
    with pytest.raises(KeyError):
        take("dave", "BTCUSDT", BUY, Decimal(1), Decimal(1), 2)


def test_what_rests_is_told_in_the_order_in_which_it_fills() -> None:
    desk = Desk()
    for account, price in (("alice", "99"), ("bob", "100"), ("carol", "99")):
        desk.limit(account, BUY, "1", price)
    resting = desk.exchange.resting
    assert [o.account for o in resting("BTCUSDT", BUY)] == ["bob", "alice", "carol"]
    assert [o.account for o in resting("BTCUSDT", BUY, Decimal(100))] == ["bob"]
    assert list(resting("BTCUSDT", SELL)) == []


def test_trade_ids_rise_across_symbols() -> None:
    desk = Desk(listing(), listing("ETHBTC"))
    for symbol in ("BTCUSDT", "ETHBTC", "BTCUSDT"):
        desk.limit("alice", BUY, "0.001", "1", symbol=symbol)
    accepted(desk.funds.deposit("alice", "ETH", Decimal(1), 1))
    ids = []
    for symbol in ("BTCUSDT", "BTCUSDT", "ETHBTC"):
        placed = desk.place("alice", SELL, quantity="0.001", price="1", symbol=symbol)
        assert placed.order is not None
        ids.append((placed.order.order_id, placed.trades[0].trade_id))
    assert ids == [(4, 501), (5, 502), (6, 503)]


@pytest.mark.parametrize(
    "asked",
    [
        request(),
        request(quantity="NaN", price="1E+999"),
        request(quantity="-1", price="1", stop_price="1." + "1" * 40),
        request(BUY, OrderType.MARKET, quote_quantity="1E+30"),
        request(BUY, OrderType.MARKET),
    ],
)
def test_rejections_are_publishable_whatever_was_asked(asked: OrderRequest) -> None:
    desk = Desk(report_rejections=True)
    refused = desk.exchange.place("alice", asked, 1)
    assert isinstance(refused, Refused)
    for _, event in refused.events:
        schema.check(event)
    assert len(refused.events) == 1


def test_a_name_that_no_event_shows_is_refused_in_silence() -> None:
    desk = Desk(report_rejections=True)
    outcome = desk.try_("alice", BUY, quantity="1", price="1", client_order_id="a b")
    assert reason(outcome) == (Reason.BAD_CLIENT_ORDER_ID, "client_order_id")


def test_queries() -> None:
    desk = Desk(listing(), listing("ETHUSDT"))
    desk.limit("alice", SELL, "1", "101")
    desk.limit("alice", SELL, "2", "101")
    desk.limit("bob", BUY, "1", "99")
    desk.limit("alice", BUY, "1", "1", symbol="ETHUSDT")
    exchange = desk.exchange
    assert exchange.best("BTCUSDT") == Quote(
        Level(Decimal(99), Decimal(1)), Level(Decimal(101), Decimal(3))
    )
    assert exchange.best("ETHUSDT").ask is None
    assert exchange.last_price("BTCUSDT") is None
    desk.market("bob", BUY, "1.5")
    assert exchange.last_price("BTCUSDT") == Decimal(101)
    assert [o.order_id for o in exchange.open_orders("alice")] == [2, 4]
    assert [o.order_id for o in exchange.open_orders("alice", "BTCUSDT")] == [2]
    assert [o.order_id for o in exchange.all_orders("alice")] == [1, 2, 4]
    assert [o.order_id for o in exchange.all_orders("alice", "ETHUSDT")] == [4]
    assert [t.quantity for t in exchange.trades("alice")] == [Decimal(1), Decimal("0.5")]
    assert [t.maker for t in exchange.trades("bob", "BTCUSDT")] == [False, False]
    assert exchange.trades("bob", "ETHUSDT") == []
    with pytest.raises(KeyError):
        exchange.open_orders("dave")
    with pytest.raises(KeyError):
        exchange.best("LTCUSDT")


@pytest.mark.parametrize("name", ["first_order_id", "first_trade_id"])
def test_first_ids(name: str) -> None:
    for wrong in (0, 2**53):
        rules: dict[str, Any] = {name: wrong}
        with pytest.raises(InvalidSettings, match=name):
            Rules(**rules)
    first: dict[str, Any] = {name: 2**52}
    desk = Desk(**first)
    desk.limit("alice", SELL, "1", "1")
    placed = desk.place("bob", BUY, quantity="1", price="1")
    assert placed.order is not None
    shown = placed.order.order_id if name == "first_order_id" else placed.trades[0].trade_id
    assert 2**52 <= shown < 2**53
