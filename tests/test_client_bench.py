"""The bench of clients measures what it says, at a small size."""

from __future__ import annotations

import shutil
import sys

import pytest
from benches.clientreport import client_tables
from benches.clients import CLIENTS, VENUES, measured

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("taskset") is None, reason="pins programs to cores"
)
PEER = {"peer": "python-binance", "repetition": 0}


@pytest.mark.parametrize(
    ("name", "venue"),
    [
        ("userstream", "mexc"),
        ("userstream-secret", "binance"),
        ("userstream-blocking", "mexc"),
        ("websockets", "mexc"),
    ],
)
def test_a_client_is_given_what_is_sent(name: str, venue: str) -> None:
    flat_out, paced = measured(CLIENTS[name], venue, 0.2, [500])
    assert (flat_out["phase"], paced["phase"]) == (venue, f"{venue}-paced-500")
    assert flat_out["events"] > 0
    assert flat_out["per_cpu_s"] > 0
    assert paced["events"] == 90  # of 100, without the first tenth
    assert 0 < paced["p50"] <= paced["p99"] <= paced["p999"] <= paced["max"]


def test_the_tables_show_medians_and_ratios_of_one_repetition() -> None:
    rows = [
        PEER | {"phase": "binance", "per_cpu_s": 10_000},
        PEER | {"phase": "binance", "per_cpu_s": 40_000, "repetition": 1},
        {"peer": "userstream", "repetition": 0, "phase": "binance", "per_cpu_s": 30_000},
        {"peer": "userstream", "repetition": 1, "phase": "binance", "per_cpu_s": 60_000},
        PEER | {"phase": "binance-paced-500", "p50": 1, "p99": 2, "p999": 3, "max": 4, "pause": 5},
        {"peer": "ccxt", "repetition": 0, "phase": "failed", "error": "no network"},
    ]
    shown = client_tables(rows)
    dashes = "– | " * (len(VENUES) - 1)
    assert f"| **UserStream** | 45,000 (30,000–60,000) | {dashes}2.25 (1.50–3.00) |" in shown
    assert "| python-binance | 1 (1–1) | 2 | 3 | 4 | 5 |" in shown
    assert "ccxt failed: no network" in shown
