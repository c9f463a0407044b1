"""The file beside the database that says how much of it was acknowledged.

RocksDB cannot tell a record that was never finished from one that was damaged later: both look
like the end of its log, and both are dropped. So the number of the last acknowledged write is kept
in a second file. It is overwritten in place after each commit, without a sync: that survives a
kill, takes a microsecond and needs no room on a full disk. After a power cut it may be older than
the database, never newer than a synced one.
"""

from __future__ import annotations

import fcntl
import os
import struct
import uuid
import zlib
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from userstream.errors import InvalidSettings, StoreDamaged, StoreTooNew, StoreUnavailable
from userstream.version import VERSION

NAME = "STORE"
FORMAT = 1

_MAGIC = b"usrstore"
_HEAD = struct.Struct("<8sHI")  # magic, format, CRC-32 of both: the same in every later format
_BODY = struct.Struct("<B16sQ")  # flags, boot id, last acknowledged sequence number
_CRC = struct.Struct("<I")
_BODY_AT = 16
_SIZE = _BODY_AT + _BODY.size + _CRC.size  # within one disk sector: never half old, half new
_CLEAN, _SYNCED, _REFUSED = 1, 2, 4
_UNKNOWN_BOOT = bytes(16)


class Evidence(NamedTuple):
    """What is known about the database.

    ``acked`` is the last acknowledged sequence number; ``clean``: everything was synced and closed;
    ``synced``: each commit was synced before it was acknowledged; ``refused``: what the log holds
    beyond ``acked`` was reported as not written and must not come back.
    """

    acked: int
    boot: bytes
    clean: bool
    synced: bool
    refused: bool

    @property
    def binding(self) -> bool:
        """Whether all of ``acked`` must still be there.

        Not so after unsynced writes and a restart of the machine, or where boots have no id.
        """
        same_boot = self.boot == boot_id() != _UNKNOWN_BOOT
        return self.clean or self.synced or same_boot


def boot_id() -> bytes:
    """16 bytes that change when the machine restarts; zeros where the system has none."""
    try:
        text = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
        return uuid.UUID(text.strip()).bytes
    except (OSError, ValueError):
        return _UNKNOWN_BOOT


class Witness:
    """The open, locked file in ``folder``, which is created when it is missing or empty.

    Raises:
        InvalidSettings: the folder is not ours, or may not be written.
        StoreDamaged: the file fails its checksum.
        StoreTooNew: the folder has a later format.
        StoreUnavailable: another process has the folder open, or the disk refuses.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = _open(folder)
        try:
            _lock(self._file, folder)
            self.evidence = _read(self._file, folder)
        except BaseException:
            os.close(self._file)
            raise

    def record(self, evidence: Evidence) -> None:
        """Writes and syncs a evidence.

        Raises:
            OSError: the disk refuses.
        """
        self.evidence = evidence
        os.pwrite(self._file, _encode(evidence), _BODY_AT)
        os.fsync(self._file)

    def acknowledge(self, sequence: int) -> None:
        """Overwrites the last acknowledged number, without a sync."""
        # An error is not worth a refusal: the batch is stored, and an older number only sees less.
        with suppress(OSError):
            self.evidence = self.evidence._replace(acked=sequence)
            os.pwrite(self._file, _encode(self.evidence), _BODY_AT)

    def close(self) -> None:
        """Unlocks the folder."""
        os.close(self._file)


def _open(folder: Path) -> int:
    path = folder / NAME
    try:
        _make_folder(folder)
        if not path.exists():
            if any(entry.name != f"{NAME}.new" for entry in folder.iterdir()):
                raise InvalidSettings(
                    f"{folder} holds files but no store of userstream: name an empty or new folder"
                )
            _create(path)
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except (NotADirectoryError, FileExistsError, IsADirectoryError) as error:
        raise InvalidSettings(f"{folder} is not a folder: name another one") from error
    except OSError as error:
        if error.errno in _NOT_ALLOWED:
            raise InvalidSettings(
                f"{folder} cannot be read and written by this user ({error.strerror}): "
                "give the folder to the user that runs userstream, or name another one"
            ) from error
        raise StoreUnavailable(
            f"{folder} cannot be opened ({error.strerror}): free the disk and try again"
        ) from error


_NOT_ALLOWED = (1, 13, 30)  # EPERM, EACCES, EROFS


def _make_folder(folder: Path) -> None:
    if not folder.exists():
        folder.mkdir(mode=0o700, parents=True)
        sync_folder(folder.parent)


def _create(path: Path) -> None:
    """A witness with nothing acknowledged; whole, or not there after a power cut."""
    new = path.with_name(f"{NAME}.new")
    head = struct.pack("<8sH", _MAGIC, FORMAT)
    head += _CRC.pack(zlib.crc32(head))
    body = _encode(Evidence(0, boot_id(), clean=True, synced=False, refused=False))
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, head.ljust(_BODY_AT, b"\0") + body)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    new.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder survive a power cut.

    Raises:
        OSError: the disk refuses.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _lock(file: int, folder: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise StoreUnavailable(
            f"{folder} is in use by another process: stop that one, or name another folder"
        ) from error


def _read(file: int, folder: Path) -> Evidence:
    data = os.pread(file, _SIZE, 0)
    head = data[: _HEAD.size]
    if len(head) < _HEAD.size:
        raise StoreDamaged(_damaged(folder))
    magic, version, crc = _HEAD.unpack(head)
    if magic != _MAGIC or crc != zlib.crc32(head[: -_CRC.size]):
        raise StoreDamaged(_damaged(folder))
    if version > FORMAT:
        raise StoreTooNew(
            f"{folder} has store format {version}, userstream {VERSION} reads format {FORMAT}: "
            "run the later userstream that wrote it"
        )
    body, crc_bytes = data[_BODY_AT : -_CRC.size], data[-_CRC.size :]
    if len(data) < _SIZE or _CRC.pack(zlib.crc32(body)) != crc_bytes:
        raise StoreDamaged(_damaged(folder))
    flags, boot, acked = _BODY.unpack(body)
    return Evidence(
        acked, boot, bool(flags & _CLEAN), bool(flags & _SYNCED), bool(flags & _REFUSED)
    )


def _damaged(folder: Path) -> str:
    return f"{folder / NAME} is damaged: restore the folder from a backup"


def _encode(evidence: Evidence) -> bytes:
    acked, boot, clean, synced, refused = evidence
    body = _BODY.pack(clean * _CLEAN | synced * _SYNCED | refused * _REFUSED, boot, acked)
    return body + _CRC.pack(zlib.crc32(body))
