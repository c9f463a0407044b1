"""What docs/clients.md shows is what the programs do, with the versions that are locked."""

from __future__ import annotations

import json
import re
from textwrap import dedent

import pytest

from tests.interop.driven import HERE, PROGRAMS

PAGE = (HERE.parents[1] / "docs" / "clients.md").read_text("utf-8")
SHOWN = re.compile(
    r"^ *(?:#|//) docs: begin\n(.*?)^ *(?:#|//) docs: end\n", re.MULTILINE | re.DOTALL
)
DRIVING = sorted(p.name for p in PROGRAMS.iterdir() if SHOWN.search(p.read_text("utf-8")))


def locked() -> dict[str, str]:
    lines = (HERE / "requirements.lock").read_text("utf-8").splitlines()
    versions = dict(line.partition(" ;")[0].strip().split("==") for line in lines)
    lock = json.loads((HERE / "package-lock.json").read_text("utf-8"))
    found = {
        n.removeprefix("node_modules/"): p["version"] for n, p in lock["packages"].items() if n
    }
    return versions | found


def test_there_are_programs() -> None:
    assert len(DRIVING) == 7


@pytest.mark.parametrize("program", DRIVING)
def test_a_snippet_is_its_programs(program: str) -> None:
    (shown,) = SHOWN.findall((PROGRAMS / program).read_text("utf-8"))
    assert f"\n{dedent(shown)}```\n" in PAGE


@pytest.mark.parametrize(
    "client",
    [
        "python-binance",
        "unicorn-binance-websocket-api",
        "@binance/connector",
        "binance-api-node",
        "broker-trade-client",
        "ccxt",
    ],
)
def test_a_version_is_the_locked_one(client: str) -> None:
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| [{client}]"))
    assert f"| {locked()[client]} |" in row


@pytest.mark.parametrize("client", ["python-binance", "ccxt"])
def test_bots_move_from_the_same_versions(client: str) -> None:
    moved = (HERE / "moved" / "requirements.lock").read_text("utf-8").splitlines()
    assert f"{client}=={locked()[client]}" in moved


@pytest.mark.parametrize(
    "name",
    [
        "requirements.lock", "package-lock.json", "requirements.in",
        "moved/requirements.lock", "moved/requirements.in",
    ],
)  # fmt: skip
def test_a_lock_names_no_registry(name: str) -> None:
    text = (HERE / name).read_text("utf-8")
    assert "resolved" not in text
    assert not re.search(r"https?://(?!github\.com/sponsors/|opencollective\.com|\S*funding)", text)
