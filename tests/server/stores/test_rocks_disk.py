"""Full disks, and writes that fail half-way: nothing refused is seen, and the store heals."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.able import refused
from userstream.errors import InvalidSettings, StoreUnavailable
from userstream.server.store import Batch
from userstream.server.stores import journal, rocks
from userstream.server.stores.rocks import RocksStore
from userstream.server.stores.witness import Witness

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.server.stores.conftest import Ledger, Site

DISK = 16 << 20


@contextlib.contextmanager
def mounted(folder: Path, size: int) -> Iterator[Path]:
    """A small disk of its own; where that is not permitted, the test is skipped."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except OSError as error:
        refused(f"no mount here: {error}")
    if done.returncode:
        refused(f"mount is not permitted: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "disk", DISK) as folder:
        yield folder


def fill(disk: Path, leave: int) -> Path:
    room = os.statvfs(disk)
    ballast = disk / "ballast"
    with ballast.open("wb") as file:
        file.write(bytes(max(room.f_bavail * room.f_frsize - leave, 0)))
    return ballast


def commit_until_refused(store: RocksStore, ledger: Ledger, first: int) -> int:
    for number in range(first, first + 100_000):
        try:
            store.commit(ledger.batch(number))
        except StoreUnavailable:
            return number - 1
    raise AssertionError("the disk never filled up")


def test_heals_when_there_is_room_again(disk: Path, ledger: Ledger) -> None:
    chance = random.Random(7)
    for turn in range(4):
        folder = disk / f"data{turn}"
        store = RocksStore(folder, turn % 2 == 0, write_buffer=256 << 10)
        ledger.commit(store, range(1, chance.randrange(2, 400)))
        ballast = fill(disk, chance.randrange(1 << 20))
        acked = commit_until_refused(store, ledger, ledger.head(store) + 1)
        assert ledger.head(store) == acked
        with pytest.raises(StoreUnavailable, match="goes on by itself"):
            store.commit(ledger.batch(acked + 1))
        assert ledger.head(store) == acked
        ballast.unlink()
        store.commit(ledger.batch(acked + 1))
        assert ledger.head(store) == acked + 1
        store.close()
        store = RocksStore(folder, True, write_buffer=256 << 10)
        assert ledger.head(store) == acked + 1
        store.close()
        shutil.rmtree(folder)


def test_opening_on_a_full_disk_can_be_tried_again(disk: Path, ledger: Ledger) -> None:
    store = RocksStore(disk / "data", True, write_buffer=256 << 10)
    ledger.commit(store, range(1, 40))
    ballast = fill(disk, 0)
    acked = commit_until_refused(store, ledger, 40)
    store.close()
    with pytest.raises(StoreUnavailable, match=str(disk)):
        RocksStore(disk / "data", True, write_buffer=256 << 10)
    with pytest.raises(StoreUnavailable, match=str(disk)):
        RocksStore(disk / "another", True)
    ballast.unlink()
    store = RocksStore(disk / "data", True, write_buffer=256 << 10)
    assert ledger.head(store) == acked
    store.close()


def test_a_read_only_disk_is_a_setting(disk: Path, ledger: Ledger) -> None:
    RocksStore(disk / "data", True).close()
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with pytest.raises(InvalidSettings, match="cannot be read and written by this user"):
        RocksStore(disk / "data", True)


class FailingSync:
    """A database whose next write gets into the log as a whole, and then the sync fails."""

    def __init__(self, database: Any, log: Path, written: bytes) -> None:
        self.database = database
        self.log = log
        self.written = written

    def write(self, *_: object) -> None:
        with self.log.open("ab") as file:
            file.write(self.written)
        raise OSError("IO error: fsync")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.database, name)


@pytest.fixture
def failing(site: Site, ledger: Ledger, tmp_path: Path) -> Iterator[RocksStore]:
    """A store with the batches 1 to 3 that refused one more, which is in its log."""
    store = site.open()
    ledger.commit(store, range(1, 4))
    double = site.copy(tmp_path / "double")
    (other := double.open()).commit(Batch([(b"refused", b"")]))
    store._database = FailingSync(  # type: ignore[assignment]
        store._database, site.log, double.log.read_bytes()
    )
    with pytest.raises(StoreUnavailable, match="fsync"):
        store.commit(Batch([(b"refused", b"")]))
    other.close()
    yield store
    store.close()


def test_the_refused_batch_of_these_tests_is_in_the_log(
    failing: RocksStore, site: Site, tmp_path: Path
) -> None:
    left = site.copy(tmp_path / "left")
    witness = Witness(left.folder)
    witness.record(witness.evidence._replace(refused=False))
    witness.close()
    store = left.open()
    assert store.get(b"refused") == b""
    store.close()


def test_a_refused_batch_is_gone_when_the_store_heals(failing: RocksStore, ledger: Ledger) -> None:
    assert ledger.head(failing) == 3
    ledger.commit(failing, range(4, 6))
    assert ledger.head(failing) == 5


@pytest.mark.parametrize("closed", [False, True], ids=["killed", "closed"])
def test_a_refused_batch_is_gone_after_a_restart(
    closed: bool, failing: RocksStore, ledger: Ledger, site: Site, tmp_path: Path
) -> None:
    if closed:
        failing.close()
    store = site.copy(tmp_path / "left").open()
    assert ledger.head(store) == 3
    store.close()


def test_reads_go_on_while_it_cannot_be_opened_for_writing(
    failing: RocksStore, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Witness, "record", refuse)
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match="cannot be opened now"):
                failing.commit(ledger.batch(4))
            assert ledger.head(failing) == 3
    failing.commit(ledger.batch(4))
    assert ledger.head(failing) == 4


def test_a_disk_that_cannot_be_read_is_unavailable(
    failing: RocksStore, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(journal, "read_manifest", refuse)
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                failing.commit(ledger.batch(4))
        with pytest.raises(StoreUnavailable, match="Input/output error"):
            failing.get(b"head")
    failing.commit(ledger.batch(4))
    assert ledger.head(failing) == 4


class Stalled:
    """A database that is always behind with tidying up."""

    def __init__(self, database: Any) -> None:
        self.database = database

    def write(self, *_: object) -> None:
        raise OSError("Result incomplete: Write stall")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.database, name)


def test_waits_for_what_is_to_be_tidied_up(site: Site, ledger: Ledger) -> None:
    store = site.open(synced=False, write_buffer=64 << 10)
    stalls: list[Exception] = []
    database = store._database

    class Watched:
        def write(self, writes: Any, options: Any) -> None:
            try:
                database.write(writes, options)  # type: ignore[union-attr]
            except Exception as error:
                stalls.append(error)
                raise

        def __getattr__(self, name: str) -> Any:
            return getattr(database, name)

    store._database = Watched()  # type: ignore[assignment]
    ledger.commit(store, range(1, 1001))
    assert ledger.head(store) == 1000
    assert stalls
    store.close()


def test_does_not_wait_for_ever(
    opened: RocksStore, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rocks, "_PATIENCE", 0.05)
    opened._database = Stalled(opened._database)  # type: ignore[assignment]
    with pytest.raises(StoreUnavailable, match="stall"):
        opened.commit(ledger.batch(1))
    opened.commit(ledger.batch(1))
    assert ledger.head(opened) == 1
