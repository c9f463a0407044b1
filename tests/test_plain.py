"""The compiled helper says what the way in Python says, byte for byte, or nothing."""

from __future__ import annotations

import importlib.util
import os
import runpy
import sys
import warnings
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest import mock

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.lines import ORDER, UPDATE, line
from tests.core.test_orderline import FULL, fields, values
from tests.venues.strategies import order_updates
from userstream import plain
from userstream.core import publishing
from userstream.core.limits import Limits
from userstream.core.orderline import MAX_N, order_of, read_order
from userstream.core.publishing import Appended, Duplicate, Ledger, Refused
from userstream.events import Envelope
from userstream.markets import Markets
from userstream.server.framing import text_header
from userstream.venue import Venue
from userstream.venues import bhex, binance, mexc, spacedex

VENUES = [
    binance.VENUE,
    binance.build(binance.Options(keys_2018=True), Markets()),
    bhex.VENUE,
    bhex.build(bhex.Options(frame="array"), Markets()),
]
compiled = pytest.mark.skipif(not plain.COMPILED, reason="the helper was not built")
FILL = FULL | {"order_id": "7", "trade_id": "8", "execution_id": "9"}
LINE = line(7, FILL)


def agrees(text: bytes) -> bool:
    """Whether the helper took a line; it must have taken it as Python does."""
    order = plain.read(text)
    if order is None:
        return False
    known = read_order(text)
    assert known is not None
    assert (order.account, order.source, order.n) == (known.account, known.source, known.n)
    assert order.line is text
    assert fields(order_of(text)) == fields(known.event)
    for venue in VENUES:
        assert_shown(venue, text)
    return True


def assert_shown(venue: Venue, text: bytes, time_ms: int = 1_761_148_800_123) -> bool:
    """Whether a template shows a line; then it is the venue's only frame."""
    order = plain.read(text)
    assert order is not None
    assert venue.show_plain is not None
    shown = venue.show_plain(order, time_ms)
    if shown is None:
        return False
    (frame,) = venue.encode(Envelope(1, "a", "e", 1, time_ms, order_of(text)), None)
    assert shown == text_header(len(frame.payload)) + frame.payload
    return True


# ── reading ─────────────────────────────────────────────────────────────────────────────────────


@compiled
@pytest.mark.parametrize("event", [ORDER, FULL, FILL, FULL | dict.fromkeys(["price", "maker"])])
def test_a_plain_line_is_read(event: dict[str, Any]) -> None:
    assert agrees(line(7, event))


@compiled
@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"null", b"\xff", line(0), line(MAX_N + 1), line("1"), line(1, UPDATE), line(v=2),
     line(v=11), line(prev_n=0), line(takeover=True), line(typo=1), line(1, FULL | {"typo": 1}),
     line(1, account=""), line(1, source=""), line(1, account=None), line(1) + b" ", line(1) + b"}",
     line(1) + b"\0", line(1)[:-1] + b",", line(1)[:-2] + b"\0}", line(1)[:-2], b" " + line(1),
     line(1).replace(b"alice", b"\\u0061lice"), line(1).replace(b'"n":1', b'"n":01'),
     line(1).replace(b'"n":1', b'"n":1.0'), line(1).replace(b'"n":1', b'"n":-1'),
     line(1).replace(b'"event":', b'"event":1,"event":'),
     line(1).replace(b'"64000"', b"[" * 30_000),
     line(1).replace(b'"64000"', b'"' + b"6" * 70_000 + b'"'), bytearray(line(1)),
     line(1, {k: v for k, v in FULL.items() if k != "type"}), line(1, FULL | {"type": "order"}),
     line(1, {}), line(1).replace(b'"side":"BUY"', b'"side":"BUY","side":"BUY"'),
     line(1).replace(b'"type"', b'"type":"order_update","type"')],
)  # fmt: skip
def test_whatever_is_not_plain_is_left_to_python(text: bytes) -> None:
    assert plain.read(text) is None


@compiled
@pytest.mark.parametrize("name", FULL)
@pytest.mark.parametrize(
    "value",
    ["", "0", "00", "1.", ".5", "1e3", "-1", "1.5", "1" * 20, "1" * 21, "1." + "1" * 18,
     "1." + "1" * 19, "a" * 64, "a" * 65, "BUY", "BU", "NEW", "TRADE", "FILLED", "NEW\"SELL",
     "a b", "é", "\x7f", "/", 0, 1, -1, 253_402_300_799_999, 253_402_300_800_000, 10**15, 10**30,
     1.5, True, False, None, [], {}],
)  # fmt: skip
def test_every_field_is_read_as_python_reads_it(name: str, value: object) -> None:
    text = line(3, FULL | {name: value})
    assert agrees(text) == (read_order(text) is not None)


@compiled
@pytest.mark.parametrize("name", FULL)
def test_a_field_that_is_missing_matters_as_in_python(name: str) -> None:
    text = line(3, {k: v for k, v in FULL.items() if k != name})
    assert agrees(text) == (read_order(text) is not None)


@compiled
@given(st.permutations(list(FILL)))
def test_fields_may_come_in_any_order(names: list[str]) -> None:
    assert agrees(line(3, {name: FILL[name] for name in names}))


@compiled
@given(st.dictionaries(st.sampled_from([*FULL, "typo"]), values, max_size=4))
def test_random_fields_are_read_as_python_reads_them(changes: dict[str, Any]) -> None:
    agrees(line(1, FULL | changes))


@compiled
@given(
    st.integers(0, len(LINE)),
    st.integers(0, 40),
    st.binary(max_size=3) | st.sampled_from([b'"', b",", b":", b"null", b'",', b"}", b"0", b"1"]),
)
def test_a_damaged_line_is_read_as_python_reads_it(at: int, cut: int, other: bytes) -> None:
    agrees(LINE[:at] + other + LINE[at + cut :])


@compiled
@given(st.data())
def test_parts_of_lines_put_together_are_read_as_python_reads_them(data: st.DataObject) -> None:
    pieces = [piece + b"," for piece in LINE.split(b",")]
    first, last = sorted(data.draw(st.tuples(*[st.integers(0, len(pieces))] * 2)))
    moved = data.draw(st.permutations(pieces[first:last]))
    agrees(b"".join([*pieces[:first], *moved, *pieces[last:]])[:-1])


@compiled
def test_names_are_kept_apart() -> None:
    for source in ("one", "two", "one", "on"):
        order = plain.read(line(1, source=source, account=f"a-{source}"))
        assert order is not None
        assert (order.source, order.account) == (source, f"a-{source}")


# ── showing ─────────────────────────────────────────────────────────────────────────────────────


@compiled
@pytest.mark.parametrize("venue", VENUES)
@given(event=order_updates(), time_ms=st.integers(0, 2**62))
def test_an_order_is_shown_as_python_shows_it(venue: Venue, event: Any, time_ms: int) -> None:
    text = line(1, msgspec.to_builtins(event))
    if plain.read(text) is not None:
        assert assert_shown(venue, text, time_ms)
    else:
        assert read_order(text) is None


@compiled
@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize(
    ("changes", "shown"),
    [({}, True), ({"commission": "0"}, True), ({"commission": "0.0"}, True),
     ({"commission": None}, True), ({"cancel_client_order_id": None}, True),
     ({"client_order_id": None}, True), ({"client_order_id": "12"}, True),
     ({"client_order_id": "012"}, True), ({"client_order_id": str(2**63 - 1)}, True),
     ({"client_order_id": str(2**63)}, True), ({"order_id": str(2**63 - 1)}, True),
     ({"order_id": str(2**63)}, False), ({"order_id": "0"}, True), ({"order_id": "01"}, False),
     ({"order_id": "x"}, False), ({"working": None}, True), ({"created_ms": None}, True),
     ({"working": None, "status": "FILLED"}, True), ({"status": "EXPIRED"}, True),
     ({"status": "PARTIALLY_CANCELED"}, True), ({"quantity": "1.123456789"}, True)],
)  # fmt: skip
def test_a_template_leaves_to_python_only_what_it_must(
    venue: Venue, changes: dict[str, Any], shown: bool
) -> None:
    assert assert_shown(venue, line(1, FILL | changes)) is shown


@compiled
@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 128, 4095, 4096, 4097])
def test_a_message_has_the_header_of_its_size_and_no_more_than_4_kib(size: int) -> None:
    order, show = plain.read(LINE), plain.template(b"x" * size)
    assert order is not None
    assert show is not None
    assert show(order, 1) == (text_header(size) + b"x" * size if size <= 4096 else None)


@compiled
@pytest.mark.parametrize(
    "part",
    ["text", None, (), (1,), ("published", 1), ("text", "symbol"), ("text", "typo", None),
     ("text", 1, None), ("typo", "symbol", None), ("text", "symbol", 1), ("", "symbol", None),
     ("choice", "symbol", None, None), ("choice", "symbol", {"a": b""}, None),
     ("choice", "symbol", {b"": 1}, None), ("given", "symbol", None, None),
     ("text", "\ud800", None)],
)  # fmt: skip
def test_what_is_no_part_is_refused(part: Any) -> None:
    with pytest.raises(ValueError, match="no part of a template"):
        plain.template(b"x", part)


@compiled
def test_a_template_wants_an_order_and_a_time() -> None:
    show: Any = plain.template(b"x")
    order = plain.read(LINE)
    for wrong in ((), (order,), (LINE, 1), (order, "1")):
        with pytest.raises(TypeError):
            show(*wrong)
    with pytest.raises(TypeError):
        show(order, time_ms=1)
    with pytest.raises(OverflowError):
        show(order, 1 << 63)
    assert show(order, -1) is None


# ── with the helper and without it ──────────────────────────────────────────────────────────────


def test_only_venues_with_one_frame_for_all_have_a_template() -> None:
    assert spacedex.VENUE.show_plain is None
    assert mexc.VENUE.show_plain is None
    assert (binance.VENUE.show_plain is not None) is plain.COMPILED


def test_without_the_helper_everything_is_left_to_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USERSTREAM_PURE", "1")
    pure = runpy.run_path(str(plain.__file__))
    assert pure["COMPILED"] is False
    assert pure["read"](LINE) is None
    assert pure["template"](b"x") is None


def test_a_helper_that_cannot_be_loaded_is_one_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("USERSTREAM_PURE", raising=False)
    monkeypatch.delattr(plain, "_compiled", raising=False)
    monkeypatch.setitem(__import__("sys").modules, "userstream.plain._compiled", None)
    assert runpy.run_path(str(plain.__file__))["COMPILED"] is False


@pytest.mark.parametrize("edition", [None, plain.EDITION - 1, plain.EDITION + 1])
def test_a_helper_of_other_sources_is_not_used_and_one_warning_says_so(
    monkeypatch: pytest.MonkeyPatch, edition: int | None
) -> None:
    stale = ModuleType("userstream.plain._compiled")
    stale.__dict__.update(
        {"__file__": "/x/_compiled.so"} | ({"EDITION": edition} if edition else {})
    )
    monkeypatch.delenv("USERSTREAM_PURE", raising=False)
    monkeypatch.setattr(plain, "_compiled", stale, raising=False)
    monkeypatch.setitem(sys.modules, "userstream.plain._compiled", stale)
    with pytest.warns(RuntimeWarning, match=r"^/x/_compiled.so was built from other") as told:
        pure = runpy.run_path(str(plain.__file__))
    assert len(told) == 1
    assert pure["COMPILED"] is False
    assert pure["read"](LINE) is None


def test_a_helper_of_these_sources_is_used_without_a_word() -> None:
    there = importlib.util.find_spec("userstream.plain._compiled") is not None
    wanted = there and not os.environ.get("USERSTREAM_PURE")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert runpy.run_path(str(plain.__file__))["COMPILED"] is bool(wanted)


def stand_in(text: bytes) -> Any:
    """The helper, in Python: for the ledger it need only know the line's head."""
    known = read_order(text)
    return known and SimpleNamespace(account=known.account, source=known.source, n=known.n)


def test_the_ledger_treats_a_plain_line_as_any_other() -> None:
    lines = [
        line(1), line(2), line(2), line(5, FULL), line(6, source="other"), line(1, account="bob"),
        line(7, prev_n=5), line(8, UPDATE), line(9), line(1, account="b ob"),
    ]  # fmt: skip
    outcomes = []
    for read in (stand_in, lambda _: None, plain.read):
        it = Ledger("epoch000", Limits(), lambda _: None)
        with mock.patch.object(publishing, "read", read):
            given_out = [it.accept(text, 5) for text in lines]
        places = [o.envelope if isinstance(o, Appended) else o for o in given_out]
        outcomes.append([msgspec.to_builtins(p) for p in places])
        assert [type(o) for o in given_out] == [
            Appended, Appended, Duplicate, Appended, Refused, Appended, Appended, Appended,
            Appended, Refused,
        ]  # fmt: skip
    assert outcomes[0] == outcomes[1] == outcomes[2]
