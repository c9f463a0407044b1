"""Cursor file: up to where a program is done, so that its next run goes on from there."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections import deque
from pathlib import Path

from userstream.core.client.plan import Proof
from userstream.errors import StoreDamaged, StoreError, StoreTooNew, StoreUnavailable, StreamOver
from userstream.venue import Cursor

_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS cursor (
  stream TEXT PRIMARY KEY, since_ms INTEGER, epoch TEXT, seq INTEGER, part INTEGER, parts INTEGER
) WITHOUT ROWID
"""
_SAVE = """
INSERT INTO cursor VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (stream) DO UPDATE SET
  since_ms = coalesce(excluded.since_ms, since_ms), epoch = excluded.epoch, seq = excluded.seq,
  part = excluded.part, parts = excluded.parts
"""


class CursorFile:
    """One row for each stream in an SQLite file, found by venue and a digest of the API key.

    What ``save`` returned from survives the end of the process, however it comes; a power cut may
    lose the last ones, which are then told again. For one thread at a time.

    Raises:
        StoreUnavailable: it cannot be opened, read or written now.
        StoreDamaged: it is no such file.
        StoreTooNew: a later version wrote it.
    """

    def __init__(self, path: str | Path, venue: str, key: str) -> None:
        self._name = f"{venue}:{hashlib.sha256(key.encode()).hexdigest()[:16]}"
        self._path = path
        self._closed = False
        try:
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
            if version > _VERSION:
                raise StoreTooNew(f"{path} is of version {version}; this is {_VERSION}")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.execute(_SCHEMA)
            self._db.execute(f"PRAGMA user_version = {_VERSION}")
        except sqlite3.Error as e:
            raise _error(path, e) from None

    def load(self) -> Proof:
        """What was saved last; nothing at the first time."""
        try:
            row = self._db.execute(
                "SELECT since_ms, epoch, seq, part, parts FROM cursor WHERE stream = ?",
                (self._name,),
            ).fetchone()
        except sqlite3.Error as e:
            raise _error(self._path, e) from None
        if row is None:
            return Proof()
        since_ms, *place = row
        return Proof(since_ms, None if place[0] is None else Cursor(*place))

    def save(self, proof: Proof) -> None:
        """Puts it in place of what was saved before."""
        if self._closed:
            raise StreamOver("the stream is closed, and its cursor with it")
        place = proof.cursor or (None, None, None, None)
        try:
            self._db.execute(_SAVE, (self._name, proof.since_ms, *place))
        except sqlite3.Error as e:
            raise _error(self._path, e) from None

    def close(self) -> None:
        """Lets the file go."""
        self._closed = True
        with contextlib.suppress(sqlite3.Error):
            self._db.close()


def _error(path: str | Path, e: sqlite3.Error) -> StoreError:
    if isinstance(e, sqlite3.OperationalError):
        return StoreUnavailable(f"{path}: {e}")
    return StoreDamaged(f"{path}: {e}")


class Slip:
    """The receipt of one event."""

    __slots__ = ("_receipts", "done", "proof")

    def __init__(self, receipts: Receipts, proof: Proof | None) -> None:
        self._receipts = receipts
        self.proof = proof
        self.done = False

    def __call__(self) -> None:
        """The program is done with it."""
        if not self.done:
            self.done = True
            self._receipts.advance()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Slip)

    def __hash__(self) -> int:
        return hash(Slip)

    def __repr__(self) -> str:
        return f"<Slip {'done' if self.done else 'open'}>"


class Receipts:
    """Saves how far the program is done: up to the first event that it is not done with."""

    def __init__(self, file: CursorFile) -> None:
        self._file = file
        self._slips: deque[Slip] = deque()

    def give(self, proof: Proof | None) -> Slip:
        """A receipt for the next event, in order."""
        slip = Slip(self, proof)
        self._slips.append(slip)
        return slip

    def advance(self) -> None:
        """Saves what is certain now."""
        proof = None
        while self._slips and self._slips[0].done:
            proof = self._slips.popleft().proof or proof
        if proof is not None:
            self._file.save(proof)
