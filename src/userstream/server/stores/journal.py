"""Reads RocksDB's logs, to find what its own recovery passes over in silence.

Found by experiment with 9.8: its recovery stops at the first record that does not check out and
drops the rest, in every mode that can open a log whose tail was torn by a kill or a power cut; it
does not miss a log that is gone; a flipped bit in the type or length of a record near the end of
the manifest makes whole tables disappear; and a flipped bit in the type of a record in the log
(1 to 5) makes it loop for ever. So the same bytes are read here first, and it is shown only logs
whose headers make sense to their end.

Both files are blocks of 32 KiB with fragments ``crc32c(4) length(2) type(1) payload``. A record of
the write-ahead log begins with the sequence number of its first write (8) and their count (4).
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

from userstream.errors import StoreDamaged
from userstream.server.stores.crc import masked_crc32c

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BLOCK = 32768
_HEADER = 7
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
_COMMIT_HEAD = 12


class Fragment(NamedTuple):
    """A piece of a record: ``start`` is the offset of its header, ``stop`` of what follows it."""

    start: int
    stop: int
    kind: int


class Commit(NamedTuple):
    """One batch in a log: its sequence numbers (both inclusive) and the offset of its end."""

    first: int
    last: int
    stop: int


class Manifest(NamedTuple):
    """The oldest log that is needed, and the last sequence number when that was written."""

    oldest_log: int
    sequence: int


class Tail(NamedTuple):
    """Where the unbroken row of commits ends, going by their headers.

    ``last`` is its last sequence number, ``settled`` the one before its last commit: that one may
    have been cut short, those before it were finished. ``hole`` says that later commits follow.
    """

    last: int
    settled: int
    hole: bool


def fragments(data: bytes) -> Iterator[Fragment]:
    """The fragments up to the first header that makes no sense; payloads are not checked."""
    at = 0
    while True:
        block_end = at - at % _BLOCK + _BLOCK
        if block_end - at < _HEADER:
            at = block_end
            continue
        header = data[at : at + _HEADER]
        if len(header) < _HEADER or not _FULL <= header[6] <= _LAST:
            return
        stop = at + _HEADER + int.from_bytes(header[4:6], "little")
        if stop > min(block_end, len(data)):
            return
        yield Fragment(at, stop, header[6])
        at = stop


def commits(data: bytes) -> Iterator[Commit]:
    """The whole batches of a log, in order, going by their headers."""
    head = b""
    for start, stop, kind in fragments(data):
        if kind in (_FULL, _FIRST):
            head = b""
        if len(head) < _COMMIT_HEAD:
            head += data[start + _HEADER : min(stop, start + _HEADER + _COMMIT_HEAD)]
        if kind in (_FULL, _LAST) and len(head) >= _COMMIT_HEAD:
            first = int.from_bytes(head[:8], "little")
            yield Commit(first, first + int.from_bytes(head[8:12], "little") - 1, stop)


def read_manifest(folder: Path) -> Manifest:
    """Checks the current manifest byte for byte, and cuts off a last record that was not finished.

    The logs still hold what such a record was about: they are removed after it.

    Raises:
        StoreDamaged: anything else does not check out.
        OSError: a file is missing, or the disk refuses.
    """
    name = (folder / "CURRENT").read_bytes()
    if not re.fullmatch(rb"MANIFEST-\d{6,20}\n", name):
        raise StoreDamaged(f"{folder / 'CURRENT'} is damaged")
    path = folder / name.decode().strip()
    data = path.read_bytes()
    oldest_log = sequence = end = stop = 0
    record = b""
    for start, stop, kind in fragments(data):
        if masked_crc32c(data[start + 6 : stop]) != data[start : start + 4]:
            raise StoreDamaged(f"{path} is damaged at byte {start}")
        record = (b"" if kind in (_FULL, _FIRST) else record) + data[start + _HEADER : stop]
        if kind in (_FULL, _LAST):
            fields = _leading_fields(record)
            oldest_log = fields.get(2, oldest_log)
            sequence = fields.get(4, sequence)
            end = stop
    if not end or _whole_but_for_one_bit(data, _next_header(stop)):
        raise StoreDamaged(f"{path} is damaged at byte {stop}")
    _truncate(path, end, len(data))
    return Manifest(oldest_log, sequence)


def _leading_fields(record: bytes) -> dict[int, int]:
    """The numbers at the head of a manifest record (2: oldest log, 4: sequence number)."""
    fields: dict[int, int] = {}
    at = 0
    while at < len(record):
        tag, at = _varint(record, at)
        if tag == 1 or tag & 1 << 13:  # the comparator's name, and what readers may skip: a text
            length, at = _varint(record, at)
            at += length
        elif tag in (2, 3, 4, 9, 10):
            fields[tag], at = _varint(record, at)
        else:  # files and column families come after all of these
            break
    return fields


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data):
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
    return value, at


def _whole_but_for_one_bit(data: bytes, at: int) -> bool:
    """Whether the fragment at a refused header is all there under another type or length.

    It is then damage to something that was finished, not the torn end of a write.
    """
    header = data[at : at + _HEADER]
    if len(header) < _HEADER:
        return False
    room = min(at - at % _BLOCK + _BLOCK, len(data)) - at - _HEADER
    claimed = int.from_bytes(header[4:6], "little")
    lengths = [claimed ^ 1 << bit for bit in range(16)]
    guesses = [(header[6], length) for length in lengths if length <= room]
    if claimed <= room:
        guesses += [(header[6] ^ 1 << bit, claimed) for bit in range(8)]
    payload = data[at + _HEADER : at + _HEADER + room]
    return any(
        masked_crc32c(bytes((kind,)) + payload[:length]) == header[:4] for kind, length in guesses
    )


def find_tail(folder: Path, manifest: Manifest) -> Tail:
    """Follows the commits through the logs that are needed.

    Raises:
        OSError: a log cannot be read.
    """
    last = settled = manifest.sequence
    for log in _logs(folder, manifest):
        for commit in commits(log.read_bytes()):
            if commit.first > last + 1:
                return Tail(last, settled, hole=True)
            if commit.last > last:
                settled, last = last, commit.last
    return Tail(last, settled, hole=False)


def has_remains(folder: Path, manifest: Manifest, last: int) -> bool:
    """Whether behind a header that makes no sense lies proof that more than ``last`` was finished.

    Commits are written one after the other, so the head of a later one proves it; so does a
    fragment that is whole but for one bit of its header.

    Raises:
        OSError: a log cannot be read.
    """
    for log in _logs(folder, manifest):
        data = log.read_bytes()
        at = _next_header(max((fragment.stop for fragment in fragments(data)), default=0))
        if _whole_but_for_one_bit(data, at) or _later_commit(data, at, last):
            return True
    return False


def _next_header(stop: int) -> int:
    """Where the header after a fragment is: none fits into the last six bytes of a block."""
    left = _BLOCK - stop % _BLOCK
    return stop + left if left < _HEADER else stop


def _later_commit(data: bytes, at: int, last: int) -> bool:
    """Looks at every offset from ``at`` for the head of a commit later than the one after last."""
    high = {(last + ahead).to_bytes(8, "little")[3:] for ahead in (0, 1 << 24)}
    numbers = b"|".join(re.escape(part) for part in high)
    for match in re.finditer(b"(?s)[\x01\x02](?=...(?:" + numbers + b"))", data[at:]):
        kind_at = at + match.start()
        start = kind_at - _HEADER + 1
        stop = kind_at + 1 + int.from_bytes(data[kind_at - 2 : kind_at], "little")
        sequence = int.from_bytes(data[kind_at + 1 : kind_at + 9], "little")
        if start < at or stop > len(data) or sequence <= last + 1:
            continue
        if masked_crc32c(data[kind_at:stop]) == data[start : start + 4]:
            return True
    return False


def cut(folder: Path, manifest: Manifest, after: int) -> None:
    """Removes from the logs every commit later than ``after``. Needs no room on the disk.

    Raises:
        OSError: the disk refuses.
    """
    for log in _logs(folder, manifest):
        data = log.read_bytes()
        stop = 0
        for commit in commits(data):
            if commit.last > after:
                break
            stop = commit.stop
        _truncate(log, stop, len(data))


def _truncate(path: Path, stop: int, size: int) -> None:
    if stop < size:
        with path.open("r+b") as file:
            file.truncate(stop)
            os.fsync(file.fileno())


def _logs(folder: Path, manifest: Manifest) -> list[Path]:
    numbered = {int(path.stem): path for path in folder.glob("*.log") if path.stem.isdigit()}
    return [numbered[number] for number in sorted(numbered) if number >= manifest.oldest_log]
