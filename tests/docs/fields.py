"""What a struct's source says of its fields: type, default and the text that stands below each."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import sys
import textwrap
from enum import Enum
from typing import Any, NamedTuple, get_type_hints

import msgspec


class Field(NamedTuple):
    """One field as its class states it. ``doc`` is empty where nothing stands below it."""

    name: str
    type: str
    default: str | None
    doc: str


def fields_of(struct: type[msgspec.Struct]) -> list[Field]:
    """The fields of a struct, in the order of its source."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(struct))).body
    assert isinstance(tree, ast.ClassDef)
    found = []
    for statement, after in zip(tree.body, [*tree.body[1:], None], strict=True):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            default = ast.unparse(statement.value) if statement.value is not None else None
            doc = _text(after)
            found.append(Field(statement.target.id, _type(struct, statement), default, doc))
    return found


def _type(struct: type[msgspec.Struct], statement: ast.AnnAssign) -> str:
    shown = ast.unparse(statement.annotation)
    if shown.startswith("Literal["):
        words = ast.literal_eval(shown.removeprefix("Literal"))
        return " or ".join(f"`{w!r}`".replace("'", '"') for w in words)
    if shown.startswith("Annotated["):
        (meta,) = [m for m in _hints(struct)[_name(statement)].__metadata__ if m is not None]
        return f"`int`, {meta.ge} to {meta.le}"
    return f"`{shown}`"


def _name(statement: ast.AnnAssign) -> str:
    assert isinstance(statement.target, ast.Name)
    return statement.target.id


@functools.cache
def _hints(struct: type[msgspec.Struct]) -> dict[str, Any]:
    return get_type_hints(struct, vars(sys.modules[struct.__module__]), include_extras=True)


def _text(statement: ast.stmt | None) -> str:
    if (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    ):
        return plain(statement.value.value)
    return ""


def plain(text: str) -> str:
    """A docstring on one line, in Markdown."""
    return " ".join(text.split()).replace("``", "`")


def options_of(venue: str) -> type[msgspec.Struct]:
    """The options of a venue."""
    options: type[msgspec.Struct] = importlib.import_module(f"userstream.venues.{venue}").Options
    return options


def order_options_of(venue: str) -> type[msgspec.Struct]:
    """The options of a venue's order endpoints."""
    kind: type[msgspec.Struct] = importlib.import_module(
        f"userstream.venues.{venue}.orders"
    ).OrderOptions
    return kind


def documented(enum: type[Enum]) -> dict[str, str]:
    """What an enumeration's source says of its members, by name."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(enum))).body
    assert isinstance(tree, ast.ClassDef)
    return {
        _name_of(statement): _text(after)
        for statement, after in zip(tree.body, [*tree.body[1:], None], strict=True)
        if isinstance(statement, ast.Assign)
    }


def _name_of(statement: ast.Assign) -> str:
    (target,) = statement.targets
    assert isinstance(target, ast.Name)
    return target.id
