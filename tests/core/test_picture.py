"""The picture: what an account holds after each of its events, and what each event changed."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from userstream.core.picture import EMPTY, settle
from userstream.events import (
    AccountSnapshot,
    AccountUpdate,
    Balance,
    CommissionRates,
    Permissions,
)

amounts = st.builds(
    lambda whole, fraction: f"{whole}.{fraction}" if fraction else whole,
    st.text("0123456789", min_size=1, max_size=20),
    st.text("0123456789", max_size=18),
)


def holding(asset: str, free: str, locked: str = "0") -> Balance:
    return Balance(asset=asset, free=free, locked=locked)


def update(*balances: Balance) -> AccountUpdate:
    return AccountUpdate(time_ms=5, balances=balances)


def snapshot(*balances: Balance) -> AccountSnapshot:
    return AccountSnapshot(time_ms=5, balances=balances)


def test_an_update_changes_what_it_lists_and_keeps_the_rest_in_order() -> None:
    before = snapshot(holding("BTC", "1"), holding("ETH", "2", "0.5"))
    after, _ = settle(before, update(holding("USDT", "9"), holding("BTC", "0.5", "0.5")))
    assert after == snapshot(
        holding("BTC", "0.5", "0.5"), holding("ETH", "2", "0.5"), holding("USDT", "9")
    )


def test_a_snapshot_replaces_the_whole() -> None:
    before = snapshot(holding("BTC", "1"), holding("ETH", "2"))
    after, _ = settle(before, snapshot(holding("USDT", "9"), holding("ETH", "1")))
    assert after == snapshot(holding("USDT", "9"), holding("ETH", "1"))


def test_an_asset_that_falls_to_zero_stays() -> None:
    after, _ = settle(snapshot(holding("BTC", "1")), update(holding("BTC", "0")))
    assert after.balances == (holding("BTC", "0"),)


def test_changes_are_filled_in_against_the_picture() -> None:
    before = snapshot(holding("BTC", "1", "0.25"))
    _, event = settle(before, update(holding("BTC", "0.75", "0.5"), holding("ETH", "3")))
    assert [(b.free_change, b.locked_change) for b in event.balances] == [
        ("-0.25", "0.25"),
        ("3", "0"),
    ]


@pytest.mark.parametrize(
    ("free_change", "locked_change", "settled"),
    [
        ("7", "-7", ("7", "-7")),
        ("7", None, ("7", "0.5")),
        (None, "-7", ("-1", "-7")),
        ("0", None, ("0", "0.5")),
    ],
)
def test_what_the_publisher_says_of_a_change_is_kept(
    free_change: str | None, locked_change: str | None, settled: tuple[str, str]
) -> None:
    said = Balance(
        asset="BTC", free="1", locked="0.5", free_change=free_change, locked_change=locked_change
    )
    after, event = settle(snapshot(holding("BTC", "2")), update(said))
    assert (event.balances[0].free_change, event.balances[0].locked_change) == settled
    assert after.balances == (holding("BTC", "1", "0.5"),)


@given(amounts, amounts)
def test_a_change_is_exact_and_plain(before: str, after: str) -> None:
    _, event = settle(snapshot(holding("BTC", before)), update(holding("BTC", after)))
    change = event.balances[0].free_change
    assert change is not None
    assert "E" not in change
    assert change == "0" or Fraction(change)
    assert Fraction(change) == Fraction(after) - Fraction(before)


@pytest.mark.parametrize("event", [update(), snapshot()])
def test_permissions_and_rates_stay_until_they_are_said_anew(
    event: AccountUpdate | AccountSnapshot,
) -> None:
    before = AccountSnapshot(
        time_ms=1,
        permissions=Permissions(can_trade=False),
        commission_rates=CommissionRates(maker=10),
    )
    after, _ = settle(before, event)
    assert after.permissions == Permissions(can_trade=False)
    assert after.commission_rates == CommissionRates(maker=10)
    assert after.time_ms == 5


def test_new_permissions_and_rates_take_the_place_of_the_old() -> None:
    event = AccountUpdate(
        time_ms=5, permissions=Permissions(), commission_rates=CommissionRates(taker=3)
    )
    before = AccountSnapshot(time_ms=1, permissions=Permissions(can_trade=False))
    after, _ = settle(before, event)
    assert (after.permissions, after.commission_rates) == (Permissions(), CommissionRates(taker=3))


def test_an_account_without_a_past_holds_nothing_since_the_beginning() -> None:
    assert AccountSnapshot(time_ms=0, balances=()) == EMPTY


def test_cause_and_time_stay_with_the_event() -> None:
    event = AccountUpdate(time_ms=5, cause="DEPOSIT", created_ms=4)
    after, settled = settle(EMPTY, event)
    assert settled == event
    assert (after.cause, after.created_ms) == (None, None)


assets = st.sampled_from(["A", "B", "C", "D"])
balances = st.lists(
    st.builds(holding, assets, amounts, amounts), max_size=4, unique_by=lambda b: b.asset
).map(tuple)
histories = st.lists(
    st.one_of(
        st.builds(AccountUpdate, time_ms=st.just(5), balances=balances),
        st.builds(AccountSnapshot, time_ms=st.just(5), balances=balances),
    ),
    max_size=8,
)


@given(histories)
def test_the_picture_is_what_a_dictionary_of_holdings_says(
    history: list[AccountUpdate | AccountSnapshot],
) -> None:
    held: dict[str, tuple[str, str]] = {}
    picture = EMPTY
    for event in history:
        if isinstance(event, AccountSnapshot):
            held = {}
        held |= {b.asset: (b.free, b.locked) for b in event.balances}
        picture, _ = settle(picture, event)
        assert {b.asset: (b.free, b.locked) for b in picture.balances} == held
        assert all(b.free_change is None is b.locked_change for b in picture.balances)
