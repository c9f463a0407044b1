"""Paired runs: whether something becomes slower, and how much of it may be the run's own noise."""

from __future__ import annotations

import math
import statistics
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, TypeAlias

Measure: TypeAlias = Callable[[], Awaitable[float]]

# Student's t, two-sided, for 99 of 100 intervals; by degrees of freedom.
_T99 = {
    4: 4.604, 5: 4.032, 6: 3.707, 7: 3.499, 8: 3.355, 9: 3.250, 10: 3.169, 11: 3.106, 12: 3.055,
    13: 3.012, 14: 2.977, 15: 2.947, 16: 2.921, 17: 2.898, 18: 2.878, 19: 2.861, 20: 2.845,
    21: 2.831, 22: 2.819, 23: 2.807, 24: 2.797,
}  # fmt: skip


class Rise(NamedTuple):
    """By which factor the second of each pair is above the first: the 99 % interval."""

    low: float
    middle: float
    high: float

    def __str__(self) -> str:
        return f"{self.middle:.2f}-fold (99 %: {self.low:.2f} to {self.high:.2f})"


def rise(before: Sequence[float], after: Sequence[float]) -> Rise:
    """The geometric mean of the pairs' ratios, and its interval from their scatter."""
    logs = [math.log(b / a) for a, b in zip(before, after, strict=True)]
    middle = statistics.fmean(logs)
    off = _T99[len(logs) - 1] * statistics.stdev(logs) / math.sqrt(len(logs))
    return Rise(math.exp(middle - off), math.exp(middle), math.exp(middle + off))


async def compared(
    plain: Measure, disturbed: Measure, *, sure_of: float, least: int = 6, most: int = 16
) -> Rise:
    """Runs pairs, in turn the one and the other first, until the interval is narrow.

    That is when a rise by the factor ``sure_of`` is excluded, or proven. So a figure that scatters
    costs more pairs; it does not pass because nothing can be said of it.
    """
    before: list[float] = []
    after: list[float] = []
    while len(before) < most:
        order = ((plain, before), (disturbed, after))
        for measure, values in order if len(before) % 2 else reversed(order):
            values.append(await measure())
        if len(before) >= least:
            risen = rise(before, after)
            if risen.high < sure_of or risen.low > sure_of:
                break
    return rise(before, after)


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that so many of a hundred lie below; of some."""
    return sorted(values)[len(values) * percent // 100]


def p99(values: Sequence[float]) -> float:
    """The 99th percentile."""
    return percentile(values, 99)
