"""The publishing schema: what an event must be, beyond the types of its fields."""

from __future__ import annotations

import re

from userstream.errors import InvalidEvent
from userstream.events import (
    EXECUTIONS,
    MAX_TIME_MS,
    SIDES,
    STATUSES,
    AccountSnapshot,
    AccountUpdate,
    Balance,
    Event,
    OrderUpdate,
)

_AMOUNT = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,18})?")
_SIGNED = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{1,18})?")
_WORD = re.compile(r"[\x21-\x7e]{1,64}")
# One expression over all fields of a kind, since these run for every published event. The counts
# are exact, so that a separator inside a field cannot pass for two fields.
_TWELVE_AMOUNTS = re.compile(r"(?:[0-9]{1,20}(?:\.[0-9]{1,18})?;){12}")
_TEN_WORDS = re.compile(r"(?:[\x21-\x7e]{1,64} ){10}")
_ORDER_AMOUNTS = (
    "quantity",
    "quote_quantity",
    "price",
    "stop_price",
    "iceberg_quantity",
    "last_quantity",
    "last_price",
    "last_quote",
    "cumulative_quantity",
    "cumulative_quote",
    "average_price",
    "commission",
)
_ORDER_WORDS = (
    "symbol",
    "order_id",
    "order_type",
    "client_order_id",
    "cancel_client_order_id",
    "time_in_force",
    "commission_asset",
    "trade_id",
    "execution_id",
    "reject_reason",
)
_FILL_FIELDS = ("last_quantity", "last_price", "trade_id")


def check(event: Event) -> None:
    """Checks an event against the publishing schema, beyond the types of its fields.

    Raises:
        InvalidEvent: the message names the field, what it holds and what is allowed.
    """
    if isinstance(event, OrderUpdate):
        _check_order(event)
    else:
        _check_account(event)


def check_amounts(event: Event) -> None:
    """Checks only that every amount is a decimal: what a decoder owes its caller.

    Raises:
        InvalidEvent: the message names the field.
    """
    if isinstance(event, OrderUpdate):
        _check_order_amounts(event)
        return
    for balance in event.balances:
        _check_balance(balance)


def _check_order_amounts(o: OrderUpdate) -> None:
    amounts = (
        f"{o.quantity or 0};{o.price or 0};{o.last_quantity or 0};{o.last_price or 0};"
        f"{o.cumulative_quantity or 0};{o.cumulative_quote or 0};{o.commission or 0};"
        f"{o.stop_price or 0};{o.iceberg_quantity or 0};{o.quote_quantity or 0};"
        f"{o.last_quote or 0};{o.average_price or 0};"
    )
    if _TWELVE_AMOUNTS.fullmatch(amounts) is None:
        raise InvalidEvent(_bad_amount(o))


def _check_order(o: OrderUpdate) -> None:
    _check_order_amounts(o)
    if o.side not in SIDES:
        raise InvalidEvent(_one_of("side", o.side, SIDES))
    if o.status not in STATUSES:
        raise InvalidEvent(_one_of("status", o.status, STATUSES))
    if o.execution not in EXECUTIONS:
        raise InvalidEvent(_one_of("execution", o.execution, EXECUTIONS))
    if o.quantity is None or o.cumulative_quantity is None:
        raise InvalidEvent("quantity and cumulative_quantity are mandatory")
    if o.order_type is None:
        raise InvalidEvent("order_type is mandatory")
    if o.execution == "TRADE" and (
        o.last_quantity is None or o.last_price is None or o.trade_id is None
    ):
        missing = [name for name in _FILL_FIELDS if getattr(o, name) is None]
        raise InvalidEvent(f"execution TRADE needs {', '.join(missing)}")
    if not 0 <= o.time_ms <= MAX_TIME_MS:
        raise InvalidEvent(f"time_ms is {o.time_ms}; allowed are 0 to {MAX_TIME_MS}")
    if o.created_ms is not None and not 0 <= o.created_ms <= MAX_TIME_MS:
        raise InvalidEvent(f"created_ms is {o.created_ms}; allowed are 0 to {MAX_TIME_MS}")
    words = (
        f"{o.symbol} {o.order_id} {o.order_type} {o.client_order_id} {o.cancel_client_order_id} "
        f"{o.time_in_force} {o.commission_asset} {o.trade_id} {o.execution_id} {o.reject_reason} "
    )
    if _TEN_WORDS.fullmatch(words) is None:
        raise InvalidEvent(_bad_word(o))


def _check_account(event: AccountUpdate | AccountSnapshot) -> None:
    seen: set[str] = set()
    for balance in event.balances:
        if _WORD.fullmatch(balance.asset) is None:
            raise InvalidEvent(_not_a_word("asset", balance.asset))
        if balance.asset in seen:
            raise InvalidEvent(f"balances lists {balance.asset} twice")
        seen.add(balance.asset)
        _check_balance(balance)
    if event.cause is not None and _WORD.fullmatch(event.cause) is None:
        raise InvalidEvent(_not_a_word("cause", event.cause))
    for name, value in (("time_ms", event.time_ms), ("created_ms", event.created_ms or 0)):
        if not 0 <= value <= MAX_TIME_MS:
            raise InvalidEvent(f"{name} is {value}; allowed are 0 to {MAX_TIME_MS}")


def _check_balance(balance: Balance) -> None:
    if not (_AMOUNT.fullmatch(balance.free) and _AMOUNT.fullmatch(balance.locked)):
        raise InvalidEvent(f"balances of {balance.asset}: free and locked are {_PLAIN}")
    for change in (balance.free_change, balance.locked_change):
        if change is not None and _SIGNED.fullmatch(change) is None:
            raise InvalidEvent(f"balances of {balance.asset}: a change is {_PLAIN}, or minus")


_PLAIN = "plain decimals as text, at most 20 digits and 18 places, no sign, no exponent"


def _bad_amount(order: OrderUpdate) -> str:
    for name in _ORDER_AMOUNTS:
        value = getattr(order, name)
        if value is not None and _AMOUNT.fullmatch(value) is None:
            return f"{name} is {value[:40]!r}; amounts are {_PLAIN}"
    return f"amounts are {_PLAIN}"


def _bad_word(order: OrderUpdate) -> str:
    for name in _ORDER_WORDS:
        value = getattr(order, name)
        if value is not None and _WORD.fullmatch(value) is None:
            return _not_a_word(name, value)
    return "words are 1 to 64 printable ASCII characters, no spaces"


def _one_of(name: str, value: str | None, allowed: frozenset[str]) -> str:
    shown = "missing" if value is None else repr(value[:40])
    return f"{name} is {shown}; allowed are {', '.join(sorted(allowed))}"


def _not_a_word(name: str, value: str) -> str:
    return f"{name} is {value[:40]!r}; allowed are 1 to 64 printable ASCII characters, no spaces"
