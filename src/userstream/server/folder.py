"""A data folder: the log, the key secret beside it, and the run that uses both."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from userstream.core.epoch import Run, next_run
from userstream.core.listenkeys import KeyRecord
from userstream.core.tokens import ENTROPY_BYTES
from userstream.errors import InvalidSettings, StoreDamaged
from userstream.server.accounts import AccountRecord
from userstream.server.records import ACCOUNTS, LISTEN_KEYS, RUN_KEY, decode, encode
from userstream.server.store import Batch, Store, Survives
from userstream.server.stores.memory import MemoryStore
from userstream.server.stores.rocks import RocksStore

T = TypeVar("T")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_ALL = (1 << 63) - 1
LOG, SECRET = "log", "key.secret"
CHECKPOINT = "checkpoint"
"""Where a backup begins; what one that was cut short left there goes at the next start."""
BACKUP = "BACKUP"
"""The file that makes a folder a backup, from which a data folder can be made."""
MOVED = "MOVED"
"""The file that says where the data of a folder lies now: nobody may go on with it here."""


@dataclass(slots=True)
class Folder:
    """An open store with its secret, and the epoch in which this process writes."""

    store: Store
    secret: bytes
    run: Run

    def __repr__(self) -> str:
        return f"<Folder {self.run.epoch}>"

    def listen_keys(self) -> Iterator[KeyRecord]:
        """Every listen key that is stored."""
        return self._all(LISTEN_KEYS, KeyRecord)

    def accounts(self) -> Iterator[AccountRecord]:
        """Every account that is stored."""
        return self._all(ACCOUNTS, AccountRecord)

    def close(self) -> None:
        """Marks a clean end and releases the folder."""
        clean = msgspec.structs.replace(self.run, clean=True)
        self.store.commit(Batch([(RUN_KEY, encode(clean))]))
        self.store.close()

    def _all(self, part: tuple[bytes, bytes], kind: type[T]) -> Iterator[T]:
        for _, value in self.store.scan(*part, _ALL):
            yield decode(value, kind)


def open_folder(path: Path | None, *, synced: bool) -> Folder:
    """Opens a data folder, or memory.

    Raises:
        InvalidSettings: the folder cannot be made or used; the message says why.
        StoreError: its content cannot be used.
    """
    if path is None:
        return _begin(MemoryStore(), secrets.token_bytes(32))
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as e:
        raise InvalidSettings(f"the data folder {path} cannot be made: {e.strerror}") from None
    if (path / BACKUP).exists():
        raise InvalidSettings(
            f"{path} is a backup: make a data folder from it with `userstream restore`"
        )
    if (path / MOVED).exists():
        raise InvalidSettings(
            f'{path} was moved to NATS, as its file {MOVED} says: serve with bus = "nats://…"'
        )
    log, secret = path / LOG, path / SECRET
    if secret.exists() and not log.exists():
        raise StoreDamaged(f"{log} is missing beside {secret}: restore it, or take another folder")
    store = RocksStore(log, synced=synced)
    shutil.rmtree(path / CHECKPOINT, ignore_errors=True)
    try:
        return _begin(store, key_secret(secret, fresh=store.get(RUN_KEY) is None))
    except BaseException:
        store.close()
        raise


def _begin(store: Store, secret: bytes) -> Folder:
    stored = store.get(RUN_KEY)
    last = decode(stored, Run) if stored is not None else None
    run = next_run(
        last,
        boot_id=_BOOT_ID.read_text().strip() if _BOOT_ID.exists() else "",
        power_safe=store.survives is Survives.POWER_CUT,
        entropy=secrets.token_bytes(ENTROPY_BYTES),
    )
    store.commit(Batch([(RUN_KEY, encode(run))]))
    return Folder(store, secret, run)


def key_secret(file: Path, *, fresh: bool) -> bytes:
    """The key secret; made only for a new folder, since a new one would end every listen key.

    Raises:
        InvalidSettings: others can read it.
        StoreDamaged: it is missing, or does not hold 32 bytes in hex.
    """
    try:
        if fresh and not file.exists():
            _write_secret(file, secrets.token_bytes(32))
        if file.stat().st_mode & 0o077:
            raise InvalidSettings(f"{file} can be read by others; its mode must be 0600")
        secret = bytes.fromhex(file.read_text("ascii").strip())
    except FileNotFoundError:
        raise StoreDamaged(f"{file} is missing: without it no stored key opens") from None
    except (OSError, ValueError) as e:
        raise StoreDamaged(f"{file} cannot be used: {e}") from None
    if len(secret) != 32:
        raise StoreDamaged(f"{file} does not hold 32 bytes in hex")
    return secret


def copy_secret(secret: bytes, file: Path) -> None:
    """Puts the key secret of a folder where nodes of a NATS will read it.

    Raises:
        InvalidSettings: the file has another secret, or cannot be written.
        StoreDamaged: the file is there, and has none.
    """
    if file.exists():
        if key_secret(file, fresh=False) != secret:
            raise InvalidSettings(
                f"{file} holds another key secret than the folder's: name a new file"
            )
        return
    try:
        _write_secret(file, secret)
    except OSError as e:
        raise InvalidSettings(f"{file} cannot be written: {e.strerror}") from None


def _write_secret(file: Path, secret: bytes) -> None:
    unfinished = file.with_name(f"{file.name}.new")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as opened:
        opened.write(secret.hex() + "\n")
        opened.flush()
        os.fsync(opened.fileno())
    unfinished.replace(file)
