"""What readers got, compared with what was acknowledged to the publisher."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from tests.reliability.server.follower import Follower
from tests.server.running import until
from userstream.sandbox.verify import Entry, compare


class Counts(NamedTuple):
    """Differences, over all accounts. ``foreign``: what that account was never sent."""

    missing: int
    duplicated: int
    reordered: int
    foreign: int


NONE = Counts(0, 0, 0, 0)


async def settled(
    acked: Mapping[str, Sequence[int]], followers: Sequence[Follower], within_s: float
) -> Counts:
    """The differences once each follower has as many events as were acknowledged, or time is up."""
    with contextlib.suppress(AssertionError):  # who has too few by then lacks them
        await until(lambda: all(len(f.log) >= len(acked[f.account]) for f in followers), within_s)
    return differences(acked, [(f.account, f.log) for f in followers])


def differences(
    acked: Mapping[str, Sequence[int]], logs: Iterable[tuple[str, Sequence[int]]]
) -> Counts:
    """The differences of readers' logs (account, order ids) from the acknowledged events."""
    counts = NONE
    for account, log in logs:
        verdict = compare(_entries(acked.get(account, ())), _entries(log))
        found = (verdict.missing, verdict.duplicated, verdict.reordered, verdict.invented)
        counts = Counts(*(n + len(part) for n, part in zip(counts, found, strict=True)))
    return counts


def _entries(ids: Sequence[int]) -> list[Entry]:
    return [Entry(number, place, str(number)) for place, number in enumerate(ids, 1)]
