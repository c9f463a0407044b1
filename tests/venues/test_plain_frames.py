"""The compiled helper's frames: what it reads is what the dialect's decoder reads, or nothing."""

from __future__ import annotations

import copy
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from userstream.errors import MalformedFrame
from userstream.events import Envelope, OrderUpdate
from userstream.plain import COMPILED, reader
from userstream.venue import Decoder
from userstream.venues.binance import frames

pytestmark = pytest.mark.skipif(not COMPILED, reason="the helper was not built")

FILL = OrderUpdate(
    symbol="BTCUSDT", order_id="17", side="BUY", status="FILLED", time_ms=1_700_000_000_000,
    execution="TRADE", client_order_id="mine", order_type="LIMIT", time_in_force="GTC",
    quantity="0.01", price="64000", last_quantity="0.01", last_price="64000",
    cumulative_quantity="0.01", cumulative_quote="640", commission="0.64",
    commission_asset="USDT", trade_id="9", maker=True, created_ms=1_700_000_000_000,
)  # fmt: skip
general: Any = copy.copy(frames.decode)
general._plain = ()


def frame(edition: int, **changes: object) -> str:
    """The executionReport of a fill, with some keys in another way."""
    report: Any = frames.encode_report(
        Envelope(1, "a", "epoch000", 1, 1_700_000_000_001, FILL), FILL
    )
    if edition == 2018:
        report = frames.with_2018(report, FILL)
    return msgspec.json.encode({**msgspec.structs.asdict(report), **changes}).decode()


def result(decode: Decoder, text: str) -> object:
    """What it reads, or that it refuses."""
    try:
        return decode(text)
    except MalformedFrame:
        return MalformedFrame


VALUES = st.one_of(
    st.sampled_from(
        ["", "null", "NONE", None, True, False, 0, -1, 1, -2, 10**18, 10**15, "0", "-1"]
    ),
    st.sampled_from(
        ["0.", ".5", "1e3", "1" * 40, "1" * 41, f"0.{'1' * 40}", f"0.{'1' * 41}", "00.1"]
    ),
    st.text(max_size=3),
    st.integers(-(10**20), 10**20),
)


@given(st.sampled_from([2017, 2018]), st.data())
def test_whatever_a_field_holds_both_read_the_same(edition: int, data: st.DataObject) -> None:
    keys = sorted(msgspec.json.decode(frame(edition)))
    changes = data.draw(st.dictionaries(st.sampled_from(keys), VALUES, max_size=2))
    text = frame(edition, **changes)
    assert result(frames.decode, text) == result(general, text)


@given(st.sampled_from([2017, 2018]), st.data())
def test_however_it_is_damaged_both_read_the_same(edition: int, data: st.DataObject) -> None:
    text = frame(edition)
    at = data.draw(st.integers(0, len(text)))
    cut = data.draw(st.integers(0, 3))
    put = data.draw(
        st.sampled_from(["", '"', ",", "0", "1", "-", "\\", " ", "\x00", "é", "}", ":0"])
    )
    text = text[:at] + put + text[at + cut :]
    assert result(frames.decode, text) == result(general, text)
    assert result(frames.decode, text.encode()) == result(general, text.encode())  # type: ignore[arg-type]


@pytest.mark.parametrize("edition", [2017, 2018])
def test_a_plain_fill_is_read_by_the_helper(edition: int) -> None:
    plain: Any = frames.decode
    found = [read(frame(edition)) for read in plain._plain]
    assert [one is not None for one in found] == [edition == 2017, edition == 2018]


@pytest.mark.parametrize(
    "parts",
    [
        (),
        (b"{",),
        (("no", "symbol"),),
        (("word",),),
        (("any_flag", "x"),),
        (("word", "a"),) * 99,
        (3,),
    ],
)
def test_what_is_no_frame_is_no_reader(parts: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError, match="no parts of a frame"):
        reader(OrderUpdate, *parts)


def test_what_is_no_frame_at_all_is_not_read() -> None:
    read: Any = reader(OrderUpdate, b"{", ("time", ""))
    assert [read(x) for x in ("", "{", b"{", "{x", 3, None, "{1x")] == [None] * 7
    for wrong in ((), (1, 2)):
        with pytest.raises(TypeError):
            read(*wrong)
    with pytest.raises(TypeError, match="symbol"):
        read("{1")  # the class wants more than these parts
