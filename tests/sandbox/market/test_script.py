from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.sandbox.exchange.desk import listing, request
from tests.sandbox.market.floor import BTC, BUY, SELL, Floor, of_clients
from userstream.errors import BadCommand
from userstream.events import OrderUpdate
from userstream.sandbox.exchange import OrderType, Reason, Refused, Side
from userstream.sandbox.market import (
    Command,
    Fill,
    MakerRules,
    Pause,
    Reject,
    Resume,
    Style,
    Sweep,
    Take,
    command_of,
)

STYLE = Style(price=Decimal(100), depth=Decimal(10), levels=2, step_bp=20, reach_bp=2)
"""Quotes at 99.90 and 99.70, 100.10 and 100.30; takes nothing by itself."""
STOP = OrderType.STOP_LOSS_LIMIT


@pytest.fixture
def floor() -> Floor:
    """BTCUSDT at 100, and ETHUSDT, where no house is."""
    listings = [listing(min_notional="5"), listing("ETHUSDT")]
    return Floor(maker=MakerRules(styles={BTC: STYLE}), listings=listings)


def fill(account: str, order: int | str, percent: str = "100") -> Fill:
    return Fill(account=account, order=order, percent=Decimal(percent))


def sweep(side: Side, price: str, symbol: str = BTC) -> Sweep:
    return Sweep(symbol=symbol, side=side, price=Decimal(price))


def refusal(floor: Floor, command: Command) -> str:
    before = floor.exchange.best(BTC), floor.exchange.open_orders("alice")
    with pytest.raises(BadCommand) as e:
        floor.run(command)
    assert (floor.exchange.best(BTC), floor.exchange.open_orders("alice")) == before
    return str(e.value)


# ── fill ────────────────────────────────────────────────────────────────────────────────────────


def test_fill_fills_so_much_of_an_order(floor: Floor) -> None:
    order = floor.place("alice", BUY, "1", "90", client_order_id="mine")
    done = floor.run(fill("alice", "mine", "40"))
    assert of_clients(done.events) == ["alice: TRADE 0.4"]
    assert done.filled == (("alice", order.order_id, Decimal("0.4")),)
    floor.run(fill("alice", order.order_id, "0.1"))
    assert floor.parts(order) == [Decimal("0.4"), Decimal("0.001")]
    assert {t.price for t in floor.exchange.trades("alice")} == {Decimal(90)}
    floor.run(fill("alice", order.order_id))
    assert floor.state(order).status == "FILLED"
    assert floor.depth(BUY) >= 10
    floor.audit()


def test_fill_fills_other_clients_before_it_and_says_so(floor: Floor) -> None:
    first = floor.place("bob", SELL, "1", "110")
    order = floor.place("alice", SELL, "1", "110")
    floor.place("carol", SELL, "1", "110")
    better = floor.place("carol", SELL, "0.5", "105")
    done = floor.run(fill("alice", order.order_id, "50"))
    assert done.filled == (
        ("carol", better.order_id, Decimal("0.5")),
        ("bob", first.order_id, Decimal(1)),
        ("alice", order.order_id, Decimal("0.5")),
    )
    assert len(floor.exchange.open_orders("carol")) == 1
    floor.audit()


def test_fill_works_without_the_house(floor: Floor) -> None:
    floor.run(Pause())
    order = floor.place("alice", BUY, "1", "100")
    elsewhere = floor.place("alice", BUY, "1", "100", symbol="ETHUSDT")
    for one in (order, elsewhere):
        floor.run(fill("alice", one.order_id, "30"))
        assert floor.filled(one) == "30"
    assert floor.depth(SELL) == 0


def test_what_cannot_be_filled(floor: Floor) -> None:
    done = floor.place("alice", BUY, "1")
    small = floor.place("alice", BUY, "0.060", "90")
    stop = floor.place("alice", BUY, "1", "110", stop_price="105", order_type=STOP)
    assert refusal(floor, fill("dave", 1)) == "account is 'dave'; allowed are alice, bob, carol"
    assert "house-maker" in refusal(floor, fill("house-maker", 1))
    allowed = f"allowed are orders on the book: {small.order_id}"
    for order, why in (
        (done.order_id, "is FILLED"), (stop.order_id, "waits for its stop price"),
        ("nosuch", "is not known"), (10**9, "is not known"),
    ):  # fmt: skip
        assert refusal(floor, fill("alice", order)) == f"order {order!r} of alice {why}; {allowed}"
    assert refusal(floor, fill("bob", 1)).endswith("there are none")
    assert "less than one lot, 0.001" in refusal(floor, fill("alice", small.order_id, "1"))
    for percent in ("0", "-1", "100.01", "NaN", "1e-19"):
        message = refusal(floor, fill("alice", small.order_id, percent))
        assert message.startswith(f"percent is {Decimal(percent)}; allowed are above 0 to 100")


# ── sweep ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("side", "near", "far", "price"), [
    (BUY, "105", "112", "110"), (SELL, "95", "88", "90"),
])  # fmt: skip
def test_a_sweep_moves_the_market(
    floor: Floor, side: Side, near: str, far: str, price: str
) -> None:
    counter = SELL if side is BUY else BUY
    swept, left = floor.place("alice", counter, "1", near), floor.place("bob", counter, "1", far)
    done = floor.run(sweep(side, price))
    assert done.filled == (("alice", swept.order_id, Decimal(1)),)
    assert floor.state(left).status == "NEW"
    assert floor.exchange.last_price(BTC) == Decimal(price)
    assert floor.market.maker.price(BTC) == Decimal(price)
    best = floor.exchange.best(BTC)
    assert best.bid is not None
    assert best.ask is not None
    assert best.bid.price < Decimal(price) < best.ask.price
    assert floor.depth(BUY) >= 10
    assert floor.depth(SELL) >= 10
    floor.audit()


def test_a_sweep_triggers_stops(floor: Floor) -> None:
    stop = floor.place("alice", BUY, "1", "120", stop_price="110", order_type=STOP)
    floor.run(sweep(BUY, "109.99"))
    assert not floor.state(stop).working
    done = floor.run(sweep(BUY, "110"))
    assert of_clients(done.events) == ["alice: NEW"]
    assert floor.state(stop).working
    floor.wait()
    assert floor.state(stop).status == "FILLED"
    floor.audit()


def test_what_was_far_is_taken_when_the_market_was_moved(floor: Floor) -> None:
    order = floor.place("alice", BUY, "1", "90")
    floor.run(sweep(SELL, "90.01"))
    assert floor.wait()
    assert floor.state(order).status == "FILLED"


def test_a_sweep_of_a_paused_symbol_leaves_no_quotes(floor: Floor) -> None:
    floor.run(Pause())
    floor.run(sweep(BUY, "110"))
    assert floor.exchange.last_price(BTC) == 110
    assert list(floor.exchange.resting(BTC, SELL)) == []
    floor.run(Resume())
    assert floor.market.maker.price(BTC) == 110
    assert floor.depth(SELL) >= 10


def test_where_a_sweep_cannot_go(floor: Floor) -> None:
    assert refusal(floor, sweep(BUY, "110", "ETHUSDT")) == (
        "symbol is 'ETHUSDT'; allowed are BTCUSDT"
    )
    assert refusal(floor, sweep(BUY, "100")) == (
        "price is 100; a sweep that buys goes to a price above 100"
    )
    assert refusal(floor, sweep(SELL, "101")) == (
        "price is 101; a sweep that sells goes to a price below 100"
    )
    for price, reason in (
        ("110.001", "PRICE_OFF_TICK"), ("1e10", "PRICE_TOO_HIGH"), ("NaN", "BAD_AMOUNT"),
        ("-1", "BAD_AMOUNT"),
    ):  # fmt: skip
        assert refusal(floor, sweep(BUY, price)) == (
            f"price is {Decimal(price)}: {reason}; allowed are multiples of 0.01 "
            "from 0 to 1000000000 at which there can be orders"
        )
    floor.run(Pause())
    floor.place("alice", BUY, "1", "130")
    assert refusal(floor, sweep(BUY, "130")).endswith("above 130")
    floor.place("bob", SELL, "1", "131")
    floor.run(sweep(BUY, "131"))
    assert floor.exchange.last_price(BTC) == 131


def test_a_sweep_quotes_no_less_than_an_order_may_be() -> None:
    bounds = {"min_quantity": "0.05", "min_notional": "7"}
    floor = Floor(maker=MakerRules(styles={BTC: STYLE}), listings=[listing(**bounds)])
    for price in ("110", "120.01", "140"):
        floor.run(sweep(BUY, price))
        assert floor.exchange.last_price(BTC) == Decimal(price)


def test_a_sweep_goes_to_no_price_at_which_there_are_no_orders() -> None:
    bounds = {"max_quantity": "100", "min_notional": "7"}
    floor = Floor(maker=MakerRules(styles={BTC: STYLE}), listings=[listing(**bounds)])
    assert "QUANTITY_TOO_HIGH" in refusal(floor, sweep(SELL, "0.06"))
    floor.run(sweep(SELL, "0.07"))
    assert floor.exchange.last_price(BTC) == Decimal("0.07")


# ── reject, take, pause ─────────────────────────────────────────────────────────────────────────


def test_the_next_orders_are_rejected(floor: Floor) -> None:
    floor.run(Reject(account="alice", count=2, reason=Reason.INSUFFICIENT_BALANCE))
    floor.run(Reject(account="alice"))
    assert floor.place("bob", BUY, "1", "90").status == "NEW"
    reasons = []
    for _ in range(3):
        refused = floor.market.place("alice", request(quantity="1", price="90"), 5)
        assert isinstance(refused, Refused)
        ((account, event),) = refused.events
        assert isinstance(event, OrderUpdate)
        assert (account, event.status, event.reject_reason) == (
            "alice", "REJECTED", refused.reason.value,
        )  # fmt: skip
        reasons.append(refused.reason.value)
    assert reasons == ["INSUFFICIENT_BALANCE", "INSUFFICIENT_BALANCE", "REJECTED"]
    assert floor.place("alice", BUY, "1", "90").status == "NEW"


def test_what_has_no_event_is_no_rejection_of_the_script(floor: Floor) -> None:
    floor.run(Reject(account="alice"))
    unnamed = floor.market.place("alice", request(quantity="1", price="90", client_order_id=""), 5)
    assert unnamed == Refused(Reason.BAD_CLIENT_ORDER_ID, "client_order_id")
    again = floor.market.place("alice", request(quantity="1", price="90"), 5)
    assert isinstance(again, Refused)
    assert again.reason is Reason.REJECTED


@pytest.mark.parametrize(("wrong", "match"), [
    ({"account": "dave"}, "allowed are alice, bob, carol"),
    ({"count": 0}, "count is 0; allowed are 1 to 10000"),
    ({"count": 10_001}, "allowed are 1 to 10000"),
    ({"reason": Reason.UNKNOWN_ORDER}, "reason is UNKNOWN_ORDER; allowed are BAD_AMOUNT, .*TAKE"),
])  # fmt: skip
def test_rejections_that_cannot_be(floor: Floor, wrong: dict[str, Any], match: str) -> None:
    with pytest.raises(BadCommand, match=match):
        floor.run(Reject(**({"account": "alice"} | wrong)))


@pytest.mark.parametrize(("command", "match"), [
    (Take(percent=Decimal(101)), "percent is 101; allowed are 0 to 100"),
    (Take(percent=Decimal(1), account="dave"), "allowed are alice"),
    (Take(percent=Decimal(1), symbol="ETHUSDT"), "allowed are BTCUSDT"),
    (Pause(symbol="X"), "symbol is 'X'; allowed are BTCUSDT"),
    (Resume(symbol="X"), "symbol is 'X'; allowed are BTCUSDT"),
])  # fmt: skip
def test_commands_that_cannot_be(floor: Floor, command: Command, match: str) -> None:
    with pytest.raises(BadCommand, match=match):
        floor.run(command)


# ── as JSON ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("raw", "command"), [
    ({"do": "fill", "account": "a", "order": 7}, fill("a", 7)),
    ({"do": "fill", "account": "a", "order": "7", "percent": "12.5"}, fill("a", "7", "12.5")),
    ({"do": "fill", "account": "a", "order": 7, "percent": 40}, fill("a", 7, "40")),
    ({"do": "sweep", "symbol": BTC, "side": "SELL", "price": "90"}, sweep(SELL, "90")),
    ({"do": "reject", "account": "a"}, Reject(account="a")),
    ({"do": "pause"}, Pause()),
    ({"do": "resume", "symbol": BTC}, Resume(symbol=BTC)),
    ({"do": "take", "percent": "0"}, Take(percent=Decimal(0))),
])  # fmt: skip
def test_commands_as_json(raw: dict[str, Any], command: Command) -> None:
    assert command_of(raw) == command


@pytest.mark.parametrize(("raw", "match"), [
    ({"do": "fly"}, "'fly'.*commands are fill, sweep, reject, pause, resume, take"),
    ({"do": "fill", "account": "a"}, "order"),
    ({"do": "fill", "account": "a", "order": 1.5}, "order"),
    ({"do": "pause", "colour": "red"}, "colour"),
    ({"do": "reject", "account": "a", "reason": "MOOD"}, "MOOD"),
    ([], "object"),
    ({}, "do"),
])  # fmt: skip
def test_json_that_is_no_command(raw: object, match: str) -> None:
    with pytest.raises(BadCommand, match=match):
        command_of(raw)


def test_without_a_house_there_is_no_pair_to_sweep() -> None:
    nobody = Floor(maker=MakerRules(styles={}), listings=[listing()])
    assert "none: the market maker trades no pair" in refusal(nobody, sweep(BUY, "110"))
