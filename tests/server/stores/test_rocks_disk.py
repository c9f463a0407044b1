"""Full disks, and writes that fail half-way: nothing refused is seen, and the store heals."""

from __future__ import annotations

import errno
import os
import random
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from userstream.errors import InvalidSettings, StoreUnavailable
from userstream.server.store import Batch
from userstream.server.stores.rocks import RocksStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.server.stores.conftest import Ledger, Site

BOTH = [
    pytest.param("few"),
    pytest.param("many", marks=[pytest.mark.slow, pytest.mark.timeout(600)]),
]
DISK = 16 << 20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except OSError as error:
        pytest.skip(f"no mount here: {error}")
    if done.returncode:
        pytest.skip(f"mount is not permitted: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


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


@pytest.mark.parametrize("size", BOTH)
def test_heals_when_there_is_room_again(
    size: str, disk: Path, ledger: Ledger, rounds: Callable[[int, int], int]
) -> None:
    chance = random.Random(7)
    store = RocksStore(disk / "data", True, write_buffer=256 << 10)
    ledger.commit(store, range(1, 20))
    acked = 19
    for _ in range(rounds(5, 50)):
        ballast = fill(disk, chance.randrange(1 << 20))
        acked = commit_until_refused(store, ledger, acked + 1)
        assert ledger.head(store) == acked
        with pytest.raises(StoreUnavailable, match="goes on by itself"):
            store.commit(ledger.batch(acked + 1))
        assert ledger.head(store) == acked
        ballast.unlink()
        if disk_is_nearly_full(disk):
            acked = clear(store, acked)
        store.commit(ledger.batch(acked + 1))
        acked += 1
        assert ledger.head(store) == acked
        store.close()
        store = RocksStore(disk / "data", True, write_buffer=256 << 10)
        assert ledger.head(store) == acked
    store.close()


def disk_is_nearly_full(disk: Path) -> bool:
    room = os.statvfs(disk)
    return room.f_bavail * room.f_frsize < 6 << 20


def clear(store: RocksStore, acked: int) -> int:
    keys = [key for key, _ in store.scan(b"", b"\xff", 1 << 30)]
    store.commit(Batch(deletes=keys))
    return 0


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
    """A database whose next write gets into the log as a whole and is then reported as failed."""

    def __init__(self, database: Any) -> None:
        self.database = database

    def write(self, writes: Any, options: Any) -> None:
        self.database.write(writes, options)
        raise OSError(errno.EIO, "IO error: fsync")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.database, name)


def fail_sync(store: RocksStore) -> None:
    store._database = FailingSync(store._database)  # type: ignore[assignment]


def test_a_refused_batch_is_gone_when_the_store_heals(
    opened: RocksStore, ledger: Ledger, site: Site
) -> None:
    ledger.commit(opened, range(1, 4))
    fail_sync(opened)
    with pytest.raises(StoreUnavailable, match="fsync"):
        opened.commit(Batch([(b"refused", b"")]))
    ledger.commit(opened, range(4, 6))
    assert ledger.head(opened) == 5


@pytest.mark.parametrize("closed", [False, True], ids=["killed", "closed"])
def test_a_refused_batch_is_gone_after_a_restart(
    closed: bool, opened: RocksStore, ledger: Ledger, site: Site, tmp_path: Path
) -> None:
    ledger.commit(opened, range(1, 4))
    fail_sync(opened)
    with pytest.raises(StoreUnavailable):
        opened.commit(Batch([(b"refused", b"")]))
    if closed:
        opened.close()
    store = site.copy(tmp_path / "left").open()
    assert ledger.head(store) == 3
    store.close()


def test_reads_go_on_while_it_cannot_be_opened_for_writing(
    opened: RocksStore, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.commit(opened, range(1, 4))
    fail_sync(opened)
    with pytest.raises(StoreUnavailable):
        opened.commit(Batch([(b"refused", b"")]))
    record = type(opened._witness).record

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(type(opened._witness), "record", refuse)
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="cannot be opened now"):
            opened.commit(ledger.batch(4))
        assert ledger.head(opened) == 3
    monkeypatch.setattr(type(opened._witness), "record", record)
    opened.commit(ledger.batch(4))
    assert ledger.head(opened) == 4


def test_a_disk_that_cannot_be_read_is_unavailable(
    opened: RocksStore, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.commit(opened, range(1, 4))
    fail_sync(opened)

    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("userstream.server.stores.journal.read_manifest", refuse)
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            opened.commit(ledger.batch(4))
    with pytest.raises(StoreUnavailable, match="Input/output error"):
        opened.get(b"head")
