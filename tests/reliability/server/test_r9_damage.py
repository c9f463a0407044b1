"""R9: a log that is torn at each byte of its last records, and 1,000 flipped bits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.reliability.server.sizes import SIZES
from tests.server.stores.conftest import Ledger, Site
from tests.server.stores.test_rocks_damage import flips
from userstream.errors import StoreDamaged
from userstream.server.stores import journal

RECORDS = 3


@pytest.fixture
def torn(site: Site, ledger: Ledger, tmp_path: Path) -> tuple[Site, Site, bytes]:
    """A store before its last records and after them, and the log with them."""
    ledger.rows, ledger.size = 1, 8
    store = site.open()
    ledger.commit(store, range(1, 6))
    before = site.copy(tmp_path / "before")
    ledger.commit(store, range(6, 6 + RECORDS))
    after = site.copy(tmp_path / "after")
    store.close()
    return before, after, after.log.read_bytes()


def test_r9_torn_at_each_byte_of_the_last_3_records_it_keeps_those_that_are_whole(
    torn: tuple[Site, Site, bytes],
    ledger: Ledger,
    tmp_path: Path,
    power_cut: Callable[[], None],
) -> None:
    before, _, data = torn
    whole = before.log.stat().st_size
    ends = [commit.stop for commit in journal.commits(data)]
    power_cut()
    for size in range(whole, len(data) + 1):
        cut = before.copy(tmp_path / "cut")
        cut.log.write_bytes(data[:size])
        store = cut.open()
        assert ledger.head(store) == sum(end <= size for end in ends)
        store.close()


def test_r9_torn_behind_what_was_acknowledged_it_is_refused(
    torn: tuple[Site, Site, bytes], tmp_path: Path
) -> None:
    before, after, data = torn
    for size in range(before.log.stat().st_size, len(data)):
        cut = after.copy(tmp_path / "cut")
        cut.log.write_bytes(data[:size])
        with pytest.raises(StoreDamaged):
            cut.open()


def test_r9_of_1000_flipped_bits_each_is_harmless_or_refused(
    left: Site, ledger: Ledger, tmp_path: Path
) -> None:
    assert flips(left, ledger, tmp_path, SIZES.r9_flips) > SIZES.r9_flips // 5
