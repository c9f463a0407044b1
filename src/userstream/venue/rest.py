"""The REST side of a dialect: routes, authentication, refusals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import NamedTuple, TypeAlias


class Call(Enum):
    """What a REST route does."""

    CREATE = auto()
    RENEW = auto()
    DELETE = auto()
    LIST = auto()
    PING = auto()
    TIME = auto()
    INFO = auto()
    DESK = auto()
    """What the exchange itself answers: orders, accounts, trades."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One REST call. ``path`` is below the venue's mount point and begins with a slash."""

    method: str
    path: str
    call: Call
    weight: int = 1
    bare_weight: int | None = None
    """Weight of a request that names no symbol, where it differs."""
    auth: Auth | None = None
    """Of a ``DESK`` call: how it is signed; ``None``: open to anybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Auth:
    """How a request is authenticated, and when its timestamp is good.

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
    info: Info = field(default=lambda now_ms, _: {"serverTime": now_ms})
    """The exchange's self-description, for the start-up calls of clients."""


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
    PARAMETER_COMBINATION = auto()
    SYMBOL_UNKNOWN = auto()
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
    URL_TOO_LONG = auto()
    HEADERS_TOO_LARGE = auto()
    MALFORMED = auto()
    UNAVAILABLE = auto()
    INTERNAL = auto()


class ErrorForm(NamedTuple):
    """HTTP status, the venue's code and its text; ``{}`` in the text takes details."""

    status: int
    code: int
    text: str


class Denied(NamedTuple):
    """Why a call is refused, with the details that the form's text takes."""

    refusal: Refusal
    details: tuple[object, ...] = ()


Info: TypeAlias = Callable[[int, Mapping[str, str]], object | Denied]
"""The body at a time in ms, for the parameters of a call."""
