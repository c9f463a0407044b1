"""Kills of the process and power cuts: everything acknowledged is there afterwards."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from userstream.errors import StoreDamaged
from userstream.server.store import Batch

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.server.stores.conftest import Ledger, Site

WRITER = Path(__file__).with_name("writer.py")
PAGE = 4096


def run_and_kill(site: Site, mode: str, first: int, seconds: float) -> int:
    """The last number that the writer saw acknowledged before it was killed."""
    command = [sys.executable, str(WRITER), str(site.folder), mode, str(first)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"0\n"
        time.sleep(seconds)
        process.kill()
        printed = process.stdout.read()
    acked = printed[: printed.rfind(b"\n") + 1].split()
    return int(acked[-1]) if acked else first - 1


def test_every_acknowledged_batch_survives_kills(site: Site, ledger: Ledger) -> None:
    chance = random.Random(2)
    head = 0
    for cycle in range(10):
        acked = run_and_kill(
            site, ("synced", "unsynced")[cycle % 2], head + 1, chance.random() * 0.12
        )
        store = site.open()
        head = ledger.head(store)
        assert acked <= head <= acked + 1
        store.close()
    assert head > 10


def test_a_power_cut_loses_no_synced_batch(
    site: Site, ledger: Ledger, tmp_path: Path, power_cut: Callable[[], None]
) -> None:
    chance = random.Random(3)
    store = site.open()
    oldest_witness = (site.folder / "STORE").read_bytes()
    ledger.commit(store, range(1, 4))
    for acked in range(4, 24):
        ledger.commit(store, range(acked, acked + 1))
        left = site.copy(tmp_path / "left")
        synced = left.log.stat().st_size
        ledger.commit(store, range(acked + 1, acked + 2))
        written = left.log.with_name(site.log.name), site.log.read_bytes()
        if written[0] == left.log:
            left.log.write_bytes(after_power_cut(written[1], synced, chance))
        if chance.random() < 0.5:
            (left.folder / "STORE").write_bytes(oldest_witness)
        power_cut()
        again = left.open()
        assert ledger.head(again) in (acked, acked + 1)
        ledger.commit(again, range(ledger.head(again) + 1, acked + 3))
        assert ledger.head(again) == acked + 2
        again.close()
    store.close()


def after_power_cut(data: bytes, synced: int, chance: random.Random) -> bytes:
    """The log with its unsynced end cut, or with pages of it never written."""
    cut = chance.randrange(synced, len(data) + 1)
    kind = chance.randrange(3)
    if kind == 0:
        return data[:cut]
    if kind == 1:
        return data[:cut] + bytes(len(data) - cut)
    pages = bytearray(data)
    for page in range(synced // PAGE, len(data) // PAGE + 1):
        if chance.random() < 0.5:
            lost = slice(max(page * PAGE, synced), min((page + 1) * PAGE, len(data)))
            pages[lost] = bytes(lost.stop - lost.start)
    return bytes(pages)


def test_an_unsynced_store_loses_its_end_in_a_power_cut(
    site: Site, ledger: Ledger, tmp_path: Path, power_cut: Callable[[], None]
) -> None:
    store = site.open(synced=False)
    ledger.commit(store, range(1, 31))
    data = site.log.read_bytes()
    chance = random.Random(4)
    power_cut()
    for _ in range(10):
        left = site.copy(tmp_path / "left")
        left.log.write_bytes(after_power_cut(data, 0, chance))
        again = left.open(synced=False)
        assert 0 <= ledger.head(again) <= 30
        again.close()
    store.close()


@pytest.mark.parametrize("rows", [1, 100], ids=["one fragment", "over a block"])
def test_a_torn_last_record_is_cut_off(
    rows: int, site: Site, ledger: Ledger, tmp_path: Path
) -> None:
    ledger.rows, ledger.size = rows, 20
    ledger.commit(store := site.open(), range(1, 3))
    left = site.copy(tmp_path / "left")
    whole = left.log.stat().st_size
    ledger.commit(store, range(3, 4))
    data = site.log.read_bytes()
    step = 1 if rows == 1 else len(data) // 40
    for size in range(whole, len(data), step):
        torn = left.copy(tmp_path / "torn")
        torn.log.write_bytes(data[:size])
        again = torn.open()
        assert ledger.head(again) == 2
        again.close()
    store.close()


@pytest.mark.parametrize("left_over", range(8))
def test_a_record_may_end_anywhere_in_a_block(left_over: int, site: Site, tmp_path: Path) -> None:
    store = site.open()
    around = 7 + 12 + 1 + 2 + 3  # both headers, the kind, the key and the length of the value
    value = bytes(32768 - around - left_over)
    store.commit(Batch([(b"k", value)]))
    assert site.log.stat().st_size == 32768 - left_over
    store.commit(Batch([(b"l", b"1"), (b"m", b"2")]))
    again = site.copy(tmp_path / "left").open()
    assert dict(again.scan(b"", b"z", 9)) == {b"k": value, b"l": b"1", b"m": b"2"}
    again.close()
    store.close()


def test_what_was_acknowledged_is_no_torn_tail(site: Site, ledger: Ledger, tmp_path: Path) -> None:
    ledger.commit(store := site.open(synced=False), range(1, 4))
    data = site.log.read_bytes()
    for size in range(0, len(data), len(data) // 10):
        left = site.copy(tmp_path / "left")
        left.log.write_bytes(data[:size])
        before = {path: path.read_bytes() for path in left.folder.rglob("*.log")}
        with pytest.raises(StoreDamaged, match="it ends at write"):
            left.open()
        assert before == {path: path.read_bytes() for path in left.folder.rglob("*.log")}
    store.close()


@pytest.fixture
def two_logs(site: Site, ledger: Ledger, tmp_path: Path) -> Site:
    """A folder whose commits 1 to 3 are in one log and 4 to 6 in the next."""
    store = site.open(synced=False)
    ledger.commit(store, range(1, 4))
    left = site.copy(tmp_path / "two")
    store.close()
    store = site.open(synced=False)
    ledger.commit(store, range(4, 7))
    (left.folder / "STORE").write_bytes((site.folder / "STORE").read_bytes())
    (left.folder / "rocks" / "000900.log").write_bytes(site.log.read_bytes())
    store.close()
    return left


def test_two_logs_are_one_row(two_logs: Site, ledger: Ledger) -> None:
    store = two_logs.open()
    assert ledger.head(store) == 6
    store.close()


def test_a_lost_log_is_damage(two_logs: Site) -> None:
    min((two_logs.folder / "rocks").glob("*.log")).unlink()
    with pytest.raises(StoreDamaged, match="it ends at write 0"):
        two_logs.open()


def test_unsynced_logs_are_kept_up_to_the_hole(
    two_logs: Site, ledger: Ledger, power_cut: Callable[[], None]
) -> None:
    first = min((two_logs.folder / "rocks").glob("*.log"))
    first.write_bytes(first.read_bytes()[:-10])
    power_cut()
    store = two_logs.open(synced=False)
    assert ledger.head(store) == 2
    store.close()
