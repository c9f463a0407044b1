"""The extension written into frames: where a mark goes, and what control frames look like."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec

from userstream.venue.codec import Frame
from userstream.venue.mark import FIELD, Mark

Sayer: TypeAlias = Callable[..., Frame]
"""Writes a control frame from a mark with a kind; keywords go into ``us`` beside it."""

_encode = msgspec.json.Encoder().encode
_LENGTH_DELIMITED = 2
_CHANNEL = 1  # number of the field in which a protobuf wrapper names its channel


def written(mark: Mark, **more: Any) -> bytes:  # noqa: ANN401 - any JSON
    """The object ``us`` of an event's frame, or of a control frame without its kind."""
    us: dict[str, Any] = {"epoch": mark.epoch, "seq": mark.seq}
    if mark.prev is not None:
        us["prev"] = mark.prev
    if not mark.kind:
        us |= {"part": mark.part, "parts": mark.parts}
    if mark.reason is not None:
        us["reason"] = mark.reason
    return _encode(us | more)


def marked(frame: Frame, mark: Mark) -> Frame:
    """An event's frame with its mark.

    JSON gets the key ``us`` at the end of its outermost object (in an array: of its last), a
    protobuf wrapper the field ``FIELD``, which a decoder that does not know it skips.
    """
    us = b'{"epoch":"%b","seq":%d,"prev":%d,"part":%d,"parts":%d}' % (
        mark.epoch.encode(),
        mark.seq,
        mark.seq - 1 if mark.prev is None else mark.prev,
        mark.part,
        mark.parts,
    )
    payload = frame.payload
    if frame.binary:
        return frame._replace(payload=payload + _field(FIELD, us))
    end = payload.rindex(b"}")
    return frame._replace(payload=b'%b,"us":%b%b' % (payload[:end], us, payload[end:]))


def say(mark: Mark, **more: Any) -> Frame:  # noqa: ANN401 - any JSON
    """A control frame of a dialect of JSON objects. ``more`` goes into ``us``."""
    return Frame(b'{"e":"%b","us":%b}' % (mark.kind.encode(), written(mark, **more)))


def say_in_array(mark: Mark, **more: Any) -> Frame:  # noqa: ANN401 - any JSON
    """A control frame of a dialect of JSON arrays."""
    return Frame(b"[%b]" % say(mark, **more).payload)


def say_in_wrapper(mark: Mark, **more: Any) -> Frame:  # noqa: ANN401 - any JSON
    """A control frame of a protobuf dialect: a wrapper without a body, its kind as channel."""
    us = written(mark, kind=mark.kind, **more)
    channel = _field(_CHANNEL, mark.kind.encode())
    return Frame(channel + _field(FIELD, us), binary=True)


def _field(number: int, data: bytes) -> bytes:
    """A length-delimited field. Doc: protobuf, Encoding, Message Structure."""
    return _varint(number << 3 | _LENGTH_DELIMITED) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
