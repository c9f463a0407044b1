"""Differences between a truth and a log are found exactly."""

from __future__ import annotations

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from userstream.sandbox.verify import Entry, Verdict, compare


def entries(marks: str | list[int]) -> list[Entry]:
    return [Entry(mark, place, f"<{mark}>") for place, mark in enumerate(marks, 1)]


def found(truth: str, log: str) -> tuple[str, str, str, str]:
    """Marks that are missing, duplicated, reordered, invented."""
    verdict = compare(entries(truth), entries(log))
    m, d, r, i = ("".join(str(e.mark) for e in part) for part in verdict[1:])
    return m, d, r, i


def test_the_truth_itself_is_clean() -> None:
    verdict = compare(entries("abcabc"), entries("abcabc"))
    assert verdict == Verdict(6, [], [], [], [])
    assert verdict.clean
    assert compare([], []).clean
    assert repr(entries("a")[0]) == "<Entry 1>"


def test_each_kind_of_difference_by_itself() -> None:
    assert found("abcd", "abd") == ("c", "", "", "")
    assert found("abcd", "abbcd") == ("", "b", "", "")
    assert found("abcd", "acbd")[2] in {"b", "c"}
    assert found("abcd", "abxcd") == ("", "", "", "x")
    assert found("abcd", "") == ("abcd", "", "", "")
    assert found("", "ab") == ("", "", "", "ab")


def test_equal_entries_are_matched_by_count() -> None:
    assert found("aaa", "aa") == ("a", "", "", "")
    assert found("aa", "aaa") == ("", "a", "", "")
    assert found("aba", "ba") == ("a", "", "", "")  # the first one is missing: nothing has moved


def test_a_late_repeat_is_a_duplicate_and_no_reordering() -> None:
    assert found("abcd", "abcda") == ("", "a", "", "")


def test_a_block_that_moved_is_as_many_entries_as_it_has() -> None:
    assert found("abcdefgh", "ghabcdef") == ("", "", "gh", "")


def test_first_examples_carry_their_places() -> None:
    verdict = compare(entries("abcd"), entries("acx"))
    assert [(e.mark, e.place) for e in verdict.missing] == [("b", 2), ("d", 4)]
    assert [(e.mark, e.place) for e in verdict.invented] == [("x", 3)]


@given(st.integers(0, 10**6), st.integers(1, 120))
def test_what_was_done_to_a_truth_is_what_is_found(seed: int, size: int) -> None:
    dice = random.Random(seed)
    truth = list(range(size))
    log: list[int] = []
    dropped, doubled, swapped, made_up = [], [], 0, 0
    place = 0
    while place < size:
        what = dice.choice(["keep", "keep", "drop", "double", "swap", "invent"])
        if what == "drop":
            dropped.append(place)
        elif what == "swap" and place + 1 < size:
            log += [place + 1, place]
            swapped += 1
            place += 1
        else:
            log.append(place)
            if what == "double":
                log.append(place)
                doubled.append(place)
            if what == "invent":
                log.append(size + made_up)
                made_up += 1
        place += 1
    verdict = compare(entries(truth), entries(log))
    assert [e.mark for e in verdict.missing] == dropped
    assert [e.mark for e in verdict.duplicated] == doubled
    assert len(verdict.reordered) == swapped
    assert len(verdict.invented) == made_up
    assert verdict.matched == size - len(dropped) - swapped


@given(st.text("abc", max_size=30), st.text("abcd", max_size=30))
def test_everything_is_accounted_for(truth: str, log: str) -> None:
    verdict = compare(entries(truth), entries(log))
    assert verdict.matched + len(verdict.reordered) + len(verdict.missing) == len(truth)
    told = len(verdict.reordered) + len(verdict.duplicated) + len(verdict.invented)
    assert verdict.matched + told == len(log)
    lost = Counter(truth) - Counter(log)
    assert Counter(e.mark for e in verdict.missing) == lost
    assert verdict.clean == (truth == log)
    assert verdict.matched == longest(truth, log)


def longest(one: str, two: str) -> int:
    """Length of a longest common subsequence, by the book."""
    row = [0] * (len(two) + 1)
    for a in one:
        before = row[:]
        for j, b in enumerate(two):
            row[j + 1] = before[j] + 1 if a == b else max(before[j + 1], row[j])
    return row[-1]
