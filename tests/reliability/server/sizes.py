"""How much the scenarios do: in CI, and in full (``make soak ARGS='--full'``)."""

from __future__ import annotations

import os
from typing import NamedTuple


class Sizes(NamedTuple):
    """Figures that differ. What a scenario has beside these is the same in both."""

    patience_s: int = 420
    """Of one test. On two quiet cores none takes a minute, but for those that wait for a venue's
    idle rule."""
    r1_clients: int = 200
    r1_kills: int = 5
    r1_per_s: int = 1_000
    r2_cycles: int = 25
    """Of each durability."""
    r8_cuts: int = 100
    """With commits that wait for the disk, and as many with those that do not."""
    r9_flips: int = 1_000
    r10_points: int = 25
    """Of each durability. To be opened again takes RocksDB a second."""
    r13_clients: int = 500
    k2_renewals: int = 10_000
    l1_others: int = 199
    l5_cycles: int = 100_000


CI = Sizes()
FULL = Sizes(
    patience_s=7_200, r1_clients=2_000, r1_kills=20, r1_per_s=10_000, r2_cycles=250, r8_cuts=2_500,
    r9_flips=50_000, r10_points=250, r13_clients=10_000, k2_renewals=100_000, l1_others=1_999,
    l5_cycles=1_000_000,
)  # fmt: skip
SCALED = "scaled to this machine's cores"
"""What a test's report calls that."""
IN_FULL = "USERSTREAM_FULL"
"""The variable of the environment that asks for it."""


def for_cores(full: int, each: int) -> int:
    """A full figure, or so much for each core where this machine has too few.

    Bots and publishers of a cluster's scenarios run on the cores that they load.
    """
    return min(full, each * (os.cpu_count() or 1))


SIZES = FULL if os.environ.get(IN_FULL) else CI
