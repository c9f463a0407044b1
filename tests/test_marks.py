"""The extension's field of a frame, and the text of a cursor."""

from __future__ import annotations

import pytest

from userstream.venue import Cursor, Mark, read_mark
from userstream.venue.mark import decode_mark

US = '{"epoch":"epoch000","seq":7,"prev":5,"part":1,"parts":2}'
FRAME = '{"e":"x","us":' + US + "}"
MARK = Mark("epoch000", 7, 5, 1, 2)


def test_a_cursor_is_written_and_read() -> None:
    assert str(Cursor("epoch000", 7, 2, 3)) == "epoch000:7:2"
    assert Cursor.parse("epoch000:7:2") == Cursor("epoch000", 7, 2, 0)
    assert str(Cursor.parse("epoch000:7:2")) == "epoch000:7:2"
    assert str(Cursor("epoch000", 7, 2, 2)) == "epoch000:7:9999"  # behind it, in every dialect
    assert Cursor("epoch000", 7, 2, 2).complete
    assert not Cursor("epoch000", 7, 1, 2).complete


@pytest.mark.parametrize(
    "text",
    ["", "epoch000", "epoch000:7", "epoch000:7:", "e:7:1", "epoch000:-1:1", "epoch000:7:1:1",
     "epoch000:7:99999", "epoch000:" + "9" * 20 + ":1", "EPOCH000:7:1", "epoch000:٣:1"],
)  # fmt: skip
def test_no_other_text_is_a_cursor(text: str) -> None:
    assert Cursor.parse(text) is None


@pytest.mark.parametrize("frame", [FRAME, f"[{FRAME}]"])
def test_the_mark_of_a_frame_text_or_bytes(frame: str) -> None:
    assert read_mark(frame) == read_mark(frame.encode()) == MARK


def test_a_control_frame_says_which_it_is() -> None:
    frame = '{"e":"us.end","us":{"epoch":"epoch000","seq":7,"reason":"max_age"}}'
    assert read_mark(frame) == Mark("epoch000", 7, kind="us.end", reason="max_age")


@pytest.mark.parametrize(
    "frame", ["", "no", "[]", "{}", "[{},{}]", '{"us":1}', '{"us":{}}', '{"e":1}', b"\xff", "1"]
)
def test_no_mark_and_no_error_where_there_is_none(frame: bytes | str) -> None:
    assert read_mark(frame) is None


def test_the_field_of_a_binary_frame() -> None:
    assert decode_mark(US.encode()) == MARK
    assert decode_mark(b"\xff") is None
    assert decode_mark(b"{}") is None
