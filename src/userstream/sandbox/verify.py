"""What a bot's log has of the truth: what is missing, twice, out of order, or made up.

Both sides are sequences of marks, equal for what cannot be told apart: two equal fills are two
equal marks, and must be there twice. As many entries as possible are matched **in order** (a
longest common subsequence). Of what is left over,

* **reordered** is an entry of the log whose mark the truth still has to give: it is there, but
  not in its place; no fewer entries would have to move;
* **missing** is an entry of the truth that the log has too few of;
* **duplicated** is an entry of the log that the truth has too few of;
* **invented** is an entry of the log that the truth does not have at all.
"""

from __future__ import annotations

import bisect
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from typing import NamedTuple


class Entry(NamedTuple):
    """One thing that was told: of the truth with its ``seq``, of a log with its line."""

    mark: Hashable
    place: int
    shown: str

    def __repr__(self) -> str:
        return f"<Entry {self.place}>"


class Verdict(NamedTuple):
    """The differences, each kind in order; all empty: the log is the truth."""

    matched: int
    """Entries that are there and in order."""
    missing: list[Entry]
    """Of the truth."""
    duplicated: list[Entry]
    """Of the log, as are the others."""
    reordered: list[Entry]
    invented: list[Entry]

    @property
    def clean(self) -> bool:
        """Whether there are no differences."""
        return not (self.missing or self.duplicated or self.reordered or self.invented)


def compare(truth: Sequence[Entry], log: Sequence[Entry]) -> Verdict:
    """The differences of a log from the truth."""
    ordered = _in_order([e.mark for e in truth], [e.mark for e in log])
    told = {pair[0] for pair in ordered}
    heard = {pair[1] for pair in ordered}
    spare: dict[Hashable, list[int]] = defaultdict(list)
    for i, entry in enumerate(truth):
        if i not in told:
            spare[entry.mark].append(i)
    known = Counter(e.mark for e in truth)
    verdict = Verdict(len(ordered), [], [], [], [])
    for j, entry in enumerate(log):
        if j in heard:
            continue
        if entry.mark not in known:
            verdict.invented.append(entry)
        elif spare[entry.mark]:
            spare[entry.mark].pop(0)
            verdict.reordered.append(entry)
        else:
            verdict.duplicated.append(entry)
    left = sorted(i for places in spare.values() for i in places)
    verdict.missing.extend(truth[i] for i in left)
    return verdict


def _in_order(truth: list[Hashable], log: list[Hashable]) -> list[tuple[int, int]]:
    """A longest common subsequence, as pairs of places."""
    first = 0
    while first < min(len(truth), len(log)) and truth[first] == log[first]:
        first += 1
    pairs = [(i, i) for i in range(first)]
    return pairs + [(i + first, j + first) for i, j in _longest(truth[first:], log[first:])]


def _longest(truth: list[Hashable], log: list[Hashable]) -> list[tuple[int, int]]:
    """By the way of Hunt and Szymanski: a longest rising sequence of the places of equal marks."""
    places: dict[Hashable, list[int]] = defaultdict(list)
    for i, mark in enumerate(truth):
        places[mark].append(i)
    ends: list[int] = []
    """``ends[n]``: the lowest place at which a sequence of n + 1 can end."""
    links: list[_Link | None] = []
    for j, mark in enumerate(log):
        for i in reversed(places.get(mark, ())):
            at = bisect.bisect_left(ends, i)
            link = _Link(i, j, links[at - 1] if at else None)
            if at == len(ends):
                ends.append(i)
                links.append(link)
            elif i < ends[at]:
                ends[at] = i
                links[at] = link
    found = []
    last = links[-1] if links else None
    while last is not None:
        found.append((last.truth, last.log))
        last = last.before
    return found[::-1]


class _Link:
    __slots__ = ("before", "log", "truth")

    def __init__(self, truth: int, log: int, before: _Link | None) -> None:
        self.truth = truth
        self.log = log
        self.before = before
