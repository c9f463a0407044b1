"""The arithmetic of the page on scale: what was measured and assumed, and what follows from it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

KIB, GIB = 1_024, 1 << 30
DAY_S, MONTH_S = 86_400, 30 * 86_400


class Input(NamedTuple):
    """A figure that the rest is made from."""

    value: float
    unit: str
    what: str
    source: str


_CLUSTER = "[performance](../performance.md#on-a-nats), three nodes that sync always"
_HERE = "measured for this page, below"
_ASKED = "the question"
_ASSUMED = "assumed"

INPUTS: Mapping[str, Input] = {
    "connections": Input(10_000_000, "", "connections, each of an account of its own", _ASKED),
    "events": Input(5_000_000, "/s", "events published and delivered", _ASKED),
    "load": Input(0.5, "", "how full a core, a stream or a bucket may be", _ASSUMED),
    "edge_us": Input(14.9, "µs", "CPU of an edge for an event", _CLUSTER),
    "writer_us": Input(14.3, "µs", "CPU of a writer for an event", _CLUSTER),
    "nats_us": Input(60.7, "µs", "CPU of all three copies on NATS for an event", _CLUSTER),
    "stream_per_s": Input(36_380, "/s", "appends that one bare stream takes", _CLUSTER),
    "renewals_per_s": Input(8_605, "/s", "renewals that one bucket of keys takes", _CLUSTER),
    "follows_per_s": Input(4_167, "/s", "streams of a lost edge that another takes", _CLUSTER),
    "mesh": Input(144, "", "cores of NATS in one cluster: nine nodes of 16", _ASSUMED),
    "writer_shards": Input(8, "", "shards of a writer at least, so that they spread", _ASSUMED),
    "sockets": Input(50_000, "", "sockets of one edge; `limits.sockets` is 100,000", _ASSUMED),
    "socket_kib": Input(3.1, "KiB", "an idle socket on an edge, with what it follows", _HERE),
    "account_kib": Input(2.1, "KiB", "an account with one API key, in **every** process", _HERE),
    "key_kib": Input(
        1.5, "KiB", "a listen key, in **every** process",
        "[ADR 15](../adr/0015-listen-keys-on-nats.md)",
    ),
    "loaded_per_s": Input(
        22_700, "/s", "listen keys that a process loads when it begins",
        "[ADR 15](../adr/0015-listen-keys-on-nats.md)",
    ),
    "near_kib": Input(1.5, "KiB", "a subscription on the NATS node of its edge", _HERE),
    "far_kib": Input(0.72, "KiB", "the same subscription on every other NATS node", _HERE),
    "bucket_kib": Input(0.9, "KiB", "account and key in the bucket, on each NATS node", _HERE),
    "far_us": Input(5.0, "µs", "CPU of every other NATS node to hear of it", _HERE),
    "renew_every_s": Input(1_800, "s", "between two renewals of a bot, as venues advise", _ASSUMED),
    "stored": Input(
        760, "bytes", "an event in a stream",
        "631 of the [bench](../../benches/README.md), 130 around it",
    ),
    "frame": Input(450, "bytes", "an event on a trader's socket", _ASSUMED),
    "packet": Input(80, "bytes", "around it: WebSocket, TLS, TCP and IP", _ASSUMED),
    "retention_s": Input(3_600, "s", "`retention_s`; the default is a day", _ASSUMED),
    "process_gib": Input(8, "GiB", "memory that one process may take", _ASSUMED),
    "cell": Input(500_000, "", "connections of one cell", _ASSUMED),
    "core_usd": Input(30, "USD a month", "a core with 4 GiB of memory", _ASSUMED),
    "disk_usd": Input(0.1, "USD a GB and month", "fast disk", _ASSUMED),
    "zone_usd": Input(0.01, "USD a GB", "traffic between zones", _ASSUMED),
    "out_usd": Input(0.05, "USD a GB", "traffic to traders", _ASSUMED),
}  # fmt: skip
_HOPS = 2 + 3 * 2 / 3
"""How often an event passes from zone to zone: to two copies; to its writer, from there to the
stream's leader, from there to an edge's node, each in another zone two times of three."""
_v = {name: i.value for name, i in INPUTS.items()}


def shown(value: float) -> str:
    """A figure with as many digits as it deserves."""
    if value >= 1_000_000:
        return f"{value / 1_000_000:,.3g} M" if value < 1e9 else f"{value / 1e9:,.3g} G"
    if value >= 100:
        return f"{float(f'{value:.3g}'):,.0f}"
    return f"{value:.2g}"


def inputs() -> Iterator[tuple[str, ...]]:
    """Rows of what was put in."""
    for i in INPUTS.values():
        value = f"{i.value:,g}" if i.value < 1_000_000 else f"{i.value:,.0f}"
        yield i.what, f"{value} {i.unit}".strip(), i.source


def one_cluster() -> Iterator[tuple[str, ...]]:
    """Rows of where each part of a single cluster ends, the first to break on top."""
    copy = _v["account_kib"] + _v["key_kib"]
    ends = {
        "accounts and keys, of which every process has a copy": _v["process_gib"]
        * GIB
        / KIB
        / copy,
        "renewals: one bucket, one leader": (
            _v["renewals_per_s"] * _v["load"] * _v["renew_every_s"]
        ),
        "subscriptions, of which every NATS node has all": (
            _v["process_gib"] * GIB / KIB / _v["far_kib"]
        ),
        "NATS: cores of one mesh, at half an event a second and connection": (
            _v["mesh"] * _v["load"] / (_v["nats_us"] / 1e6) / (_v["events"] / _v["connections"])
        ),
        "streams: 1,024 shards, at half an event a second and connection": (
            1_024 * _v["stream_per_s"] * _v["load"] / (_v["events"] / _v["connections"])
        ),
    }
    for what, most in sorted(ends.items(), key=lambda end: end[1]):
        yield what, shown(most), "no" if most < _v["connections"] else "yes"


class Cell(NamedTuple):
    """One cluster of many, each with accounts of its own."""

    connections: float
    events: float
    edges: int
    writers: int
    nats_cores: int
    shards: int

    @property
    def cores(self) -> int:
        """Of all that it needs."""
        return self.edges + self.writers + self.nats_cores


def cell() -> Cell:
    """A cell of the size that is assumed."""
    events = _v["events"] * _v["cell"] / _v["connections"]

    def cores(us: float) -> int:
        return math.ceil(events * us / 1e6 / _v["load"])

    edges = max(cores(_v["edge_us"]), math.ceil(_v["cell"] / _v["sockets"]))
    writers = cores(_v["writer_us"])
    shards = max(events / (_v["stream_per_s"] * _v["load"]), writers * _v["writer_shards"])
    return Cell(
        _v["cell"], events, edges, writers, cores(_v["nats_us"]), 2 ** math.ceil(math.log2(shards))
    )


def set_aside(c: Cell) -> float:
    """Bytes of all copies: streams are as full as all else, and heads have a quarter more."""
    return c.events * _v["stored"] * _v["retention_s"] * 3 * 1.25 / _v["load"]


def _cell_parts(c: Cell) -> Iterator[tuple[str, float, str, bool]]:
    """What, how much in a cell, its unit, and whether it adds up over cells."""
    copy = (_v["account_kib"] + _v["key_kib"]) * c.connections * KIB / GIB
    own = _v["socket_kib"] * c.connections / c.edges * KIB / GIB
    written = c.events * _v["stored"]
    known = (_v["near_kib"] + 2 * _v["far_kib"]) / 3 + _v["bucket_kib"]
    lost = c.connections / 3
    yield "connections", c.connections, "", True
    yield "events a second", c.events, "", True
    yield "edges, a core each", c.edges, "", True
    yield "writers, a core each", c.writers, "", True
    yield "cores of NATS, on three machines or more", c.nats_cores, "", True
    yield "shards", c.shards, "", True
    yield "memory of a process: its copy of accounts and keys", copy, "GiB", False
    yield "memory of an edge: its sockets", own, "GiB", False
    on_nats = known * c.connections * KIB / GIB
    yield "memory of each of three NATS nodes: subscriptions, bucket", on_nats, "GiB", False
    yield "disk that is set aside, three copies", set_aside(c) / 1e12, "TB", True
    yield "`nats.max_bytes`", set_aside(c) / 3 / 1.25 / c.shards / 1e9, "GB", False
    yield "written by each of three NATS nodes, a second", written / 1e6, "MB", False
    through = 1 + 2 + 2 / 3  # from the writer, to two copies, to the node of an edge elsewhere
    yield (
        "network of each of three NATS nodes, each way",
        8 * written * through / 3e9,
        "Gbit/s",
        False,
    )
    yield "a process begins: until it has its copy", _load_s(c), "s", False
    yield "renewals a second", c.connections / _v["renew_every_s"], "", True
    yield "a zone is lost: streams that come back", lost, "", False
    follows = c.edges * 2 / 3 * _v["follows_per_s"]
    yield "a zone is lost: until all are followed again", lost / follows, "s", False
    yield "a zone is lost: until each has renewed a key", lost / _v["renewals_per_s"], "s", False
    yield "a zone is lost: CPU of each NATS node for it", lost * _v["far_us"] / 1e6, "s", False


def _load_s(c: Cell) -> float:
    """An account and its record of keys take about what a key takes."""
    return 2 * c.connections / _v["loaded_per_s"]


def cells() -> Iterator[tuple[str, ...]]:
    """Rows of what one cell has, and all together."""
    c = cell()
    count = math.ceil(_v["connections"] / _v["cell"])
    yield "cells", "1", str(count)
    for what, value, unit, adds in _cell_parts(c):
        whole = f"{shown(value * count)} {unit}".strip() if adds else "–"
        yield what, f"{shown(value)} {unit}".strip(), whole


def cost() -> Iterator[tuple[str, ...]]:
    """Rows of what a month costs."""
    count = math.ceil(_v["connections"] / _v["cell"])
    cores = cell().cores * count
    disk = set_aside(cell()) * count / 1e9
    zones = _v["events"] * _v["stored"] * _HOPS * MONTH_S / 1e9
    out = _v["events"] * (_v["frame"] + _v["packet"]) * MONTH_S / 1e9
    parts = {
        f"{cores:,} cores": cores * _v["core_usd"],
        f"disk for {_v['retention_s'] / 3600:g} h": disk * _v["disk_usd"],
        "traffic between zones: two copies, and two of three writers, leaders and edges": zones
        * _v["zone_usd"],
        "traffic to traders": out * _v["out_usd"],
    }
    for what, usd in parts.items():
        yield what, shown(usd)
    yield "**together**", shown(sum(parts.values()))
    yield "disk for a day instead", shown(disk * DAY_S / _v["retention_s"] * _v["disk_usd"])
