"""Reunion: what REST found and the stream brought, once each, and what is missing by name."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from tests.core.client.values import T, account, fill, order, whole
from userstream.core.client.bounds import Bounds
from userstream.core.client.picture import Picture
from userstream.core.client.repair import Found
from userstream.core.client.reunion import Reunion
from userstream.core.client.told import (
    AccountEvent,
    Gap,
    OrderEvent,
    Origin,
    OtherEvent,
    Scope,
    Told,
)
from userstream.events import OrderUpdate
from userstream.venue import FillKey

TRADE, SUM, NONE = FillKey.TRADE_ID, FillKey.CUMULATIVE, FillKey.NONE


def reunite(
    *,
    known: list[OrderUpdate] | None = None,
    orders: list[OrderUpdate] | None = None,
    fills: list[OrderUpdate] | None = None,
    buffer: list[Any] | None = None,
    fill_key: FillKey = TRADE,
    since_ms: int | None = T,
    **found: Any,
) -> list[Told]:
    picture = Picture(fill_key, Bounds())
    for update in known or []:
        picture.apply(OrderEvent(update=update))
    rows = {o.order_id: o for o in orders or []}
    return Reunion(
        picture,
        fill_key,
        Found(
            rows,
            tuple(fills or ()),
            found.get("account"),
            tuple(found.get("unknown", ())),
            found.get("moving", frozenset()),
        ),
        [OrderEvent(update=x) if isinstance(x, OrderUpdate) else x for x in buffer or []],
        since_ms=since_ms,
        now_ms=T + 100,
        memory_ms=T - 50,
    ).events()


def row(order_id: str = "1", trade: str = "7", quantity: str = "1", **more: Any) -> OrderUpdate:
    return fill(order_id, quantity, trade_id=trade, **({"status": ""} | more))


def test_a_fill_that_nobody_told_is_told_with_its_origin() -> None:
    (told,) = reunite(fills=[row()])
    assert isinstance(told, OrderEvent)
    assert (told.origin, told.trade_id, told.ambiguous) == (Origin.REST, "7", False)
    assert (told.venue_ms, told.received_ms) == (T, T + 100)


def test_a_fill_that_was_told_or_is_about_to_be_is_not_told_twice() -> None:
    streamed = fill(trade_id="7")
    assert reunite(known=[streamed], fills=[row()]) == []
    assert reunite(fills=[row()], buffer=[streamed]) == [OrderEvent(update=streamed)]


def test_a_fill_older_than_our_memory_may_have_been_told_by_an_earlier_run() -> None:
    (told,) = reunite(fills=[row(time_ms=T - 51)])
    assert isinstance(told, OrderEvent)
    assert told.ambiguous


def test_without_trade_ids_in_the_stream_sums_count_down_from_the_orders_whole() -> None:
    rows = [row(trade="7", quantity="1.0"), row(trade="8", quantity="2"), row(trade="9")]
    now = order(status="PARTIALLY_FILLED", cumulative_quantity="5", created_ms=T - 90_000)
    known = [fill(cumulative_quantity="1"), fill(cumulative_quantity="2.00")]
    later = fill(cumulative_quantity="5.0")
    told = reunite(known=known, orders=[now], fills=rows, buffer=[later], fill_key=SUM)
    assert [(e.trade_id, e.cumulative_quantity) for e in told if isinstance(e, OrderEvent)] == [
        ("8", Decimal(4)), (None, Decimal(5)),
    ]  # fmt: skip


def test_fills_of_an_order_that_is_young_are_summed_up_whatever_its_sum_was_when() -> None:
    rows = [row(trade="7", quantity="1"), row(trade="8", quantity="2")]
    early = order(status="PARTIALLY_FILLED", cumulative_quantity="1", created_ms=T - 10_000)
    told = reunite(orders=[early], fills=rows, fill_key=SUM, moving={"1"})
    assert [e.cumulative_quantity for e in told if isinstance(e, OrderEvent)][:2] == [
        Decimal(1), Decimal(3),
    ]  # fmt: skip


def test_a_young_order_that_only_the_stream_told_of_is_summed_up_too() -> None:
    streamed = [
        order(created_ms=T),
        fill(quantity="1", cumulative_quantity="1", created_ms=T),
        fill(quantity="2", cumulative_quantity="3", status="FILLED", created_ms=T),
    ]
    rows = [row(trade="7", quantity="1"), row(trade="8", quantity="2")]
    told = reunite(fills=rows, buffer=streamed, fill_key=SUM, moving=frozenset({"1"}))
    assert told == [OrderEvent(update=o) for o in streamed]
    old = [msgspec.structs.replace(o, created_ms=T - 20_000) for o in streamed]
    told = reunite(fills=rows, buffer=old, fill_key=SUM, moving=frozenset({"1"}))
    assert [e.ambiguous for e in told if isinstance(e, OrderEvent)] == [True] * 2 + [False] * 3


def test_fills_of_an_order_that_was_over_before_the_break_are_not_told_again() -> None:
    rows = [row(trade="7", quantity="1.0"), row(trade="8", quantity="2")]
    known = [
        fill(quantity="1", cumulative_quantity="1"),
        fill(quantity="2", cumulative_quantity="3", status="FILLED"),
    ]
    assert reunite(known=known, fills=rows, fill_key=SUM) == []


def test_a_fill_of_an_order_that_was_not_found_is_ambiguous() -> None:
    for orders in ([], [order()]):
        told = reunite(orders=orders, fills=[row()], fill_key=SUM)[0]
        assert isinstance(told, OrderEvent)
        assert told.ambiguous


def test_a_sum_that_is_older_than_a_fill_makes_no_key_of_it() -> None:
    stale = order(cumulative_quantity="1")
    told = reunite(fill_key=SUM, orders=[stale], fills=[row(trade="1"), row(trade="2")])
    marks = [e.ambiguous for e in told if isinstance(e, OrderEvent) and e.trade_id]
    assert marks == [True, True]
    moving = order(cumulative_quantity="2")
    told = reunite(fill_key=SUM, orders=[moving], fills=[row()], moving=frozenset({"1"}))
    assert [e.ambiguous for e in told if isinstance(e, OrderEvent) and e.trade_id] == [True]


def test_a_fill_behind_a_later_one_that_was_told_is_late() -> None:
    known = [fill(trade_id="9"), fill("2", trade_id="x")]
    told = reunite(known=known, fills=[row(trade="7"), row(trade="10"), row("2", trade="1")])
    fills = [e for e in told if isinstance(e, OrderEvent)]
    assert [(e.trade_id, e.late) for e in fills] == [("7", True), ("10", False), ("1", False)]


def test_the_whole_sum_of_an_order_that_is_over_is_remembered() -> None:
    known = [fill(cumulative_quantity="1"), order(status="FILLED", cumulative_quantity="1")]
    assert reunite(fill_key=SUM, known=known, fills=[row(trade="7")]) == []


def test_an_order_is_told_where_it_is_further_than_what_was_told() -> None:
    ended = order(status="CANCELED", cumulative_quantity="0")
    assert [
        e.status for e in reunite(known=[order()], orders=[ended]) if isinstance(e, OrderEvent)
    ] == ["CANCELED"]
    same = order(cumulative_quantity="0")
    assert reunite(known=[same], orders=[same]) == []
    assert reunite(known=[ended], orders=[ended]) == []
    assert reunite(known=[order()], orders=[ended], buffer=[ended]) == [OrderEvent(update=ended)]
    more = order(status="PARTIALLY_FILLED", cumulative_quantity="1")
    both = reunite(known=[order()], orders=[more], fills=[row()])
    assert [e.update for e in both if isinstance(e, OrderEvent)] == [row(), more]
    assert len(reunite(orders=[order("9")])) == 1


def test_what_was_over_before_the_break_is_no_news() -> None:
    assert reunite(orders=[order(status="CANCELED", time_ms=T - 10_001)]) == []
    assert len(reunite(orders=[order(status="CANCELED", time_ms=T - 10_000)])) == 1


def test_orders_are_told_by_their_time() -> None:
    told = reunite(orders=[order("1", time_ms=T + 2), order("2", time_ms=T + 1)])
    assert [e.order_id for e in told if isinstance(e, OrderEvent)] == ["2", "1"]


def test_what_the_stream_brings_behind_rest_is_marked_and_still_told() -> None:
    ended = order(status="CANCELED")
    told = reunite(known=[order()], orders=[ended], buffer=[order(status="PENDING_CANCEL")])
    assert [(e.status, e.late) for e in told if isinstance(e, OrderEvent)] == [
        ("CANCELED", False), ("PENDING_CANCEL", True),
    ]  # fmt: skip


def test_the_account_comes_once_and_older_balances_are_late() -> None:
    before = AccountEvent(update=account(), venue_ms=T - 1)
    after = AccountEvent(update=account(), venue_ms=T)
    other = OtherEvent(kind="x")
    told = reunite(account=whole(), buffer=[before, after, other])
    assert isinstance(told[0], AccountEvent)
    assert (told[0].whole, told[0].origin) == (True, Origin.REST)
    assert [getattr(e, "late", None) for e in told[1:]] == [True, False, False]
    assert told[2:] == [after, other]
    assert reunite(buffer=[before]) == [before]


def test_what_was_filled_and_told_by_no_fill_is_a_gap_with_its_quantity() -> None:
    now = order(status="FILLED", cumulative_quantity="5")
    known = [order(), fill(trade_id="1", cumulative_quantity="1")]
    told = reunite(known=known, orders=[now], fills=[row()], buffer=[fill(trade_id="8")])
    (gap,) = [e for e in told if isinstance(e, Gap)]
    assert gap == Gap(
        why="filled without a fill",
        from_ms=T,
        to_ms=T + 100,
        scope=Scope.FILLS,
        symbol="BTCUSDT",
        order_id="1",
        missing_quantity=Decimal(2),
    )


def test_a_venue_without_fills_tells_only_the_sum() -> None:
    now = order(status="FILLED", cumulative_quantity="5")
    told = reunite(known=[order(), fill(quantity="2")], orders=[now], fill_key=NONE)
    assert [type(e).__name__ for e in told] == ["OrderEvent", "Gap"]
    assert [e.missing_quantity for e in told if isinstance(e, Gap)] == [3]
    streamed = [fill(quantity="3", status="FILLED")]
    known = [order(), fill(quantity="2")]
    assert not [
        e
        for e in reunite(known=known, orders=[now], buffer=streamed, fill_key=NONE)
        if isinstance(e, Gap)
    ]
    other = [fill("2", "3"), fill(quantity="3", time_ms=T + 1)]
    told = reunite(known=known, orders=[now], buffer=other, fill_key=NONE)
    assert [e.missing_quantity for e in told if isinstance(e, Gap)] == [3]
    canceled = [fill(quantity="3", status="CANCELED", execution="CANCELED")]
    told = reunite(known=known, orders=[now], buffer=canceled, fill_key=NONE)
    assert [e.missing_quantity for e in told if isinstance(e, Gap)] == [3]


def test_of_an_order_that_began_in_the_break_every_fill_must_be_there() -> None:
    now = order("9", status="FILLED", cumulative_quantity="2", created_ms=T + 1)
    told = reunite(orders=[now], fills=[row("9")])
    assert [e.missing_quantity for e in told if isinstance(e, Gap)] == [1]
    older = order("9", status="FILLED", cumulative_quantity="2", created_ms=T - 10_001)
    assert not [e for e in reunite(orders=[older]) if isinstance(e, Gap)]
    assert not [e for e in reunite(orders=[now], since_ms=None) if isinstance(e, Gap)]


def test_of_a_young_order_that_was_first_told_by_a_fill_that_fill_is_not_missing() -> None:
    now = order(status="FILLED", cumulative_quantity="3", created_ms=T + 1)
    known = [fill(), fill(status="FILLED")]
    told = reunite(known=known, orders=[now], fill_key=NONE)
    assert [e.missing_quantity for e in told if isinstance(e, Gap)] == [1]
    whole = [*known, fill()]
    assert not [e for e in reunite(known=whole, orders=[now], fill_key=NONE) if isinstance(e, Gap)]


def test_an_order_that_the_venue_does_not_know_is_a_gap() -> None:
    (gap,) = reunite(unknown=[order("9")])
    assert isinstance(gap, Gap)
    assert (gap.scope, gap.order_id) == (Scope.ORDER, "9")
