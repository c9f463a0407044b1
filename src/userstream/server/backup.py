"""Backups of a data folder: a consistent copy of a running server's, and a new folder from one."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from userstream.core.epoch import Run
from userstream.errors import InvalidSettings, StoreTooNew, StoreUnavailable
from userstream.server.committer import Committer
from userstream.server.folder import BACKUP, CHECKPOINT, LOG, SECRET
from userstream.server.records import RUN_KEY, decode
from userstream.server.store import Batch, Store
from userstream.server.stores.rocks import RocksStore
from userstream.server.stores.witness import sync_folder

_VERSION = 1
_IN_MEMORY = "a server in memory keeps nothing that could be backed up"
_ON_NATS = (
    "events lie on NATS, and no node has all of them: run `userstream backup FOLDER --config FILE` "
    "with the settings of a node, which copies them from NATS"
)


class Label(msgspec.Struct, frozen=True):
    """What a finished backup says of itself; written last."""

    epoch: str
    time_ms: int
    bytes: int
    v: int = _VERSION


class Backups:
    """Backups of one running server, one at a time."""

    def __init__(
        self, data: Path | None, store: Store, committer: Committer, *, on_nats: bool = False
    ) -> None:
        self._data = None if on_nats else data
        self._why_not = _ON_NATS if on_nats else _IN_MEMORY
        self._store = store
        self._committer = committer
        self._turn = asyncio.Lock()

    async def make(self, target: Path, now_ms: int) -> Label:
        """Copies the data folder as it is at one moment; commits wait for a part of a second.

        Raises:
            InvalidSettings: the target cannot be a backup's; the message says why.
            StoreError: the disk refuses. What is in the target then is not a backup.
        """
        data = self._data
        if data is None:
            raise InvalidSettings(self._why_not)
        async with self._turn:
            await asyncio.to_thread(check_target, target, data)
            scratch = data / CHECKPOINT
            try:
                await asyncio.to_thread(_remove, scratch)
                await self._committer.between(lambda: self._store.checkpoint(scratch))
                return await asyncio.to_thread(_copy_out, data, scratch, target, now_ms)
            finally:
                await asyncio.to_thread(_remove, scratch)


def back_up(data: Path, target: Path, now_ms: int) -> Label:
    """Copies the data folder of a server that does not run.

    Raises:
        InvalidSettings: there is no such folder, or the target cannot be a backup's.
        StoreError: the folder is in use, or cannot be read, or the disk refuses.
    """
    if not (data / SECRET).exists():
        raise InvalidSettings(f"{data} is no data folder: it has no {SECRET}")
    check_target(target, data)
    scratch = data / CHECKPOINT
    store = RocksStore(data / LOG, synced=True)
    try:
        _remove(scratch)
        store.checkpoint(scratch)
        return _copy_out(data, scratch, target, now_ms)
    finally:
        store.close()
        _remove(scratch)


def restore(backup: Path, data: Path) -> Label:
    """Makes a data folder from a backup. What is published into it has an epoch of its own.

    Raises:
        InvalidSettings: the backup is none, or not finished, or the folder is not a new one.
        StoreError: what is in the backup does not check out, or the disk refuses.
    """
    label = _label(backup)
    with _refusals(data):
        if data.exists() and (not data.is_dir() or any(data.iterdir())):
            raise InvalidSettings(f"{data} is there already: name a new or an empty folder")
        fresh = data.with_name(f"{data.name}.restoring")
        _remove(fresh)
        fresh.mkdir(mode=0o700, parents=True)
        _copy(backup / LOG, fresh / LOG)
        _copy(backup / SECRET, fresh / SECRET)
    store = RocksStore(fresh / LOG, synced=True)
    try:
        store.commit(Batch(deletes=[RUN_KEY]))  # the next run begins a new epoch
    finally:
        store.close()
    with _refusals(data):
        fresh.replace(data)
        sync_folder(data.parent)
    return label


def _label(backup: Path) -> Label:
    try:
        data = (backup / BACKUP).read_bytes()
    except OSError as e:
        raise InvalidSettings(f"{backup} is no finished backup: {BACKUP} {e.strerror}") from None
    try:
        label = msgspec.json.decode(data, type=Label)
    except msgspec.MsgspecError as e:
        raise InvalidSettings(f"{backup / BACKUP} is not what a backup says: {e}") from None
    if label.v > _VERSION:
        raise StoreTooNew(f"{backup} is a backup of version {label.v}; this one reads {_VERSION}")
    return label


def check_target(target: Path, data: Path | None = None) -> None:
    """Makes a folder for a backup, which must not be in the data folder.

    Raises:
        InvalidSettings: it cannot be one; the message says why.
        StoreUnavailable: the disk refuses.
    """
    with _refusals(target):
        if not target.is_absolute():
            raise InvalidSettings(f"{target} is not absolute: the server has a folder of its own")
        if data is not None and target.resolve().is_relative_to(data.resolve()):
            raise InvalidSettings(f"{target} is in the data folder: name another place")
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise InvalidSettings(f"{target} is there already: name a new or an empty folder")
        target.mkdir(mode=0o700, exist_ok=True)
        target.chmod(0o700)


def _copy_out(data: Path, scratch: Path, target: Path, now_ms: int) -> Label:
    with _refusals(target):
        _copy(scratch, target / LOG)
        _copy(data / SECRET, target / SECRET)
        return finish(target, now_ms)


def finish(target: Path, now_ms: int) -> Label:
    """Looks whether a log and a secret make a backup, and says that it is one.

    Raises:
        InvalidSettings, StoreError: it is none.
    """
    with _refusals(target):
        size = sum(_synced(file) for file in target.rglob("*") if file.is_file())
        store = RocksStore(target / LOG, synced=True)  # it checks out, or is no backup
        try:
            stored = store.get(RUN_KEY)
        finally:
            store.close()
        label = Label(decode(stored, Run).epoch if stored else "", now_ms, size)
        unfinished = target / f"{BACKUP}.new"
        unfinished.write_bytes(msgspec.json.encode(label))
        _synced(unfinished)
        unfinished.replace(target / BACKUP)
        sync_folder(target)
        return label


def _copy(source: Path, target: Path) -> None:
    """Copies a file or a folder onto the disk."""
    if not source.is_dir():
        shutil.copy(source, target)
        _synced(target)
        return
    target.mkdir(mode=0o700)
    for entry in source.iterdir():
        _copy(entry, target / entry.name)
    sync_folder(target)


def _synced(file: Path) -> int:
    """Makes a file last; how many bytes it has."""
    descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
        return os.fstat(descriptor).st_size
    finally:
        os.close(descriptor)


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _refusals(place: Path) -> Iterator[None]:
    try:
        yield
    except ValueError as e:
        raise InvalidSettings(f"{str(place)!r} cannot be a folder: {e}") from None
    except OSError as e:
        why = f"{place} cannot be written: {e.strerror}"
        raise StoreUnavailable(why) if e.errno in _LATER else InvalidSettings(why) from None


_LATER = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO})
"""What a disk says that may say otherwise later."""
