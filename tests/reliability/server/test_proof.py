"""The checkers of this folder find what they are to find."""

from __future__ import annotations

import random

import pytest

from tests.reliability.server.exchange import SPAN
from tests.reliability.server.pairs import p99, rise
from tests.reliability.server.proof import NONE, Counts, differences

ACKED = {"alice": [SPAN + n for n in range(1, 9)], "bob": [2 * SPAN + n for n in range(1, 9)]}


def counts(changed: list[int]) -> Counts:
    return differences(ACKED, [("alice", changed), ("bob", ACKED["bob"])])


def test_what_was_acknowledged_has_no_differences() -> None:
    assert counts(ACKED["alice"]) == NONE


@pytest.mark.parametrize("at", range(8))
def test_one_difference_of_each_kind_is_counted_as_that_kind(at: int) -> None:
    log = ACKED["alice"]
    assert counts(log[:at] + log[at + 1 :]) == Counts(1, 0, 0, 0)
    assert counts(log[: at + 1] + log[at:]) == Counts(0, 1, 0, 0)
    assert counts([*log, log[at]]) == Counts(0, 1, 0, 0)
    moved = log[:at] + log[at + 1 :]
    moved.insert(at - 4 if at >= 4 else at + 4, log[at])
    assert counts(moved) == Counts(0, 0, 1, 0)
    assert counts([*log[:at], ACKED["bob"][at], *log[at:]]) == Counts(0, 0, 0, 1)
    assert counts([*log[:at], 7, *log[at:]]) == Counts(0, 0, 0, 1)


def test_an_account_that_nothing_was_published_for_has_nothing_but_foreign_events() -> None:
    assert differences(ACKED, [("carol", [1, 2])]) == Counts(0, 0, 0, 2)


def test_differences_of_accounts_add_up() -> None:
    logs = [("alice", ACKED["alice"][1:]), ("bob", ACKED["bob"][::-1])]
    found = differences(ACKED, logs)
    assert (found.missing, found.reordered) == (1, 7)


def test_a_rise_is_told_from_noise() -> None:
    chance = random.Random(1)
    quiet = [chance.lognormvariate(0, 0.1) for _ in range(10)]
    as_quiet = [chance.lognormvariate(0, 0.1) for _ in range(10)]
    slower = [value * 1.5 for value in as_quiet]
    assert rise(quiet, as_quiet).low < 1 < rise(quiet, as_quiet).high
    assert rise(quiet, slower).low > 1.1
    assert "-fold (99 %: " in str(rise(quiet, slower))


def test_the_99th_percentile() -> None:
    assert p99([*range(1_000)]) == 990
