"""``userstream serve`` on a data folder that is damaged, or of a later release: one line that says
so, exit status 1, and the same at the next start.
"""

from __future__ import annotations

import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.command import FREE, events, run, serving
from userstream.server.records import RUN_KEY, account_key, window_key
from userstream.server.store import Batch
from userstream.server.stores.rocks import RocksStore

Harm = Callable[[Path], None]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an account and a hundred events, as a killed server left it."""
    folder = tmp_path_factory.mktemp("whole") / "data"
    with serving("--bus", f"file:{folder}") as server:
        admin = ("--admin", server.urls["admin"])
        assert run("accounts", "add", "alice", "alicekey", *admin).returncode == 0
        assert run("publish", "-", *admin, text=events("alice", 1, 100)).returncode == 0
    return folder


def writes(key: bytes, value: bytes) -> Harm:
    """Stores something else under a key."""

    def harm(folder: Path) -> None:
        store = RocksStore(folder / "log", synced=True)
        store.commit(Batch([(key, value)]))
        store.close()

    return harm


def of_a_later_store(folder: Path) -> None:
    head = struct.pack("<8sH", b"usrstore", 7)
    (folder / "log" / "STORE").write_bytes(head + struct.pack("<I", zlib.crc32(head)) + b"more")


def flips_a_bit(folder: Path) -> None:
    """In the middle of the commits."""
    logs = [p for p in (folder / "log" / "rocks").iterdir() if p.suffix == ".log"]
    largest = max(logs, key=lambda p: p.stat().st_size)
    data = bytearray(largest.read_bytes())
    data[len(data) // 2] ^= 0x10
    largest.write_bytes(data)


def loses(name: str) -> Harm:
    def harm(folder: Path) -> None:
        (folder / "log" / name).unlink()

    return harm


LATER = b'{"v":99,"all":"new"}'
HARMS: dict[str, tuple[Harm, tuple[str, ...]]] = {
    "a later store": (of_a_later_store, ("store format 7", "userstream")),
    "a later run": (writes(RUN_KEY, LATER), ("stored Run has version 99", "knows 1")),
    "a later account": (writes(account_key("alice"), LATER), ("AccountRecord has version 99",)),
    "a later window": (writes(window_key("alice"), LATER), ("WindowRecord has version 99",)),
    "a flipped bit": (flips_a_bit, ("is damaged",)),
    "a lost witness": (loses("STORE"), ("no store of userstream",)),
    "a lost manifest": (loses("rocks/CURRENT"), ("is damaged", "its database is gone")),
    "a run of garbage": (writes(RUN_KEY, b"{"), ("stored Run cannot be read",)),
    "an account of garbage": (
        writes(account_key("alice"), b"7"),
        ("AccountRecord cannot be read",),
    ),
}


@pytest.mark.parametrize("what", HARMS)
def test_a_folder_that_cannot_be_served_is_one_line_that_says_why(
    what: str, whole: Path, tmp_path: Path
) -> None:
    harm, words = HARMS[what]
    folder = shutil.copytree(whole, tmp_path / "data")
    harm(folder)
    for _ in range(2):
        ended = run("serve", *FREE, "--bus", f"file:{folder}")
        assert ended.returncode == 1, ended.stderr
        assert ended.stdout == ""
        assert ended.stderr.startswith("userstream: ")
        assert ended.stderr.count("\n") == 1, ended.stderr
        assert all(word in ended.stderr for word in words), ended.stderr


def test_the_same_folder_without_harm_is_served(whole: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(whole, tmp_path / "data")
    with serving("--bus", f"file:{folder}") as server:
        again = run("publish", "-", "--admin", server.urls["admin"], text=events("alice", 1, 100))
        assert "100 stored before" in again.stdout + again.stderr
        assert server.stop() == 0
