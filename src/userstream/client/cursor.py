"""Cursor file: up to where a program is done, and what was open then, for its next run."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from userstream.core.client.plan import Proof
from userstream.errors import StoreDamaged, StoreError, StoreTooNew, StoreUnavailable, StreamOver
from userstream.events import AccountUpdate, Balance, OrderUpdate
from userstream.venue import Cursor

Held: TypeAlias = OrderUpdate | Balance
Changes: TypeAlias = Mapping[tuple[str, str], Held | None]
"""By kind, ``order``, ``asset`` or ``GIVEN``, and name; ``None``: no more."""
GIVEN: Final = "given"
_BODIES: Mapping[str, type[Held]] = {"order": OrderUpdate, "asset": Balance, GIVEN: OrderUpdate}

_VERSION = 2
_SCHEMA = """
CREATE TABLE IF NOT EXISTS cursor (
  stream TEXT PRIMARY KEY, since_ms INTEGER, epoch TEXT, seq INTEGER, part INTEGER, parts INTEGER
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS held (
  stream TEXT, kind TEXT, name TEXT, body BLOB, PRIMARY KEY (stream, kind, name)
) WITHOUT ROWID;
"""
_SAVE = """
INSERT INTO cursor VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (stream) DO UPDATE SET
  since_ms = coalesce(excluded.since_ms, since_ms), epoch = excluded.epoch, seq = excluded.seq,
  part = excluded.part, parts = excluded.parts
"""
_HOLD = "INSERT INTO held VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET body = excluded.body"
_LET_GO = "DELETE FROM held WHERE stream = ? AND kind = ? AND name = ?"
_encode = msgspec.json.Encoder().encode


class CursorFile:
    """A stream's rows in an SQLite file, found by venue and a digest of the API key.

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
            self._db.executescript(_SCHEMA)
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

    def held(self) -> list[OrderUpdate | AccountUpdate]:
        """Open orders and holdings as they were where the proof ends."""
        return [
            AccountUpdate(time_ms=0, balances=(kept,)) if isinstance(kept, Balance) else kept
            for kept in self._rows(given=False)
        ]

    def given(self) -> list[OrderUpdate]:
        """Orders that ``note`` was called for, and ``save`` not yet."""
        return [kept for kept in self._rows(given=True) if isinstance(kept, OrderUpdate)]

    def _rows(self, *, given: bool) -> list[Held]:
        try:
            rows = self._db.execute(
                "SELECT kind, body FROM held WHERE stream = ? AND (kind = ?) = ?",
                (self._name, GIVEN, given),
            )
            return [msgspec.json.decode(body, type=_BODIES[kind]) for kind, body in rows]
        except sqlite3.Error as e:
            raise _error(self._path, e) from None
        except msgspec.MsgspecError as e:
            raise StoreDamaged(f"{self._path}: {e}") from None

    def note(self, order: OrderUpdate) -> None:
        """The program is about to hear of an order for the first time."""
        try:
            self._db.execute(_HOLD, (self._name, GIVEN, order.order_id, _encode(order)))
        except sqlite3.Error as e:
            raise _error(self._path, e) from None

    def save(self, proof: Proof, changes: Changes | None = None) -> None:
        """Puts it in place of what was saved before, with what became of orders and holdings."""
        if self._closed:
            raise StreamOver("the stream is closed, and its cursor with it")
        place = proof.cursor or (None, None, None, None)
        try:
            self._db.execute("BEGIN")
            self._db.execute(_SAVE, (self._name, proof.since_ms, *place))
            for (kind, name), held in (changes or {}).items():
                key = (self._name, kind, name)
                if held is None:
                    self._db.execute(_LET_GO, key)
                else:
                    self._db.execute(_HOLD, (*key, _encode(held)))
            self._db.execute("COMMIT")
        except sqlite3.Error as e:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
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
