"""What a venue is: one frozen value that says everything in which the dialects differ.

A venue is data plus three pure functions: ``encode`` (event to frames), ``decode`` (frame to
events) and ``control`` (what a client's own frame asks for). Server and client hold a ``Venue``
and never ask for its name. ``None`` in a field means "the document does not limit this".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from userstream.plain import Show
from userstream.venue.codec import (
    Control,
    Controller,
    Decoder,
    Encoder,
    Frame,
    Received,
    Subscriber,
)
from userstream.venue.ids import number_id
from userstream.venue.rest import (
    LISTEN_KEY_CALLS,
    Auth,
    Call,
    ErrorForm,
    Need,
    Refusal,
    Reply,
    RestDialect,
    Route,
)
from userstream.venue.stream import (
    Alphabet,
    ExpiryNotice,
    KeyPlace,
    KeyPolicy,
    OnCreate,
    StreamDialect,
    StreamPath,
)

__all__ = [
    "LISTEN_KEY_CALLS",
    "Alphabet",
    "Auth",
    "Call",
    "Control",
    "Controller",
    "Decoder",
    "Encoder",
    "ErrorForm",
    "ExpiryNotice",
    "Frame",
    "KeyPlace",
    "KeyPolicy",
    "Need",
    "OnCreate",
    "Received",
    "Refusal",
    "Reply",
    "RestDialect",
    "Route",
    "StreamDialect",
    "StreamPath",
    "Subscriber",
    "Venue",
    "number_id",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Venue:
    """One exchange's dialect."""

    name: str
    document: str
    """Title of the document that the dialect follows."""
    rest: RestDialect
    keys: KeyPolicy
    stream: StreamDialect
    errors: Mapping[Refusal, ErrorForm]
    encode: Encoder
    decode: Decoder
    control: Controller
    show_plain: Show | None = None
    """What ``encode`` makes of a plain order, as a message; only where there are no channels."""
    channels: frozenset[str] = frozenset()
    """Channels that must be subscribed to; empty: every event reaches every socket."""
    lost: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Per event type the fields that the dialect does not carry."""

    def __repr__(self) -> str:
        return f"<Venue {self.name}>"
