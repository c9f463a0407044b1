"""Channels and enumerations of MEXC, between its numbers and the words of our events.

Doc: spot v3 §Websocket User Data Streams. A number that has no word is kept as its digits, and
those digits are written as that number again; zero, which proto3 does not send, is no word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from userstream.events import OrderUpdate

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
    """``status`` of an order.

    MEXC has no word for an order that expired, was rejected or waits for its cancel: the first
    two show as canceled (partly, where something was filled), the last as it stood before.
    """
    number = _STATUS_NUMBERS.get(o.status)
    if number is not None:
        return number
    filled = bool((o.cumulative_quantity or "").strip("0."))
    if o.status in {"EXPIRED", "REJECTED"}:
        return 5 if filled else 4
    if o.status == "PENDING_CANCEL":
        return 3 if filled else 1
    return _digits(o.status)


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
