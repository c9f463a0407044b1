"""The publishing schema as JSON Schema: the structs' types, and what ``schema.check`` adds."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from userstream import schema
from userstream.core import orderline, publishing
from userstream.core.line import Line
from userstream.events import (
    ACCOUNT,
    EXECUTIONS,
    MAX_TIME_MS,
    SIDES,
    STATUSES,
    AccountSnapshot,
    AccountUpdate,
    OrderUpdate,
)

AMOUNTS = schema._ORDER_AMOUNTS
WORDS = schema._ORDER_WORDS
MANDATORY = ("execution", "order_type", "quantity", "cumulative_quantity")
"""Fields of an order that its type leaves open and ``schema.check`` asks for."""
FILL = schema._FILL_FIELDS
EVENTS = (OrderUpdate, AccountUpdate, AccountSnapshot)


def _anchored(pattern: str) -> str:
    return f"^(?:{pattern})$"


AMOUNT = {"type": "string", "pattern": _anchored(schema._AMOUNT.pattern)}
CHANGE = {"type": "string", "pattern": _anchored(f"-?{schema._AMOUNT.pattern}")}
WORD = {"type": "string", "pattern": _anchored(schema._WORD.pattern)}
TIME = {"type": "integer", "minimum": 0, "maximum": MAX_TIME_MS}
NULL = {"type": "null"}


def json_schema() -> dict[str, Any]:
    """The schema of one publishing line."""
    _, defs = msgspec.json.schema_components([*EVENTS, Line], ref_template="#/$defs/{name}")
    for definition in defs.values():
        definition.pop("description", None)
        definition["additionalProperties"] = False
    _order(defs["OrderUpdate"])
    for name in ("AccountUpdate", "AccountSnapshot"):
        properties = defs[name]["properties"]
        properties["cause"] = {"anyOf": [WORD, NULL], "default": None}
        properties["time_ms"] = TIME
        properties["created_ms"] = {"anyOf": [TIME, NULL], "default": None}
    balance = defs["Balance"]["properties"]
    balance["asset"] = WORD
    for name in ("free", "locked"):
        balance[name] = AMOUNT
        balance[f"{name}_change"] = {"anyOf": [CHANGE, NULL], "default": None}
    line = defs.pop("Line")
    properties = line["properties"]
    properties["v"] = {"const": publishing.VERSION}
    properties["account"] = {"type": "string", "pattern": _anchored(ACCOUNT.pattern)}
    properties["source"] = {"type": "string", "pattern": _anchored(publishing._SOURCE.pattern)}
    properties["n"] = {"type": "integer", "minimum": 1, "maximum": orderline.MAX_N}
    properties["event"] = {"oneOf": [{"$ref": f"#/$defs/{kind.__name__}"} for kind in EVENTS]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **line,
        "title": "A publishing line of userstream",
        "$defs": defs,
    }


def _order(order: dict[str, Any]) -> None:
    properties = order["properties"]
    for names, form in ((AMOUNTS, AMOUNT), (WORDS, WORD)):
        for name in names:
            given = "default" in properties[name] and name not in MANDATORY
            properties[name] = {"anyOf": [form, NULL], "default": None} if given else form
    for name, words in (("side", SIDES), ("status", STATUSES), ("execution", EXECUTIONS)):
        properties[name] = {"enum": sorted(words)}
    properties["time_ms"] = TIME
    properties["created_ms"] = {"anyOf": [TIME, NULL], "default": None}
    order["required"] += [name for name in MANDATORY if name not in order["required"]]
    order["if"] = {"properties": {"execution": {"const": "TRADE"}}, "required": ["execution"]}
    order["then"] = {
        "required": list(FILL),
        "properties": {name: {"type": "string"} for name in FILL},
    }


def text() -> str:
    """The file's content."""
    return json.dumps(json_schema(), indent=2, sort_keys=False) + "\n"
