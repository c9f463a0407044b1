"""Fills: shown once, told once, by a stream or by REST, and the longest unseen forgotten."""

from __future__ import annotations

from tests.core.client.values import T
from userstream.core.client.fills import Fills
from userstream.core.client.identity import Fill

A, B, C, D = (Fill("BTCUSDT", "1", number) for number in "abcd")


def test_a_fill_is_news_once_whoever_shows_it() -> None:
    fills = Fills(3)
    assert [fills.first(A) for _ in range(3)] == [True, False, False]
    assert A not in fills


def test_what_a_stream_showed_is_told_once() -> None:
    fills = Fills(3)
    fills.first(A)
    assert [fills.tell(A, T, shown=True), A in fills] == [True, True]
    assert not fills.tell(A, T, shown=True)
    assert not fills.first(A)


def test_a_replayed_fill_is_shown_too() -> None:
    fills = Fills(3)
    assert fills.tell(A, T, shown=True)
    assert not fills.first(A)


def test_what_rest_told_a_stream_may_still_show_once() -> None:
    fills = Fills(3)
    assert fills.tell(A, T, shown=False)
    assert A in fills
    assert [fills.first(A) for _ in range(2)] == [True, False]
    assert not fills.tell(A, T, shown=True)


def test_the_longest_unseen_is_forgotten_first() -> None:
    fills = Fills(3)
    assert all(fills.first(fill) for fill in (A, B, C))
    assert not fills.first(A)
    assert fills.first(D)
    assert len(fills) == 3
    assert not fills.first(A)
    assert fills.first(B)
    assert fills.forgot_ms == 0


def test_what_is_forgotten_may_have_been_told_up_to_its_time() -> None:
    fills = Fills(1)
    fills.tell(A, T + 1, shown=True)
    fills.tell(B, T, shown=False)
    assert fills.forgot_ms == T + 1
    fills.first(C)
    assert (B in fills, fills.forgot_ms) == (False, T + 1)
    fills = Fills(1)
    fills.tell(B, T, shown=False)
    fills.first(A)
    assert fills.forgot_ms == T
