"""Stores, what was written to them, and copies of their folders."""

from __future__ import annotations

import random
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import pytest

from userstream.server.store import Batch
from userstream.server.stores import rocks, witness
from userstream.server.stores.rocks import RocksStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from userstream.server.store import Store

FIRST, END = b"", b"\xff" * 8


class Ledger:
    """Numbered batches whose content follows from their number."""

    def __init__(self, rows: int = 8, size: int = 450) -> None:
        self.rows = rows
        self.size = size

    def batch(self, number: int) -> Batch:
        values = random.Random(number)
        puts = [
            (b"e/%06d/%04d" % (number, row), values.randbytes(self.size))
            for row in range(self.rows)
        ]
        return Batch([*puts, (b"head", b"%d" % number)])

    def commit(self, store: Store, numbers: range) -> None:
        for number in numbers:
            store.commit(self.batch(number))

    def content(self, head: int) -> dict[bytes, bytes]:
        return dict(put for number in range(1, head + 1) for put in self.batch(number).puts)

    def head(self, store: Store) -> int:
        """The last batch there; fails unless exactly the batches 1 to that one are there."""
        found = dict(store.scan(FIRST, END, 1 << 30))
        head = int(found.get(b"head", b"0"))
        assert found == self.content(head)
        assert all(store.get(key) == value for key, value in found.items())
        return head


class Site(NamedTuple):
    """A folder as a kill at this moment would leave it."""

    folder: Path

    @property
    def log(self) -> Path:
        return max((self.folder / "rocks").glob("*.log"))

    @property
    def manifest(self) -> Path:
        return next((self.folder / "rocks").glob("MANIFEST-*"))

    def copy(self, target: Path) -> Site:
        """A copy of one moment: taken again when files came or went meanwhile."""
        while True:
            before = self._sizes()
            shutil.rmtree(target, ignore_errors=True)
            with suppress(shutil.Error):
                shutil.copytree(self.folder, target)
                if before == self._sizes() == Site(target)._sizes():
                    return Site(target)

    def _sizes(self) -> dict[str, int]:
        files = [path for path in self.folder.rglob("*") if path.name != "LOG"]
        with suppress(FileNotFoundError):
            return {str(path.relative_to(self.folder)): path.stat().st_size for path in files}
        return {}

    def open(self, *, synced: bool = True, write_buffer: int = 1 << 20) -> RocksStore:
        return RocksStore(self.folder, synced, write_buffer=write_buffer)


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "data")


@pytest.fixture
def power_cut(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Makes the machine look restarted to the stores opened from now on."""

    def cut() -> None:
        boot = random.randbytes(16)
        monkeypatch.setattr(witness, "boot_id", lambda: boot)
        monkeypatch.setattr(rocks, "boot_id", lambda: boot)

    return cut


@pytest.fixture
def opened(site: Site) -> Iterator[RocksStore]:
    store = site.open()
    yield store
    store.close()
