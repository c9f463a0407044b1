"""The short way of plain order lines: it reads what the long way would accept, and the same."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.lines import ORDER, UPDATE, line
from userstream.core.limits import Limits
from userstream.core.line import Line
from userstream.core.orderline import MAX_N, PlainOrder, read_order
from userstream.core.publishing import Appended, Ledger
from userstream.errors import InvalidEvent
from userstream.events import EXECUTIONS, MAX_TIME_MS, SIDES, STATUSES, OrderUpdate
from userstream.schema import check

FULL = ORDER | {
    "execution": "TRADE",
    "client_order_id": "c-1",
    "cancel_client_order_id": "c-2",
    "time_in_force": "GTC",
    "quote_quantity": "1",
    "stop_price": "2.5",
    "iceberg_quantity": "0",
    "last_quantity": "0.000000000000000001",
    "last_price": "99999999999999999999.999999999999999999",
    "last_quote": "1",
    "cumulative_quote": "1",
    "average_price": "1",
    "commission": "0",
    "commission_asset": "BNB",
    "trade_id": "t-1",
    "execution_id": "e-1",
    "reject_reason": "NONE",
    "maker": True,
    "self_trade": False,
    "working": True,
    "created_ms": 5,
}
AMOUNTS = [
    name for name in FULL if name.endswith(("quantity", "price", "quote")) or name == "commission"
]
WORDS = [
    "symbol", "order_id", "order_type", "client_order_id", "cancel_client_order_id",
    "time_in_force", "commission_asset", "trade_id", "execution_id", "reject_reason",
]  # fmt: skip


def long_way(text: bytes) -> OrderUpdate | None:
    """What the rules say of a line's event, without the short way."""
    try:
        read = msgspec.json.decode(text, type=Line)
        event = msgspec.json.decode(read.event, type=OrderUpdate)
        check(event)
    except (msgspec.MsgspecError, InvalidEvent, UnicodeDecodeError, RecursionError):
        return None
    return event


def fields(event: OrderUpdate) -> dict[str, Any]:
    return {name: getattr(event, name) for name in OrderUpdate.__struct_fields__}


@pytest.mark.parametrize("event", [ORDER, FULL])
def test_a_plain_order_is_read_as_the_long_way_reads_it(event: dict[str, Any]) -> None:
    text = line(7, event)
    read = read_order(text)
    assert read is not None
    assert (read.v, read.account, read.source, read.n) == (1, "alice", "me-1", 7)
    expected = long_way(text)
    assert expected is not None
    assert fields(read.event) == fields(expected)


def test_the_full_order_has_every_field() -> None:
    assert (
        set(FULL)
        == {"type", *OrderUpdate.__struct_fields__}
        == {"type", *PlainOrder.__struct_fields__}
    )
    assert len(AMOUNTS) == 12
    assert len(WORDS) == 10


@pytest.mark.parametrize("name", ["side", "status", "execution"])
def test_every_word_of_the_schema_is_plain_and_no_other(name: str) -> None:
    allowed = {"side": SIDES, "status": STATUSES, "execution": EXECUTIONS}[name]
    for word in allowed:
        assert read_order(line(1, FULL | {name: word})) is not None
    for other in ("", "x", "new", None, 1):
        assert read_order(line(1, FULL | {name: other})) is None


@pytest.mark.parametrize("name", AMOUNTS)
@pytest.mark.parametrize(
    "amount",
    ["", "-1", "+1", ".5", "1.", "1e3", "1;1", "1,0", "0x1", "NaN", "1" * 21, "1." + "1" * 19,
     1, 1.5, "1;1;1", ";", "0.0.0", "١"],
)  # fmt: skip
def test_what_is_no_amount_goes_the_long_way(name: str, amount: object) -> None:
    text = line(1, FULL | {name: amount})
    assert read_order(text) is None
    assert long_way(text) is None


@pytest.mark.parametrize("name", AMOUNTS)
@pytest.mark.parametrize("amount", ["0", "00", "0.0", "1" * 20, "1" * 20 + "." + "1" * 18])
def test_every_amount_of_the_schema_is_plain(name: str, amount: str) -> None:
    assert read_order(line(1, FULL | {name: amount})) is not None


@pytest.mark.parametrize("name", WORDS)
@pytest.mark.parametrize("word", ["", "a b", " ", "a" * 65, "é", "\x7f", "a\tb", "a\x01", 5])
def test_what_is_no_word_goes_the_long_way(name: str, word: object) -> None:
    text = line(1, FULL | {name: word})
    assert read_order(text) is None
    assert long_way(text) is None


@pytest.mark.parametrize("name", ["last_quantity", "last_price", "trade_id"])
def test_a_fill_without_its_fields_goes_the_long_way(name: str) -> None:
    text = line(1, {k: v for k, v in FULL.items() if k != name})
    assert read_order(text) is None
    assert long_way(text) is None


@pytest.mark.parametrize("name", ["time_ms", "created_ms"])
@pytest.mark.parametrize(
    ("time_ms", "plain"),
    [(0, True), (MAX_TIME_MS, True), (MAX_TIME_MS + 1, False), (-1, False), (10**30, False)],
)
def test_times_end_where_the_schema_says(name: str, time_ms: int, plain: bool) -> None:
    text = line(1, FULL | {name: time_ms})
    assert (read_order(text) is not None) == (long_way(text) is not None) == plain


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"null", b"\xff", line(0), line(MAX_N + 1), line("1"), line(1, UPDATE), line(v=2),
     line(1, {k: v for k, v in ORDER.items() if k != "type"}), line(prev_n=0), line(takeover=True),
     line(typo=1), line(1, FULL | {"typo": 1}), line(1) + b" ",
     line(1).replace(b"alice", b"\\u0061lice"), line(1).replace(b'"event":', b'"event":1,"event":'),
     line(1).replace(b'"64000"', b"[" * 30_000)],
)  # fmt: skip
def test_whatever_is_not_plain_goes_the_long_way(text: bytes) -> None:
    assert read_order(text) is None


def test_the_greatest_n_is_plain() -> None:
    assert read_order(line(MAX_N)) is not None


values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 3),
    st.sampled_from(
        ["0", "1.5", "NEW", "TRADE", "BUY", "1;1", "a b", "", "-1", "1e3", "é", "\n", "x;y"]
    ),
    st.text("0123456789.;\\ ", max_size=24),
    st.text(max_size=8),
)


@given(st.dictionaries(st.sampled_from([*FULL, "typo"]), values, max_size=4))
def test_the_short_way_accepts_nothing_that_the_long_way_refuses(changes: dict[str, Any]) -> None:
    text = line(1, FULL | changes)
    read = read_order(text)
    if read is not None:
        expected = long_way(text)
        assert expected is not None
        assert fields(read.event) == fields(expected)


@given(st.dictionaries(st.sampled_from(list(FULL)), values, max_size=2))
def test_both_ways_lead_to_the_same_place(changes: dict[str, Any]) -> None:
    text = line(2, FULL | changes)
    short, long = _ledger(), _ledger()
    first, second = short.accept(text, 5), long.accept(text.replace(b"{", b"{ ", 1), 5)
    assert type(first) is type(second)
    if isinstance(first, Appended) and isinstance(second, Appended):
        assert first.envelope.seq == second.envelope.seq == 2
        assert isinstance(first.envelope.event, OrderUpdate)
        assert isinstance(second.envelope.event, OrderUpdate)
        assert fields(first.envelope.event) == fields(second.envelope.event)
        stored = [msgspec.json.decode(o.line)["event"] for o in (first, second)]
        assert stored[0] == stored[1]
    assert short.account("alice").head == long.account("alice").head


def _ledger() -> Ledger:
    it = Ledger("epoch000", Limits(), lambda _: None)
    assert isinstance(it.accept(line(1), 5), Appended)
    return it
