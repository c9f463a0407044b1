"""What a venue's own order endpoints answer is read back to the facts of the exchange."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pytest

from tests.sandbox.bots import NEW, limit, market_sell
from tests.venues.rows.talking import counter, talk
from tests.venues.trading.counter import Counter
from userstream.events import OrderUpdate
from userstream.orders import OrderState, Trade
from userstream.venue import Ask, FillsBy, NotThere, Rows, What
from userstream.venues import load, names

DESKS = [
    ("binance", {}),
    ("binance", {"level": 2017}),
    ("binance", {"level": 2018}),
    ("bhex", {}),
    ("bhex", {"ids": "string"}),
    ("spacedex", {}),
    ("mexc", {}),
]
by_desk = pytest.mark.parametrize(("venue", "options"), DESKS, ids=str)
LEVEL_2017 = ("binance", {"level": 2017})


def played(venue: str, options: dict[str, Any]) -> Counter:
    """Alice with orders that are open, filled, partly filled, canceled and of another pair."""
    at = Counter(venue, **options)
    at.rest("SELL", "1", "40000")
    at.rest("BUY", "1", "39000")
    at.rest("SELL", "5", "0.05", "ETHBTC")
    place(at, **limit(venue, "BUY", "0.3", "40000"))
    place(at, **limit(venue, "BUY", "1.7", "40000"))
    place(at, **market_sell("0.1"))
    gone = place(at, **limit(venue, "SELL", "0.2", "50000"))
    place(at, **limit(venue, "SELL", "0.25", "50000"))
    place(at, **limit(venue, "BUY", "2", "0.05") | {"symbol": "ETHBTC"})
    at.call("DELETE", NEW[venue], symbol=None if venue == "bhex" else "BTCUSDT", orderId=gone)
    at.rest("SELL", "0.4", "40000")
    return at


def place(at: Counter, **fields: Any) -> str:
    answer = at.call("POST", NEW[at.venue.name], **fields)
    assert isinstance(answer, dict), answer
    return str(answer["orderId"])


def ask(at: Counter, what: What, **fields: Any) -> Rows:
    given, _ = talk(at.venue.name, Ask(3, what, **fields), counter(at), at.now_ms)
    assert isinstance(given, Rows), given
    assert given.number == 3
    return given


def facts(o: OrderUpdate) -> tuple[Any, ...]:
    return (
        o.symbol, o.order_id, o.side, o.status, Decimal(o.cumulative_quantity or "NaN"),
        o.created_ms, o.client_order_id, o.order_type, Decimal(o.price or "NaN"),
    )  # fmt: skip


def truth(o: OrderState) -> tuple[Any, ...]:
    return (
        o.symbol, str(o.order_id), o.side.value, o.status, o.cumulative_quantity, o.created_ms,
        o.client_order_id, o.order_type.value, o.price or 0,
    )  # fmt: skip


def fill_facts(rows: Iterable[OrderUpdate]) -> set[tuple[Any, ...]]:
    return {
        (
            f.symbol, f.order_id, f.trade_id, f.side, Decimal(f.last_quantity or 0),
            Decimal(f.last_price or 0), Decimal(f.commission or 0), f.commission_asset, f.maker,
            f.time_ms, f.status, f.execution,
        )
        for f in rows
    }  # fmt: skip


def fill_truth(trades: Iterable[Trade]) -> set[tuple[Any, ...]]:
    return {
        (
            t.symbol, str(t.order_id), str(t.trade_id), t.side.value, t.quantity, t.price,
            t.commission, t.commission_asset, t.maker, t.time_ms, "", "TRADE",
        )
        for t in trades
    }  # fmt: skip


@by_desk
def test_every_order_is_read_as_it_is(venue: str, options: dict[str, Any]) -> None:
    at = played(venue, options)
    states = at.exchange.all_orders("alice")
    assert {s.status for s in states} == {"NEW", "FILLED", "PARTIALLY_FILLED", "CANCELED"}
    for state in states:
        (row,) = ask(at, What.ORDER, symbol=state.symbol, order_id=str(state.order_id)).orders
        assert facts(row) == truth(state)
        late = (venue, options) != LEVEL_2017
        assert row.time_ms == (state.updated_ms if late else state.created_ms)
        assert (row.execution, row.last_quantity, row.trade_id) == (None, None, None)


@by_desk
def test_open_orders_are_those_of_all_symbols(venue: str, options: dict[str, Any]) -> None:
    at = played(venue, options)
    place(at, **limit(venue, "BUY", "1", "0.04") | {"symbol": "ETHBTC"})
    rows = ask(at, What.OPEN_ORDERS).orders
    assert {facts(row) for row in rows} == {truth(o) for o in at.exchange.open_orders("alice")}
    assert {row.symbol for row in rows} == {"BTCUSDT", "ETHBTC"}


@by_desk
def test_fills_are_read_as_they_were(venue: str, options: dict[str, Any]) -> None:
    at = played(venue, options)
    dialect = load(venue).repair
    assert dialect is not None
    fills_by = dialect.fills_by
    if fills_by is FillsBy.NOTHING:
        return
    symbol = None if fills_by is FillsBy.ACCOUNT else "BTCUSDT"
    trades = at.exchange.trades("alice", symbol)
    assert len(trades) > 3
    since = trades[1].time_ms
    rows = ask(at, What.FILLS, symbol=symbol, since_ms=since).fills
    assert fill_facts(rows) == fill_truth(t for t in trades if t.time_ms >= since)


@by_desk
def test_the_account_is_read_whole(venue: str, options: dict[str, Any]) -> None:
    at = played(venue, options)
    account = ask(at, What.ACCOUNT).account
    assert account is not None
    held = at.exchange.funds.balances("alice")
    assert {b.asset: (Decimal(b.free), Decimal(b.locked)) for b in account.balances} == {
        asset: (h.free, h.locked) for asset, h in held.items()
    }
    if venue == "mexc":
        assert at.now_ms - 1 <= account.time_ms <= at.now_ms
    else:
        assert account.time_ms == at.updated["alice"]


@pytest.mark.parametrize("venue", names())
def test_an_order_that_is_not_there(venue: str) -> None:
    at = Counter(venue)
    one = Ask(3, What.ORDER, "BTCUSDT", "999")
    assert talk(venue, one, counter(at), at.now_ms)[0] == NotThere(3)


def test_a_market_buy_at_a_broker_spends_what_it_calls_its_quantity() -> None:
    at = Counter("bhex")
    at.rest("SELL", "1", "40000")
    spend = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "20000"}
    (row,) = ask(at, What.ORDER, order_id=place(at, **spend)).orders
    assert (row.quantity, row.quote_quantity) == (None, "20000")
    assert row.cumulative_quantity == "0.5"


def test_types_at_mexc_are_unfolded() -> None:
    at = Counter("mexc")
    at.rest("SELL", "0.1", "40000")
    fields = limit("mexc", "BUY", "1", "40000", type="IMMEDIATE_OR_CANCEL")
    (row,) = ask(at, What.ORDER, symbol="BTCUSDT", order_id=place(at, **fields)).orders
    assert (row.order_type, row.time_in_force) == ("LIMIT", "IOC")
    assert row.status == "PARTIALLY_CANCELED"


def test_orders_since_at_spacedex_are_those_that_were_placed_since() -> None:
    at = played("spacedex", {})
    states = at.exchange.all_orders("alice", "BTCUSDT")
    since = states[1].created_ms
    rows = ask(at, What.ORDERS, symbol="BTCUSDT", since_ms=since).orders
    assert [facts(row) for row in rows] == [truth(o) for o in states[1:]]
