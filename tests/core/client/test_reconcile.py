"""When a healthy stream is compared with REST."""

from __future__ import annotations

from tests.core.client.values import half
from userstream.core.client.bounds import Bounds
from userstream.core.client.reconcile import Reconcile

EVERY = 600_000
DUE = 525_000
"""With half of the jitter."""


def reconcile(every_ms: int | None = EVERY, **bounds: int) -> Reconcile:
    it = Reconcile(every_ms, Bounds(**bounds), half)
    it.begin(0)
    return it


def test_it_is_due_at_a_random_moment_of_the_last_quarter() -> None:
    assert reconcile().deadline() == DUE
    assert reconcile(None).deadline() is None
    assert Reconcile(EVERY, Bounds(), half).deadline() is None


def test_it_begins_once_and_goes_on_from_each_check() -> None:
    it = reconcile()
    it.begin(100)
    assert (it.deadline(), it.since_ms) == (DUE, 0)
    it.start(DUE)
    assert it.deadline() == 2 * DUE
    it.passed(DUE)
    it.passed(100)
    assert it.since_ms == DUE


def test_a_doubt_that_lasts_makes_it_due_and_one_that_passes_does_not() -> None:
    it = reconcile()
    it.told(True, 1_000)
    it.told(True, 1_500)
    assert it.deadline() == 3_000
    it.told(False, 2_000)
    assert it.deadline() == DUE


def test_doubts_make_it_due_only_so_often() -> None:
    it = reconcile()
    it.told(True, 0)
    it.start(2_000)
    it.told(True, 3_000)
    assert it.deadline() == 32_000


def test_more_than_can_be_remembered_makes_it_due() -> None:
    it = reconcile(copies=4)
    for n in range(3):
        assert it.deadline() == DUE
        it.told(False, n)
    assert it.deadline() == 0


def test_a_venue_that_does_not_answer_is_asked_again_soon() -> None:
    it = reconcile()
    it.start(DUE)
    it.failed(DUE + 100, None)
    assert it.deadline() == DUE + 30_100
    it.failed(DUE + 100, 60_000)
    assert it.deadline() == DUE + 60_100
