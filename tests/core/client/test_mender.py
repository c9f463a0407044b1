"""Mender: a healthy stream is compared with REST, and what comes late is told once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.core.client.values import T, account, balance, fill, half, order, whole
from userstream.core.client import inputs
from userstream.core.client.bounds import Bounds
from userstream.core.client.clock import VenueClock
from userstream.core.client.mender import Asking, Deliver, Mender
from userstream.core.client.plan import Plan
from userstream.core.client.told import AccountEvent, Gap, OrderEvent, Origin, Told
from userstream.events import OrderUpdate
from userstream.venue import Ask, FillKey, FillsBy, NoRows, NotThere, Rows, What

EVERY = 600_000
DUE = 525_000


class Bench:
    """A mender that is live from the beginning, and what it does."""

    def __init__(
        self,
        fill_key: FillKey = FillKey.TRADE_ID,
        *,
        copies: int = 20_000,
        given: tuple[OrderUpdate, ...] = (),
        **plan: Any,
    ) -> None:
        fills_by = FillsBy.NOTHING if fill_key is FillKey.NONE else FillsBy.SYMBOL
        self.clock = VenueClock(Bounds(), needed=True)
        self.clock.answered(0, 0, T)
        wishes = Plan(**{"repair": True, "reconcile_ms": EVERY} | plan)
        asking = Asking(fill_key, fills_by, ("BTCUSDT",), given)
        self.it = Mender(asking, wishes, Bounds(copies=copies), half, self.clock)
        self.it.start(0)
        self.asks: list[Ask] = []
        self.told: list[Told] = []
        self.now = 0
        self.it.begin(0)
        self.tick(0)

    def do(self, done: Sequence[Any]) -> None:
        self.asks += [a for a in done if isinstance(a, Ask)]
        self.told += [a.what for a in done if isinstance(a, Deliver)]

    def tick(self, now: int, *, live: bool = True) -> None:
        self.now = now
        self.do(self.it.tick(now, live=live))

    def tell(self, *updates: Any) -> None:
        for update in updates:
            if isinstance(update, OrderUpdate):
                event: Told = OrderEvent(update=update, venue_ms=T + self.now)
            else:
                event = AccountEvent(update=update, venue_ms=T + self.now)
            self.do(self.it.tell(event, self.now))

    def answer(self, **rows: Any) -> What:
        asked = self.asks[-1]
        self.do(self.it.answered(Rows(asked.number, **rows), self.now))
        return asked.what

    def all(self, **rows: Any) -> None:
        """Answers every question of a round, with these rows where they belong."""
        for _ in range(20):
            what = self.answer(**{
                name: rows[name]
                for name, whats in {
                    "orders": {What.OPEN_ORDERS, What.ORDER, What.ORDERS},
                    "fills": {What.FILLS},
                    "account": {What.ACCOUNT},
                }.items()
                if name in rows and self.asks[-1].what in whats
            })  # fmt: skip
            if what is What.OPEN_ORDERS and self.asks[-1].what is What.OPEN_ORDERS:
                return

    def checked(self, **rows: Any) -> inputs.Input | None:
        """A whole check; what the stream hears of it."""
        self.tick(self.it.deadline(live=True) or 0)
        self.all(**rows)
        assert self.word() is None
        self.tick(self.it.deadline(live=True) or 0)
        return self.word()

    def word(self) -> inputs.Input | None:
        """What the stream hears, once."""
        word, self.it.word = self.it.word, None
        return word

    def repaired(self, since_ms: int, **rows: Any) -> None:
        self.do(self.it.repair(since_ms, self.now))
        self.all(**rows)
        assert self.word() == inputs.Repaired()


def row(trade: str = "7", **more: Any) -> OrderUpdate:
    known: dict[str, Any] = {"status": "", "time_ms": T + 1_000}
    return fill(trade_id=trade, **known | more)


# ── checks ──────────────────────────────────────────────────────────────────────────────────────


def test_a_healthy_stream_is_asked_about_and_nothing_is_held_back() -> None:
    bench = Bench()
    bench.tick(DUE - 1)
    assert bench.asks == []
    bench.tick(DUE)
    bench.tell(order(), fill(trade_id="7", cumulative_quantity="1"))
    assert len(bench.told) == 2
    assert bench.it.held == 0
    now_open = fill(cumulative_quantity="1", last_quantity=None)
    bench.all(orders=(now_open,), fills=(row(),), account=whole())
    bench.tick(DUE + 2_000)
    assert bench.word() is None
    assert [a.what for a in bench.asks] == [
        What.OPEN_ORDERS, What.FILLS, What.ACCOUNT, What.OPEN_ORDERS,
    ]  # fmt: skip
    assert bench.asks[1].since_ms == T - 10_000
    bench.checked(orders=(now_open,), account=whole())
    assert bench.asks[-3].since_ms == T + DUE - 10_000


def test_a_fill_that_the_stream_lost_is_a_hole_since_the_last_check() -> None:
    bench = Bench()
    bench.tell(order(cumulative_quantity="0"))
    shown = order(cumulative_quantity="1", status="PARTIALLY_FILLED")
    missed = bench.checked(orders=(shown,), fills=(row(),), account=whole())
    assert missed == inputs.Missed(0)
    bench.repaired(T, orders=(shown,), fills=(row(),), account=whole())
    fills = [e for e in bench.told if isinstance(e, OrderEvent) and e.trade_id]
    assert [(e.trade_id, e.origin) for e in fills] == [("7", Origin.REST)]
    assert bench.checked(orders=(shown,), fills=(row(),), account=whole()) is None


def test_what_the_stream_brings_while_it_is_asked_is_not_missing() -> None:
    bench = Bench()
    bench.tell(order(cumulative_quantity="0"))
    shown = order(cumulative_quantity="1", status="PARTIALLY_FILLED")
    bench.tick(DUE)
    bench.all(orders=(shown,), fills=(row(),), account=whole())
    bench.tell(fill(trade_id="7", cumulative_quantity="1", time_ms=T + 1_000))
    bench.tick(DUE + 2_000)
    assert bench.word() is None


def test_fills_of_before_the_stream_are_not_missing() -> None:
    bench = Bench()
    old = row(time_ms=T - 1)
    done = order(status="FILLED", cumulative_quantity="1", time_ms=T - 1)
    assert bench.checked(fills=(old,), orders=(done,), account=whole()) is None


def test_orders_that_came_or_went_unseen_are_missing() -> None:
    bench = Bench()
    assert bench.checked(orders=(order(time_ms=T + 5),), account=whole()) == inputs.Missed(0)
    bench = Bench()
    bench.tell(order(time_ms=T - 50))
    bench.tick(DUE)
    bench.answer()
    assert bench.asks[-1].what is What.ORDER
    bench.answer(orders=(order(status="CANCELED", time_ms=T - 40),))
    bench.answer()
    bench.answer(account=whole())
    bench.answer()
    bench.tick(DUE + 2_000)
    assert bench.word() == inputs.Missed(0)


def test_an_order_that_ended_meanwhile_need_not_be_known() -> None:
    bench = Bench()
    bench.tell(order())
    bench.tick(DUE)
    bench.answer()
    for at in range(DUE, DUE + 40_000, 5_000):
        if bench.asks[-1].what is not What.ORDER:
            break
        bench.do(bench.it.answered(NotThere(bench.asks[-1].number), at))
        bench.tick(at)
    bench.tell(order(status="CANCELED"))
    bench.answer()
    bench.answer(account=whole())
    bench.answer()
    bench.tick(bench.it.deadline(live=True) or 0)
    assert bench.word() is None


def test_a_balance_that_the_stream_did_not_tell_is_missing() -> None:
    bench = Bench()
    bench.tell(account(balance("BTC", "1"), balance("ETH", "0")))
    held = whole(balance("BTC", "1"), time_ms=T + DUE)
    assert bench.checked(account=held) is None
    other = whole(balance("BTC", "2"), time_ms=T + DUE)
    assert bench.checked(account=other) == inputs.Missed(DUE)
    bench.tell(account(balance("BTC", "3")))
    assert bench.checked(account=other) is None


def test_a_sum_without_fills_is_missing_where_nothing_tells_fills_apart() -> None:
    bench = Bench(FillKey.NONE)
    bench.tell(order(), fill(time_ms=T + 1))
    shown = order(status="PARTIALLY_FILLED", cumulative_quantity="3", time_ms=T + 2)
    assert bench.checked(orders=(shown,), account=whole()) == inputs.Missed(0)
    bench.repaired(T, orders=(shown,), account=whole())
    assert [g.missing_quantity for g in bench.told if isinstance(g, Gap)] == [2]
    assert bench.checked(orders=(shown,), account=whole()) is None


def test_what_was_forgotten_is_not_taken_for_missing() -> None:
    bench = Bench()
    bench.it.picture._fills.forgot_ms = T + 1_000
    done = order(status="FILLED", cumulative_quantity="1", time_ms=T + 1_000)
    assert bench.checked(orders=(done,), fills=(row(),), account=whole()) is None


def test_a_check_ends_with_the_health_of_the_stream() -> None:
    bench = Bench()
    bench.tick(DUE)
    bench.tick(DUE + 10, live=False)
    assert bench.it.deadline(live=False) is None
    asked = bench.asks[-1]
    assert bench.it.answered(Rows(asked.number), DUE + 20) == []
    bench.tick(DUE + 30)
    assert len(bench.asks) == 1
    bench.tick(2 * DUE)
    bench.all(account=whole())
    bench.tick(3 * DUE, live=False)
    assert bench.word() is None


def test_a_repair_takes_the_place_of_a_check() -> None:
    bench = Bench()
    bench.tick(DUE)
    late = bench.asks[-1]
    bench.do(bench.it.repair(T, DUE))
    assert bench.it.answered(Rows(late.number), DUE) == []
    assert bench.asks[-1].number > late.number


def test_a_check_without_answers_is_made_again_soon() -> None:
    bench = Bench()
    bench.tick(DUE)
    for at in range(DUE, DUE + 30_000, 5_000):
        bench.do(bench.it.answered(NoRows(bench.asks[-1].number, "HTTP 500"), at))
        bench.tick(at)
    assert bench.word() is None
    due = bench.it.deadline(live=True) or 0
    assert DUE + 30_000 < due <= DUE + 60_000
    bench.tick(due)
    assert bench.asks[-1].what is What.OPEN_ORDERS


def test_without_a_secret_or_at_our_own_server_nothing_is_asked() -> None:
    for plan in ({"repair": False}, {"heartbeat_s": 10}, {"reconcile_ms": None}):
        bench = Bench(**plan)
        bench.tick(10 * EVERY)
        assert (bench.asks, bench.it.deadline(live=True)) == ([], None)


def test_it_waits_for_the_venues_clock() -> None:
    bench = Bench()
    bench.clock.refused(DUE - 1)
    bench.clock.tick(DUE - 1)
    assert bench.it.deadline(live=True) is None
    bench.tick(DUE)
    assert bench.asks == []
    bench.clock.answered(DUE, DUE, T + DUE)
    bench.tick(DUE + 1)
    assert len(bench.asks) == 1


# ── doubts ──────────────────────────────────────────────────────────────────────────────────────


def test_a_sum_that_jumps_is_looked_into_at_once() -> None:
    bench = Bench()
    bench.tell(order(cumulative_quantity="0"), fill(trade_id="8", cumulative_quantity="2"))
    assert bench.it.deadline(live=True) == 2_000
    bench.tell(fill(trade_id="7", cumulative_quantity="1"))
    assert bench.it.deadline(live=True) == DUE


def test_a_fill_of_an_order_that_nobody_told_is_looked_into() -> None:
    for update in (fill(trade_id="7", cumulative_quantity="2"), row()):
        bench = Bench()
        bench.tell(update)
        assert bench.it.deadline(live=True) == 2_000
    bench = Bench()
    bench.tell(fill(trade_id="7", cumulative_quantity="1"))
    assert bench.it.deadline(live=True) == DUE


# ── what comes behind REST ──────────────────────────────────────────────────────────────────────


def test_a_fill_that_rest_told_is_not_told_again_when_the_stream_brings_it() -> None:
    bench = Bench()
    shown = order(cumulative_quantity="1", status="PARTIALLY_FILLED")
    bench.repaired(T, orders=(shown,), fills=(row(),), account=whole())
    before = len(bench.told)
    bench.tell(row())
    assert len(bench.told) == before
    bench.tell(fill(trade_id="7", cumulative_quantity="1", commission="3"))
    event = bench.told[-1]
    assert isinstance(event, OrderEvent)
    assert (event.status, event.trade_id, event.last_quantity) == ("PARTIALLY_FILLED", None, None)
    assert event.cumulative_quantity == 1


def test_only_so_many_fills_that_rest_told_are_remembered() -> None:
    bench = Bench(copies=1)
    shown = order(cumulative_quantity="2", status="PARTIALLY_FILLED")
    bench.repaired(T, orders=(shown,), fills=(row("7"), row("8")), account=whole())
    before = len(bench.told)
    bench.tell(row("7"), row("8"))
    assert [e.trade_id for e in bench.told[before:] if isinstance(e, OrderEvent)] == ["7"]


def test_after_a_refused_timestamp_it_waits_for_the_venues_clock() -> None:
    bench = Bench()
    bench.tick(DUE)
    bench.do(bench.it.answered(NoRows(bench.asks[-1].number, "-1021", clock=True), DUE))
    assert bench.word() == inputs.TimestampRefused()
    bench.clock.refused(DUE)
    bench.clock.tick(DUE)
    bench.tick(DUE + 2_000)
    assert (len(bench.asks), bench.it.deadline(live=True)) == (1, None)
    bench.clock.answered(DUE, DUE + 2_000, T + DUE)
    bench.tick(DUE + 2_000)
    assert [a.what for a in bench.asks] == [What.OPEN_ORDERS, What.OPEN_ORDERS]


def test_the_first_repair_tells_how_orders_stand_that_an_earlier_run_may_have_told_of() -> None:
    bench = Bench(given=(order("1"), order("2")))
    over, still = order("1", status="CANCELED"), order("2")
    bench.do(bench.it.repair(T, 0))
    asked = None
    while asked is not bench.asks[-1]:
        asked = bench.asks[-1]
        rows = {What.OPEN_ORDERS: (still,), What.ORDER: (over,)}.get(asked.what, ())
        account = whole() if asked.what is What.ACCOUNT else None
        bench.do(bench.it.answered(Rows(asked.number, orders=rows, account=account), 0))
    assert [a.order_id for a in bench.asks if a.what is What.ORDER] == ["1"]
    told = [e for e in bench.told if isinstance(e, OrderEvent)]
    assert sorted((e.order_id, e.status) for e in told) == [("1", "CANCELED"), ("2", "NEW")]
    assert {e.origin for e in told} == {Origin.REST}
    asks = len(bench.asks)
    bench.do(bench.it.repair(T, 0))
    assert bench.asks[asks:] == [Ask(bench.asks[asks].number, What.OPEN_ORDERS)]
    bench.all(account=whole())
    assert not [a for a in bench.asks[asks:] if a.order_id == "1"]
