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
# Venues show more digits than a publisher may send: products of amounts, a fee of 19 places.
_SHOWN = re.compile(r"[0-9]{1,40}(?:\.[0-9]{1,40})?")
_WORD = re.compile(r"[\x21-\x7e]{1,64}")
# One expression over all fields of a kind, since these run for every published event. The counts
# are exact, so that a separator inside a field cannot pass for two fields.
# Possessive: there is nothing to try again, and the matcher need not remember it.
_TWELVE_AMOUNTS = re.compile(r"(?:[0-9]{1,20}+(?:\.[0-9]{1,18}+)?+;){12}+")
_TWELVE_SHOWN = re.compile(r"(?:[0-9]{1,40}+(?:\.[0-9]{1,40}+)?+;){12}+")
_TEN_WORDS = re.compile(r"(?:[\x21-\x7e]{1,64}+ ){10}+")
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
        _check_order_amounts(event, _TWELVE_SHOWN)
        return
    for balance in event.balances:
        _check_balance(balance, _SHOWN)


def _check_order_amounts(o: OrderUpdate, form: re.Pattern[str] = _TWELVE_AMOUNTS) -> None:
    # An empty text is no amount, so ``or`` will not do.
    amounts = (
        f"{'0' if o.quantity is None else o.quantity};"
        f"{'0' if o.price is None else o.price};"
        f"{'0' if o.last_quantity is None else o.last_quantity};"
        f"{'0' if o.last_price is None else o.last_price};"
        f"{'0' if o.cumulative_quantity is None else o.cumulative_quantity};"
        f"{'0' if o.cumulative_quote is None else o.cumulative_quote};"
        f"{'0' if o.commission is None else o.commission};"
        f"{'0' if o.stop_price is None else o.stop_price};"
        f"{'0' if o.iceberg_quantity is None else o.iceberg_quantity};"
        f"{'0' if o.quote_quantity is None else o.quote_quantity};"
        f"{'0' if o.last_quote is None else o.last_quote};"
        f"{'0' if o.average_price is None else o.average_price};"
    )
    if form.fullmatch(amounts) is None:
        raise InvalidEvent(_bad_amount(o, _AMOUNT if form is _TWELVE_AMOUNTS else _SHOWN))


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


def _check_balance(balance: Balance, form: re.Pattern[str] = _AMOUNT) -> None:
    if not (form.fullmatch(balance.free) and form.fullmatch(balance.locked)):
        raise InvalidEvent(f"balances of {balance.asset}: free and locked are {_PLAIN}")
    for change in (balance.free_change, balance.locked_change):
        if change is not None and form.fullmatch(change.removeprefix("-")) is None:
            raise InvalidEvent(f"balances of {balance.asset}: a change is {_PLAIN}, or minus")


_PLAIN = "plain decimals as text, at most 20 digits and 18 places, no sign, no exponent"


def _bad_amount(order: OrderUpdate, form: re.Pattern[str]) -> str:
    name, value = _first_unmatched(order, _ORDER_AMOUNTS, form)
    return f"{name} is {value[:40]!r}; amounts are {_PLAIN}"


def _bad_word(order: OrderUpdate) -> str:
    return _not_a_word(*_first_unmatched(order, _ORDER_WORDS, _WORD))


def _first_unmatched(
    order: OrderUpdate, names: tuple[str, ...], pattern: re.Pattern[str]
) -> tuple[str, str]:
    values = ((name, getattr(order, name)) for name in names)
    return next((n, v) for n, v in values if v is not None and not pattern.fullmatch(v))


def _one_of(name: str, value: str | None, allowed: frozenset[str]) -> str:
    shown = "missing" if value is None else repr(value[:40])
    return f"{name} is {shown}; allowed are {', '.join(sorted(allowed))}"


def _not_a_word(name: str, value: str) -> str:
    return f"{name} is {value[:40]!r}; allowed are 1 to 64 printable ASCII characters, no spaces"
