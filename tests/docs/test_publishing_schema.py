"""The exported JSON Schema allows what the server accepts, and nothing else."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest

from tests.docs.generate import SCHEMA
from tests.docs.publishing_schema import AMOUNTS, FILL, MANDATORY, WORDS
from userstream.core.limits import Limits
from userstream.core.publishing import Appended, Ledger
from userstream.events import EXECUTIONS, MAX_TIME_MS, SIDES, STATUSES

EXAMPLE = files("userstream.sandbox").joinpath("example.ndjson").read_text("utf-8").splitlines()
ORDER, FILLED, DEPOSIT = (json.loads(EXAMPLE[at]) for at in (0, 1, 6))
GONE = object()
"""Stands for a field that is left out."""
_KNOWN = {
    *("$schema", "$ref", "$defs", "title", "default", "type", "properties", "required", "enum"),
    *("additionalProperties", "anyOf", "oneOf", "const", "pattern", "minimum", "maximum", "items"),
    *("if", "then"),
}
_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "boolean": (bool,),
    "null": (type(None),),
}


def valid(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> bool:
    """JSON Schema 2020-12, as far as our file uses it."""
    assert schema.keys() <= _KNOWN, schema.keys() - _KNOWN
    if "$ref" in schema:
        return valid(value, root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    if "type" in schema:
        kinds = _TYPES[schema["type"]]
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            return False
    checks = [
        "const" not in schema or value == schema["const"],
        "enum" not in schema or value in schema["enum"],
        "anyOf" not in schema or any(valid(value, s, root) for s in schema["anyOf"]),
        "oneOf" not in schema or sum(valid(value, s, root) for s in schema["oneOf"]) == 1,
        not isinstance(value, str)
        or "pattern" not in schema
        or re.search(schema["pattern"].replace("$", r"\Z"), value) is not None,
        not isinstance(value, int) or value >= schema.get("minimum", value),
        not isinstance(value, int) or value <= schema.get("maximum", value),
        not isinstance(value, list) or all(valid(v, schema.get("items", {}), root) for v in value),
        not isinstance(value, dict) or _members(value, schema, root),
    ]
    return all(checks)


def _members(value: dict[str, Any], schema: dict[str, Any], root: dict[str, Any]) -> bool:
    known = schema.get("properties", {})
    if "if" in schema and valid(value, schema["if"], root):
        return valid(
            value, {k: v for k, v in schema.items() if k not in {"if", "then"}}, root
        ) and (valid(value, schema["then"], root))
    return (
        set(schema.get("required", ())) <= value.keys()
        and (schema.get("additionalProperties", True) or value.keys() <= known.keys())
        and all(valid(v, known[k], root) for k, v in value.items() if k in known)
    )


def allowed(line: Any) -> bool:
    schema = json.loads(SCHEMA.read_text("utf-8"))
    return valid(line, schema, schema)


def accepted(line: Any) -> bool:
    ledger = Ledger("epoch000", Limits(), lambda _: None)
    return isinstance(ledger.accept(json.dumps(line).encode(), 1), Appended)


@pytest.mark.parametrize("text", EXAMPLE)
def test_the_shipped_example_is_allowed_and_accepted(text: str) -> None:
    assert allowed(json.loads(text))
    assert accepted(json.loads(text))


_ODD: list[Any] = ["1", "0.1", "01", "", ".5", "5.", "-1", "+1", "1e3", "1" * 21, 1, 1.5, None]
_AMOUNTS = [*_ODD, "0." + "1" * 18, "0." + "1" * 19, "1\n", " 1", True]
_WORDS: list[Any] = ["x", "", "a b", "é", "x" * 64, "x" * 65, 5, None, "x\n", True]
_TIMES: list[Any] = [0, -1, MAX_TIME_MS, MAX_TIME_MS + 1, "5", None, True, 1.5]


def _lines() -> list[tuple[str, Any]]:
    return [*_of_orders(), *_of_lines(), *_of_accounts()]


def _of_orders() -> Iterator[tuple[str, Any]]:
    values: dict[str, list[Any]] = dict.fromkeys(AMOUNTS, _AMOUNTS) | dict.fromkeys(WORDS, _WORDS)
    values |= {"side": [*SIDES, "buy", None], "status": [*STATUSES, "EXPIRED_IN_MATCH", None]}
    values |= {"execution": [*EXECUTIONS, "RESTATED", None]}
    values |= {"time_ms": _TIMES, "created_ms": _TIMES}
    values |= {"maker": [True, 1, None, "true"], "type": ["order_update", "account_update", None]}
    values |= {"unknown": [1]}
    for base in (ORDER, FILLED):
        for name in sorted({*base["event"], *MANDATORY, *FILL, *values}):
            for value in [*values.get(name, []), GONE]:
                yield f"{name} {value!r}", _with(base, ("event", name), value)


def _of_lines() -> Iterator[tuple[str, Any]]:
    given: dict[str, list[Any]] = {
        "v": [1, 2, "1", None],
        "account": ["a", "", "a b", "x" * 64, "x" * 65, None],
        "source": ["a.b:c-d", "", "a b", "x" * 65, None],
        "n": [1, 0, -1, (1 << 63) - 1, 1 << 63, "1", None],
        "takeover": [True, False, 1, None],
        "event": [None, [], {}],
        "unknown": [1],
    }
    for name, values in given.items():
        for value in [*values, GONE]:
            yield f"{name} {value!r}", _with(DEPOSIT, (name,), value)


def _of_accounts() -> Iterator[tuple[str, Any]]:
    balance = {
        "asset": _WORDS,
        "free": _AMOUNTS,
        "locked": _AMOUNTS,
        "free_change": [*_AMOUNTS, "-1.5", "--1"],
        "locked_change": ["-0", "1"],
    }
    for name, values in balance.items():
        for value in [*values, GONE]:
            path = ("event", "balances", 0, name)
            yield f"balance {name} {value!r}", _with(DEPOSIT, path, value)
    of_event: dict[str, list[Any]] = {
        "cause": _WORDS,
        "time_ms": _TIMES,
        "created_ms": _TIMES,
        "balances": [[], None, {}],
        "permissions": [{}, {"can_trade": False}, {"can_trade": 1}, None, []],
        "commission_rates": [{}, {"maker": 10}, {"maker": "10"}, {"maker": 1.5}, None],
        "type": ["account_snapshot", "balance_update"],
    }
    for name, values in of_event.items():
        for value in [*values, GONE]:
            yield f"account {name} {value!r}", _with(DEPOSIT, ("event", name), value)


def _with(base: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy of a line with one field changed, or without it."""
    line = copy.deepcopy(base)
    place = line
    for step in path[:-1]:
        place = place[step]
    if value is GONE:
        place.pop(path[-1], None)
    else:
        place[path[-1]] = value
    return line


def test_the_schema_and_the_server_agree() -> None:
    differ = [name for name, line in _lines() if allowed(line) != accepted(line)]
    assert not differ


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("event", "balances", 0, "free_chnage"), "1"),
        (("event", "permissions"), {"can_withdrw": False}),
        (("event", "commission_rates"), {"makr": 1}),
    ],
)
def test_a_misspelt_field_inside_an_event_is_refused(path: tuple[Any, ...], value: Any) -> None:
    line = _with(DEPOSIT, path, value)
    assert not allowed(line)
    assert not accepted(line)


def test_both_refuse_some_and_allow_some() -> None:
    verdicts = [allowed(line) for _, line in _lines()]
    assert 100 < sum(verdicts) < len(verdicts) - 100
