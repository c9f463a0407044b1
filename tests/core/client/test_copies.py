"""Copies: as many as any one socket showed, never fewer for looking alike."""

from __future__ import annotations

from tests.core.client.values import T, order
from userstream.core.client.copies import FIRST, MAYBE, REPEAT, Copies
from userstream.core.client.identity import Said

TWIN = Said(order(), T)


def two() -> Copies:
    copies = Copies(most=3)
    copies.ask(1)
    copies.ask(2)
    return copies


def test_what_two_sockets_show_is_told_once() -> None:
    copies = two()
    assert [copies.take(s, TWIN) for s in (1, 2)] == [FIRST, REPEAT]


def test_two_equal_events_of_one_socket_are_two_however_the_other_lags() -> None:
    copies = two()
    assert [copies.take(s, TWIN) for s in (1, 1, 2, 2)] == [FIRST, MAYBE, REPEAT, REPEAT]
    copies = two()
    assert [copies.take(s, TWIN) for s in (1, 2, 2, 1)] == [FIRST, REPEAT, MAYBE, REPEAT]


def test_what_was_told_before_a_socket_was_asked_for_is_not_what_it_shows() -> None:
    copies = Copies(most=3)
    copies.ask(1)
    assert copies.take(1, TWIN) == FIRST
    copies.ask(2)
    assert copies.take(2, TWIN) == MAYBE
    assert copies.take(1, TWIN) == REPEAT


def test_a_socket_that_is_over_is_forgotten() -> None:
    copies = two()
    copies.drop(1)
    copies.drop(9)
    assert copies.take(1, TWIN) == FIRST


def test_the_longest_unseen_is_forgotten_first() -> None:
    copies = two()
    copies.ask(3)
    a, b, c, d = (Said(order(number), T) for number in "abcd")
    assert [copies.take(1, said) for said in (a, b, c)] == [FIRST] * 3
    assert copies.take(2, a) == REPEAT
    assert copies.take(1, d) == FIRST
    assert len(copies) == 3
    assert copies.take(3, a) == REPEAT
    assert copies.take(1, b) == FIRST
