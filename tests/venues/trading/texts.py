"""Calls and texts that the tests of several venues' order endpoints share."""

from __future__ import annotations

from typing import Any

DECIMAL = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
SYMBOL = "^[A-Z0-9_]{1,20}$"
CLIENT_ID = "^[a-zA-Z0-9-_]{1,36}$"

LIMIT: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.5",
    "price": "40000",
}


def missing(name: str) -> str:
    return f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."


def illegal(name: str, legal: str) -> str:
    return f"Illegal characters found in parameter '{name}'; legal range is '{legal}'."


def unasked(name: str) -> str:
    return f"Parameter '{name}' sent when not required."


def invalid(name: str) -> str:
    return f"Data sent for parameter '{name}' is not valid."


def either(one: str, other: str) -> str:
    return f"Param '{one}' or '{other}' must be sent, but both were empty/null!"


def changed(given: dict[str, Any], **by: object) -> dict[str, Any]:
    return {k: v for k, v in (given | by).items() if v is not None}
