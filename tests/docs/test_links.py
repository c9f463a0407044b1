"""Everything that a document points at is there."""

from __future__ import annotations

import re
import urllib.parse
from pathlib import Path

import pytest
import typer

from tests.docs.snippets import ROOT, fences
from userstream.cli import app
from userstream.sandbox.faults.control import strikes
from userstream.server.metrics import Metrics
from userstream.server.settings import Settings
from userstream.venues import load_orders

DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
TESTS = ROOT / "tests"
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_SPAN = re.compile(r"`([^`\n]+)`")
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")


def shown(page: Path) -> str:
    return str(page.relative_to(ROOT))


each_page = pytest.mark.parametrize("page", PAGES, ids=shown)


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    text = page.read_text("utf-8")
    for fence in fences(text):
        text = text.replace(fence.code, "\n")
    return text


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as forges make them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


@each_page
def test_links_between_files_resolve(page: Path) -> None:
    broken = []
    for link in _LINK.findall(prose(page)):
        if urllib.parse.urlsplit(link).scheme:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


def test_the_index_names_every_document() -> None:
    index = DOCS / "index.md"
    linked = {(DOCS / link).resolve() for link in _LINK.findall(prose(index))}
    for page in DOCS.rglob("*.md"):
        assert page == index or page in linked or page.parent in linked, page


def test_tests_that_the_table_of_support_names_exist() -> None:
    named = [s for s in _SPAN.findall(prose(DOCS / "support.md")) if s.startswith(PARTS)]
    assert len(named) > 40
    assert not [name for name in named if not (TESTS / name).exists()]


PARTS = ("venues/", "server/", "core/", "vectors/", "interop/")


def test_a_row_of_support_is_yes_no_or_partly() -> None:
    tables = prose(DOCS / "support.md").partition("## Choices")[0].partition("## Binance")[2]
    rows = [r for r in tables.splitlines() if r.startswith("| ") and not r.startswith("| what")]
    assert len(rows) > 120
    assert {row.split(" | ")[1] for row in rows} == {"yes", "no", "partly"}


@pytest.mark.parametrize(
    ("venue", "title"),
    [("binance", "Binance"), ("bhex", "BHEX"), ("spacedex", "SpaceDEX"), ("mexc", "MEXC")],
)
def test_every_order_call_that_is_served_stands_in_a_table(venue: str, title: str) -> None:
    table = prose(DOCS / "support.md").partition(f"### Orders of {title}\n")[2].partition("\n#")[0]
    for endpoint in load_orders(venue).endpoints:
        assert f"/{endpoint.path.rpartition('/')[2]}`" in table, endpoint.path


# ── names ───────────────────────────────────────────────────────────────────────────────────────


def options() -> dict[str, set[str]]:
    """The options of every command, by its words."""
    found: dict[str, set[str]] = {}

    def walk(command: object, words: str) -> None:
        own = {o for p in getattr(command, "params", ()) for o in (*p.opts, *p.secondary_opts)}
        found[words] = own | {"--help"}
        for name, inner in getattr(command, "commands", {}).items():
            walk(inner, f"{words} {name}".strip())

    walk(typer.main.get_command(app), "")
    return found


OPTIONS = options()


def command_lines(page: Path) -> list[str]:
    """Every ``userstream …`` that a page shows, in a block or in its text."""
    text = page.read_text("utf-8")
    blocks = [line for f in fences(text) for line in f.code.splitlines()]
    found = []
    for line in [*blocks, *_SPAN.findall(prose(page))]:
        at = re.search(r"(?:^|[\s/=(\"])userstream (?=[a-z-])(.*)", line)
        if at and "import" not in line:
            found.append(re.split(r"[|;&>]", at[1])[0].strip())
    return found


@each_page
def test_commands_and_their_options_exist(page: Path) -> None:
    for line in command_lines(page):
        words = [w for w in line.split() if not w.startswith("-")]
        known = [" ".join(words[:n]) for n in (3, 2, 1, 0) if " ".join(words[:n]) in OPTIONS]
        assert known[0] or line.startswith("--"), f"no such command: userstream {line}"
        own = OPTIONS[known[0]]
        own = own | OPTIONS["sandbox run"] if known[0] == "sandbox" else own
        assert set(_OPTION.findall(line)) <= own, f"userstream {line}"


@each_page
def test_options_that_stand_alone_exist(page: Path) -> None:
    every = set().union(*OPTIONS.values())
    alone = {s.split()[0] for s in _SPAN.findall(prose(page)) if s.startswith("--")}
    assert alone <= every


@each_page
def test_variables_and_metrics_that_a_page_names_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    variables = {f"USERSTREAM_{name.upper()}" for name in Settings.__struct_fields__}
    variables |= {"USERSTREAM_ADMIN_URL", "USERSTREAM_PURE", "USERSTREAM_"}
    variables |= {"USERSTREAM_API_KEY", "USERSTREAM_API_SECRET"}
    assert set(re.findall(r"\bUSERSTREAM_[A-Z_]*", text)) <= variables
    metrics = Metrics()
    strikes(metrics)
    series = set(re.findall(r"^# TYPE (\w+)", metrics.text().decode(), re.MULTILINE))
    assert set(re.findall(r"`(userstream_\w+)`", text)) <= series
