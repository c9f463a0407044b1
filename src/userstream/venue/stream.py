"""The WebSocket side of a dialect: listen keys, addresses, life, pings."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple


class Alphabet(Enum):
    """Characters of a listen key."""

    BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    HEX = "0123456789abcdef"


class OnCreate(Enum):
    """What POST does for an account that has a live key."""

    REUSE = auto()
    """Returns that key and extends it."""
    NEW = auto()
    """Makes another key, up to the cap."""


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


class OrderTime(Enum):
    """The time by which a client puts order events in sequence; account events go by ``PUSHED``."""

    PUSHED = auto()
    """That of the message: ``Received.time_ms``."""
    CHANGED = auto()
    """That of the transaction: ``OrderUpdate.time_ms``."""


class FillKey(Enum):
    """What tells a fill from every other one, in a dialect's stream."""

    TRADE_ID = auto()
    """The trade id, with symbol and order."""
    CUMULATIVE = auto()
    """No trade id; the order's cumulative quantity rises with each of its fills."""
    NONE = auto()
    """Neither: two fills may look the same, and are told apart by counting only."""


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
    order_time: OrderTime = OrderTime.PUSHED
    fill_key: FillKey = FillKey.TRADE_ID
    client_ping: str | None = None
    """The text by which a client asks for a sign of life; ``None``: a protocol ping does."""
    client_ping_every_ms: int = 20_000
