"""Track: what frames and heartbeats say of a stream's place."""

from __future__ import annotations

import pytest

from userstream.core.track import Track, judge
from userstream.venue import WHOLE, Cursor, Frame, Mark, read_mark, say

E = "epoch000"
ONE = [Frame(b'{"e":"x"}')]
TWO = [Frame(b'{"e":"x"}'), Frame(b'[{"e":"y"}]')]


def marks(frames: list[Frame]) -> list[Mark | None]:
    return [read_mark(frame.payload) for frame in frames]


def test_frames_say_which_came_before() -> None:
    track = Track(E, 4)
    assert marks(track.show(5, TWO)) == [Mark(E, 5, 4, 1, 2), Mark(E, 5, 4, 2, 2)]
    assert track.show(6, []) == []
    assert marks(track.show(7, ONE)) == [Mark(E, 7, 5, 1, 1)]
    assert (track.passed, track.last) == (7, 7)


@pytest.mark.parametrize(
    ("part", "shown", "due"), [(0, [1, 2], True), (1, [2], True), (2, [], False), (9, [], False)]
)
def test_in_the_middle_of_an_event_it_goes_on_with_the_next_part(
    part: int, shown: list[int], due: bool
) -> None:
    track = Track.resuming(Cursor(E, 5, part))
    assert track.passed == 4
    assert track.due(5, TWO) is due
    assert track.due(6, ONE)
    assert not track.due(6, [])
    assert [m.part for m in marks(track.show(5, TWO)) if m] == shown
    assert marks(track.show(6, ONE)) == [Mark(E, 6, 5)]


def test_behind_a_whole_event_it_goes_on_with_the_next() -> None:
    track = Track.resuming(Cursor(E, 5, WHOLE))
    assert (track.passed, track.live) == (5, False)
    assert Track.resuming(Cursor(E, 0, 1)).passed == 0


def test_a_heartbeat_of_a_live_stream_says_the_head_of_the_log() -> None:
    track = Track(E, 4)
    track.show(5, ONE)
    track.show(6, [])
    assert track.beat(6) == Mark(E, 6, 5, kind="us.heartbeat")
    assert track.beat(7) == Mark(E, 7, 7, kind="us.heartbeat")  # it should have been shown 7
    track.live = False  # it is read from the log: 7 will come
    assert track.beat(7) == Mark(E, 6, 5, kind="us.heartbeat")


def test_a_control_frame_without_a_past() -> None:
    mark = Mark(E, 5, reason="too_old", kind="us.refused")
    assert read_mark(say(mark, oldest=3).payload) == mark


@pytest.mark.parametrize(
    ("cursor", "reason"),
    [
        (Cursor(E, 9, WHOLE), None),
        (Cursor(E, 9, 1), None),
        (Cursor(E, 4, WHOLE), None),
        (Cursor(E, 4, 1), "too_old"),
        (Cursor(E, 3, WHOLE), "too_old"),
        (Cursor(E, 10, 0), "epoch"),
        (Cursor("other000", 9, 1), "epoch"),
    ],
)
def test_where_a_stream_can_go_on(cursor: Cursor, reason: str | None) -> None:
    assert judge(cursor, E, 9, 5) == reason


def test_nothing_is_too_old_where_nothing_is_due() -> None:
    assert judge(Cursor(E, 9, WHOLE), E, 9, 10) is None
    assert judge(Cursor(E, 9, 1), E, 9, 10) == "too_old"
