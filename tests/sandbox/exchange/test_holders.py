from __future__ import annotations

from msgspec.structs import replace

from tests.sandbox.exchange.desk import BUY, SELL, Desk, accepted
from userstream.sandbox.exchange import History


def test_the_oldest_ended_orders_are_forgotten() -> None:
    desk = Desk(history=History(closed_orders=2, trades=2))
    for name in ("a", None, "c", "d"):
        placed = desk.place("alice", BUY, quantity="1", price="1", client_order_id=name)
        assert placed.order is not None
        accepted(desk.exchange.cancel("alice", placed.order.order_id, 1))
    assert [s.client_order_id for s in desk.exchange.all_orders("alice")] == ["c", "d"]
    assert desk.exchange.order("alice", "a") is None
    assert desk.exchange.order("alice", 1) is None


def test_a_name_that_was_used_again_outlives_its_first_order() -> None:
    desk = Desk(history=History(closed_orders=1))
    for _ in range(2):
        desk.limit("alice", BUY, "1", "1", client_order_id="again")
        desk.exchange.cancel("alice", "again", 1)
    state = desk.exchange.order("alice", "again")
    assert state is not None
    assert state.order_id == 2


def test_the_oldest_trades_are_forgotten() -> None:
    desk = Desk(history=History(trades=2))
    for _ in range(3):
        desk.limit("alice", SELL, "1", "100")
        desk.limit("bob", BUY, "1", "100")
    assert [t.trade_id for t in desk.exchange.trades("alice")] == [502, 503]
    assert [t.trade_id for t in desk.exchange.trades("bob")] == [502, 503]


def test_all_orders_are_in_the_order_of_placing() -> None:
    desk = Desk()
    for price in ("1", "2", "3"):
        desk.limit("alice", BUY, "1", price)
    desk.exchange.cancel("alice", 2, 1)
    states = desk.exchange.all_orders("alice")
    assert [(s.order_id, s.status) for s in states] == [(1, "NEW"), (2, "CANCELED"), (3, "NEW")]


def test_orders_of_an_earlier_exchange_are_known_where_their_account_and_symbol_are() -> None:
    earlier = Desk()
    for name in ("a", None):
        earlier.limit("alice", BUY, "1", "1", client_order_id=name)
    for order_id in (1, 2):
        accepted(earlier.exchange.cancel("alice", order_id, 1))
    states = earlier.exchange.all_orders("alice")
    desk = Desk()
    foreign = [replace(states[0], account="nobody"), replace(states[0], symbol="NOPE")]
    desk.exchange.recall([*states, *foreign])
    assert desk.exchange.all_orders("alice") == states
    assert desk.exchange.order("alice", "a") == states[0]
    assert desk.exchange.open_orders("alice") == []
