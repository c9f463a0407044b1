"""What a venue is: one frozen value that says everything in which the dialects differ.

A venue is data plus three pure functions: ``encode`` (event to frames), ``decode`` (frame to
events) and ``control`` (what a client's own frame asks for). Server and client hold a ``Venue``
and never ask for its name. ``None`` in a field means "the document does not limit this".
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import NamedTuple, TypeAlias

from userstream.events import AccountSnapshot, Envelope, StreamEvent
from userstream.plain import Show


class Call(Enum):
    """What a REST route does."""

    CREATE = auto()
    RENEW = auto()
    DELETE = auto()
    LIST = auto()
    PING = auto()
    TIME = auto()
    INFO = auto()


LISTEN_KEY_CALLS = frozenset({Call.CREATE, Call.RENEW, Call.DELETE, Call.LIST})
"""The calls that need an API key."""


class Need(Enum):
    """Whether a request must carry something; OPTIONAL means: checked when it is there."""

    NONE = auto()
    OPTIONAL = auto()
    REQUIRED = auto()


class Reply(Enum):
    """Body of a good answer to PUT and DELETE."""

    EMPTY = auto()
    """``{}``"""
    KEY = auto()
    """``{"listenKey": …}``"""


class OnCreate(Enum):
    """What POST does for an account that has a live key."""

    REUSE = auto()
    """Returns that key and extends it."""
    NEW = auto()
    """Makes another key, up to the cap."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One REST call. ``path`` is below the venue's mount point and begins with a slash."""

    method: str
    path: str
    call: Call
    weight: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Auth:
    """How a listen-key request is authenticated, and when its timestamp is good.

    A timestamp is accepted while ``now - timestamp <= recvWindow`` and it is less than
    ``ahead_ms`` ahead (or exactly that, with ``ahead_inclusive``).
    """

    header: str
    other_headers: tuple[str, ...] = ()
    timestamp: Need = Need.NONE
    signature: Need = Need.NONE
    lower_case_only: bool = False
    """Whether an upper-case hex signature is refused."""
    recv_window_ms: int = 5_000
    max_recv_window_ms: int | None = 60_000
    ahead_ms: int = 1_000
    ahead_inclusive: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RestDialect:
    """The REST side: routes, authentication, parameters, answers."""

    routes: tuple[Route, ...]
    auth: Auth
    refuse_surplus: bool = False
    """Whether a parameter that the call does not know is an error."""
    json_body: bool = False
    """Whether parameters may also come as a JSON object."""
    reply: Reply = Reply.EMPTY
    used_weight_headers: tuple[str, ...] = ()
    weight_per_window: int = 1_200
    window_s: int = 60
    per_endpoint: bool = False
    """Whether each route has a weight window of its own."""
    info: Callable[[int], object] = field(default=lambda now_ms: {"serverTime": now_ms})
    """Body of the exchange's self-description, for the start-up calls of clients."""


class Refusal(Enum):
    """Why a request is refused; each venue has a form for each of these."""

    API_KEY_MISSING = auto()
    API_KEY_MALFORMED = auto()
    API_KEY_REJECTED = auto()
    PARAMETER_MISSING = auto()
    PARAMETER_EMPTY = auto()
    PARAMETER_ILLEGAL = auto()
    PARAMETER_SURPLUS = auto()
    PARAMETER_DUPLICATE = auto()
    LISTEN_KEY_UNKNOWN = auto()
    LISTEN_KEYS_EXHAUSTED = auto()
    SOCKETS_EXHAUSTED = auto()
    TIMESTAMP_OUTSIDE = auto()
    TIMESTAMP_AHEAD = auto()
    RECV_WINDOW = auto()
    SIGNATURE = auto()
    SIGNATURE_MISSING = auto()
    TOO_MANY_REQUESTS = auto()
    BANNED = auto()
    FORBIDDEN = auto()
    NOT_FOUND = auto()
    METHOD = auto()
    TOO_LARGE = auto()
    MALFORMED = auto()
    UNAVAILABLE = auto()
    INTERNAL = auto()


class ErrorForm(NamedTuple):
    """HTTP status, the venue's code and its text; ``{}`` in the text takes details."""

    status: int
    code: int
    text: str


class Alphabet(Enum):
    """Characters of a listen key."""

    BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    HEX = "0123456789abcdef"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPolicy:
    """Life and number of listen keys."""

    length: int
    alphabet: Alphabet = Alphabet.BASE62
    life_ms: int = 3_600_000
    on_create: OnCreate = OnCreate.REUSE
    max_per_account: int = 1
    max_sockets: int | None = None
    """Sockets on one key; ``None``: only the operator's own limit."""


class KeyPlace(Enum):
    """Where the stream URL carries the listen key."""

    PATH = auto()
    """The last segment of the path."""
    QUERY = auto()
    """The parameter ``listenKey``."""
    STREAMS = auto()
    """The parameter ``streams``; frames are wrapped as ``{"stream":…,"data":…}``."""
    LATER = auto()
    """Not at all: the client subscribes after the handshake, or the socket stays unbound."""


class StreamPath(NamedTuple):
    """A path that the stream listener accepts; with PATH it is the part before the key."""

    path: str
    place: KeyPlace


class ExpiryNotice(Enum):
    """How the end of a listen key is announced in the stream before the close."""

    EVENT = '{"e":"listenKeyExpired","E":%d,"listenKey":"%s"}'
    """Doc: Binance spot changelog 2024-04-02."""
    EVENT_IN_ARRAY = '[{"e":"listenKeyExpired","E":%d,"listenKey":"%s"}]'
    """For dialects whose frames are arrays."""
    NONE = ""

    def frame(self, time_ms: int, listen_key: str) -> bytes | None:
        """The notice, or ``None`` where there is none."""
        return (self.value % (time_ms, listen_key)).encode() if self.value else None


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamDialect:
    """The WebSocket side: addresses, life, pings, idle rules, inbound limits."""

    paths: tuple[StreamPath, ...]
    max_age_ms: int = 86_400_000
    ping_every_ms: int | None = 20_000
    """``None``: the server never pings."""
    dead_after_ms: int = 60_000
    json_ping_every_ms: int | None = None
    """The server's own ``{"ping":n}`` frames; ``None``: none."""
    subscribe_within_ms: int | None = None
    idle_after_ms: int | None = None
    """Longest silence in both directions once subscribed."""
    max_messages_per_s: int | None = 5
    max_subscriptions: int | None = None
    expiry_notice: ExpiryNotice = ExpiryNotice.EVENT
    opening: str | None = None
    """The frame by which a client hears everything; ``None``: it need not send any."""


class Frame(NamedTuple):
    """One outgoing message. ``channel`` is empty where the venue has no channels."""

    payload: bytes
    channel: str = ""
    binary: bool = False


class Received(NamedTuple):
    """One decoded event, with the venue's own time of it where the dialect carries one."""

    event: StreamEvent
    time_ms: int | None = None


class Subscriber(NamedTuple):
    """What ``control`` may know of the socket that sent a frame."""

    channels: frozenset[str]
    has_key: bool
    is_live_key: Callable[[str], bool]


class Control(NamedTuple):
    """What a client's text frame asks for: replies in order, and its channels from now on."""

    replies: tuple[bytes, ...] = ()
    channels: frozenset[str] | None = None
    """``None``: unchanged."""
    counts_as_life: bool = False
    """Whether the frame ends the silence that idle rules measure."""


Encoder: TypeAlias = Callable[[Envelope, AccountSnapshot | None], tuple[Frame, ...]]
"""Frames of one event. The account after the event comes along for account events."""
Decoder: TypeAlias = Callable[[bytes | str], tuple[Received, ...]]
"""Events of one frame; ``MalformedFrame`` for whatever the document does not describe."""
Controller: TypeAlias = Callable[[str, Subscriber], Control]
"""Answer to one text frame of a client."""


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


def number_id(text: str) -> int:
    """The id that venues with numeric ids show.

    Decimal digits without a leading zero, below 2**63, show as they are. Any other text shows as
    a number derived from it, the same everywhere, at or above 2**62: an exchange whose ids are
    text should apply the same rule in its order endpoints.
    """
    if text.isdigit() and text.isascii() and (text[0] != "0" or text == "0"):
        number = int(text) if len(text) < 20 else 1 << 63
        if number < 1 << 63:
            return number
    digest = hashlib.blake2b(text.encode(), digest_size=8, person=b"order-id").digest()
    return (1 << 62) | (int.from_bytes(digest, "big") >> 2)
