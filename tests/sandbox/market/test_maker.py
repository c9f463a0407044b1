from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from tests.sandbox.exchange.desk import listing, request
from tests.sandbox.market.floor import BTC, BUY, SELL, Floor
from userstream.errors import InvalidSettings
from userstream.events import OrderUpdate
from userstream.sandbox.exchange import (
    Exchange,
    Listing,
    OrderState,
    OrderType,
    Reason,
    Refused,
    SelfTrade,
    Side,
    TimeInForce,
)
from userstream.sandbox.market import HOUSE, Maker, MakerRules, Pause, Resume, Style, Take

PLAIN = listing(min_notional="5")
MONEY = {"BTC": Decimal(100), "USDT": Decimal(10_000)}
STYLE = Style(price=Decimal(100), depth=Decimal(10), levels=2, step_bp=20, reach_bp=100)
"""Quotes at 99.90 and 99.70, 100.10 and 100.30, at least 5 each; reaches from 99 to 101."""


def plain(**rules: Any) -> Floor:
    return Floor(maker=MakerRules(styles={BTC: STYLE}), listings=[PLAIN], **rules)


@pytest.fixture
def floor() -> Floor:
    """One symbol, at 100."""
    return plain()


def near(floor: Floor) -> str:
    """A price that the house comes to take at."""
    return str(floor.market.maker.price(BTC) - Decimal("0.5"))


def bids(floor: Floor) -> list[str]:
    return [f"{o.account} {o.price}" for o in floor.exchange.resting(BTC, BUY)]


def asks(floor: Floor) -> list[str]:
    return [f"{o.account} {o.price}" for o in floor.exchange.resting(BTC, SELL)]


@pytest.mark.parametrize("symbol", ["BTCUSDT", "ETHBTC", "LTCBTC", "ETHUSDT", "MXUSDT"])
def test_both_sides_are_filled_from_the_start(symbol: str) -> None:
    floor = Floor()
    best = floor.exchange.best(symbol)
    assert best.bid is not None
    assert best.ask is not None
    price = floor.market.maker.price(symbol)
    assert best.bid.price < price < best.ask.price
    assert (best.ask.price - best.bid.price) / price < Decimal("0.002")
    floor.audit()


def test_an_account_can_buy_and_sell_ten_bitcoins_at_once_again_and_again() -> None:
    floor = Floor()
    for _ in range(5):
        for side in Side:
            assert floor.depth(side) >= 10
            assert floor.place("alice", side, "10").status == "FILLED"
    assert floor.place("bob", BUY, "10", "70000").status == "FILLED"
    floor.audit()


def test_the_seed_decides_sizes_and_prices() -> None:
    def sizes(seed: int) -> list[tuple[Decimal | None, Decimal]]:
        floor = Floor(seed)
        for _ in range(20):
            floor.place("alice", BUY, "1")
        return [(o.price, o.quantity) for o in floor.exchange.resting(BTC, BUY)]

    assert sizes(1) == sizes(1)
    assert sizes(1) != sizes(2)


def test_a_used_level_is_quoted_anew(floor: Floor) -> None:
    floor.place("alice", BUY, "12", "100.10")
    assert floor.depth(SELL) >= 10
    assert all(o.quantity - o.cumulative_quantity >= 5 for o in floor.exchange.resting(BTC, SELL))


def test_quotes_do_not_take_what_is_in_their_way(floor: Floor) -> None:
    floor.run(Pause())
    order = floor.place("alice", SELL, "1", "99.80")
    floor.run(Resume())
    assert bids(floor) == ["house-maker 99.70"]
    assert asks(floor) == ["alice 99.80", "house-maker 100.10", "house-maker 100.30"]
    floor.cancel(order)
    assert bids(floor) == ["house-maker 99.90", "house-maker 99.70"]


def test_a_near_order_is_taken_within_a_second(floor: Floor) -> None:
    near = [floor.place("alice", side, "1", p) for side, p in ((BUY, "99"), (SELL, "101"))]
    assert [o.status for o in near] == ["NEW", "NEW"]
    acted = floor.wait(999)
    assert [floor.state(o).status for o in near] == ["FILLED", "FILLED"]
    assert 50 <= acted[0] < 300
    assert [t.price for t in floor.exchange.trades("alice")] == [Decimal(99), Decimal(101)] or len(
        floor.exchange.trades("alice")
    ) > 2
    assert floor.market.due_ms() is None
    floor.audit()


def test_the_trades_of_a_taken_order_are_at_its_price_and_it_is_the_maker(floor: Floor) -> None:
    order = floor.place("alice", BUY, "1", "99.50")
    floor.wait()
    trades = floor.exchange.trades("alice")
    assert {(t.price, t.maker, t.order_id) for t in trades} == {
        (Decimal("99.50"), True, order.order_id)
    }


def test_some_orders_are_taken_in_parts(floor: Floor) -> None:
    counts = set()
    for _ in range(12):
        order = floor.place("alice", BUY, "0.9", near(floor))
        floor.wait()
        assert floor.filled(order) == "100"
        counts.add(len(floor.parts(order)))
    assert counts == {1, 2, 3}


def test_a_part_may_be_smaller_than_an_order_may_be(floor: Floor) -> None:
    for _ in range(12):
        order = floor.place("alice", BUY, "0.06", near(floor))
        floor.wait()
        assert floor.filled(order) == "100"
    assert len(floor.exchange.trades("alice")) > 12


def test_a_lot_is_not_parted(floor: Floor) -> None:
    floor = Floor(maker=MakerRules(styles={BTC: STYLE}), listings=[listing()])
    for _ in range(6):
        order = floor.place("alice", BUY, "0.001", "99.50")
        floor.wait()
        assert floor.parts(order) == [Decimal("0.001")]


def test_far_orders_rest(floor: Floor) -> None:
    far = [floor.place("alice", side, "1", p) for side, p in ((BUY, "98.5"), (SELL, "101.5"))]
    assert floor.market.due_ms() is None
    assert floor.wait() == []
    assert [o.status for o in far] == ["NEW", "NEW"]


def test_a_far_order_is_taken_when_the_market_comes_near(floor: Floor) -> None:
    order = floor.place("alice", BUY, "1", "98.95")
    for _ in range(200):
        if floor.market.due_ms() is not None:
            break
        floor.place("bob", BUY, "1")
    assert floor.market.maker.price(BTC) < 100
    floor.wait()
    assert floor.filled(order) == "100"


def test_first_come_first_served(floor: Floor) -> None:
    orders = [
        floor.place(who, BUY, "1", price)
        for who, price in (("alice", "99.2"), ("bob", "99.2"), ("carol", "99.2"))
    ]
    floor.wait()
    made = [e.order_id for a, e in floor.heard if isinstance(e, OrderUpdate)
            and e.status == "FILLED" and a not in HOUSE]  # fmt: skip
    assert made == [str(o.order_id) for o in orders]


def test_due_times_never_fall(floor: Floor) -> None:
    for n in range(30):
        floor.now_ms += 7
        floor.place("alice", BUY, "0.3", f"99.{n + 10}")
    last = floor.now_ms
    acted = floor.wait(999)
    assert all(a <= b for a, b in pairwise(acted))
    assert max(acted) < last + 900
    assert floor.market.due_ms() is None


def test_what_other_clients_have_before_an_order_is_filled_with_it(floor: Floor) -> None:
    behind = floor.place("alice", BUY, "1", "99.2")
    before = floor.place("bob", BUY, "1", "99.3")
    first = floor.market.due_ms()
    assert first is not None
    floor.now_ms = first
    floor.hear(floor.market.act(first))
    assert floor.filled(before) == "100"
    assert floor.parts(behind)
    floor.wait()
    assert len(floor.parts(before)) == 1
    floor.audit()


def test_a_canceled_order_is_forgotten(floor: Floor) -> None:
    order = floor.place("alice", BUY, "1", "99.2")
    assert floor.market.due_ms() is not None
    floor.cancel(order)
    assert floor.market.due_ms() is None
    assert floor.market.act(10_000) == ()


def test_orders_that_do_not_rest_are_not_taken(floor: Floor) -> None:
    for tif in (TimeInForce.IOC, TimeInForce.FOK):
        floor.place("alice", BUY, "1", "99.2", time_in_force=tif)
    floor.place("alice", BUY, "1", "99.2", stop_price="102", order_type=OrderType.STOP_LOSS_LIMIT)
    assert floor.market.due_ms() is None


def test_a_triggered_stop_is_taken(floor: Floor) -> None:
    stop = floor.place(
        "alice", BUY, "1", "99.2", stop_price="99.5", order_type=OrderType.TAKE_PROFIT_LIMIT
    )
    assert floor.market.due_ms() is None
    floor.place("bob", BUY, "1", "99.4")
    floor.wait(2_000)
    assert floor.filled(stop) == "100"


def percent(floor: Floor, percent: int, **whose: str) -> None:
    floor.run(Take(percent=Decimal(percent), **whose))


def test_a_rule_fills_a_part_and_stops(floor: Floor) -> None:
    percent(floor, 40, account="alice")
    order = floor.place("alice", BUY, "1", "99.5")
    floor.wait()
    assert floor.filled(order) == "40"
    assert floor.market.due_ms() is None
    percent(floor, 70, account="alice")
    floor.wait()
    assert floor.filled(order) == "70"
    percent(floor, 10, account="alice")
    assert floor.market.due_ms() is None
    percent(floor, 100, account="alice")
    floor.wait()
    assert floor.filled(order) == "100"
    floor.audit()


def test_the_rule_that_names_most_holds(floor: Floor) -> None:
    percent(floor, 0)
    percent(floor, 10, symbol=BTC)
    percent(floor, 20, account="alice")
    percent(floor, 30, account="alice", symbol=BTC)
    orders = [floor.place("alice", BUY, "1", "99.5"), floor.place("bob", SELL, "1", "100.5")]
    floor.wait()
    assert [floor.filled(o) for o in orders] == ["30", "10"]


def test_the_house_can_be_kept_from_taking() -> None:
    rules = MakerRules(styles={BTC: STYLE}, percent=Decimal(0))
    floor = Floor(maker=rules, listings=[PLAIN])
    order = floor.place("alice", BUY, "1", "99.5")
    assert floor.wait() == []
    assert floor.filled(order) == "0"


def test_who_is_behind_an_order_that_is_held_back_waits(floor: Floor) -> None:
    percent(floor, 50, account="alice")
    held = floor.place("alice", BUY, "1", "99.5")
    floor.wait()
    behind = floor.place("bob", BUY, "1", "99.4")
    floor.wait()
    assert (floor.filled(held), floor.filled(behind)) == ("50", "0")
    floor.cancel(held)
    floor.wait()
    assert floor.filled(behind) == "100"


@pytest.mark.parametrize(
    ("side", "price", "at"), [(BUY, "100.20", "100.10"), (SELL, "99.80", "99.90")]
)
def test_a_rule_holds_for_orders_that_take(floor: Floor, side: Side, price: str, at: str) -> None:
    percent(floor, 40, account="alice")
    order = floor.place("alice", side, "10", price)
    assert (order.status, floor.filled(order)) == ("PARTIALLY_FILLED", "40")
    assert [str(t.price) for t in floor.exchange.trades("alice")] == [at]
    floor.wait()
    assert floor.filled(order) == "40"
    floor.cancel(order)
    assert floor.depth(BUY) >= 10
    assert floor.depth(SELL) >= 10
    floor.audit()


@pytest.mark.parametrize("amount", [{"quantity": "10"}, {"quote_quantity": "1001"}])
def test_a_rule_holds_for_market_orders(floor: Floor, amount: dict[str, str]) -> None:
    percent(floor, 40, account="alice")
    asked = {"quantity": None} | amount
    order = floor.place("alice", BUY, **asked)
    assert (order.status, floor.filled(order)) == ("EXPIRED", "40")


def test_a_rule_of_nothing_leaves_a_market_order_nothing(floor: Floor) -> None:
    percent(floor, 0)
    asked = request(BUY, OrderType.MARKET, quantity="1")
    refused = floor.market.place("alice", asked, 1)
    assert isinstance(refused, Refused)
    assert refused.reason is Reason.NO_COUNTER_ORDERS
    floor.hear(refused.events)
    assert floor.depth(SELL) >= 10
    floor.audit()


def test_a_rule_does_not_thin_the_book_for_orders_that_do_not_take(floor: Floor) -> None:
    percent(floor, 40)
    full = asks(floor)
    far = request(quantity="1", price="99")
    maker = request(BUY, OrderType.LIMIT_MAKER, quantity="1", price="99")
    wrong = request(quantity="0.0001", price="101")
    for asked in (far, maker, wrong):
        assert floor.market.maker.before("alice", asked, 1) == []
    assert asks(floor) == full


def test_a_tiny_price_has_no_bid_to_thin() -> None:
    style = Style(price=Decimal("0.01"), depth=Decimal(10_000), levels=2)
    floor = Floor(maker=MakerRules(styles={BTC: style}, percent=Decimal(40)), listings=[listing()])
    assert bids(floor) == []
    assert floor.place("alice", SELL, "1", "0.01").status == "NEW"


def test_a_paused_symbol_has_no_house(floor: Floor) -> None:
    order = floor.place("alice", BUY, "1", "99.5")
    floor.run(Pause(symbol=BTC))
    assert (bids(floor), asks(floor)) == (["alice 99.50"], [])
    floor.wait()
    assert floor.filled(order) == "0"
    percent(floor, 100)
    floor.place("bob", BUY, "1", "99.6")
    assert floor.wait() == []
    floor.run(Resume(symbol=BTC))
    assert floor.depth(SELL) >= 10
    floor.wait()
    assert floor.filled(order) == "100"
    floor.audit()


def test_a_symbol_without_a_style_is_the_clients_own() -> None:
    floor = Floor(maker=MakerRules(styles={BTC: STYLE, "NOUSDT": STYLE}),
                  listings=[PLAIN, listing("ETHUSDT")])  # fmt: skip
    assert floor.market.maker.symbols == (BTC,)
    floor.place("alice", BUY, "1", "3000", symbol="ETHUSDT")
    floor.place("bob", SELL, "1", "3000", symbol="ETHUSDT")
    assert floor.market.due_ms() is None
    with pytest.raises(KeyError):
        floor.market.maker.price("ETHUSDT")


def test_what_the_filters_do_not_allow_is_not_quoted() -> None:
    narrow = listing(max_price="100.1")
    floor = Floor(maker=MakerRules(styles={BTC: STYLE}), listings=[narrow], report_rejections=True)
    assert asks(floor) == ["house-maker 100.10"]
    assert "REJECTED" in {e.execution for _, e in floor.heard if isinstance(e, OrderUpdate)}


def test_orders_from_before_the_house_are_met_at_their_next_event() -> None:
    exchange = Exchange([PLAIN])
    exchange.funds.open("alice", MONEY, 0)
    exchange.place("alice", request(quantity="1", price="99.95"), 0)
    maker = Maker(exchange, MakerRules(styles={BTC: STYLE}))
    maker.open(0)
    assert maker.due_ms() is None
    exchange.funds.open("bob", MONEY, 0)
    part = exchange.place("bob", request(SELL, quantity="0.4", price="99.95"), 0)
    maker.after(part.events, 0)
    while (due_ms := maker.due_ms()) is not None:
        maker.act(due_ms)
    state = exchange.order("alice", 1)
    assert isinstance(state, OrderState)
    assert state.status == "FILLED"


def test_the_names_of_the_house_are_taken() -> None:
    exchange = Exchange([PLAIN])
    exchange.funds.open("house-taker", MONEY, 0)
    with pytest.raises(InvalidSettings, match="house-taker"):
        Maker(exchange).open(0)


@pytest.mark.parametrize("percent", ["-1", "100.1"])
def test_rules_that_cannot_be(percent: str) -> None:
    with pytest.raises(InvalidSettings, match="0 to 100"):
        MakerRules(percent=Decimal(percent))


def test_a_house_that_has_run_dry_leaves_orders_alone() -> None:
    bounds = {"max_quantity": "1E+12", "max_price": "1E+6"}
    floor = Floor(maker=MakerRules(styles={BTC: STYLE}), listings=[listing(**bounds)])
    floor.exchange.funds.withdraw("house-taker", "BTC", Decimal(10) ** 15, 0)
    order = floor.place("alice", BUY, "1", "99.5")
    floor.wait()
    assert floor.filled(order) == "0"
    assert floor.depth(BUY) >= 10


def test_under_the_other_rule_for_self_trades_the_house_does_the_same(floor: Floor) -> None:
    strict = plain(self_trade=SelfTrade.EXPIRE_TAKER)
    for one in (floor, strict):
        one.place("alice", BUY, "1", "99.5")
        one.wait()
    assert floor.heard == strict.heard


def test_listings_of_any_kind() -> None:
    odd = Listing(
        symbol=BTC, base="BTC", quote="USDT", filters=listing(lot="7", tick="0.3").filters
    )
    floor = Floor(maker=MakerRules(styles={BTC: STYLE}), listings=[odd])
    order = floor.place("alice", BUY, "14", "99.6")
    floor.wait()
    assert floor.filled(order) == "100"
    floor.audit()
