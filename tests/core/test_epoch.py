"""Epochs: new exactly where acknowledged events may be gone, and never otherwise."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from userstream.core.epoch import LENGTH, Run, account_epoch, new_epoch, next_run
from userstream.events import EPOCH

ENTROPY = bytes(range(32))
BOOTS = ("boot-1", "boot-2", "")


@given(st.binary(min_size=32, max_size=32))
def test_an_epoch_has_the_published_form(entropy: bytes) -> None:
    epoch = new_epoch(entropy)
    assert len(epoch) == LENGTH == 12
    assert EPOCH.fullmatch(epoch)


def test_an_epoch_is_made_of_its_entropy() -> None:
    assert new_epoch(ENTROPY) == new_epoch(ENTROPY)
    assert new_epoch(ENTROPY) != new_epoch(ENTROPY[::-1])


def test_an_epoch_from_too_little_entropy_is_refused() -> None:
    with pytest.raises(ValueError, match="32 random bytes"):
        new_epoch(bytes(31))


def test_an_accounts_epoch_is_the_same_in_every_release() -> None:
    # Cursors, and nodes of other releases, have it: this very text must never change.
    assert account_epoch("epoch000", "alice") == "211455ba320cd896"


@given(st.sets(st.text("abcXYZ019_-", min_size=1, max_size=64), min_size=2), st.binary(min_size=64))
def test_each_account_of_each_log_has_an_epoch_of_its_own(names: set[str], entropy: bytes) -> None:
    logs = {new_epoch(entropy[:32]), new_epoch(entropy[32:])}
    found = {account_epoch(log, name) for log in logs for name in names}
    assert len(found) == len(logs) * len(names)
    assert found.isdisjoint(logs)
    assert all(EPOCH.fullmatch(epoch) for epoch in found)


@pytest.mark.parametrize("power_safe", [False, True])
def test_a_new_folder_has_a_new_epoch(power_safe: bool) -> None:
    run = next_run(None, boot_id="boot-1", power_safe=power_safe, entropy=ENTROPY)
    assert run == Run(new_epoch(ENTROPY), "boot-1", clean=False, power_safe=power_safe)


@pytest.mark.parametrize("clean", [False, True])
@pytest.mark.parametrize("was_power_safe", [False, True])
@pytest.mark.parametrize("boot_id", BOOTS)
@pytest.mark.parametrize("last_boot_id", BOOTS)
@pytest.mark.parametrize("power_safe", [False, True])
def test_an_epoch_is_new_exactly_when_acknowledged_events_may_be_lost(
    clean: bool, was_power_safe: bool, boot_id: str, last_boot_id: str, power_safe: bool
) -> None:
    last = Run("oldepoch", last_boot_id, clean=clean, power_safe=was_power_safe)
    run = next_run(last, boot_id=boot_id, power_safe=power_safe, entropy=ENTROPY)
    same_boot = boot_id == last_boot_id != ""
    kept = clean or was_power_safe or same_boot
    assert run.epoch == ("oldepoch" if kept else new_epoch(ENTROPY))
    assert run.boot_id == boot_id
    assert not run.clean


def test_syncing_from_now_on_does_not_heal_what_the_last_run_left_unsynced() -> None:
    last = Run("oldepoch", "boot-1", clean=False, power_safe=False)
    run = next_run(last, boot_id="boot-2", power_safe=True, entropy=ENTROPY)
    assert run.epoch == new_epoch(ENTROPY)


def test_what_a_killed_run_left_unsynced_stays_unsafe_until_a_clean_end() -> None:
    first = Run("oldepoch", "boot-1", clean=False, power_safe=False)
    second = next_run(first, boot_id="boot-1", power_safe=True, entropy=ENTROPY)
    assert (second.epoch, second.power_safe) == ("oldepoch", False)
    third = next_run(second, boot_id="boot-2", power_safe=True, entropy=ENTROPY)
    assert third.epoch == new_epoch(ENTROPY)
    assert third.power_safe


def test_a_system_without_boot_ids_may_have_been_rebooted() -> None:
    last = Run("oldepoch", "", clean=False)
    assert next_run(last, boot_id="", power_safe=False, entropy=ENTROPY).epoch != "oldepoch"


def test_a_run_that_was_stored_before_commits_were_noted_counts_as_unsafe() -> None:
    stored = b'{"epoch":"oldepoch","boot_id":"boot-1","clean":false,"v":1}'
    last = msgspec.json.decode(stored, type=Run)
    assert next_run(last, boot_id="boot-1", power_safe=True, entropy=ENTROPY).epoch == "oldepoch"
    assert next_run(last, boot_id="boot-2", power_safe=True, entropy=ENTROPY).epoch != "oldepoch"
