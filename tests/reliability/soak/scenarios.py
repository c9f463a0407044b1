"""Each scenario of a server and of a cluster (R, K, L) once, at full size, in an own process."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from tests.reliability.server.sizes import IN_FULL, SCALED

_ROOT = Path(__file__).parents[3]
_SCENARIOS = ("tests/reliability/server", "tests/reliability/cluster")
_OVER = re.compile(r"^\S+::\S+.* (PASSED|FAILED|SKIPPED|ERROR)")


@dataclass(frozen=True)
class Scenario:
    """How one went. ``why``: of one that failed, was skipped, or was not as large as meant."""

    name: str
    outcome: str
    took_s: float
    why: str = ""


def in_full(
    folder: Path, tell: Callable[[str], None], select: Sequence[str] = ()
) -> list[Scenario]:
    """Runs them, or those that pytest's arguments ``select``; ``tell`` gets a line for each."""
    told = folder / "scenarios.xml"
    command = [
        sys.executable, "-m", "pytest", "-v", "-n", "0", "-p", "no:cacheprovider",
        "-m", "reliability or slow", f"--junitxml={told}", *_SCENARIOS, *select,
    ]  # fmt: skip
    environment = os.environ | {IN_FULL: "1"}
    with subprocess.Popen(
        command, cwd=_ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if _OVER.match(line):
                tell(line.strip())
    return read(told)


def read(told: Path) -> list[Scenario]:
    """What pytest's report of JUnit's form says."""
    found = []
    for case in ElementTree.parse(told).iter("testcase"):
        wrong = next((c for c in case if c.tag in ("failure", "error", "skipped")), None)
        outcome = "passed" if wrong is None else wrong.tag
        scaled = [p.get("value", "") for p in case.iter("property") if p.get("name") == SCALED]
        why = scaled if wrong is None else [*scaled, wrong.get("message", "")]
        found.append(
            Scenario(case.get("name", ""), outcome, float(case.get("time", 0)), "; ".join(why))
        )
    return found
