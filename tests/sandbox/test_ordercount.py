"""Limits on new orders, per account and window."""

from __future__ import annotations

from userstream.sandbox.ordercount import OrderCount
from userstream.trading import OrderLimit

LIMITS = (OrderLimit(2, 1_000, "SECOND", "X-COUNT"), OrderLimit(3, 60_000, "MINUTE"))


def test_a_limit_holds_for_its_window_and_account() -> None:
    count = OrderCount(LIMITS)
    assert count.exceeded("alice", 0) is None
    assert count.add("alice", 0) == (("X-COUNT", "1"),)
    assert count.add("alice", 999) == (("X-COUNT", "2"),)
    assert count.exceeded("alice", 999) == LIMITS[0]
    assert count.exceeded("bob", 999) is None
    assert count.exceeded("alice", 1_000) is None
    assert count.add("alice", 1_000) == (("X-COUNT", "1"),)
    assert count.exceeded("alice", 2_000) == LIMITS[1]
    assert count.exceeded("alice", 60_000) is None


def test_no_limits() -> None:
    count = OrderCount(())
    assert count.add("alice", 0) == ()
    assert count.exceeded("alice", 0) is None
