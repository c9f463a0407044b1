"""Functions and files are short enough to be read in one go."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FUNCTION_LINES, FILE_LINES = 40, 300


def sources(folder: str) -> Iterator[Path]:
    """What people wrote there; clients that tests and benches install are not ours."""
    for path in sorted((ROOT / folder).rglob("*.py")):
        parts = path.relative_to(ROOT).parts
        if not path.name.endswith("_pb2.py") and not {".venv", "build", "node_modules"} & {*parts}:
            yield path


@pytest.mark.parametrize("folder", ["src", "tests", "benches"])
def test_functions_are_short(folder: str) -> None:
    long = [
        f"{path.relative_to(ROOT)}: {node.name} has {lines} lines"
        for path in sources(folder)
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and (lines := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION_LINES
    ]
    assert long == []


@pytest.mark.parametrize("folder", ["src", "benches"])
def test_files_are_short(folder: str) -> None:
    counted = {path: len(path.read_text("utf-8").splitlines()) for path in sources(folder)}
    long = [f"{path.relative_to(ROOT)}: {n}" for path, n in counted.items() if n > FILE_LINES]
    assert long == []
