"""Wishes: what a URL may ask of the extension. The refusals are in ``server/test_extension``."""

from __future__ import annotations

import pytest

from userstream.core.wishes import Unclear, Wishes, read_wishes
from userstream.venue import Cursor


@pytest.mark.parametrize(
    ("query", "wishes"),
    [
        ("", None),
        ("listenKey=us_x&use=1&usa_=2", None),
        ("us=1", Wishes(10)),
        ("a=b&us=1&us_heartbeat=60", Wishes(60)),
        ("us=1&us_heartbeat=001", Wishes(1)),
        ("us_resume=epoch000%3A7%3A2&us=1", Wishes(10, Cursor("epoch000", 7, 2, 0))),
        ("us=1&us_resume=epoch000:0:0", Wishes(10, Cursor("epoch000", 0, 0, 0))),
    ],
)
def test_what_is_asked(query: str, wishes: Wishes | None) -> None:
    assert read_wishes(query) == wishes


@pytest.mark.parametrize(
    "query", ["us=2", "us_heartbeat=5", "us_x=1", "us=1&us=1", "us=1&us_heartbeat=٣", "us=1&us_=1"]
)
def test_what_is_not_clear(query: str) -> None:
    assert isinstance(read_wishes(query), Unclear)
