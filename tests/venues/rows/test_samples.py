"""The samples of the documents and of live answers, and what each says in normalised form."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from tests.venues.rows.talking import talk, told
from tests.venues.vectors import FOLDER, KINDS
from userstream.events import AccountSnapshot, OrderUpdate
from userstream.venue import Ask, Fetch, NoRows, NotThere, Rows, What
from userstream.venues import names

SAMPLES = [
    (venue, sample)
    for venue in names()
    for sample in json.loads((FOLDER / venue / "rows.json").read_text("utf-8"))
]


def expected(sample: dict[str, Any]) -> Rows | NotThere | NoRows:
    if sample.get("there") is False:
        return NotThere(7)
    if "why" in sample:
        return NoRows(7, sample["why"], None, sample.get("clock", False))
    account = sample.get("account")
    return Rows(
        7,
        tuple(orders(sample.get("orders", []))),
        tuple(orders(sample.get("fills", []))),
        account and msgspec.convert({"type": "account_snapshot"} | account, AccountSnapshot),
    )


def orders(rows: list[Any]) -> list[OrderUpdate]:
    return [msgspec.convert({"type": "order_update"} | row, OrderUpdate) for row in rows]


@pytest.mark.parametrize(
    ("venue", "sample"), SAMPLES, ids=[f"{venue}-{s['name']}" for venue, s in SAMPLES]
)
def test_a_sample_is_read_as_what_it_says(venue: str, sample: dict[str, Any]) -> None:
    assert sample["doc"]
    assert sample["kind"] in KINDS
    fields = dict(sample["ask"])
    ask = Ask(7, What[fields.pop("what")], **fields)
    given, fetches = talk(venue, ask, told(sample.get("answer"), sample.get("status", 200)))
    assert given == expected(sample)
    if "fetch" in sample:
        assert fetches == [Fetch(**sample["fetch"])]
