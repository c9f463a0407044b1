"""What a client asks an exchange's REST side when its stream broke, and what it gets.

A dialect makes a conversation of each question: requests, pages and all, without any I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple, Protocol, TypeAlias

from userstream.events import AccountSnapshot, OrderUpdate


class FillsBy(Enum):
    """How a venue gives fills."""

    SYMBOL = auto()
    ACCOUNT = auto()
    """All symbols in one call."""
    NOTHING = auto()
    """Not at all: what was filled is only known as a sum."""


class What(Enum):
    """What is asked for."""

    OPEN_ORDERS = auto()
    ORDER = auto()
    ORDERS = auto()
    """Those of a symbol that were placed since, open or not: where nothing else tells of them."""
    FILLS = auto()
    ACCOUNT = auto()


class Ask(NamedTuple):
    """A question to the venue; ``number`` comes back with the answer.

    ``since_ms`` is in the venue's time and includes the overlap. Pages are the shell's matter.
    """

    number: int
    what: What
    symbol: str | None = None
    order_id: str | None = None
    since_ms: int | None = None


class Rows(NamedTuple):
    """An answer. A fill is an ``OrderUpdate`` with a trade id and last amounts, without status."""

    number: int
    orders: tuple[OrderUpdate, ...] = ()
    fills: tuple[OrderUpdate, ...] = ()
    account: AccountSnapshot | None = None


class NotThere(NamedTuple):
    """The venue knows no such order; it may, a moment later."""

    number: int


class NoRows(NamedTuple):
    """The request failed. ``clock``: for its timestamp; the venue's clock is to be measured."""

    number: int
    why: str
    retry_after_ms: int | None = None
    clock: bool = False


RepairInput: TypeAlias = Rows | NotThere | NoRows


class Fetch(NamedTuple):
    """One request of a conversation, before timestamp and signature. It has no body."""

    path: str
    fields: Mapping[str, str]
    method: str = "GET"


class Conversation(Protocol):
    """All requests of one question. Once it gave an answer it gives the same again."""

    def begin(self) -> Fetch | RepairInput:
        """The first request; an answer where the venue cannot be asked that."""
        ...

    def read(self, status: int, body: bytes, retry_after: str | None = None) -> Fetch | RepairInput:
        """Takes an HTTP answer; the request for the next page, or the answer. Never raises."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairDialect:
    """How a venue is asked for what its stream did not bring."""

    fills_by: FillsBy
    converse: Callable[[Ask, int], Conversation]
    """Takes the venue's time now: bound of windows, and the time of what has none of its own."""
