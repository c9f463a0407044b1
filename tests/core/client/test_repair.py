"""Repair: which questions are asked, in which order, and what becomes of bad answers."""

from __future__ import annotations

from typing import Any

from tests.core.client.values import T, fill, half, order, whole
from userstream.core.client.bounds import Bounds
from userstream.core.client.picture import Picture
from userstream.core.client.repair import Broken, Found, Repair
from userstream.core.client.told import OrderEvent
from userstream.events import OrderUpdate
from userstream.venue import Ask, FillKey, FillsBy, NoRows, NotThere, Rows, What

ACCOUNT = whole()


def repair(
    *known: OrderUpdate,
    since_ms: int | None = T,
    fills_by: FillsBy = FillsBy.SYMBOL,
    symbols: tuple[str, ...] = ("ETHUSDT",),
) -> Repair:
    picture = Picture(FillKey.TRADE_ID, Bounds())
    for update in known:
        picture.apply(OrderEvent(update=update))
    return Repair(picture, fills_by, symbols, since_ms, Bounds(), half)


def go(it: Repair, asks: list[Ask], **answers: Any) -> list[str]:
    """Answers every question from a table by what is asked, and lists the questions."""
    said = []
    while asks:
        (ask,) = asks
        name = ask.order_id or ask.symbol or ask.what.name
        said.append(name)
        given = answers.get(name, ())
        if ask.what is What.OPEN_ORDERS and isinstance(given, list):
            given = given.pop(0) if given else ()
        if ask.what is What.FILLS:
            rows = Rows(ask.number, fills=given)
        elif ask.what is What.ACCOUNT:
            rows = Rows(ask.number, account=ACCOUNT)
        else:
            rows = Rows(ask.number, orders=given)
        asks = it.answered(rows, 0)
    return said


def found(it: Repair) -> Found:
    assert isinstance(it.outcome, Found)
    return it.outcome


def test_orders_then_fills_then_the_account_then_the_orders_again() -> None:
    it = repair(order("1"), order("2"))
    still = (order("1"),)
    over = order("2", status="CANCELED")
    trade = fill("2", trade_id="7")
    asks = go(
        it, it.start(0), OPEN_ORDERS=[still, still], BTCUSDT=(trade,), **{"2": (over,)}
    )  # fmt: skip
    assert asks == ["OPEN_ORDERS", "2", "BTCUSDT", "ETHUSDT", "ACCOUNT", "OPEN_ORDERS"]
    assert found(it) == Found({"1": still[0], "2": over}, (trade,), ACCOUNT, ())
    assert it.deadline() is None
    assert it.tick(99_999) == []


def test_fills_are_asked_for_since_a_little_before_the_break() -> None:
    it = repair(symbols=("A",))
    (first,) = it.start(0)
    (ask,) = it.answered(Rows(first.number), 0)
    assert ask == Ask(2, What.FILLS, "A", None, T - 10_000)


def test_an_account_wide_call_is_one_and_no_call_is_none() -> None:
    asks = [
        go(it, it.start(0))
        for it in (repair(fills_by=FillsBy.ACCOUNT), repair(fills_by=FillsBy.NOTHING))
    ]
    assert asks == [
        ["OPEN_ORDERS", "FILLS", "ACCOUNT", "OPEN_ORDERS"],
        ["OPEN_ORDERS", "ETHUSDT", "ACCOUNT", "OPEN_ORDERS"],
    ]


def test_without_fills_the_orders_of_each_symbol_are_listed() -> None:
    it = repair(fills_by=FillsBy.NOTHING)
    (first,) = it.start(0)
    (ask,) = it.answered(Rows(first.number), 0)
    assert ask == Ask(2, What.ORDERS, "ETHUSDT", None, T - 10_000)
    go(it, it.answered(Rows(ask.number, orders=(order("9", status="CANCELED"),)), 0))
    assert list(found(it).orders) == ["9"]


def test_the_first_time_there_is_no_break_to_ask_fills_of() -> None:
    it = repair(since_ms=None)
    assert go(it, it.start(0)) == ["OPEN_ORDERS", "ACCOUNT", "OPEN_ORDERS"]


def test_orders_that_changed_meanwhile_are_looked_at_again_at_most_three_times() -> None:
    it = repair(symbols=())
    steps = [(order(status="NEW"),), (order(status="PARTIALLY_FILLED"),)]
    asks = go(it, it.start(0), OPEN_ORDERS=steps * 5)
    assert asks.count("OPEN_ORDERS") == 4
    assert found(it).moving == {"1"}


def test_no_sum_is_younger_than_the_fills_that_were_asked_for() -> None:
    it = repair(symbols=())
    steps = [(order(cumulative_quantity=str(sum_)),) for sum_ in range(4)]
    new = (*steps[3], order("2", cumulative_quantity="1"))
    go(it, it.start(0), OPEN_ORDERS=[*steps[:3], new])
    assert found(it).orders == {"1": steps[2][0]}
    assert found(it).moving == {"1", "2"}


def test_an_order_that_is_gone_in_the_next_round_is_asked_for() -> None:
    it = repair(symbols=())
    both, one, over = (order("1"), order("2")), (order("2"),), order("2", status="FILLED")
    asks = go(
        it,
        it.start(0),
        OPEN_ORDERS=[both, one, (), ()],
        **{"1": (order("1", status="CANCELED"),), "2": (over,)},
    )
    first, second = ["OPEN_ORDERS", "BTCUSDT", "ACCOUNT"], ["OPEN_ORDERS", "1", "BTCUSDT"]
    assert asks[:3] + asks[3:6] == first + second
    assert asks[6:] == [
        "ACCOUNT", "OPEN_ORDERS", "2", "BTCUSDT", "ACCOUNT", "OPEN_ORDERS",
    ]  # fmt: skip
    assert found(it).orders["2"] == over


def test_an_order_that_only_its_fills_told_of_is_asked_for() -> None:
    it = repair(symbols=("BTCUSDT",))
    trade = fill("5", trade_id="7", status="")
    over = order("5", status="FILLED")
    asks = go(it, it.start(0), BTCUSDT=(trade,), **{"5": (over,)})
    assert asks.count("5") == 1
    assert found(it).orders == {"5": over}


def test_an_order_that_is_finished_already_is_not_asked_for_its_old_fills() -> None:
    it = repair(order("5", status="FILLED"), symbols=("BTCUSDT",))
    asks = go(it, it.start(0), BTCUSDT=(fill("5", trade_id="7", status=""),))
    assert "5" not in asks


def test_what_is_not_there_may_be_there_a_moment_later() -> None:
    it = repair(order("2"), symbols=(), since_ms=None)
    (first,) = it.start(0)
    (ask,) = it.answered(Rows(first.number), 0)
    now = 0
    for _ in range(2):
        assert it.answered(NotThere(ask.number), now) == []
        assert it.tick(now) == []
        now = it.deadline() or 0
        (ask,) = it.tick(now)
        assert ask.order_id == "2"
    assert now == 4_500
    assert go(it, it.answered(NotThere(ask.number), now)) == ["ACCOUNT", "OPEN_ORDERS"]
    assert found(it).unknown == (order("2"),)


def test_a_list_that_is_not_there_is_passed_over() -> None:
    it = repair(symbols=(), since_ms=None)
    (ask,) = it.start(0)
    for now in (0, 10_000, 20_000):
        asks = it.answered(NotThere(ask.number), now)
        if not asks and it.outcome is None:
            (ask,) = it.tick(now + 9_000)
    assert found(it) == Found({}, (), None, ())


def test_requests_that_fail_are_tried_three_times_and_then_the_whole_is_broken() -> None:
    it = repair()
    (ask,) = it.start(0)
    assert it.answered(NoRows(ask.number, "HTTP 429", 9_000), 0) == []
    assert it.deadline() == 9_000
    (ask,) = it.tick(9_000)
    assert it.answered(NoRows(99, "not awaited"), 9_000) == []
    it.answered(NoRows(ask.number, "HTTP 500"), 9_000)
    (ask,) = it.tick(20_000)
    assert it.answered(NoRows(ask.number, "HTTP 500", 7), 20_000) == []
    assert it.outcome == Broken("HTTP 500", 7)
    assert it.answered(Rows(ask.number), 20_000) == []


def test_a_question_that_nobody_answers_has_failed() -> None:
    it = repair()
    it.start(0)
    assert it.deadline() == 20_000
    assert it.tick(19_999) == []
    assert it.tick(20_000) == []
    assert [a.number for a in it.tick(it.deadline() or 0)] == [2]
