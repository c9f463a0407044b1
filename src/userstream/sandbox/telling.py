"""Reading what was told: a truth as the sandbox writes it, and the log that a bot wrote.

A line of a log is one of: a text frame as it came; ``{"venue":…,"frame":…}`` with the frame as
text or base64; an envelope, with ``epoch`` and ``seq``; an event as this library has it, bare or
as ``{"event":…}``. One log has one of the three kinds (frames, envelopes, events).
"""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

from userstream.errors import InvalidSettings, MalformedFrame
from userstream.events import Event, ListenKeyExpired
from userstream.sandbox.truth import VERSION
from userstream.sandbox.verify import Entry
from userstream.venue import Venue

Load = Callable[[str], Venue]
_encode = msgspec.json.Encoder(order="deterministic").encode
_SHOWN = 160


class _Wrapped(msgspec.Struct):
    data: msgspec.Raw


_wrapped = msgspec.json.Decoder(_Wrapped).decode


class _Frame(msgspec.Struct):
    """A frame of a truth: text or binary."""

    channel: str = ""
    text: str | None = None
    base64: bytes = b""

    @property
    def payload(self) -> bytes | str:
        return self.base64 if self.text is None else self.text


class Kind(StrEnum):
    """What a log consists of."""

    FRAMES = "frames"
    ENVELOPES = "envelopes"
    EVENTS = "events"


class Log(NamedTuple):
    """A bot's log."""

    kind: Kind
    entries: list[Entry]
    others: int
    """Lines that are no events of an account: answers, pings, the end of a listen key."""


class Truth(NamedTuple):
    """A truth, as far as a log is compared with it."""

    entries: list[Entry]
    ignored: set[Hashable]
    """Marks of what is left out on request."""
    faults: Counter[str]


class _Line(NamedTuple):
    number: int
    text: bytes
    value: Any


class TruthFile:
    """The lines of a truth.

    Raises:
        InvalidSettings: it is none, or of another version.
    """

    def __init__(self, lines: Iterable[bytes]) -> None:
        self.account = self.venue = ""
        self.faults: Counter[str] = Counter()
        self._events: list[dict[str, Any]] = []
        self._struck: dict[int, list[str]] = {}
        for number, line in enumerate(lines, 1):
            self._take(_object(line, "truth", number), number)

    def _take(self, line: dict[str, Any], number: int) -> None:
        if "truth" in line:
            if line["truth"] != VERSION:
                raise InvalidSettings(f"the truth has version {line['truth']}; known is {VERSION}")
            self.account = str(line.get("account", ""))
            self.venue = str(line.get("venue", ""))
        elif isinstance(line.get("fault"), dict):
            fault = line["fault"]
            self.faults[str(fault.get("kind"))] += 1
            if isinstance(fault.get("seq"), int):
                told = f"{fault.get('kind')}, {fault.get('id')}"
                self._struck.setdefault(fault["seq"], []).append(told)
        elif isinstance(line.get("seq"), int) and isinstance(line.get("event"), dict):
            line["frames"] = _frames(line, number)
            self._events.append(line)
        else:
            raise InvalidSettings(f"truth line {number} is neither an event nor a fault")

    def of_kind(
        self, kind: Kind, load: Load, *, seqs: range | None = None, channels: Collection[str] = ()
    ) -> Truth:
        """What a log of that kind must have.

        Raises:
            InvalidSettings: frames are needed, and this truth was taken without a venue.
        """
        venue = load(self.venue) if self.venue else None
        if kind is Kind.FRAMES and venue is None:
            raise InvalidSettings(
                "the log has frames, so the truth needs them too: take it with --venue NAME"
            )
        found = Truth([], set(), self.faults)
        for line in self._events:
            seq = line["seq"]
            for channel, mark, shown in _told(line, kind, venue):
                wanted = not channels or any(c in channel for c in channels)
                if wanted and (seqs is None or seq in seqs):
                    why = "".join(f" (fault: {w})" for w in self._struck.get(seq, ()))
                    found.entries.append(Entry(mark, seq, shown[:_SHOWN] + why))
                else:
                    found.ignored.add(mark)
        found.ignored.difference_update(e.mark for e in found.entries)
        return found


def read_log(lines: Iterable[bytes], venue: str, load: Load) -> Log:
    """A bot's log; ``venue`` is the dialect of frames that do not name one.

    Raises:
        InvalidSettings: a line is not JSON, or of another kind than those before it.
    """
    kind: Kind | None = None
    entries: list[Entry] = []
    others = 0
    for number, text in enumerate(lines, 1):
        line = _Line(number, text, _json(text, "log", number))
        its = _kind_of(line.value)
        kind = kind or its
        if its is not kind:
            raise InvalidSettings(f"log line {number}: {its} among {kind}; a log has one kind")
        told = _heard(line, its, venue, load)
        entries += [Entry(mark, number, shown[:_SHOWN]) for mark, shown in told]
        others += not told
    return Log(kind or Kind.EVENTS, entries, others)


def _kind_of(line: object) -> Kind:
    if isinstance(line, dict):
        if "seq" in line and "epoch" in line and "event" in line:
            return Kind.ENVELOPES
        if isinstance(line.get("event"), dict) or "type" in line:
            return Kind.EVENTS
    return Kind.FRAMES


def _told(line: dict[str, Any], kind: Kind, venue: Venue | None) -> list[tuple[str, Hashable, str]]:
    """What an event of a truth tells: channel, mark, and how it is shown."""
    if kind is Kind.ENVELOPES:
        place = (line.get("epoch"), line["seq"])
        return [("", place, _encode(line["event"]).decode())]
    if venue is None:
        event = _event_mark(line["event"])
        return [] if event is None else [("", event, event)]
    told: list[tuple[str, Hashable, str]] = []
    for frame in line["frames"]:
        for mark, shown in _marks(frame.payload, venue, timed=kind is Kind.FRAMES):
            told.append((frame.channel, mark, shown))
    return told


def _heard(line: _Line, kind: Kind, venue: str, load: Load) -> list[tuple[Hashable, str]]:
    """What a line of a log tells: mark, and how it is shown."""
    value = line.value
    if kind is Kind.ENVELOPES:
        place = value["epoch"], value["seq"]
        if not (isinstance(place[0], str) and isinstance(place[1], int)):
            raise InvalidSettings(f"log line {line.number}: epoch is text and seq a number")
        return [(place, _encode(value["event"]).decode())]
    if kind is Kind.EVENTS:
        mark = _event_mark(value.get("event", value))
        return [] if mark is None else [(mark, mark)]
    frame: bytes | str = line.text
    if isinstance(value, dict) and "frame" in value:
        venue = str(value.get("venue", venue))
        frame = _bytes_of(value["frame"], line.number)
    elif isinstance(value, dict) and "stream" in value and "data" in value:
        frame = bytes(_wrapped(line.text).data)
    return _marks(frame, load(venue), timed=True) if venue else []


def _marks(frame: bytes | str, venue: Venue, *, timed: bool) -> list[tuple[Hashable, str]]:
    """By what they say, so that two spellings of one JSON are one mark."""
    try:
        received = venue.decode(frame)
    except MalformedFrame:
        return []
    marks: list[tuple[Hashable, str]] = []
    for one in received:
        if not isinstance(one.event, ListenKeyExpired):
            text = _encode(one.event).decode()
            marks.append(((text, one.time_ms) if timed else text, text))
    return marks


def _event_mark(event: object) -> str | None:
    try:
        return _encode(msgspec.convert(event, Event)).decode()
    except msgspec.ValidationError:
        return None


def _frames(line: dict[str, Any], number: int) -> list[_Frame]:
    try:
        frames = msgspec.convert(line.get("frames", []), list[_Frame])
    except msgspec.ValidationError as e:
        raise InvalidSettings(f"truth line {number}: frames: {e}") from None
    if not all(frame.payload for frame in frames):
        raise InvalidSettings(f"truth line {number}: frames: one has neither text nor base64")
    return frames


def _bytes_of(frame: object, number: int) -> bytes | str:
    if not isinstance(frame, str):
        frame = _encode(frame).decode()
    if frame[:1] in {"{", "["}:
        return frame
    try:
        return base64.b64decode(frame, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidSettings(f"log line {number}: frame is neither JSON nor base64") from None


def _json(text: bytes, what: str, number: int) -> Any:  # noqa: ANN401
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as e:
        raise InvalidSettings(f"{what} line {number} is not JSON: {e}") from None


def _object(text: bytes, what: str, number: int) -> dict[str, Any]:
    line = _json(text, what, number)
    if not isinstance(line, dict):
        raise InvalidSettings(f"{what} line {number} is not a JSON object")
    return line
