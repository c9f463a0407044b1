"""Continuity: what follows, what repeats, and where something is missing."""

from __future__ import annotations

import pytest

from userstream.core.client.continuity import Continuity, Place
from userstream.venue import WHOLE, Cursor, Mark

E = "epoch000"
NEXT, REPEAT, HOLE = Place.NEXT, Place.REPEAT, Place.HOLE


def mark(seq: int, prev: int | None = None, part: int = 1, parts: int = 1, epoch: str = E) -> Mark:
    return Mark(epoch, seq, prev, part, parts)


def test_the_first_frame_of_all_begins_anywhere() -> None:
    it = Continuity()
    assert it.take(mark(7, 5, 2, 3)) is NEXT
    assert it.cursor == Cursor(E, 7, 2, 3)


@pytest.mark.parametrize(
    ("cursor", "given", "place"),
    [
        (Cursor(E, 7, 1), mark(8, 7), NEXT),
        (Cursor(E, 7, 1), mark(9, 7), NEXT),  # 8 gave this session no frame
        (Cursor(E, 7, 1), mark(9, 6), NEXT),  # 7 was read in another dialect
        (Cursor(E, 7, 1), mark(9, 8), HOLE),
        (Cursor(E, 7, 1), mark(8), NEXT),
        (Cursor(E, 7, 1), mark(9), HOLE),
        (Cursor(E, 7, 1), mark(8, 7, 2, 2), HOLE),
        (Cursor(E, 7, 1), mark(7, 6), REPEAT),
        (Cursor(E, 7, 1), mark(3, 2), REPEAT),
        (Cursor(E, 7, 1, 3), mark(7, 6, 2, 3), NEXT),
        (Cursor(E, 7, 1, 3), mark(7, 6, 3, 3), HOLE),
        (Cursor(E, 7, 1, 3), mark(8, 7), HOLE),
        (Cursor(E, 7, WHOLE, WHOLE), mark(7, 6, 3, 3), REPEAT),
        (Cursor(E, 7, 1), mark(8, 7, epoch="other000"), HOLE),
    ],
)
def test_where_a_frame_stands(cursor: Cursor, given: Mark, place: Place) -> None:
    it = Continuity(cursor)
    assert it.take(given) is place
    moved = Cursor(given.epoch, given.seq, given.part, given.parts)
    assert it.cursor == (moved if place is NEXT else cursor)


@pytest.mark.parametrize(
    ("cursor", "given", "place", "after"),
    [
        (None, mark(7), NEXT, Cursor(E, 7, WHOLE, WHOLE)),
        (Cursor(E, 7, 1), mark(7, 7), NEXT, Cursor(E, 7, 1)),
        (Cursor(E, 7, 1), mark(9, 7), NEXT, Cursor(E, 9, WHOLE, WHOLE)),
        (Cursor(E, 7, 1), mark(9, 8), HOLE, Cursor(E, 7, 1)),
        (Cursor(E, 7, 1), mark(9), HOLE, Cursor(E, 7, 1)),
        (Cursor(E, 7, 1, 2), mark(9, 7), HOLE, Cursor(E, 7, 1, 2)),
        (Cursor(E, 7, 1, 2), mark(7, 7), NEXT, Cursor(E, 7, 1, 2)),
        (Cursor(E, 7, 1), mark(7, epoch="other000"), HOLE, Cursor(E, 7, 1)),
    ],
)
def test_a_heartbeat_proves_that_all_is_there_or_that_it_is_not(
    cursor: Cursor | None, given: Mark, place: Place, after: Cursor
) -> None:
    it = Continuity(cursor)
    assert it.beat(given) is place
    assert it.cursor == after


@pytest.mark.parametrize(
    ("cursor", "given", "whole"),
    [
        (None, mark(7), False),
        (Cursor(E, 7, 1), mark(7), True),
        (Cursor(E, 7, 1), mark(9, 7), True),
        (Cursor(E, 7, 1), mark(8), False),
        (Cursor(E, 7, 1, 2), mark(7), False),
        (Cursor("other000", 7, 1), mark(7), False),
    ],
)
def test_a_replay_is_over_at_the_head_that_was_told(
    cursor: Cursor | None, given: Mark, whole: bool
) -> None:
    assert Continuity(cursor).caught_up(given) is whole


def test_what_the_server_cannot_go_on_from_is_forgotten() -> None:
    it = Continuity(Cursor(E, 7, 1))
    it.forget()
    assert it.take(mark(99, 98)) is NEXT
