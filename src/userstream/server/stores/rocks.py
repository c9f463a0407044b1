"""A store in a folder, on RocksDB."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from rocksdict import Checkpoint, Rdict

from userstream.errors import StoreDamaged, StoreError, StoreUnavailable
from userstream.server.store import Survives
from userstream.server.stores import journal, rows, tuning
from userstream.server.stores.witness import Evidence, Witness, boot_id, sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from userstream.server.store import Batch

_DATABASE = "rocks"
_ROOM = 1 << 20  # bytes
_PATIENCE = 10.0  # seconds
_ROOM_NAME = "room"


class RocksStore:
    """Keeps everything in ``folder``, which is created (mode 0700) when it is missing.

    With ``synced`` each commit waits for the disk. ``write_buffer`` is in bytes; a full disk is
    tried again when about that much is free. A key that a batch both puts and deletes is deleted.
    A scan yields what was there when it was called.

    What opening proves: everything acknowledged is there and checks out, or it is refused. Two
    cases are outside that. Unsynced writes and a power cut: the latest commits may be gone, as a
    whole and from the end. Synced writes, a power cut, and damage to the payload of the very last
    commit in the log: that is what a write cut short looks like, so that commit is dropped.

    Raises:
        InvalidSettings: the folder is not a store, or this user may not write it.
        StoreDamaged: acknowledged data is missing or fails a checksum; its rest was not changed.
        StoreTooNew: a later userstream wrote the folder.
        StoreUnavailable: another process has the folder open, or the disk refuses.
    """

    def __init__(
        self, folder: Path, synced: bool, *, write_buffer: int = tuning.WRITE_BUFFER
    ) -> None:
        self._folder = folder
        self._database_folder = folder / _DATABASE
        self._synced = synced
        self._write_buffer = write_buffer
        self._reading = tuning.read_options()
        self._writing = tuning.write_options(synced=synced)
        self._turn = threading.Lock()  # reads, and whatever exchanges the database
        self._closed = False
        self._refused = False
        self._database: Rdict | None = None
        self._witness = Witness(folder)
        try:
            self._open()
        except BaseException:
            self._witness.close()
            raise

    @property
    def survives(self) -> Survives:
        """A power cut when synced, else a kill of the process."""
        return Survives.POWER_CUT if self._synced else Survives.PROCESS_KILL

    def get(self, key: bytes) -> bytes | None:
        """The value of a key, or ``None``.

        Raises:
            StoreDamaged: the bytes there fail their checksum.
            StoreUnavailable: the disk refuses, or the store is closed.
        """
        with self._turn:
            database = self._readable()
            try:
                value: bytes | None = database.get(key, read_opt=self._reading)
            except Exception as error:  # rocksdict has no narrower one
                raise self._classified(error) from error
        return value

    def scan(self, start: bytes, stop: bytes, limit: int) -> Iterator[tuple[bytes, bytes]]:
        """Up to ``limit`` entries with ``start <= key < stop``, in the order of their keys.

        Raises:
            StoreDamaged: bytes there fail their checksum; nothing is shown.
            StoreUnavailable: the disk refuses, or the store is closed.
        """
        with self._turn:
            database = self._readable()
            try:
                return iter(rows.read(database, self._reading, start, stop, limit))
            except Exception as error:
                raise self._classified(error) from error

    def commit(self, batch: Batch) -> None:
        """Writes a batch. When this returns, the writes survive what ``survives`` says.

        Raises:
            StoreDamaged: RocksDB met damage while tidying up; nothing of the batch is visible.
            StoreUnavailable: the disk refuses, or the store is closed; nothing of the batch is
                visible, now or after a restart. The next commit tries to recover.
        """
        with self._turn:
            if self._refused and not self._closed:
                self._heal()
            database = self._readable()
        try:
            self._write(database, batch)
        except Exception as error:
            self._refuse()
            raise self._classified(error) from error
        self._witness.acknowledge(database.latest_sequence_number())

    def _write(self, database: Rdict, batch: Batch) -> None:
        """Waits here while too much is to be tidied up: RocksDB would wait for a full disk too."""
        patience = time.monotonic() + _PATIENCE
        while True:
            try:
                database.write(rows.writes(batch), self._writing)  # even a failed write uses it up
            except Exception as error:
                stalled = str(error).startswith("Result incomplete")
                failing = database.property_int_value("rocksdb.background-errors")
                if not stalled or failing or time.monotonic() > patience:
                    raise
            else:
                return
            time.sleep(0.001)

    def checkpoint(self, folder: Path) -> None:
        """Copies all that is committed into a new folder, a store of its own; see ``Store``."""
        with self._turn:
            database = self._readable()
            if self._refused:
                raise StoreUnavailable(f"{self._folder} is not copied while the disk refuses")
        witness = Witness(folder)
        try:
            Checkpoint(database).create_checkpoint(os.fspath(folder / _DATABASE))
            acked = database.latest_sequence_number()
            witness.record(Evidence(acked, boot_id(), clean=True, synced=True, refused=False))
        except Exception as error:
            raise self._classified(error) from error
        finally:
            witness.close()

    def close(self) -> None:
        """Releases the folder. Everything committed is there at the next open."""
        with self._turn:
            if self._closed:
                return
            self._closed = True
            evidence = self._witness.evidence
            # What fails here is found, and repaired or refused, by the next open.
            with suppress(Exception):
                if self._database is not None and not self._refused:
                    self._database.flush()
                    evidence = evidence._replace(clean=True)
            self._detach()
            with suppress(OSError):
                self._witness.record(evidence)
            self._witness.close()

    def _detach(self) -> None:
        database, self._database = self._database, None
        if database is not None:
            with suppress(Exception):  # it is closed even when its last flush fails
                database.close()

    def _readable(self) -> Rdict:
        if self._closed:
            raise StoreUnavailable(f"the store in {self._folder} is closed")
        if self._database is None:
            self._database = self._open_for_reading()
        return self._database

    def _open(self) -> None:
        """Recovers and opens for writing, once nothing acknowledged is missing."""
        try:
            (self._folder / _ROOM_NAME).unlink(missing_ok=True)
            recovered = self._recover()
            self._database = self._attach(for_reading=False)
            self._witness.record(
                Evidence(recovered, boot_id(), clean=False, synced=self._synced, refused=False)
            )
        except OSError as error:
            self._detach()
            raise self._classified_at_open(error) from error

    def _recover(self) -> int:
        """Brings the log to a state that RocksDB may open; returns its last sequence number."""
        folder, evidence = self._database_folder, self._witness.evidence
        if not (folder / "CURRENT").exists():
            if evidence.acked:
                raise self._damaged("its database is gone")
            folder.mkdir(mode=0o700, exist_ok=True)
            sync_folder(self._folder)
            return 0
        manifest = journal.read_manifest(folder)
        if evidence.refused:
            journal.cut(folder, manifest, evidence.acked)
        tail = journal.find_tail(folder, manifest)
        if evidence.binding:
            self._check(tail.last, max(evidence.acked, tail.settled))
            if tail.hole or journal.has_remains(folder, manifest, tail.last):
                raise self._damaged(f"writes are missing after number {tail.last}")
        journal.cut(folder, manifest, tail.last)
        rehearsal = self._attach(for_reading=True)
        recovered = rehearsal.latest_sequence_number()
        rehearsal.close()
        if evidence.binding:
            self._check(recovered, max(evidence.acked, tail.settled))
        return recovered

    def _check(self, last: int, finished: int) -> None:
        if last < finished:
            raise self._damaged(f"it ends at write {last} of {finished}")

    def _open_for_reading(self) -> Rdict:
        """What is committed can be read while the disk is full."""
        folder, acked = self._database_folder, self._witness.evidence.acked
        try:
            journal.cut(folder, journal.read_manifest(folder), acked)
        except OSError as error:
            raise self._classified_at_open(error) from error
        return self._attach(for_reading=True)

    def _attach(self, *, for_reading: bool) -> Rdict:
        options = tuning.database_options(self._write_buffer)
        access = tuning.access(for_reading)
        try:
            return Rdict(os.fspath(self._database_folder), options, access_type=access)
        except Exception as error:
            raise self._classified_at_open(error) from error

    def _refuse(self) -> None:
        """Marks the batch, which the log may hold whole, as one that must not come back."""
        self._refused = True
        with suppress(OSError):
            self._witness.record(self._witness.evidence._replace(refused=True))

    def _heal(self) -> None:
        """RocksDB refuses every write after a failed one, until it is opened anew."""
        try:
            self._find_room()
        except OSError as error:
            raise StoreUnavailable(
                f"{self._folder} cannot be written ({error.strerror}): free the disk; "
                "the store then goes on by itself"
            ) from error
        self._detach()
        self._open()
        self._refused = False

    def _find_room(self) -> None:
        """To open without room would fail half-way; so this looks first."""
        path = self._folder / _ROOM_NAME
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(file, 0, self._write_buffer + _ROOM)
            os.fsync(file)
        finally:
            os.close(file)
            path.unlink()

    def _damaged(self, what: str) -> StoreDamaged:
        return StoreDamaged(f"{self._folder} is damaged ({what}): restore it from a backup")

    def _classified(self, error: Exception) -> StoreError:
        text = str(error)
        if text.startswith("Corruption"):
            return self._damaged(text)
        return StoreUnavailable(f"{self._folder} cannot be read or written now ({text})")

    def _classified_at_open(self, error: Exception) -> StoreError:
        """A database that misses a file is damaged, one on a full disk is not."""
        if isinstance(error, StoreError):
            return error
        text = str(error)
        if "No such file" in text or not text.startswith(("IO error", "[Errno")):
            return self._damaged(text)
        return StoreUnavailable(f"{self._folder} cannot be opened now ({text})")
