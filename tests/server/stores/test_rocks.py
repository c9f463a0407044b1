"""The folder of a store: whose it is, who has it open, and which format it has."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from userstream import __version__
from userstream.errors import InvalidSettings, StoreDamaged, StoreTooNew, StoreUnavailable
from userstream.server.store import Batch
from userstream.server.stores import witness
from userstream.server.stores.rocks import RocksStore
from userstream.server.stores.witness import Evidence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.server.stores.conftest import Ledger, Site


@pytest.fixture
def other_user() -> Iterator[None]:
    os.seteuid(65534)
    yield
    os.seteuid(0)


def test_the_folder_is_for_its_owner_only(site: Site) -> None:
    site.open().close()
    for folder in (site.folder, site.folder / "rocks"):
        assert folder.stat().st_mode & 0o777 == 0o700
    assert (site.folder / "STORE").stat().st_mode & 0o777 == 0o600


def test_parents_are_made_and_an_empty_folder_is_taken(tmp_path: Path) -> None:
    RocksStore(tmp_path / "a" / "b", True).close()
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "STORE.new").write_bytes(b"a start that was cut short")
    RocksStore(tmp_path / "empty", True).close()


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(InvalidSettings, match=f"{tmp_path} holds files but no store"):
        RocksStore(tmp_path, True)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(InvalidSettings, match="is not a folder"):
            RocksStore(path, True)


def test_a_folder_of_another_user_is_refused(site: Site, request: pytest.FixtureRequest) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can be somebody else")
    site.open().close()
    request.getfixturevalue("other_user")
    with pytest.raises(InvalidSettings, match="cannot be read and written by this user"):
        site.open()


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere; the read-only disk covers it")
    tmp_path.chmod(0o500)
    with pytest.raises(InvalidSettings, match="cannot be read and written by this user"):
        RocksStore(tmp_path, True)


def test_one_process_at_a_time(opened: RocksStore, site: Site) -> None:
    with pytest.raises(StoreUnavailable, match=f"{site.folder} is in use by another process"):
        site.open()
    program = (
        "import sys, pathlib; from userstream.server.stores.rocks import RocksStore\n"
        "try: RocksStore(pathlib.Path(sys.argv[1]), True)\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(site.folder)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(f"StoreUnavailable {site.folder} is in use")
    opened.close()
    site.open().close()


def test_a_later_format_is_named(site: Site) -> None:
    site.open().close()
    head = struct.pack("<8sH", b"usrstore", 7)
    later = head + struct.pack("<I", zlib.crc32(head)) + b"whatever comes then"
    (site.folder / "STORE").write_bytes(later)
    with pytest.raises(StoreTooNew, match=f"has store format 7, userstream {__version__} reads"):
        site.open()


@pytest.mark.parametrize("length", [0, 9, 15, 30])
def test_a_short_witness_is_damage(site: Site, length: int) -> None:
    site.open().close()
    path = site.folder / "STORE"
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(StoreDamaged, match="STORE is damaged"):
        site.open()


def test_garbage_in_the_database_is_damage(site: Site, ledger: Ledger) -> None:
    store = site.open()
    ledger.commit(store, range(1, 3))
    store.close()
    for path in (site.folder / "rocks").iterdir():
        path.write_bytes(os.urandom(200))
    with pytest.raises(StoreDamaged, match=str(site.folder)):
        site.open()


def test_a_first_start_may_be_cut_short(site: Site, ledger: Ledger) -> None:
    site.open().close()
    for path in (site.folder / "rocks").iterdir():
        path.unlink()
    store = site.open()
    ledger.commit(store, range(1, 3))
    assert ledger.head(store) == 2
    store.close()


def test_the_number_of_writes_goes_on(site: Site) -> None:
    for number in range(1, 5):
        store = site.open()
        assert store._witness.evidence.acked == number - 1
        store.commit(Batch([(b"%d" % number, b"")]))
        store.close()
        assert store._witness.evidence.clean


def test_a_boot_has_one_id() -> None:
    if not Path("/proc/sys/kernel/random/boot_id").exists():
        pytest.skip("this system has no boot ids")
    assert witness.boot_id() == witness.boot_id() != bytes(16)


def test_a_system_without_boot_ids_is_trusted_when_synced_or_closed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(witness, "Path", lambda _: tmp_path / "none")
    boot = witness.boot_id()
    assert boot == bytes(16)
    killed = Evidence(1, boot, clean=False, synced=False, refused=False)
    assert not killed.binding
    assert killed._replace(synced=True).binding
    assert killed._replace(clean=True).binding
