"""The contract vectors: samples of the documents, and what each says in normalised form."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from userstream import venues
from userstream.events import (
    AccountSnapshot,
    Envelope,
    Event,
    ListenKeyExpired,
    StreamEvent,
    UnknownEvent,
)
from userstream.markets import SANDBOX_MARKETS
from userstream.venue import Received, Venue

FOLDER = Path(__file__).parent.parent / "vectors"
NOT_FRAMES = {"rest", "rows", "shown"}
KINDS = {"verbatim", "adapted", "observed", "synthetic"}
_TOKEN = re.compile(r'("(?:[^"\\]|\\.)*")|//[^\n]*|\s+')


@dataclass(frozen=True)
class Vector:
    """One frame, the events it decodes to, and the event that it is encoded from."""

    venue_name: str
    name: str
    doc: str
    kind: str
    sample: str | None
    payload: bytes
    is_text: bool
    channel: str
    received: tuple[Received, ...]
    source: Event | None
    """``None``: the frame is only read, never written."""
    source_time_ms: int
    options: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.venue_name}-{self.name}"

    @property
    def venue(self) -> Venue:
        return venues.load(self.venue_name, self.options, SANDBOX_MARKETS)

    @property
    def picture(self) -> AccountSnapshot | None:
        return self.source if isinstance(self.source, AccountSnapshot) else None

    @property
    def envelope(self) -> Envelope:
        assert self.source is not None
        return Envelope(1, "alice", "epoch000", 7, self.source_time_ms, self.source)


def minified(sample: str) -> str:
    """The sample without comments and white space; strings and numbers stay as printed."""
    return _TOKEN.sub(lambda m: m.group(1) or "", sample)


def _event(raw: dict[str, Any], payload: bytes) -> StreamEvent:
    kind = raw["type"]
    rest = {key: value for key, value in raw.items() if key != "type"}
    if kind == "listen_key_expired":
        return msgspec.convert(rest, ListenKeyExpired)
    if kind == "unknown_event":
        return UnknownEvent(kind=rest["kind"], frame=payload)
    event: Event = msgspec.convert(raw, Event)
    return event


def _vector(venue_name: str, path: Path) -> Vector:
    raw = json.loads(path.read_text("utf-8"))
    frame = raw["frame"]
    is_text = isinstance(frame, str)
    payload = frame.encode() if is_text else bytes.fromhex(frame["hex"])
    entries = raw.get("events", [raw])
    received = tuple(Received(_event(x["event"], payload), x.get("time_ms")) for x in entries)
    source: Any = None
    if raw.get("encode", True):
        source = _event(raw["source"], payload) if "source" in raw else received[0].event
    return Vector(
        venue_name=venue_name,
        name=path.stem,
        doc=raw["doc"],
        kind=raw["kind"],
        sample=raw.get("sample"),
        payload=payload,
        is_text=is_text,
        channel=raw.get("channel", ""),
        received=received,
        source=source,
        source_time_ms=raw.get("source_time_ms", raw.get("time_ms")) or 0,
        options=raw.get("options", {}),
    )


def vectors(venue_name: str) -> tuple[Vector, ...]:
    """All frames of a venue."""
    paths = sorted((FOLDER / venue_name).glob("*.json"))
    return tuple(_vector(venue_name, p) for p in paths if p.stem not in NOT_FRAMES)


def rest_vectors(venue_name: str) -> list[dict[str, Any]]:
    """Request and response pairs of a venue."""
    path = FOLDER / venue_name / "rest.json"
    rows: list[dict[str, Any]] = json.loads(path.read_text("utf-8")) if path.exists() else []
    return rows


def shown_values(venue_name: str) -> dict[str, dict[str, str]]:
    """Per field the values that a dialect does not have, and what it shows instead."""
    path = FOLDER / venue_name / "shown.json"
    table: dict[str, dict[str, str]] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return table


NAMES = venues.names()
VECTORS = tuple(v for name in NAMES for v in vectors(name))
REST_VECTORS = tuple((name, row) for name in NAMES for row in rest_vectors(name))
