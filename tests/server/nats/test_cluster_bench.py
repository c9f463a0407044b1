"""The bench of servers on a NATS measures what it says, at a small size."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from benches import busops, tools
from benches.cluster import PLACES, OnCluster
from benches.clusterreport import cluster_tables
from benches.trial import phases

from tests.server.nats.servers import Nodes

pinned = pytest.mark.skipif(
    sys.platform != "linux" or not (shutil.which("taskset") and shutil.which("gcc")),
    reason="pins programs to cores, and compiles some",
)
SECONDS, RATE, SOCKETS = 0.5, 200, 20


def _compiled() -> None:
    for name in ("load", "publish"):
        tools.program(name)


@pinned
@pytest.mark.reliability
def test_events_pass_two_servers_and_each_part_is_told_its_own(tmp_path: Path) -> None:
    _compiled()
    with OnCluster(PLACES["nats-r1"], SOCKETS, tmp_path) as trial:
        setup, flat_out, paced, append = phases(trial, SECONDS, [RATE], idle=False)
    assert setup["handshakes_per_s"] > 0
    for row in (flat_out, append):
        assert row["events"] > 0
        assert row["lost"] == row["refused"] == 0
        assert min(row["writer_us"], row["nats_us"], row["publisher_us"]) > 0
    assert 0 < paced["p50"] <= paced["p99"] <= paced["max"]
    # Nobody listens to what is only appended: the edge has next to nothing to do then.
    assert append["per_cpu_s"] > flat_out["per_cpu_s"]


@pinned
@pytest.mark.reliability
def test_a_node_that_is_lost_is_taken_over(tmp_path: Path) -> None:
    _compiled()
    with OnCluster(PLACES["nats-r1"], SOCKETS, tmp_path, alone=True) as trial:
        trial.connect()
        row = trial.take_over()
    assert row["sockets"] == SOCKETS
    assert row["sockets_s"] > 0
    assert row["acks_s"] > 0


async def test_accounts_are_followed_and_bare_acknowledgements_counted(nats_node: Nodes) -> None:
    row = await busops.follow(nats_node, 30)
    assert row["accounts"] == 30
    assert min(row["s_per_10k"], row["cpu_us"]) > 0
    assert await busops.raw_acks(nats_node, 1.0) > 0


def test_the_tables_show_each_place_and_what_failed() -> None:
    place = {"peer": "nats-r1", "repetition": 0}
    rows = [
        {"phase": "machine", "cores": 2},
        place | {"phase": "flat-out", "per_cpu_s": 90_000, "per_s": 30_000, "writer_us": 14.04},
        place
        | {"phase": "append", "per_s": 20_000}
        | {"writer_us": 11.0, "nats_us": 20.0, "publisher_us": 9.0},
        place | {"phase": "append", "per_s": 40_000, "repetition": 1},
        place | {"phase": "paced-1000", "p50": 1, "p99": 2, "p999": 3, "max": 4},
        {"peer": "nats-r3-synced", "repetition": 0, "phase": "failed", "error": "no quorum"},
    ]
    shown = cluster_tables(rows)
    name = PLACES["nats-r1"].text
    assert (
        f"| {name} | 90,000 (90,000–90,000) | 30,000 (30,000–30,000) | 14.0 (14.0–14.0) |" in shown
    )
    assert f"| {name} | 30,000 (20,000–40,000) |" in shown
    assert (
        "take 40 µs of CPU an event. So 2 cores that do nothing else allow 50,000 acks/s" in shown
    )
    assert "**1,000 events/s offered" in shown
    assert "nats-r3-synced failed: no quorum" in shown
