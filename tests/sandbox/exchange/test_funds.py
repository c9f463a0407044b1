from __future__ import annotations

from decimal import Decimal

import pytest

from tests.sandbox.exchange.desk import BUY, FUNDS, Desk, accepted, reason, told
from userstream.events import (
    AccountSnapshot,
    AccountUpdate,
    Balance,
    CommissionRates,
    Permissions,
)
from userstream.sandbox.exchange import FeeRule, Outcome, Reason

ONE = Decimal(1)
NOTHING = Permissions(can_trade=False, can_withdraw=False, can_deposit=False)


def test_opening_an_account_tells_all_of_it() -> None:
    desk = Desk(fees=FeeRule(maker=1, taker=2))
    may = Permissions(can_withdraw=False)
    opened = accepted(desk.funds.open("dave", {"USDT": ONE, "BTC": Decimal("0.5")}, 7, may))
    assert opened.events == (
        (
            "dave",
            AccountSnapshot(
                time_ms=7,
                balances=(
                    Balance(asset="USDT", free="1", locked="0"),
                    Balance(asset="BTC", free="0.5", locked="0"),
                ),
                cause="SUGAR",
                permissions=may,
                commission_rates=CommissionRates(maker=1, taker=2),
            ),
        ),
    )
    assert desk.exchange.accounts() == ("alice", "bob", "carol", "dave")
    assert desk.exchange.permissions("dave") == may


def test_what_cannot_be_opened() -> None:
    desk = Desk()
    assert reason(desk.funds.open("alice", {}, 1)) == (Reason.DUPLICATE_ACCOUNT, None)
    assert reason(desk.funds.open("d", {"ETH": ONE}, 1)) == (Reason.UNKNOWN_ASSET, "asset")
    assert reason(desk.funds.open("d", {"BTC": -ONE}, 1)) == (Reason.BAD_AMOUNT, "amount")
    with pytest.raises(ValueError, match="allowed"):
        desk.funds.open("a b", {}, 1)
    assert desk.exchange.accounts() == ("alice", "bob", "carol")


def test_money_comes_and_goes() -> None:
    desk = Desk()
    deposit = desk.funds.deposit("alice", "USDT", Decimal("5.50"), 2)
    assert told(accepted(deposit).events) == ["alice: DEPOSIT USDT 5.5/0"]
    withdrawal = desk.funds.withdraw("alice", "USDT", ONE, 2, cause="WITHDRAW_FEE")
    assert told(accepted(withdrawal).events) == ["alice: WITHDRAW_FEE USDT -1/0"]
    assert desk.held("alice")["USDT"] == ("100004.5", "0")
    assert desk.funds.supply("USDT") == 3 * FUNDS["USDT"] + Decimal("4.5")
    assert desk.funds.imbalance("USDT") == 0


def test_a_transfer_is_two_events() -> None:
    desk = Desk()
    moved = accepted(desk.funds.transfer("alice", "bob", "BTC", ONE, 2))
    assert told(moved.events) == [
        "alice: CONTRACT_TRANSFER BTC -1/0",
        "bob: CONTRACT_TRANSFER BTC 1/0",
    ]
    assert desk.funds.imbalance("BTC") == 0


def test_locked_money_stays() -> None:
    desk = Desk()
    desk.limit("alice", BUY, "1", "99999")
    refusals = [
        desk.funds.withdraw("alice", "USDT", Decimal(2), 1),
        desk.funds.transfer("alice", "bob", "USDT", Decimal(2), 1),
    ]
    assert {reason(r) for r in refusals} == {(Reason.INSUFFICIENT_BALANCE, None)}
    accepted(desk.funds.withdraw("alice", "USDT", ONE, 1))


@pytest.mark.parametrize("amount", ["0", "-1", "NaN", "0.0000000000000000001", "1E+20"])
def test_amounts_that_no_event_shows(amount: str) -> None:
    desk = Desk()
    funds, wrong = desk.funds, Decimal(amount)
    refusals = [
        funds.deposit("alice", "BTC", wrong, 1),
        funds.withdraw("alice", "BTC", wrong, 1),
        funds.transfer("alice", "bob", "BTC", wrong, 1),
    ]
    assert {reason(r) for r in refusals} == {(Reason.BAD_AMOUNT, "amount")}


def test_the_supply_stays_below_what_can_be_shown() -> None:
    desk = Desk()
    most = Decimal(10) ** 20 - 3 * FUNDS["BTC"]
    assert reason(desk.funds.deposit("alice", "BTC", most, 1)) == (Reason.BAD_AMOUNT, "amount")
    accepted(desk.funds.deposit("alice", "BTC", most - ONE, 1))


def test_unknown_names() -> None:
    desk = Desk()
    funds = desk.funds
    refusals: list[Outcome] = [
        funds.deposit("dave", "BTC", ONE, 1),
        funds.withdraw("dave", "BTC", ONE, 1),
        funds.transfer("dave", "bob", "BTC", ONE, 1),
        funds.transfer("bob", "dave", "BTC", ONE, 1),
        funds.permit("dave", NOTHING, 1),
    ]
    assert {reason(r) for r in refusals} == {(Reason.UNKNOWN_ACCOUNT, None)}
    assert reason(funds.deposit("bob", "ETH", ONE, 1)) == (Reason.UNKNOWN_ASSET, "asset")
    assert reason(funds.withdraw("bob", "ETH", ONE, 1)) == (Reason.UNKNOWN_ASSET, "asset")


def test_permissions() -> None:
    desk = Desk(fees=FeeRule(maker=1, taker=2))
    desk.limit("alice", BUY, "1", "1")
    changed = accepted(desk.funds.permit("alice", NOTHING, 9))
    assert changed.events == (
        (
            "alice",
            AccountUpdate(
                time_ms=9, permissions=NOTHING, commission_rates=CommissionRates(maker=1, taker=2)
            ),
        ),
    )
    funds = desk.funds
    assert reason(desk.try_("alice", BUY, quantity="1", price="1")) == (
        Reason.TRADING_DISABLED,
        None,
    )
    assert reason(funds.deposit("alice", "BTC", ONE, 1)) == (Reason.DEPOSITS_DISABLED, None)
    assert reason(funds.transfer("bob", "alice", "BTC", ONE, 1)) == (
        Reason.DEPOSITS_DISABLED,
        None,
    )
    for refused in (
        funds.withdraw("alice", "BTC", ONE, 1),
        funds.transfer("alice", "bob", "BTC", ONE, 1),
    ):
        assert reason(refused) == (Reason.WITHDRAWALS_DISABLED, None)
    accepted(desk.exchange.cancel("alice", 1, 1))
