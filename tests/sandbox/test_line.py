"""Frames that are held back: none is lost, none is made up, order changes only where asked."""

from __future__ import annotations

from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from userstream.sandbox.faults.fault import Fault, Kind
from userstream.sandbox.faults.line import Line
from userstream.sandbox.faults.plan import Hit

_numbers = count()


def hit(kind: Kind, delay_ms: int | None = None) -> Hit:
    return Hit(f"f{next(_numbers)}", Fault(kind=kind, delay_ms=delay_ms), 1)


def test_a_frame_without_a_fault_passes() -> None:
    line = Line()
    assert line.push(b"a", None, 0).frames == [b"a"]
    assert line.deadline() is None


def test_a_dropped_frame_is_gone_and_a_doubled_one_comes_twice() -> None:
    line = Line()
    assert line.push(b"a", hit(Kind.DROP), 0).frames == []
    assert line.push(b"b", hit(Kind.DUPLICATE), 0).frames == [b"b", b"b"]
    assert len(line) == line.size == 0


def test_what_follows_a_delayed_frame_waits_behind_it() -> None:
    line = Line()
    assert line.push(b"a", hit(Kind.DELAY, 100), 0).frames == []
    assert line.push(b"bc", None, 40).frames == []
    assert (line.deadline(), line.size) == (100, 3)
    assert line.due(99).frames == []
    assert line.due(100).frames == [b"a", b"bc"]


def test_two_delays_do_not_add_up() -> None:
    line = Line()
    line.push(b"a", hit(Kind.DELAY, 100), 0)
    line.push(b"b", hit(Kind.DELAY, 100), 10)
    assert line.due(100).frames == [b"a"]
    assert line.due(110).frames == [b"b"]


def test_a_shorter_delay_does_not_overtake() -> None:
    line = Line()
    line.push(b"a", hit(Kind.DELAY, 100), 0)
    line.push(b"b", hit(Kind.DELAY, 10), 0)
    assert line.due(99).frames == []
    assert line.due(100).frames == [b"a", b"b"]


def test_a_swapped_frame_comes_after_its_successor() -> None:
    line = Line()
    swap = hit(Kind.REORDER)
    assert line.push(b"a", swap, 0).frames == []
    passed = line.push(b"b", None, 10)
    assert passed == ([b"b", b"a"], swap, None)
    assert len(line) == 0


def test_a_swap_without_a_successor_keeps_its_place_and_does_not_count() -> None:
    line = Line()
    swap = hit(Kind.REORDER, 50)
    line.push(b"a", swap, 0)
    assert line.due(49) == ([], None, None)
    assert line.due(50) == ([b"a"], None, swap)
    line.push(b"b", swap, 60)
    assert line.drain() == ([b"b"], None, swap)
    assert line.drain() == ([], None, None)


def test_a_swap_within_a_swap_is_none() -> None:
    line = Line()
    one, two = hit(Kind.REORDER), hit(Kind.REORDER)
    line.push(b"a", one, 0)
    assert line.push(b"b", two, 0) == ([b"b", b"a"], one, two)


def test_the_successor_of_a_swapped_frame_may_be_late_lost_or_doubled() -> None:
    line = Line()
    swap = hit(Kind.REORDER)
    line.push(b"a", swap, 0)
    assert line.push(b"lost", hit(Kind.DROP), 0) == ([], None, None)
    assert line.push(b"b", hit(Kind.DUPLICATE), 0) == ([b"b", b"b", b"a"], swap, None)
    line.push(b"a", swap, 0)
    assert line.push(b"b", hit(Kind.DELAY, 30), 0) == ([], swap, None)
    assert line.due(30).frames == [b"b", b"a"]


KINDS = [None, None, Kind.DROP, Kind.DUPLICATE, Kind.DELAY, Kind.REORDER]
STEPS = st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 120), st.integers(1, 200)))


@given(STEPS)
def test_nothing_is_lost_or_made_up_and_only_neighbours_swap(
    steps: list[tuple[Kind | None, int, int]],
) -> None:
    line, now, out = Line(), 0, []
    sent: list[int] = []
    swapped = 0
    for number, (kind, wait, delay) in enumerate(steps):
        now += wait
        out += line.due(now).frames
        passed = line.push(b"%d" % number, hit(kind, delay) if kind else None, now)
        out += passed.frames
        swapped += passed.swapped is not None
        sent += [number] * (0 if kind is Kind.DROP else 2 if kind is Kind.DUPLICATE else 1)
        deadline = line.deadline()
        assert deadline is None or now < deadline <= now + 1_000
    out += line.due(now + 1_000).frames
    assert len(line) == line.size == 0
    got = [int(f) for f in out]
    assert sorted(got) == sent
    # Each swap moves one frame past its successor, which may be there twice.
    inversions = sum(a > b for i, a in enumerate(got) for b in got[i + 1 :])
    assert swapped <= inversions <= 2 * swapped


@given(st.lists(st.tuples(st.sampled_from([None, Kind.DELAY]), st.integers(0, 120))))
def test_delays_alone_keep_the_order(steps: list[tuple[Kind | None, int]]) -> None:
    line, out = Line(), []
    now = 0
    for number, (kind, wait) in enumerate(steps):
        now += wait
        out += line.due(now).frames
        out += line.push(b"%d" % number, hit(kind, 100) if kind else None, now).frames
    out += line.drain().frames
    assert [int(f) for f in out] == list(range(len(steps)))
