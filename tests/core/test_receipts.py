"""Receipts: what pongs prove, and what they do not."""

from __future__ import annotations

import pytest

from userstream.core.receipts import Receipt, Receipts

KEY = ("binance", "random")


def test_an_echo_proves_all_that_came_before_its_ping() -> None:
    receipt = Receipt(3)
    assert receipt.ping(5) == b"us:5"
    assert receipt.proven == 3
    receipt.ping(9)
    receipt.pong(b"us:5")
    assert receipt.proven == 5
    receipt.pong(b"us:9")
    receipt.pong(b"us:5")
    assert receipt.proven == 9


@pytest.mark.parametrize(
    "payload",
    [b"", b"us:", b"5", b"us:x", b"us:-5", b"us:10", b"us:3", b"us:" + b"5" * 99, b"\xff"],
)
def test_no_other_pong_proves_anything(payload: bytes) -> None:
    receipt = Receipt(3)
    receipt.ping(9)
    receipt.pong(payload)
    assert receipt.proven == 3


def test_a_key_goes_on_where_its_stream_was_proven_to_be() -> None:
    receipts = Receipts()
    receipts.end(KEY, receipts.begin(KEY, 7))
    assert receipts.begin(KEY, 9).proven == 7
    assert receipts.begin(KEY, 9).proven == 9
    assert len(receipts) == 0


def test_each_stream_of_a_key_goes_on_where_the_one_that_read_least_was() -> None:
    receipts = Receipts()
    one, two = receipts.begin(KEY, 7), receipts.begin(KEY, 8)
    assert (one.proven, two.proven) == (7, 8)
    receipts.end(KEY, two)
    receipts.end(KEY, one)
    receipts.end(KEY, Receipt(8))
    # Who comes back first is not known: the one that read least may be the last of them.
    assert [receipts.begin(KEY, 9).proven for _ in range(4)] == [7, 7, 7, 9]
    assert len(receipts) == 0


def test_a_dead_key_leaves_nothing() -> None:
    receipts = Receipts()
    receipts.end(KEY, Receipt(7))
    receipts.forget(KEY)
    receipts.forget(KEY)
    assert receipts.begin(KEY, 9).proven == 9


def test_a_log_that_lost_its_end_is_not_waited_for() -> None:
    receipts = Receipts()
    receipts.end(KEY, Receipt(9))
    assert receipts.begin(KEY, 5).proven == 5
