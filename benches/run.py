"""``python -m benches.run``: every peer, interleaved, on this machine. See README.md."""

from __future__ import annotations

import argparse
import datetime
import json
import logging
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benches import tools
from benches.clientreport import client_tables, write_client_report
from benches.clients import CLIENTS, measured
from benches.cluster import PLACES, cluster_phases
from benches.clusterreport import cluster_tables, write_cluster_report
from benches.peers import PEERS
from benches.process import Failed
from benches.report import table, write_report
from benches.trial import Row, Trial, phases
from userstream.server.logs import configure

RESULTS = tools.HERE / "results"


def main() -> int:
    """Runs, stores the rows, writes the report."""
    asked = _arguments()
    configure(json=False, level=logging.ERROR)
    try:
        _check_machine()
        if not asked.clients:
            for name in ("load", "publish", "limit"):
                tools.program(name)
        rows = _run(asked)
    except Failed as e:
        print(f"bench: {e}", file=sys.stderr)
        return 1
    if asked.json:
        print("\n".join(json.dumps(row) for row in rows))
    else:
        print(_shown(asked)[1](rows))
    if asked.report:
        _shown(asked)[2](rows)
    return 0


_Shown = tuple[list[str], Callable[[list[Row]], str], Callable[[list[Row]], None]]


def _shown(asked: argparse.Namespace) -> _Shown:
    """What is measured, in which tables it is shown, and what writes the report."""
    if asked.clients:
        return list(CLIENTS), client_tables, write_client_report
    if asked.cluster:
        return list(PLACES), cluster_tables, write_cluster_report
    return list(PEERS), table, write_report


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    shown = (
        f"of {', '.join(PEERS)}; with --clients of {', '.join(CLIENTS)}; "
        f"with --cluster of {', '.join(PLACES)}"
    )
    parser.add_argument("peers", nargs="*", help=shown)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--clients", action="store_true", help="clients instead of servers")
    which.add_argument("--cluster", action="store_true", help="the bus on NATS, and embedded")
    parser.add_argument("--quick", action="store_true", help="one short repetition, no idle round")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.5, help="of each measurement")
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument(
        "--herd", type=int, default=10_000, help="with --cluster: sockets of the node that is lost"
    )
    parser.add_argument("--rates", type=int, nargs="*", help="events a second")
    parser.add_argument("--no-idle", action="store_true", help="leave out memory after pings")
    parser.add_argument("--data", type=Path, default=tools.BUILD, help="folder of the durable bus")
    parser.add_argument("--json", action="store_true", help="rows as JSON lines, no table")
    parser.add_argument("--no-store", action="store_true", help="keep no results file")
    parser.add_argument("--report", action="store_true", help="write docs/performance.md anew")
    asked = parser.parse_args()
    known = _shown(asked)[0]
    unknown = set(asked.peers) - set(known)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; peers are {', '.join(known)}")
    if asked.rates is None:
        asked.rates = [5_000, 20_000]
        if asked.clients or asked.cluster:
            asked.rates = [1_000, 5_000]
    if asked.quick:
        asked.repetitions, asked.seconds, asked.no_idle = 1, 1.0, True
        asked.herd = min(asked.herd, 1_000)
    asked.peers = asked.peers or known
    return asked


def _check_machine() -> None:
    if sys.platform != "linux" or (os.cpu_count() or 1) < 2:
        raise Failed("Linux and two cores are needed: one for the server, one for the load")


def _run(asked: argparse.Namespace) -> list[Row]:
    tools.BUILD.mkdir(exist_ok=True)
    rows = [_machine(asked)]
    total = asked.repetitions * len(asked.peers)
    done = 0
    began = time.monotonic()
    for repetition in range(asked.repetitions):
        for name in asked.peers:
            done += 1
            _say(f"{done}/{total} {name}, {time.monotonic() - began:.0f} s so far")
            idle = not asked.no_idle and repetition == 0  # memory hardly varies
            rows += _trial(name, repetition, asked, idle=idle)
    if not asked.no_store:
        RESULTS.mkdir(exist_ok=True)
        file = RESULTS / f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d-%H%M}.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        _say(f"stored in {os.path.relpath(file)}")
    return rows


def _trial(name: str, repetition: int, asked: argparse.Namespace, *, idle: bool) -> list[Row]:
    place = {"peer": name, "repetition": repetition}
    rows: list[Row] = []
    try:
        for row in _phases(name, asked, idle=idle):
            rows.append(place | row)
            _say("  " + ", ".join(f"{k} {v}" for k, v in row.items()))
    except (Failed, OSError, subprocess.CalledProcessError) as e:
        _say(f"  {name} failed: {e}")
        rows.append({**place, "phase": "failed", "error": str(e)})
    return rows


def _phases(name: str, asked: argparse.Namespace, *, idle: bool) -> Iterator[Row]:
    if asked.clients:
        for venue in CLIENTS[name].venues:
            yield from measured(CLIENTS[name], venue, asked.seconds, asked.rates)
        return
    if asked.cluster:
        place, data = PLACES[name], asked.data
        yield from cluster_phases(
            place, data, asked.seconds, asked.rates, asked.connections, asked.herd
        )
        return
    with Trial(PEERS[name], asked.connections, asked.data) as trial:
        for row in phases(trial, asked.seconds, asked.rates, idle=idle):
            yield {"connections": asked.connections} | row


def _machine(asked: argparse.Namespace) -> Row:
    model = next(
        (x.split(":")[1].strip() for x in Path("/proc/cpuinfo").read_text().splitlines()
         if x.startswith("model name")),
        platform.machine(),
    )  # fmt: skip
    return {
        "phase": "machine",
        "date": f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}",
        "cpu": model,
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "file_system": _file_system(asked.data),
        "seconds": asked.seconds,
        "repetitions": asked.repetitions,
        "versions": tools.versions(),
    }


def _file_system(folder: Path) -> str:
    out = subprocess.run(
        ["stat", "-f", "-c", "%T", str(folder)], capture_output=True, text=True, check=False
    )
    return out.stdout.strip()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
