"""Channels and enumerations of MEXC, between its numbers and words and those of our events.

Doc: spot v3 §Websocket User Data Streams, §Enum definitions. A number that has no word is kept as
its digits, and those digits are written as that number again; zero, which proto3 does not send,
is no word.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from userstream.orders import OrderType, TimeInForce

if TYPE_CHECKING:
    from collections.abc import Mapping

    from userstream.events import OrderUpdate
    from userstream.orders import OrderState

ORDERS: Final = "spot@private.orders.v3.api.pb"
DEALS: Final = "spot@private.deals.v3.api.pb"
ACCOUNT: Final = "spot@private.account.v3.api.pb"
CHANNELS: Final = frozenset({ORDERS, DEALS, ACCOUNT})

_SIDES = {1: "BUY", 2: "SELL"}
_STATUSES = {
    1: "NEW",
    2: "FILLED",
    3: "PARTIALLY_FILLED",
    4: "CANCELED",
    5: "PARTIALLY_CANCELED",  # terminal
}
# The time in force is folded into the type. Doc: §Enum definitions, orderType.
_TYPES: Mapping[int, tuple[str, str | None]] = {
    1: ("LIMIT", "GTC"),
    2: ("LIMIT_MAKER", None),
    3: ("LIMIT", "IOC"),
    4: ("LIMIT", "FOK"),
    5: ("MARKET", None),
}
MARKET: Final = 5
_STOP = 100

_SIDE_NUMBERS = {word: number for number, word in _SIDES.items()}
_STATUS_NUMBERS = {word: number for number, word in _STATUSES.items()}
_TYPE_NUMBERS = {
    "LIMIT": 1,
    "LIMIT_MAKER": 2,
    "POST_ONLY": 2,
    "IMMEDIATE_OR_CANCEL": 3,
    "FILL_OR_KILL": 4,
    "MARKET": MARKET,
    "STOP_LOSS": _STOP,
    "STOP_LOSS_LIMIT": _STOP,
    "TAKE_PROFIT": _STOP,
    "TAKE_PROFIT_LIMIT": _STOP,
}
_LIMIT_NUMBERS = {"IOC": 3, "FOK": 4, "GTX": 2}

TYPES: Final[Mapping[str, tuple[OrderType, TimeInForce | None]]] = MappingProxyType(
    {
        "LIMIT": (OrderType.LIMIT, TimeInForce.GTC),
        "MARKET": (OrderType.MARKET, None),
        "LIMIT_MAKER": (OrderType.LIMIT_MAKER, None),
        "IMMEDIATE_OR_CANCEL": (OrderType.LIMIT, TimeInForce.IOC),
        "FILL_OR_KILL": (OrderType.LIMIT, TimeInForce.FOK),
    }
)
"""The order types of the REST calls. Doc: §Enum definitions, order type."""
_TYPE_WORDS = {folded: word for word, folded in TYPES.items()}


def side_number(word: str) -> int:
    """``tradeType`` of a side."""
    return _SIDE_NUMBERS.get(word) or _digits(word)


def type_number(o: OrderUpdate) -> int:
    """``orderType`` of an order: its type with its time in force."""
    word = o.order_type
    if word == "LIMIT":
        return _LIMIT_NUMBERS.get(o.time_in_force or "", 1)
    if word is None:
        return 0
    return _TYPE_NUMBERS.get(word) or _digits(word)


def status_number(o: OrderUpdate) -> int:
    """``status`` of an order."""
    number = _STATUS_NUMBERS.get(o.status)
    if number is not None:
        return number
    filled = bool((o.cumulative_quantity or "").strip("0."))
    word = shown_status(o.status, filled=filled)
    return _STATUS_NUMBERS.get(word) or _digits(word)


def shown_status(status: str, *, filled: bool) -> str:
    """The word that MEXC has for a status.

    It has none for an order that expired, was rejected or waits for its cancel: the first two
    show as canceled (partly, where something was filled), the last as it stood before.
    """
    if status in {"EXPIRED", "REJECTED"}:
        return "PARTIALLY_CANCELED" if filled else "CANCELED"
    if status == "PENDING_CANCEL":
        return "PARTIALLY_FILLED" if filled else "NEW"
    return status


def shown_type(o: OrderState) -> str:
    """The type of an order, with its time in force folded in.

    An order of a type that came in through another venue shows as it is called there.
    """
    return _TYPE_WORDS.get((o.order_type, o.time_in_force), o.order_type.value)


def side_word(number: int | str) -> str:
    """The side that a ``tradeType`` stands for."""
    return _word(_SIDES, number)


def status_word(number: int | str) -> str:
    """The status that a number stands for; stop orders of 2024 have a word already."""
    return _word(_STATUSES, number)


def type_words(number: int) -> tuple[str | None, str | None]:
    """Order type and time in force that an ``orderType`` stands for.

    100 is a stop-loss or a take-profit, which of them is not said: it stays ``"100"``.
    """
    return _TYPES.get(number) or (str(number) if number else None, None)


def _word(table: Mapping[int, str], number: int | str) -> str:
    if isinstance(number, str):
        if not _is_number(number):
            return number
        number = int(number)
    return table.get(number) or (str(number) if number else "")


def _digits(word: str) -> int:
    return int(word) if _is_number(word) else 0


def _is_number(word: str) -> bool:
    return len(word) < 10 and word.isascii() and word.isdigit()
