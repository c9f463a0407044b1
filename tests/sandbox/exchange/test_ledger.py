from __future__ import annotations

from decimal import Decimal

import pytest

from userstream.events import Balance
from userstream.sandbox.exchange.ledger import Holding, Ledger, Overdrawn

ONE = Decimal(1)


@pytest.fixture
def ledger() -> Ledger:
    ledger = Ledger()
    ledger.issue("alice", "BTC", Decimal("2.50"))
    return ledger


def test_issued_amounts_are_free_and_counted(ledger: Ledger) -> None:
    assert ledger.holding("alice", "BTC") == Holding(Decimal("2.5"), Decimal(0))
    assert ledger.supply("BTC") == Decimal("2.5")
    assert ledger.issue("alice", "BTC", -ONE).free == "1.5"
    assert ledger.supply("BTC") == Decimal("1.5")
    assert ledger.imbalance("BTC") == 0


def test_a_change_says_what_it_led_to(ledger: Ledger) -> None:
    assert ledger.change("alice", "BTC", -ONE, ONE) == Balance(
        asset="BTC", free="1.5", locked="1", free_change="-1", locked_change="1"
    )
    assert ledger.change("alice", "BTC", locked=Decimal("-0.5")) == Balance(
        asset="BTC", free="1.5", locked="0.5", free_change="0", locked_change="-0.5"
    )


@pytest.mark.parametrize(("free", "locked"), [("-2.6", "0"), ("1", "-0.1")])
def test_nothing_falls_below_zero(ledger: Ledger, free: str, locked: str) -> None:
    with pytest.raises(Overdrawn, match="alice"):
        ledger.change("alice", "BTC", Decimal(free), Decimal(locked))
    assert ledger.holding("alice", "BTC") == Holding(Decimal("2.5"), Decimal(0))
    with pytest.raises(Overdrawn):
        ledger.issue("alice", "BTC", Decimal(-3))
    assert ledger.supply("BTC") == Decimal("2.5")


def test_what_is_unknown_is_zero(ledger: Ledger) -> None:
    assert ledger.holding("bob", "BTC") == ledger.holding("alice", "ETH") == Holding()
    assert ledger.holdings("bob") == {}
    assert ledger.supply("ETH") == ledger.fees("ETH") == ledger.imbalance("ETH") == 0


def test_an_imbalance_shows(ledger: Ledger) -> None:
    ledger.change("alice", "BTC", -ONE)
    assert ledger.imbalance("BTC") == -1
    ledger.collect("BTC", ONE)
    assert ledger.imbalance("BTC") == 0
    assert ledger.fees("BTC") == 1
