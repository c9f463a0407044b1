"""Flipped bits: what is read is right, or it is refused."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from userstream.errors import StoreDamaged
from userstream.server.stores import journal
from userstream.server.stores.crc import masked_crc32c
from userstream.server.stores.witness import Witness

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.server.stores.conftest import Ledger, Site

HEAD = 60


@pytest.fixture
def left(site: Site, ledger: Ledger, tmp_path: Path) -> Site:
    """Tables, a manifest and a log with the last commits, as a kill leaves them."""
    for numbers in (range(1, 21), range(21, 41)):
        store = site.open()
        ledger.commit(store, numbers)
        store.close()
    store = site.open()
    ledger.commit(store, range(41, HEAD + 1))
    copy = site.copy(tmp_path / "left")
    store.close()
    return copy


def flip(path: Path, at: int, bit: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1 << bit
    path.write_bytes(data)


def head_or_none(site: Site, ledger: Ledger) -> int | None:
    try:
        store = site.open()
    except StoreDamaged:
        return None
    try:
        return ledger.head(store)
    except StoreDamaged:
        return None
    finally:
        store.close()


def last_fragment(path: Path) -> journal.Fragment:
    return list(journal.fragments(path.read_bytes()))[-1]


def flips(left: Site, ledger: Ledger, folder: Path, times: int) -> int:
    """Flips one bit so often, each in a new copy; says how many were refused."""
    chance = random.Random(5)
    refused = 0
    names = [path.relative_to(left.folder) for path in left.folder.rglob("*") if path.is_file()]
    names = sorted(name for name in names if (left.folder / name).stat().st_size)
    assert {name.suffix for name in names} >= {".sst", ".log"}
    for _ in range(times):
        damaged = left.copy(folder / "damaged")
        path = damaged.folder / chance.choice(names)
        flip(path, chance.randrange(path.stat().st_size), chance.randrange(8))
        head = head_or_none(damaged, ledger)
        assert head in (HEAD, None)
        refused += head is None
    return refused


def test_a_flipped_bit_is_harmless_or_refused(left: Site, ledger: Ledger, tmp_path: Path) -> None:
    assert flips(left, ledger, tmp_path, 120) > 20


def test_the_last_record_of_the_manifest_is_checked(
    left: Site, ledger: Ledger, tmp_path: Path
) -> None:
    last = last_fragment(left.manifest)
    for at in range(last.start, last.start + 7):
        for bit in range(8):
            damaged = left.copy(tmp_path / "damaged")
            flip(damaged.manifest, at, bit)
            with pytest.raises(StoreDamaged):
                damaged.open()


def test_an_unfinished_manifest_record_is_none(left: Site, ledger: Ledger) -> None:
    left.manifest.write_bytes(left.manifest.read_bytes() + b"\1\2\3\4\x20\0\1half")
    store = left.open()
    assert ledger.head(store) == HEAD
    store.close()


def test_a_damaged_header_is_found_without_the_witness(
    left: Site, ledger: Ledger, tmp_path: Path, power_cut: Callable[[], None]
) -> None:
    """After a power cut the witness may be old; the lengths and types still have to fit."""
    store = left.copy(tmp_path / "old").open()
    store.close()
    last = last_fragment(left.log)
    power_cut()
    for at in range(last.start + 4, last.start + 7):
        for bit in range(8):
            damaged = left.copy(tmp_path / "damaged")
            forget(damaged)
            flip(damaged.log, at, bit)
            # A shorter length, like a damaged payload, is no more than a write cut short.
            assert head_or_none(damaged, ledger) in (None, HEAD - 1)


def test_damage_before_the_last_commit_is_found_without_the_witness(
    left: Site, ledger: Ledger, tmp_path: Path, power_cut: Callable[[], None]
) -> None:
    chance = random.Random(6)
    end = [commit.stop for commit in journal.commits(left.log.read_bytes())][-2]
    starts = [fragment.start for fragment in journal.fragments(left.log.read_bytes())]
    headers = [start + byte for start in starts for byte in range(7) if start < end]
    power_cut()
    for at in [*chance.choices(headers, k=30), *(chance.randrange(end) for _ in range(10))]:
        damaged = left.copy(tmp_path / "damaged")
        forget(damaged)
        flip(damaged.log, at, chance.randrange(8))
        assert head_or_none(damaged, ledger) is None


def test_only_the_payload_of_the_last_commit_may_go_after_a_power_cut(
    left: Site, ledger: Ledger, power_cut: Callable[[], None]
) -> None:
    forget(left)
    power_cut()
    flip(left.log, left.log.stat().st_size - 5, 3)
    assert head_or_none(left, ledger) == HEAD - 1


def forget(site: Site) -> None:
    """Makes the witness one that has seen nothing acknowledged, as a power cut may leave it."""
    witness = Witness(site.folder)
    witness.record(witness.evidence._replace(acked=0))
    witness.close()


def test_a_damaged_table_is_refused_by_get_and_scan(left: Site) -> None:
    table = min((left.folder / "rocks").glob("*.sst"))
    flip(table, 100, 0)
    store = left.open()
    with pytest.raises(StoreDamaged, match="checksum"):
        list(store.scan(b"", b"\xff", 1 << 30))
    keys = [b"e/%06d/%04d" % (number, row) for number in range(1, 41) for row in range(8)]
    with pytest.raises(StoreDamaged, match=str(left.folder)):
        [store.get(key) for key in keys]
    store.close()


def test_a_lost_database_is_damage(left: Site) -> None:
    (left.folder / "rocks" / "CURRENT").unlink()
    with pytest.raises(StoreDamaged, match="gone"):
        left.open()


@pytest.mark.parametrize("suffix", [".sst", "MANIFEST"])
def test_a_lost_file_is_damage(left: Site, suffix: str) -> None:
    for path in (left.folder / "rocks").iterdir():
        if suffix in path.name:
            path.unlink()
    with pytest.raises(StoreDamaged, match="No such file"):
        left.open()


def test_damage_met_while_tidying_up_is_damage(site: Site, ledger: Ledger) -> None:
    for number in range(3):
        store = site.open(write_buffer=64 << 10)
        ledger.commit(store, range(number * 30 + 1, number * 30 + 31))
        store.close()
    for table in (site.folder / "rocks").glob("*.sst"):
        flip(table, 100, 0)
    store = site.open(write_buffer=64 << 10)
    with pytest.raises(StoreDamaged, match="checksum"):
        ledger.commit(store, range(1, 1000))
    store.close()


def test_the_checksum_is_the_one_of_rocksdb() -> None:
    assert masked_crc32c(b"123456789") == (
        ((0xE3069283 >> 15 | 0xE3069283 << 17) + 0xA282EAD8) & 0xFFFFFFFF
    ).to_bytes(4, "little")
