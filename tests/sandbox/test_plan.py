"""The plan: who is struck, how often, and that chance is the same every time."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from userstream.errors import InvalidSettings
from userstream.sandbox.faults.fault import Fault, Kind, Point
from userstream.sandbox.faults.plan import MAX_FAULTS, FaultPlan, Target, chance

ALICE = Target("binance", ("alice",), "order_update")


def fault(kind: Kind = Kind.DROP, **fields: Any) -> Fault:
    return Fault(kind=kind, **fields)


def struck(plan: FaultPlan, times: int, target: Target = ALICE, now_ms: int = 0) -> list[int]:
    """Which of so many frames are struck."""
    return [n for n in range(times) if plan.strike(Point.FRAME, target, now_ms)]


def test_a_fault_without_bounds_strikes_once() -> None:
    plan = FaultPlan()
    active = plan.add(fault(), 0)
    assert struck(plan, 5) == [0]
    assert active.spent(0)


def test_it_strikes_as_often_as_it_says_after_as_many_as_it_says() -> None:
    plan = FaultPlan()
    plan.add(fault(count=3, after=2), 0)
    assert struck(plan, 10) == [2, 3, 4]


def test_it_is_over_after_its_time() -> None:
    plan = FaultPlan()
    active = plan.add(fault(for_ms=100), 1_000)
    assert struck(plan, 2, now_ms=1_099) == [0, 1]
    assert not active.spent(1_099)
    assert struck(plan, 2, now_ms=1_100) == []
    assert active.spent(1_100)


@pytest.mark.parametrize(
    "other",
    [
        ALICE._replace(venue="mexc"),
        ALICE._replace(accounts=("bob",)),
        ALICE._replace(accounts=()),
        ALICE._replace(event="account_update"),
        ALICE._replace(event=None),
    ],
)
def test_it_leaves_alone_what_is_not_in_its_scope(other: Target) -> None:
    plan = FaultPlan()
    plan.add(fault(venue="binance", account="alice", event="order_update"), 0)
    assert struck(plan, 3, other) == []
    assert struck(plan, 3) == [0]


def test_requests_are_told_apart_by_method_and_beginning_of_path() -> None:
    plan = FaultPlan()
    plan.add(fault(Kind.REST, answer="500", method="PUT", path="/api/v1", count=9), 0)
    put = Target("binance", (), method="PUT", path="/api/v1/userDataStream")
    assert plan.waits_for(Point.REQUEST)
    assert not plan.waits_for(Point.FRAME)
    assert plan.strike(Point.REQUEST, put, 0)
    assert plan.strike(Point.REQUEST, put._replace(method="POST"), 0) is None
    assert plan.strike(Point.REQUEST, put._replace(path="/api/v3/userDataStream"), 0) is None


def test_of_two_faults_the_first_strikes_and_the_second_waits() -> None:
    plan = FaultPlan()
    one, two = plan.add(fault(count=2), 0), plan.add(fault(Kind.DELAY, count=2), 0)
    hits = [plan.strike(Point.FRAME, ALICE, 0) for _ in range(5)]
    assert [h and h.id for h in hits] == [one.id, one.id, two.id, two.id, None]
    assert [h and h.number for h in hits] == [1, 2, 1, 2, None]


def test_what_strikes_now_strikes_what_is_there_and_then_never_again() -> None:
    plan = FaultPlan()
    active = plan.add(fault(Kind.RESET, account="alice", count=2), 0)
    targets = [ALICE, ALICE._replace(accounts=("bob",)), ALICE, ALICE]
    hits = plan.strike_now(active, targets)
    assert [h and h.number for h in hits] == [1, None, 2, None]
    assert active.spent(0)
    every = plan.add(fault(Kind.RESET), 0)
    assert all(plan.strike_now(every, targets))
    assert every.spent(0)


def test_a_strike_that_came_to_nothing_does_not_count() -> None:
    plan = FaultPlan()
    active = plan.add(fault(), 0)
    hit = plan.strike(Point.FRAME, ALICE, 0)
    assert hit is not None
    plan.take_back(hit)
    assert active.hits == 0
    plan.clear()
    plan.take_back(hit)  # of a fault that is gone: nothing to count


def test_faults_are_listed_cleared_and_bounded() -> None:
    plan = FaultPlan()
    first = plan.add(fault(count=9), 0)
    assert plan.listed() == [first]
    assert "f1 drop" in repr(first)
    assert plan.remove("f1") is first
    assert plan.remove("f1") is None
    assert struck(plan, 1) == []
    for _ in range(MAX_FAULTS):
        plan.add(fault(), 0)
    with pytest.raises(InvalidSettings, match="clear some first"):
        plan.add(fault(), 0)
    struck(plan, 1)
    plan.add(fault(), 0)  # in the place of the one that is spent
    assert plan.listed()[0].id == "f3"
    assert len(plan.clear()) == MAX_FAULTS
    assert plan.listed() == []


# ── chance ──────────────────────────────────────────────────────────────────────────────────────


@given(st.integers(), st.floats(0.01, 1), st.integers(1, 200))
def test_the_same_seed_strikes_the_same(seed: int, probability: float, times: int) -> None:
    def run() -> list[int]:
        plan = FaultPlan(seed)
        plan.add(fault(probability=probability), 0)
        return struck(plan, times)

    assert run() == run()


@given(st.text(), st.integers(0, 10**9))
def test_chance_is_a_fraction(salt: str, number: int) -> None:
    assert 0 <= chance(salt, number) < 1


def test_chance_strikes_about_as_often_as_it_says_and_seeds_differ() -> None:
    patterns = []
    for seed in range(3):
        plan = FaultPlan(seed)
        plan.add(fault(probability=0.05), 0)
        patterns.append(struck(plan, 20_000))
    assert all(850 < len(p) < 1_150 for p in patterns)
    assert len({tuple(p) for p in patterns}) == 3


def test_the_seed_of_a_fault_holds_whatever_is_set_beside_it() -> None:
    alone, beside = FaultPlan(1), FaultPlan(2)
    alone.add(fault(probability=0.3, seed=7), 0)
    beside.add(fault(Kind.DELAY, account="bob"), 0)
    beside.add(fault(probability=0.3, seed=7), 0)
    assert struck(alone, 100) == struck(beside, 100)


@given(st.floats(0.01, 0.99))
def test_one_fault_does_not_change_the_dice_of_another(probability: float) -> None:
    def pattern(*others: Fault) -> list[int]:
        plan = FaultPlan()
        for other in others:
            plan.add(other, 0)
        name = plan.add(fault(Kind.DELAY, probability=probability, seed=1), 0).id
        hits = [plan.strike(Point.FRAME, ALICE, 0) for _ in range(60)]
        return [n for n, h in enumerate(hits) if h and h.id == name]

    dropped = fault(probability=0.5, seed=2)
    assert set(pattern(dropped)) <= set(pattern())
