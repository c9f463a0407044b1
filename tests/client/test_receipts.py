"""What a program is done with, and what was open there."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.core.client.values import T, account, balance, order, whole
from userstream.client.cursor import CursorFile
from userstream.client.receipts import Receipts
from userstream.core.client.bounds import Bounds
from userstream.core.client.picture import Picture
from userstream.core.client.plan import Proof
from userstream.core.client.told import AccountEvent, Gap, OrderEvent, OtherEvent, Scope, Told
from userstream.errors import StreamOver, Unacknowledged
from userstream.events import OrderUpdate
from userstream.venue import FillKey


@pytest.fixture
def file(tmp_path: Path) -> Iterator[CursorFile]:
    it = CursorFile(tmp_path / "cursor", "binance", "a")
    yield it
    it.close()


def receipts(file: CursorFile, most: int = 100) -> Receipts:
    return Receipts(file, Picture(FillKey.TRADE_ID, Bounds()), most)


def held(file: CursorFile) -> tuple[list[str], dict[str, str]]:
    rows = file.held()
    orders = [row.order_id for row in rows if isinstance(row, OrderUpdate)]
    balances = [b for row in rows if not isinstance(row, OrderUpdate) for b in row.balances]
    return orders, {b.asset: b.free for b in balances}


def test_only_what_has_no_open_event_before_it_is_saved(file: CursorFile) -> None:
    it = receipts(file)
    slips = [it.give(None, Proof(n) if n != 2 else None) for n in range(1, 5)]
    slips[2]()
    assert file.load() == Proof()
    slips[0]()
    assert file.load() == Proof(1)
    slips[1]()
    slips[1]()
    assert file.load() == Proof(3)
    assert slips[0] == slips[3] != 1
    assert {slips[0]: 1}[slips[1]] == 1
    assert (repr(slips[0]), repr(slips[3])) == ("<Slip done>", "<Slip open>")


def test_orders_and_holdings_are_those_of_the_place_that_is_saved(file: CursorFile) -> None:
    it = receipts(file)
    told: list[Told] = [
        OrderEvent(update=order("1")),
        OrderEvent(update=order("2")),
        AccountEvent(update=account(balance("BTC", "1"), balance("ETH", "2")), venue_ms=T),
        OtherEvent(kind="new"),
        OrderEvent(update=order("1", status="CANCELED")),
        AccountEvent(update=whole(balance("BTC", "3")), venue_ms=T),
        Gap(why="the venue does not know it", scope=Scope.ORDER, order_id="2"),
        Gap(why="lost"),
    ]
    slips = [it.give(what, Proof(n)) for n, what in enumerate(told, 1)]
    expected = [
        (["1"], {}), (["1", "2"], {}), (["1", "2"], {"BTC": "1", "ETH": "2"}),
        (["1", "2"], {"BTC": "1", "ETH": "2"}), (["2"], {"BTC": "1", "ETH": "2"}),
        (["2"], {"BTC": "3"}), ([], {"BTC": "3"}), ([], {"BTC": "3"}),
    ]  # fmt: skip
    for slip, there in zip(slips, expected, strict=True):
        slip()
        assert held(file) == there
    assert file.load() == Proof(8)


def test_what_changed_waits_for_a_proof(file: CursorFile) -> None:
    it = receipts(file)
    first = it.give(OrderEvent(update=order("1")), None)
    second = it.give(None, Proof(1))
    first()
    assert held(file) == ([], {})
    second()
    assert held(file) == (["1"], {})


def test_only_so_many_may_be_open(file: CursorFile) -> None:
    it = receipts(file, most=2)
    slips = [it.give(None, Proof(1)), it.give(None, Proof(2))]
    slips[1]()
    with pytest.raises(Unacknowledged, match="2 events wait behind one that was never"):
        it.check()
    slips[0]()
    it.check()


def test_an_order_is_noted_before_the_program_hears_of_it_and_until_a_proof(
    file: CursorFile,
) -> None:
    it = receipts(file)
    late = OrderEvent(update=order("3"), late=True)
    over, bare = order("4", status="CANCELED"), order("5", status="")
    given = [OrderEvent(update=order("1")), OrderEvent(update=order("2")), late]
    slips = [it.give(what, None) for what in given]
    slips += [it.give(OrderEvent(update=update), None) for update in (over, bare)]
    assert [o.order_id for o in file.given()] == ["1", "2"]
    assert held(file) == ([], {})  # nobody takes them for what was acknowledged
    slips[0]()
    it.give(OrderEvent(update=order("1", status="CANCELED")), None)
    assert [o.order_id for o in file.given()] == ["1", "2"]
    slips.append(it.give(None, Proof(1)))
    for slip in [*slips[1:], *it._slips]:
        slip()
    assert file.given() == []
    assert held(file)[0] == ["2"]


def test_what_an_earlier_run_noted_is_known_once_there_is_a_proof(file: CursorFile) -> None:
    receipts(file).give(OrderEvent(update=order("1")), None)
    it = receipts(file)
    assert [o.order_id for o in file.given()] == ["1"]
    it.give(OrderEvent(update=order("2")), None)
    it.give(None, Proof(1))
    it._slips[0].done = True
    it._slips[1]()
    assert file.given() == []


def test_a_note_that_the_disk_refuses_keeps_no_event_from_the_program(file: CursorFile) -> None:
    it = receipts(file)
    file.close()
    slip = it.give(OrderEvent(update=order("1")), Proof(1))
    with pytest.raises(StreamOver):
        slip()


class Raw(str):
    """A frame that can be watched."""

    __slots__ = ("__weakref__",)


def told_with_receipt(it: Receipts) -> tuple[OrderEvent, weakref.ref[Raw]]:
    """An event as a program gets it: it holds its receipt, and the receipt waits for it."""
    raw = Raw("{}")
    event = OrderEvent(update=order(), raw=raw)
    msgspec.structs.force_setattr(event, "receipt", it.give(event, None))
    return event, weakref.ref(raw)


def test_an_event_is_gone_with_its_program_though_no_collector_sees_it(file: CursorFile) -> None:
    it = receipts(file)
    done, done_raw = told_with_receipt(it)
    assert done.receipt is not None
    done.receipt()
    never, never_raw = told_with_receipt(it)
    it.let_go()
    assert (done_raw(), never_raw()) == (done.raw, never.raw)
    del done, never, it
    assert (done_raw(), never_raw()) == (None, None)
