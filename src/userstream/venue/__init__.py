"""What a venue is: one frozen value that says everything in which the dialects differ.

A venue is data plus pure functions: ``encode`` (event to frames), ``decode`` (frame to events),
``control`` (what a client's own frame asks for), and for clients ``notice`` (what a frame says to
them beside events) and ``mark`` (what our own server adds to it). Server and client hold a
``Venue`` and never ask for its name. ``None`` in a field means "the document does not limit this".
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
    Marker,
    Notice,
    Noticer,
    Received,
    Subscriber,
    no_notice,
)
from userstream.venue.ids import number_id
from userstream.venue.mark import WHOLE, Cursor, Mark, read_mark
from userstream.venue.marking import Sayer, marked, say, say_in_array, say_in_wrapper
from userstream.venue.repair import (
    Ask,
    Conversation,
    Fetch,
    FillsBy,
    NoRows,
    NotThere,
    RepairDialect,
    RepairInput,
    Rows,
    What,
)
from userstream.venue.rest import (
    LISTEN_KEY_CALLS,
    Auth,
    Call,
    Denied,
    ErrorForm,
    Info,
    Need,
    Refusal,
    Reply,
    RestDialect,
    Route,
)
from userstream.venue.stream import (
    Alphabet,
    ExpiryNotice,
    FillKey,
    KeyPlace,
    KeyPolicy,
    OnCreate,
    OrderTime,
    StreamDialect,
    StreamPath,
)

__all__ = [
    "LISTEN_KEY_CALLS",
    "WHOLE",
    "Alphabet",
    "Ask",
    "Auth",
    "Call",
    "Control",
    "Controller",
    "Conversation",
    "Cursor",
    "Decoder",
    "Denied",
    "Encoder",
    "ErrorForm",
    "ExpiryNotice",
    "Fetch",
    "FillKey",
    "FillsBy",
    "Frame",
    "Info",
    "KeyPlace",
    "KeyPolicy",
    "Mark",
    "Marker",
    "Need",
    "NoRows",
    "NotThere",
    "Notice",
    "Noticer",
    "OnCreate",
    "OrderTime",
    "Received",
    "Refusal",
    "RepairDialect",
    "RepairInput",
    "Reply",
    "RestDialect",
    "Route",
    "Rows",
    "Sayer",
    "StreamDialect",
    "StreamPath",
    "Subscriber",
    "Venue",
    "What",
    "marked",
    "no_notice",
    "number_id",
    "read_mark",
    "say",
    "say_in_array",
    "say_in_wrapper",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Venue:
    """One exchange's dialect."""

    name: str
    document: str
    """Title of the document that the dialect follows."""
    rest_url: str | None = None
    """Where the real one answers, by its document; ``None``: each exchange has its own."""
    stream_url: str | None = None
    """Where its streams are."""
    rest: RestDialect
    keys: KeyPolicy
    stream: StreamDialect
    errors: Mapping[Refusal, ErrorForm]
    encode: Encoder
    decode: Decoder
    control: Controller
    show_plain: Show | None = None
    """What ``encode`` makes of a plain order, as a message; only where there are no channels."""
    notice: Noticer = no_notice
    mark: Marker = read_mark
    """Reads what our own server adds to a frame for who asks for it."""
    repair: RepairDialect | None = None
    """How a client asks for what the stream did not bring; ``None``: it cannot."""
    say: Sayer = say
    """Writes a control frame of our own server."""
    channels: frozenset[str] = frozenset()
    """Channels that must be subscribed to; empty: every event reaches every socket."""
    lost: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Per event type the fields that the dialect does not carry."""

    def __repr__(self) -> str:
        return f"<Venue {self.name}>"
