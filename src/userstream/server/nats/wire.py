"""The NATS client protocol, as bytes. Doc: docs.nats.io, reference, client protocol."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from userstream.errors import InvalidSettings, StoreDamaged

LEAST_VERSION = (2, 12)
_HEADER = b"NATS/1.0"
_FENCE_BYTES = len(b"NATS/1.0\r\nNats-Expected-Last-Sequence: \r\n\r\n")


class Message(NamedTuple):
    """A message of a subscription, with the header as it came (empty: it had none)."""

    sid: int
    subject: bytes
    reply: bytes
    header: bytes
    payload: bytes

    @property
    def status(self) -> int:
        """What the server says instead of a message, as in HTTP; 0: it is a message."""
        code = self.header[9:12]
        return int(code) if self.header.startswith(_HEADER + b" ") and code.isdigit() else 0

    def field(self, name: bytes) -> bytes:
        """A field of the header; empty where it is not there."""
        start = self.header.find(b"\r\n%b: " % name)
        if start < 0:
            return b""
        start += len(name) + 4
        return self.header[start : self.header.index(b"\r\n", start)]


# A publish that was stored, as JetStream says it most: subject, sid, size, the whole payload, the
# place in its stream. By the thousand a second: no object of its own is made of it.
_match_ack = re.compile(
    rb'MSG (\S+) (\d+) (\d+)\r\n(\{"stream":"[^"\\]*", ?"seq":(\d+)\})\r\n'
).match


class Line(NamedTuple):
    """Anything else that a server says: ``INFO``, ``PING``, ``-ERR`` …, and what follows it."""

    verb: bytes
    rest: bytes


class Info(msgspec.Struct, frozen=True):
    """What a server tells about itself."""

    server_name: str = ""
    version: str = ""
    max_payload: int = 1_048_576
    jetstream: bool = False
    headers: bool = False
    nonce: str = ""
    tls_required: bool = False
    tls_available: bool = False
    connect_urls: tuple[str, ...] = ()
    ldm: bool = False
    """It is about to stop: clients go elsewhere."""


read_info = msgspec.json.Decoder(Info).decode


def check_server(info: Info) -> None:
    """Makes sure that a server has what is used here.

    Raises:
        InvalidSettings: it does not.
    """
    numbers = info.version.split("-")[0].split(".")
    version = tuple(int(n) for n in numbers[:2] if n.isdigit())
    if version < LEAST_VERSION:
        least = ".".join(map(str, LEAST_VERSION))
        raise InvalidSettings(f"it is version {info.version}; at least {least} is needed")
    if not (info.jetstream and info.headers):
        raise InvalidSettings("JetStream is off there; switch it on")


class Parser:
    """Server bytes in, messages and lines out."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[Message | Line | re.Match[bytes]]:
        """What is complete with these bytes.

        Acknowledgements that say nothing but a place come as a match: subject, sid, size of the
        payload, payload, place.

        Raises:
            StoreDamaged: that is not the protocol.
        """
        if self._rest:
            data = self._rest + data
        at = 0
        try:
            while (end := data.find(b"\r\n", at)) >= 0:
                ack = _match_ack(data, at)
                if ack is not None and len(ack[4]) == int(ack[3]):
                    at = ack.end()
                    yield ack
                    continue
                first = data[at]
                if first != 77 and first != 72:  # noqa: PLR1714 - the hot path: MSG, HMSG
                    verb, _, rest = data[at:end].partition(b" ")
                    at = end + 2
                    yield Line(verb, rest)
                    continue
                parts = data[at:end].split(b" ")
                start = end + 2
                stop = start + int(parts[-1])
                if len(data) < stop + 2:
                    break
                at = stop + 2
                body, whole = (start, 5) if first == 77 else (start + int(parts[-2]), 6)
                reply = parts[3] if len(parts) == whole else b""
                yield Message(int(parts[2]), parts[1], reply, data[start:body], data[body:stop])
        except (ValueError, IndexError):
            raise StoreDamaged(f"a NATS server sent {data[at : at + 80]!r}") from None
        finally:
            self._rest = data[at:]


def pub(subject: str, payload: bytes, reply: str = "") -> bytes:
    """A message without a header."""
    to = f"{subject} {reply} " if reply else f"{subject} "
    return b"PUB %b%d\r\n%b\r\n" % (to.encode(), len(payload), payload)


def fenced(subject: bytes, payload: bytes, reply: bytes, last: int) -> bytes:
    """A message that a stream takes only behind its message ``last``; answered where it says so."""
    to = b"%b %b" % (subject, reply) if reply else subject
    place = b"%d" % last
    size = _FENCE_BYTES + len(place)
    return b"HPUB %b %d %d\r\nNATS/1.0\r\nNats-Expected-Last-Sequence: %b\r\n\r\n%b\r\n" % (
        to,
        size,
        size + len(payload),
        place,
        payload,
    )


def chained(messages: Sequence[tuple[bytes, bytes]], reply: bytes, last: int) -> bytes:
    """Messages (subject, payload), each taken only behind the one before, from ``last`` on.

    The last of them alone says where it is answered.
    """
    *others, (subject, payload) = messages
    lines = [fenced(*other, b"", place) for place, other in enumerate(others, last)]
    return b"".join([*lines, fenced(subject, payload, reply, last + len(others))])


def batched(messages: Sequence[tuple[bytes, bytes]], reply: bytes, name: bytes, last: int) -> bytes:
    """Messages (subject, payload) that a stream takes all or none, behind its message ``last``."""
    if len(messages) == 1:
        return fenced(*messages[0], reply, last)
    lines = []
    for n, (subject, payload) in enumerate(messages, 1):
        header = b"NATS/1.0\r\nNats-Batch-Id: %b\r\nNats-Batch-Sequence: %d\r\n" % (name, n)
        to = b""
        if n == 1:
            header += b"Nats-Expected-Last-Sequence: %d\r\n" % last
        if n == len(messages):
            header += b"Nats-Batch-Commit: 1\r\n"
            to = reply + b" "
        size = len(header) + 2
        lines.append(
            b"HPUB %b %b%d %d\r\n%b\r\n%b\r\n"
            % (subject, to, size, size + len(payload), header, payload)
        )
    return b"".join(lines)


def fenced_by_subject(subject: str, payload: bytes, reply: str, last: int) -> bytes:
    """A message that a stream takes only if the last of its subject is ``last``."""
    header = b"NATS/1.0\r\nNats-Expected-Last-Subject-Sequence: %d\r\n\r\n" % last
    return _with_header(subject, payload, reply, header)


def recorded(
    subject: str, payload: bytes, reply: str, last: int | None, life_s: int | None
) -> bytes:
    """A record of a KV bucket; an empty one deletes. ``last`` fences it, ``life_s`` limits it."""
    header = b"NATS/1.0\r\n"
    if last is not None:
        header += b"Nats-Expected-Last-Subject-Sequence: %d\r\n" % last
    if life_s is not None:
        header += b"Nats-TTL: %d\r\n" % life_s
    if not payload:
        header += b"KV-Operation: DEL\r\n"
    return _with_header(subject, payload, reply, header + b"\r\n")


def _with_header(subject: str, payload: bytes, reply: str, header: bytes) -> bytes:
    return b"HPUB %b %b %d %d\r\n%b%b\r\n" % (
        subject.encode(), reply.encode(), len(header), len(header) + len(payload), header, payload,
    )  # fmt: skip
