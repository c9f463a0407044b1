"""Medians and ranges over repetitions; ratios are taken within a repetition."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from typing import Any, NamedTuple

from benches.peers import PEERS

Row = dict[str, Any]
LIMIT = "c-limit"


class Range(NamedTuple):
    """A median with the least and the most."""

    median: float
    least: float
    most: float


class Figures:
    """What a run found, by peer, phase and figure."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows: dict[tuple[str, str], dict[int, Row]] = {}
        self.machine: Row = {}
        self.failed: list[Row] = []
        for row in rows:
            if row["phase"] == "machine":
                self.machine = row
            elif row["phase"] == "failed":
                self.failed.append(row)
            else:
                self._rows.setdefault((row["peer"], row["phase"]), {})[row["repetition"]] = row
        present = {peer for peer, _ in self._rows}
        self.peers = [p for p in PEERS if p in present]
        counts = {r["connections"] for found in self._rows.values() for r in found.values()}
        self.connections = max(counts, default=0)

    def get(self, peer: str, phase: str, name: str) -> Range | None:
        """The range of a figure, or ``None`` where it was not measured."""
        found = self._rows.get((peer, phase), {})
        return range_of([r[name] for r in found.values() if name in r])

    def ratio(self, peer: str, phase: str, name: str) -> Range | None:
        """The range of a figure's ratios to the C program's in the same repetition."""
        limit = self._rows.get((LIMIT, phase), {})
        found = self._rows.get((peer, phase), {})
        return range_of(
            [r[name] / limit[i][name] for i, r in found.items() if i in limit and name in r]
        )

    def paced(self) -> list[int]:
        """The rates that were offered."""
        phases = {phase for _, phase in self._rows if phase.startswith("paced-")}
        return sorted(int(phase.removeprefix("paced-")) for phase in phases)


def range_of(values: list[float]) -> Range | None:
    """The range of some values, ``None`` of none."""
    if not values:
        return None
    return Range(statistics.median(values), min(values), max(values))
