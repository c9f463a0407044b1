"""WebSocket frames: headers of ours by arithmetic, the client's through the library's parser.

The parser is made for whole messages only and dropped with them: kept, it would cost more
memory than everything else of an idle connection.
"""

from __future__ import annotations

import logging
from enum import Enum, auto
from typing import NamedTuple

from websockets.exceptions import PayloadTooBig
from websockets.frames import Close, Opcode
from websockets.frames import Frame as WireFrame
from websockets.protocol import SERVER, Protocol, State

from userstream.core.closing import End
from userstream.venue import Frame

SILENT = logging.getLogger("userstream.websockets")
"""For the library's parsers: their debug lines would show listen keys."""
SILENT.addHandler(logging.NullHandler())
SILENT.propagate = False
SILENT.disabled = True
_MASK_BYTES = 4
_LONGEST_HEAD = 14


class Kind(Enum):
    """Kinds of whole messages."""

    TEXT = auto()
    BINARY = auto()
    PING = auto()
    PONG = auto()
    CLOSE = auto()


class Message(NamedTuple):
    """One whole message of a client."""

    kind: Kind
    data: bytes


class Inbound(NamedTuple):
    """What came out of some bytes: messages, bytes to answer with, and why to stop if so."""

    messages: tuple[Message, ...]
    answer: bytes = b""
    end: End | None = None


_KINDS = {Opcode.PING: Kind.PING, Opcode.PONG: Kind.PONG, Opcode.CLOSE: Kind.CLOSE}


def text_header(length: int) -> bytes:
    """Header of an unmasked text frame. Doc: RFC 6455 §5.2."""
    return _header(0x81, length)


def binary_header(length: int) -> bytes:
    """Header of an unmasked binary frame. Doc: RFC 6455 §5.2."""
    return _header(0x82, length)


def _header(first: int, length: int) -> bytes:
    if length < 126:
        return bytes((first, length))
    if length < 65_536:
        return bytes((first, 126)) + length.to_bytes(2, "big")
    return bytes((first, 127)) + length.to_bytes(8, "big")


_TEXT_HEADERS = [text_header(n) for n in range(1024)]


def text_of(data: bytes) -> str | None:
    """The text of a message; ``None``: it is not UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def framed(frame: Frame) -> bytes:
    """A whole message of a dialect, with its header."""
    payload = frame.payload
    size = len(payload)
    if frame.binary:
        return binary_header(size) + payload
    return (_TEXT_HEADERS[size] if size < 1024 else text_header(size)) + payload


def ping_frame(payload: bytes = b"") -> bytes:
    """A ping. Doc: RFC 6455 §5.5.2."""
    return _header(0x89, len(payload)) + payload


PING = ping_frame()
"""An empty one."""


def close_frame(code: int, text: str) -> bytes:
    """A close frame. Doc: RFC 6455 §5.5.1."""
    payload = Close(code, text).serialize()
    return _header(0x88, len(payload)) + payload


def split(data: bytes, most: int) -> tuple[bytes, bytes] | None:
    """Frames that can be read now, and the beginning of a message that is not whole.

    Control frames may stand between the fragments of a message and do not wait for it. ``None``
    where a message is longer than ``most``, or its fragments take twice as much.
    """
    ready: list[bytes] = []
    begun: list[bytes] = []
    at = message = 0
    while len(data) - at >= 2:
        first, length = data[at], data[at + 1] & 0x7F
        head = 2 + (_MASK_BYTES if data[at + 1] & 0x80 else 0)
        extended = {126: 2, 127: 8}.get(length, 0)
        if extended:
            if len(data) - at < 2 + extended:
                break
            length = int.from_bytes(data[at + 2 : at + 2 + extended], "big")
            head += extended
        control = first & 0x08
        message = message if control else message + length
        if max(message, length) > most:
            return None
        end = at + head + length
        if end > len(data):
            break
        frame = data[at:end]
        at = end
        if control:
            ready.append(frame)
            continue
        begun.append(frame)
        if first & 0x80:
            ready += begun
            begun = []
            message = 0
    begun.append(data[at:])
    kept = b"".join(begun)
    return None if len(kept) > 2 * most + _LONGEST_HEAD else (b"".join(ready), kept)


def parse(data: bytes, most: int) -> Inbound:
    """The messages in whole frames."""
    protocol = Protocol(SERVER, state=State.OPEN, max_size=most, logger=SILENT)
    protocol.receive_data(data)
    messages: list[Message] = []
    parts: list[bytes] = []
    opcode = Opcode.TEXT
    for frame in protocol.events_received():
        if not isinstance(frame, WireFrame):
            continue
        if frame.opcode in _KINDS:
            messages.append(Message(_KINDS[frame.opcode], bytes(frame.data)))
            continue
        if frame.opcode is not Opcode.CONT:
            opcode, parts = frame.opcode, []
        parts.append(bytes(frame.data))
        if frame.fin:
            kind = Kind.BINARY if opcode is Opcode.BINARY else Kind.TEXT
            messages.append(Message(kind, b"".join(parts)))
    answer = b"".join(protocol.data_to_send())
    protocol.parser.close()  # it holds the protocol: without this both wait for a collection
    return Inbound(tuple(messages), answer, _reason(protocol))


def _reason(protocol: Protocol) -> End | None:
    failure = protocol.parser_exc
    if failure is None:
        return None
    if isinstance(failure, PayloadTooBig):
        return End.TOO_LARGE
    return End.NOT_UTF8 if isinstance(failure, UnicodeDecodeError) else End.PROTOCOL
