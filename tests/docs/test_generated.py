"""The generated parts of the reference are those of this source."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import userstream
from tests.docs import publishing_schema
from tests.docs.fields import fields_of, options_of, order_options_of
from tests.docs.generate import MORE, PAGES, SCHEMA, SECTIONS, regenerated
from tests.docs.pictures import FOLDER, PICTURES
from userstream.core.limits import Limits
from userstream.server.settings import Settings
from userstream.venues import names

SOURCE = Path(userstream.__file__).parent
HOW = "run python -m tests.docs.generate"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_a_generated_page_is_current(page: Path) -> None:
    text = page.read_text("utf-8")
    assert text == regenerated(text), HOW


def test_the_json_schema_is_current() -> None:
    assert SCHEMA.read_text("utf-8") == publishing_schema.text(), HOW


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_current(name: str) -> None:
    assert (FOLDER / f"{name}.svg").read_text("utf-8") == PICTURES[name](), HOW


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_loads_nothing_from_elsewhere(name: str) -> None:
    drawn = PICTURES[name]()
    assert set(re.findall(r"https?://[^\"\s]+", drawn)) == {"http://www.w3.org/2000/svg"}


def test_every_section_stands_on_a_page() -> None:
    text = "".join(p.read_text("utf-8") for p in PAGES)
    assert set(re.findall(r"<!-- generated: (\S+) -->", text)) == set(SECTIONS)


@pytest.mark.parametrize(
    "struct", [Settings, Limits, *map(options_of, names()), *map(order_options_of, names())]
)
def test_every_field_of_a_struct_is_found_in_its_source(struct: type) -> None:
    assert tuple(f.name for f in fields_of(struct)) == struct.__struct_fields__  # type: ignore[attr-defined]


def test_texts_of_ours_are_for_fields_that_have_none() -> None:
    for struct in (Settings, Limits):
        documented = {f.name for f in fields_of(struct) if f.doc}
        assert not documented & MORE[struct.__name__].keys()


def test_the_page_on_publishing_lists_every_code_of_the_source() -> None:
    said = {
        code
        for file in (
            "core/publishing.py",
            "core/submission.py",
            "server/bus.py",
            "server/publish.py",
        )
        for code in re.findall(r'Refused\(\s*"(\w+)"', (SOURCE / file).read_text("utf-8"))
    }
    said |= set(
        re.findall(r'Problem\("(\w+)"', (SOURCE / "client/publisher.py").read_text("utf-8"))
    )
    page = next(p for p in PAGES if p.name == "publishing.md").read_text("utf-8")
    table = page.partition("### Codes")[2].partition("### ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == said
