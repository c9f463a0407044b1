"""What is stored under which key. Every value is JSON and carries its version.

Keys sort so that one account's events lie together in the order of their ``seq``.
"""

from __future__ import annotations

import struct
from typing import Final, TypeVar

import msgspec

from userstream.core.listenkeys import KeyRecord
from userstream.core.publishing import Appended
from userstream.errors import StoreDamaged, StoreTooNew
from userstream.events import AccountSnapshot, Event

RUN_KEY: Final = b"r"
NOTHING_KEY: Final = b"n"
"""Never holds anything: its deletion is a commit that changes nothing."""
ACCOUNTS: Final = (b"a\0", b"a\1")
LISTEN_KEYS: Final = (b"k\0", b"k\1")
HEADS: Final = (b"h\0", b"h\1")
WINDOWS: Final = (b"w\0", b"w\1")
VERSION: Final = 1

T = TypeVar("T")

encode = msgspec.json.Encoder().encode
_pack_seq = struct.Struct(">Q").pack


class LineRecord(msgspec.Struct, gc=False):
    """A line as it was published, but for what only publishing needs."""

    source: str
    n: int
    event: Event


class EventRecord(msgspec.Struct, gc=False):
    """One event as it lies in the log; account and ``seq`` are in its key."""

    epoch: str
    """The log's."""
    time_ms: int
    line: LineRecord
    v: int = VERSION


class _Version(msgspec.Struct):
    v: int = VERSION


class PictureRecord(msgspec.Struct):
    """The whole account after its last account event."""

    picture: AccountSnapshot
    v: int = VERSION


class WindowRecord(msgspec.Struct, gc=False):
    """What is kept of an account's log. ``seq`` up to ``oldest`` are gone, but for itself."""

    oldest: int = 1
    bytes: int = 0
    cut_ms: int = 0
    """The time of the last event that went since there were too many bytes; 0: none did."""
    v: int = VERSION


def event_key(account: str, seq: int) -> bytes:
    """Where an event lies."""
    return b"e\0%b\0%b" % (account.encode(), _pack_seq(seq))


def head_key(account: str) -> bytes:
    """Where an account's head lies."""
    return b"h\0" + account.encode()


def picture_key(account: str) -> bytes:
    """Where an account's picture lies."""
    return b"p\0" + account.encode()


def window_key(account: str) -> bytes:
    """Where it lies what is kept of an account."""
    return b"w\0" + account.encode()


def checkpoint_key(account: str, seq: int) -> bytes:
    """Where the picture after an account event lies, so that those near it can be made again."""
    return b"c\0%b\0%b" % (account.encode(), _pack_seq(seq))


def listen_key_key(record: KeyRecord) -> bytes:
    """Where a listen key's record lies."""
    return b"k\0%b\0%b" % (record.venue.encode(), record.random.encode())


def account_key(name: str) -> bytes:
    """Where an account's API keys lie."""
    return b"a\0" + name.encode()


def seq_of(key: bytes) -> int:
    """The ``seq`` at the end of a key."""
    return int.from_bytes(key[-8:], "big")


def encode_event(appended: Appended) -> bytes:
    """The stored form of an accepted event; its line is taken as it is."""
    return b'{"v":%d,"epoch":"%b","time_ms":%d,"line":%b}' % (
        VERSION,
        appended.epoch.encode(),
        appended.time_ms,
        appended.line,
    )


class _Lined(msgspec.Struct):
    line: msgspec.Raw


def decode_event(key: bytes, value: bytes) -> tuple[int, EventRecord]:
    """The ``seq`` of a stored event, and what is stored.

    Raises:
        StoreDamaged: the bytes are not an event.
        StoreTooNew: written by a later version.
    """
    return seq_of(key), decode(value, EventRecord)


def line_in(value: bytes) -> bytes:
    """The line of a stored event, as it was published.

    Raises:
        StoreDamaged: the bytes are not an event.
        StoreTooNew: written by a later version.
    """
    return bytes(decode(value, _Lined).line)


def decode(value: bytes, kind: type[T]) -> T:
    """A stored value.

    Raises:
        StoreDamaged: the bytes are not of that kind.
        StoreTooNew: written by a later version.
    """
    try:
        # The version first: what a later one wrote may have any shape.
        version = msgspec.json.decode(value, type=_Version).v
        if version > VERSION:
            raise StoreTooNew(
                f"a stored {kind.__name__} has version {version}; this userstream knows {VERSION}"
            )
        return msgspec.json.decode(value, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as e:
        raise StoreDamaged(f"a stored {kind.__name__} cannot be read: {e}") from None
