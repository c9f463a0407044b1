"""The compiled helper's frames: what it reads is what the dialect's decoder reads, or nothing."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from userstream.errors import MalformedFrame
from userstream.events import Envelope, OrderUpdate
from userstream.plain import COMPILED, reader
from userstream.venue import Decoder, Received
from userstream.venues import load
from userstream.venues.bhex import frames as bhex
from userstream.venues.binance import frames as binance
from userstream.venues.spacedex import frames as spacedex

pytestmark = pytest.mark.skipif(not COMPILED, reason="the helper was not built")

FILL = OrderUpdate(
    symbol="BTCUSDT", order_id="17", side="BUY", status="FILLED", time_ms=1_700_000_000_000,
    execution="TRADE", client_order_id="mine", order_type="LIMIT", time_in_force="GTC",
    quantity="0.01", price="64000", last_quantity="0.01", last_price="64000",
    cumulative_quantity="0.01", cumulative_quote="640", commission="0.64",
    commission_asset="USDT", trade_id="9", maker=True, created_ms=1_700_000_000_000,
)  # fmt: skip
MADE = Envelope(1, "a", "epoch000", 1, 1_700_000_000_001, FILL)
CANCEL = msgspec.structs.replace(
    FILL, execution="CANCELED", status="CANCELED", cancel_client_order_id="stop", trade_id=None
)
KINDS = {
    "binance": ("binance", FILL, False),
    "binance, 2018": ("binance", FILL, True),
    "binance, a cancel": ("binance", CANCEL, False),
    "binance, a cancel, 2018": ("binance", CANCEL, True),
    "bhex": ("bhex", FILL, False),
    "spacedex": ("spacedex", FILL, False),
}
"""The frames that the helper has a reader for: of which venue, of which order, with later keys."""
READERS: dict[str, Any] = {
    "binance": binance.decode, "bhex": bhex._read, "spacedex": spacedex._read,
}  # fmt: skip


def frame(kind: str, **changes: object) -> str:
    """The executionReport of an order, with some keys in another way."""
    venue, order, later = KINDS[kind]
    (shown,) = load(venue).encode(msgspec.structs.replace(MADE, event=order), None)
    if later:
        report = binance.with_2018(binance.encode_report(MADE, order), order)
        return msgspec.json.encode({**msgspec.structs.asdict(report), **changes}).decode()
    return msgspec.json.encode({**msgspec.json.decode(shown.payload), **changes}).decode()


def result(decode: Decoder, text: bytes | str) -> object:
    """What it reads, or that it refuses."""
    try:
        return decode(text)
    except MalformedFrame:
        return MalformedFrame


def both(kind: str, text: bytes | str) -> tuple[object, object]:
    """What a dialect reads with the helper, and without."""
    venue = KINDS[kind][0]
    decode, read = load(venue).decode, READERS[venue]
    helped = result(decode, text)
    plain, read._plain = read._plain, ()
    try:
        return helped, result(decode, text)
    finally:
        read._plain = plain


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


@given(st.sampled_from([*KINDS]), st.data())
def test_whatever_a_field_holds_both_read_the_same(kind: str, data: st.DataObject) -> None:
    keys = sorted(msgspec.json.decode(frame(kind)))
    changes = data.draw(st.dictionaries(st.sampled_from(keys), VALUES, max_size=2))
    helped, general = both(kind, frame(kind, **changes))
    assert helped == general


@given(st.sampled_from([*KINDS]), st.data())
def test_however_it_is_damaged_both_read_the_same(kind: str, data: st.DataObject) -> None:
    text = frame(kind)
    at = data.draw(st.integers(0, len(text)))
    cut = data.draw(st.integers(0, 3))
    put = data.draw(
        st.sampled_from(["", '"', ",", "0", "1", "-", "\\", " ", "\x00", "é", "}", ":0", "null"])
    )
    text = text[:at] + put + text[at + cut :]
    for form in (text, text.encode()):
        helped, general = both(kind, form)
        assert helped == general


@pytest.mark.parametrize("kind", KINDS)
def test_a_plain_order_is_read_by_one_reader_of_the_helper(kind: str) -> None:
    read = READERS[KINDS[kind][0]]
    known = [one for one in read._plain if one(frame(kind)) is not None]
    assert len(known) == 1
    assert both(kind, frame(kind))[0] == ((Received(*known[0](frame(kind))[::-1])),)
    assert read._plain[0] is known[0], "the next one is likely of the same form"


@pytest.mark.parametrize("value", ["", "null"])
def test_a_text_that_names_no_order_is_no_cancel(value: str) -> None:
    helped, general = both("binance, a cancel", frame("binance, a cancel", C=value))
    assert helped == general


@pytest.mark.parametrize("own", [7, "seven", "007", 0])
def test_an_id_is_a_number_or_text(own: object) -> None:
    text = frame("bhex", c=own)
    assert bhex._read.plain(text) is not None
    helped, general = both("bhex", text)
    assert helped == general


@pytest.mark.parametrize(
    "parts",
    [
        (),
        (b"{",),
        (("no", "symbol"),),
        (("word",),),
        (("any_flag", "x"),),
        (("word", "a"),) * 99,
        (("time", "a"), ("time", "")),
        (("word", ""), ("time", "")),
        (("time", 3),),
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
